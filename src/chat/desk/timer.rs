//! What the desk must come back to.
//!
//! Invariant: a timer only says *look*; whoever looks decides by the state whether anything is due.

use std::collections::BTreeSet;

use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::resent::Speaker;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Whether an offer has run out.
    Offer(ConversationId),
    /// Whether the agent who was passed over may be asked again.
    AskAgain(ConversationId),
    /// Whether nobody has spoken for too long.
    Idle(ConversationId),
    /// Whether an agent is gone for good.
    Gone(AgentJid),
    /// What an agent who came has not confirmed.
    SendAgain(AgentJid),
    /// Whether something that agents' clients confirmed is not written.
    Marks(ConversationId),
    /// Whether a closed conversation is still owed to its agents.
    Owed(ConversationId),
    /// Whether a customer's socket has stayed away.
    Away(CustomerId),
    /// Whether a customer can leave the contact lists and the memory.
    Leave(CustomerId),
    /// Tell those who wait where they stand.
    Positions(TenantKey, QueueKey),
    /// Whether what an agent's client may have said before is new.
    Unsure(Speaker),
    /// Whether a customer in line still counts for the places of the others.
    Place(CustomerId),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    /// Looks at it then; the same twice is once.
    pub(super) fn arm(&mut self, at: Timestamp, timer: Timer) {
        self.due.insert((at, timer));
    }

    /// The next one that is due.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Timer> {
        if self.due.first().is_some_and(|(at, _)| *at <= now) {
            return self.due.pop_first().map(|(_, timer)| timer);
        }
        None
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}
