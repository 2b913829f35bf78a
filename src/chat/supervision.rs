//! What the desk tells supervisors, and agents about what a supervisor did.

use std::sync::Arc;

use super::ids::{ConversationId, Localpart, Timestamp};
use super::row::Row;

/// A notice about supervising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supervision {
    /// What was said or happened in a conversation that the supervisor watches.
    Overheard {
        row: Arc<Row>,
        /// The customer's name, if known.
        name: Option<Arc<str>>,
    },
    /// The supervisor watches from now on, or still (`again`) after having been offline.
    Watching {
        name: Option<Arc<str>>,
        /// The agent who serves the customer.
        by: Option<Arc<str>>,
        again: bool,
    },
    /// The supervisor no longer watches.
    Unwatched,
    /// The conversation is the supervisor's.
    Taken,
    /// `!say` was carried out.
    Said,
    Board(Board),
    /// A conversation was moved to a queue, or offered to an agent.
    Moved {
        who: CustomerName,
        to: Arc<str>,
        is_queue: bool,
    },
    /// A conversation was closed by its name.
    Closed {
        who: CustomerName,
    },
    /// What was set for an agent; `by` names the supervisor in the notice to that agent.
    Changed {
        agent: Arc<str>,
        by: Option<Arc<str>>,
        what: Change,
    },
}

/// How a customer is named in a notice that does not come from their address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerName {
    pub name: Option<Arc<str>>,
    pub localpart: Localpart,
}

/// What a supervisor set for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Away {
        until: Timestamp,
    },
    Back,
    Capacity(u32),
    /// The capacity of the settings.
    DefaultCapacity(u32),
    Serves {
        queue: Arc<str>,
    },
    ServesNot {
        queue: Arc<str>,
    },
}

/// What is going on at a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    pub queues: Vec<BoardQueue>,
    /// In the order of their numbers, from 1.
    pub conversations: Vec<BoardLine>,
    /// How many further conversations are open.
    pub more: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardQueue {
    pub name: Arc<str>,
    pub waiting: u32,
    /// How long the first has waited, in milliseconds.
    pub longest_ms: i64,
    /// Conversations of the agents who are available for it, and how many they could have.
    pub busy: u32,
    pub room: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardLine {
    pub id: ConversationId,
    pub who: CustomerName,
    pub queue: Arc<str>,
    pub state: BoardState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardState {
    /// Waiting for this long, in milliseconds; `late` if that is too long.
    Waiting { ms: i64, late: bool },
    /// Served; nobody has written for this long, in milliseconds.
    Served { agent: Arc<str>, quiet_ms: i64 },
}

/// The most lines that a board has.
pub const BOARD_LINES: usize = 12;
/// The most queues on it.
pub const BOARD_QUEUES: usize = 4;
