//! What waits for one customer's socket.
//!
//! Invariants: bounded; an idle mailbox owns no buffer. Whoever does not read loses the newest and
//! is told to go, once; nothing durable is lost by it, since sockets deliver by cursor. A socket is
//! not woken for the head of a conversation that it has: heads are said again and again, to all.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::ByeReason;
use crate::chat::effect::{Answer, CustomerNotice};
use crate::chat::ids::{ConversationId, Seq};

/// What happened, for one socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SocketEvent {
    /// The desk tells the customer something.
    Notice(CustomerNotice),
    /// The desk answers this socket.
    Answer(Answer),
    /// The last entry of the open conversation: by it a lost notice is found.
    Head {
        /// Of which conversation.
        conversation: ConversationId,
        /// Its last entry.
        seq: Seq,
    },
    /// The link has a new owner: what the one before was given may be lost. Only within a node.
    #[serde(skip)]
    NewOwner,
    /// The socket is to be closed. Only within a node.
    #[serde(skip)]
    Bye {
        /// Why.
        reason: ByeReason,
        /// Come back after so long.
        reconnect_after_ms: u32,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    arrived: Notify,
    /// The entry that the socket was given last; see [`place`].
    given: AtomicU64,
}

/// A conversation and one of its entries, in a number that no two are likely to share.
fn place(conversation: ConversationId, seq: Seq) -> u64 {
    let (_, chance) = conversation.0.as_u64_pair();
    chance.wrapping_add(seq.0)
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<SocketEvent>,
    overflowed: bool,
}

impl Mailbox {
    /// Puts a event in; at most `limit` wait.
    pub(crate) fn put(&self, event: SocketEvent, limit: usize) {
        if let SocketEvent::Head { conversation, seq } = event
            && self.given.load(Ordering::Relaxed) == place(conversation, seq)
        {
            return;
        }
        let mut state = self.lock();
        if state.overflowed {
            return;
        }
        if state.events.len() < limit {
            state.events.push_back(event);
        } else {
            state.overflowed = true;
            state.events.clear();
            state
                .events
                .push_back(SocketEvent::Bye { reason: ByeReason::Slow, reconnect_after_ms: 0 });
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// The socket has been given everything of this conversation up to here.
    pub(crate) fn is_at(&self, conversation: ConversationId, seq: Seq) {
        self.given.store(place(conversation, seq), Ordering::Relaxed);
    }

    /// The next event. Safe to cancel: a event is taken only when it is returned.
    pub(crate) async fn next(&self) -> SocketEvent {
        loop {
            let event = {
                let mut state = self.lock();
                let event = state.events.pop_front();
                if state.events.is_empty() {
                    state.events = VecDeque::new();
                }
                event
            };
            match event {
                Some(event) => return event,
                None => self.arrived.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(seq: u64) -> SocketEvent {
        SocketEvent::Head { conversation: ConversationId(uuid::Uuid::nil()), seq: Seq(seq) }
    }

    #[tokio::test]
    async fn letters_come_in_order_and_who_does_not_read_is_told_to_go_once() {
        let mailbox = Mailbox::default();
        mailbox.put(head(1), 2);
        mailbox.put(head(2), 2);
        assert!(matches!(mailbox.next().await, SocketEvent::Head { seq: Seq(1), .. }));
        mailbox.put(head(3), 2);
        mailbox.put(head(4), 2);
        mailbox.put(head(5), 2);
        let bye = mailbox.next().await;
        assert!(matches!(bye, SocketEvent::Bye { reason: ByeReason::Slow, .. }), "{bye:?}");
        let more = tokio::time::timeout(std::time::Duration::ZERO, mailbox.next()).await;
        assert!(more.is_err(), "nothing follows a bye");
    }

    #[tokio::test]
    async fn nobody_is_woken_for_what_he_has() {
        let mailbox = Mailbox::default();
        mailbox.is_at(ConversationId(uuid::Uuid::nil()), Seq(2));
        mailbox.put(head(2), 9);
        mailbox.put(head(3), 9);
        assert!(matches!(mailbox.next().await, SocketEvent::Head { seq: Seq(3), .. }));
    }
}
