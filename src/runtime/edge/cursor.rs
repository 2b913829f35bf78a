//! Decides what a socket is given next: pure, proved by random histories.
//!
//! Invariants: entries of a conversation leave in `seq` order, each once, and as an ack if the
//! socket waits for it; a later conversation follows when the current one was given completely. An
//! event is only a hint: what it shows to be missing is read from the store ([`Need`]). Nothing is
//! lost while the store is read: the event stays until it is done.

use std::collections::VecDeque;
use std::sync::Arc;

use super::interface::Outbound;
use crate::chat::effect::{Answer, CustomerNotice, Phase};
use crate::chat::ids::{CommandId, ConversationId, Seq, SessionId};
use crate::chat::model::Acked;
use crate::chat::refusal::CommandError;
use crate::chat::row::{Row, RowKind};
use crate::ports::store::Page;
use crate::runtime::socket_event::SocketEvent;

/// What must be read from the store before anything else can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// The page of a conversation after an entry.
    Page(ConversationId, Seq),
    /// Whether the first conversation began after the second.
    IsLater(ConversationId, ConversationId),
}

/// What one socket was given, and what it waits for.
#[derive(Debug)]
pub(super) struct Cursor {
    session: SessionId,
    /// The current conversation, and its last entry that was given.
    current: Option<(ConversationId, Seq)>,
    /// The conversation before: late events of it are ignored without a query.
    past: Option<ConversationId>,
    /// The conversation that follows once the current one was given completely.
    following: Option<ConversationId>,
    /// Whether the current conversation is open.
    pub(super) open: bool,
    /// A new conversation was counted against the rate and has not begun: further commands belong
    /// to it.
    pub(super) counted: bool,
    pending: Vec<CommandId>,
    /// Rest of the welcome: whole conversations, after these entries.
    backlog: VecDeque<(ConversationId, Seq)>,
    /// The event that needs the store.
    event: Option<SocketEvent>,
    ready: VecDeque<Outbound>,
}

impl Cursor {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            current: None,
            past: None,
            following: None,
            open: false,
            counted: false,
            pending: Vec::new(),
            backlog: VecDeque::new(),
            event: None,
            ready: VecDeque::new(),
        }
    }

    /// The current conversation, and its last entry that was given.
    pub(super) fn current(&self) -> Option<(ConversationId, Seq)> {
        self.current
    }

    /// The last entry given of a conversation.
    pub(super) fn seen_of(&self, conversation: ConversationId) -> Seq {
        self.current.filter(|(id, _)| *id == conversation).map(|(_, seq)| seq).unwrap_or_default()
    }

    pub(super) fn move_to(&mut self, conversation: ConversationId, seq: Seq) {
        self.current = Some((conversation, seq));
    }

    /// Entries of the welcome that did not fit into it.
    pub(super) fn owe(&mut self, conversation: ConversationId, after: Seq) {
        self.backlog.push_back((conversation, after));
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    pub(super) fn is_pending(&self, id: &CommandId) -> bool {
        self.pending.contains(id)
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The command was sent to the owner: its ack or refusal is awaited.
    pub(super) fn start_pending(&mut self, id: CommandId) {
        if !self.pending.contains(&id) {
            self.pending.push(id);
        }
    }

    /// The next thing to send.
    pub(super) fn pop(&mut self) -> Option<Outbound> {
        self.ready.pop_front()
    }

    /// What to read next; nothing while the next event can be taken.
    pub(super) fn need(&self) -> Option<Need> {
        if let Some((conversation, after)) = self.backlog.front() {
            return Some(Need::Page(*conversation, *after));
        }
        let wanted = self.wanted()?;
        Some(match self.current {
            Some((current, seen)) if current != wanted => match self.following {
                Some(_) => Need::Page(current, seen),
                None => Need::IsLater(wanted, current),
            },
            _ => Need::Page(wanted, self.seen_of(wanted)),
        })
    }

    /// The conversation of the event that needs the store.
    fn wanted(&self) -> Option<ConversationId> {
        match self.event.as_ref()? {
            SocketEvent::Notice(CustomerNotice::Entry(row)) => Some(row.conversation),
            SocketEvent::Head { conversation, .. } => Some(*conversation),
            SocketEvent::Answer(Answer::Ack { acked, .. }) => Some(acked.conversation),
            _ => None,
        }
    }

    /// Takes the next event of the mailbox. Only while nothing is needed.
    pub(super) fn on_event(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::Notice(CustomerNotice::Entry(row)) => {
                if self.entry(&row) {
                    self.wait(SocketEvent::Notice(CustomerNotice::Entry(row)));
                }
            }
            SocketEvent::Notice(notice) => {
                if let CustomerNotice::State(state) = &notice {
                    self.begun(!matches!(state.phase, Phase::Closed { .. }));
                }
                self.ready.push_back(Outbound::Notice(notice));
            }
            SocketEvent::Answer(Answer::Ack { id, acked }) => {
                // If its entry was lost on the way, the entries before it are read first.
                let conversation = acked.conversation;
                let is_given = self.past == Some(conversation)
                    || acked.seq.is_none_or(|seq| self.has(conversation, seq));
                if is_given {
                    self.ack(id, acked);
                } else {
                    // The command may have been refused when it was resent although the first one
                    // was still in flight.
                    self.start_pending(id.clone());
                    self.wait(SocketEvent::Answer(Answer::Ack { id, acked }));
                }
            }
            SocketEvent::Answer(Answer::Refused { id, error }) => self.refused(id, error),
            SocketEvent::Head { conversation, seq } => {
                if !self.has(conversation, seq) {
                    self.wait(event);
                }
            }
            SocketEvent::NewOwner => {
                // The previous owner may have stored it: then the ack comes nevertheless.
                for id in self.pending.clone() {
                    self.push_refusal(Some(id), CommandError::Moved);
                }
            }
            SocketEvent::Bye { reason, reconnect_after_ms } => {
                self.ready.push_back(Outbound::Bye { reason, reconnect_after_ms });
            }
        }
    }

    /// The event needs the store, unless it is about an earlier conversation.
    fn wait(&mut self, event: SocketEvent) {
        self.event = Some(event);
        if self.wanted().is_some_and(|wanted| self.past == Some(wanted)) {
            self.done();
        }
    }

    /// The store's response to [`Need::IsLater`]; `None` if one of them is not stored.
    pub(super) fn is_later(&mut self, one: ConversationId, is_later: Option<bool>) {
        match is_later {
            Some(true) => self.following = Some(one),
            Some(false) => {
                // An event of an earlier conversation may come late, for example from a node that
                // was frozen.
                self.past = Some(one);
                self.done();
            }
            // Its owner sends its head before that.
            None => self.done(),
        }
    }

    /// The store's response to [`Need::Page`].
    pub(super) fn page(&mut self, (conversation, after): (ConversationId, Seq), page: Page) {
        if self.backlog.front() == Some(&(conversation, after)) {
            return self.welcome_page(conversation, after, page);
        }
        let more = page.more;
        page.rows.into_iter().for_each(|row| self.give(row));
        if more {
            return;
        }
        match self.following.take() {
            Some(following) => {
                self.past = Some(conversation);
                self.move_to(following, Seq(0));
                // Usually it is its first entry, and needs nothing more.
                if let Some(SocketEvent::Notice(CustomerNotice::Entry(row))) = self.event.clone()
                    && !self.entry(&row)
                {
                    self.event = None;
                }
            }
            None => self.done(),
        }
    }

    /// A page of the welcome's rest.
    fn welcome_page(&mut self, conversation: ConversationId, after: Seq, page: Page) {
        let last = page.rows.last().and_then(|row| row.seq).unwrap_or(after);
        self.backlog.pop_front();
        if page.more {
            self.backlog.push_front((conversation, last));
        }
        self.move_to(conversation, last);
        let more = self.has_backlog();
        self.ready.push_back(Outbound::Entries { conversation, rows: page.rows, more });
    }

    /// The event is done: an ack whose entry did not come with it is given alone.
    fn done(&mut self) {
        if let Some(SocketEvent::Answer(Answer::Ack { id, acked })) = self.event.take()
            && self.pending.contains(&id)
        {
            self.ack(id, acked);
        }
    }

    fn has(&self, conversation: ConversationId, seq: Seq) -> bool {
        self.current.is_some_and(|(id, at)| id == conversation && at >= seq)
    }

    /// Gives an entry if it is the next one; returns whether it comes too early.
    fn entry(&mut self, row: &Arc<Row>) -> bool {
        let (Some(seq), conversation) = (row.seq, row.conversation) else { return false };
        let is_current = self.current.is_none_or(|(id, _)| id == conversation);
        if is_current && seq == self.seen_of(conversation).next() {
            self.give(row.clone());
            return false;
        }
        self.past != Some(conversation) && !self.has(conversation, seq)
    }

    /// Gives the next entry: as an ack if this socket waits for it.
    fn give(&mut self, row: Arc<Row>) {
        let Some(seq) = row.seq else { return };
        self.move_to(row.conversation, seq);
        self.begun(!matches!(row.kind, RowKind::Closed { .. }));
        let own = row.key.as_ref().filter(|key| key.session == self.session);
        if let Some(key) = own.filter(|key| self.pending.contains(&key.id)) {
            let acked = Acked { conversation: row.conversation, seq: row.seq, at: row.at };
            self.ack(key.id.clone(), acked);
        } else {
            self.ready.push_back(Outbound::Notice(CustomerNotice::Entry(row)));
        }
    }

    /// A conversation exists now.
    fn begun(&mut self, open: bool) {
        (self.open, self.counted) = (open, false);
    }

    fn ack(&mut self, id: CommandId, acked: Acked) {
        self.pending.retain(|other| *other != id);
        self.ready.push_back(Outbound::Answer(Answer::Ack { id, acked }));
    }

    fn refused(&mut self, id: Option<CommandId>, error: CommandError) {
        if error == CommandError::NotStored {
            // It may still be stored, so it stays pending; its ack may have been faster.
            if id.as_ref().is_some_and(|id| self.pending.contains(id)) {
                self.push_refusal(id, error);
            }
            return;
        }
        self.pending.retain(|other| Some(other) != id.as_ref());
        self.push_refusal(id, error);
    }

    fn push_refusal(&mut self, id: Option<CommandId>, error: CommandError) {
        self.ready.push_back(Outbound::Answer(Answer::Refused { id, error }));
    }
}

#[cfg(test)]
mod tests;
