//! What the desk must check later.
//!
//! Invariant: a timer only says *check*; whether anything is due is decided by the state at that
//! time.

use std::collections::BTreeSet;

use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::resent::Speaker;

/// What to check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Whether an offer has expired.
    Offer(ConversationId),
    /// Whether the time to take a conversation over is over.
    Transfer(ConversationId),
    /// Whether agents who were passed over may be asked again.
    AskAgain(ConversationId),
    /// Whether nobody has written for too long.
    Idle(ConversationId),
    /// Whether somebody is to be reminded, or has not answered for too long.
    Silence(ConversationId),
    /// Whether an agent's grace period is over.
    Gone(AgentJid),
    /// Resend what an agent who came online has not confirmed.
    SendAgain(AgentJid),
    /// Whether confirmations of agents' clients are not stored yet.
    Marks(ConversationId),
    /// Whether the end of a closed conversation is still unconfirmed.
    Owed(ConversationId),
    /// Whether a customer has stayed offline.
    Away(CustomerId),
    /// Whether a customer can leave the rosters and the memory.
    Leave(CustomerId),
    /// Tell waiting customers their positions.
    Positions(TenantKey, QueueKey),
    /// Whether what may be a repeat from an agent's client is new.
    Unsure(Speaker),
    /// Whether a waiting customer still counts for the positions of others.
    Place(CustomerId),
    /// Whether a queue opens, closes, or is about to.
    Hours(TenantKey, QueueKey),
    /// Whether an agent whom a supervisor set to away is back.
    Back(TenantKey, AgentJid),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    /// Sets a timer; setting the same one twice has no further effect.
    pub(super) fn arm(&mut self, at: Timestamp, timer: Timer) {
        self.due.insert((at, timer));
    }

    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Timer> {
        if self.due.first().is_some_and(|(at, _)| *at <= now) {
            return self.due.pop_first().map(|(_, timer)| timer);
        }
        None
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}
