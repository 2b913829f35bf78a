//! The queue of events for one customer's socket.
//!
//! Invariants: it is bounded, and an idle mailbox owns no buffer. If the socket does not read, the
//! newest events are dropped and it is closed; nothing durable is lost, because sockets deliver by
//! cursor. A socket is not woken for the head of a conversation that it has already: heads are sent
//! repeatedly, to all.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::chat::ids::{ConversationId, Seq};
use crate::runtime::socket_event::{ByeReason, SocketEvent};

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    arrived: Notify,
    /// The last entry that was given to the socket; see [`place`].
    given: AtomicU64,
}

/// A conversation and one of its entries as one number; collisions are unlikely.
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
    /// Adds an event; at most `limit` wait.
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

    /// The socket has received everything of this conversation up to this entry.
    pub(crate) fn is_at(&self, conversation: ConversationId, seq: Seq) {
        self.given.store(place(conversation, seq), Ordering::Relaxed);
    }

    /// The next event. Cancel safe: an event is removed only when it is returned.
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
mod tests;
