//! Why a command of a customer or a stanza of an agent is refused.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::canned::CannedRefusal;
use super::ids::MacroKey;

/// Why a customer's command cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandError {
    /// The queue does not exist.
    UnknownQueue,
    /// No conversation is open.
    NotOpen,
    /// No such question was asked, or this is not one of its answers.
    NoSuchChoice,
    /// The conversation has not ended yet.
    StillOpen,
    /// The customer has changed their rating of this conversation too often.
    RatedOften,
    /// The customer has sent no such message in this conversation, or has retracted it.
    NoSuchWords,
    /// There is no such message of an agent to react to.
    NoSuchMessage,
    /// Another message already has one of the files.
    NoSuchFile,
    /// The tenant is not served on this link (any more).
    UnknownTenant,
    /// The desk's queue is full; the customer's client tries again later.
    Overloaded,
    /// Another node has taken the desk over and may not have received the command; it is resent at
    /// once.
    Moved,
    /// It is pending, because the store does not accept it at the moment. If it is stored later,
    /// its ack is sent then, and a repeat is recognized.
    NotStored,
    /// The database rejects its content, now and later.
    Unstorable,
}

impl CommandError {
    /// Whether the client should send the command again.
    pub fn is_for_now(self) -> bool {
        matches!(self, Self::Overloaded | Self::Moved | Self::NotStored)
    }
}

/// Why an agent's stanza is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentRefusal {
    /// The same for everything an agent may not know about: `item-not-found`.
    NotFound,
    /// Another agent has the conversation: `conflict`.
    Taken {
        /// That agent's name.
        by: Arc<str>,
    },
    /// The conversation is closed: `conflict`, naming `!reopen`.
    Closed,
    /// Over 8,000 scalars: `policy-violation`.
    TooLong,
    /// End-to-end encrypted: `not-acceptable`.
    Encrypted,
    /// A command whose arguments are missing, or too many or too long: `bad-request`, with an example.
    Usage { word: &'static str },
    /// A command that only supervisors may give: `forbidden`.
    NotAllowed { word: &'static str },
    /// A command names nobody: `item-not-found`, with those who could be meant.
    NoSuchTarget {
        /// What was written.
        name: Arc<str>,
        /// The names of agents and queues, as they are written.
        known: Vec<Arc<str>>,
    },
    /// A command names one of several: `item-not-found`, with those.
    Ambiguous { name: Arc<str>, known: Vec<Arc<str>> },
    /// Text after a command that takes none: `bad-request`.
    Overfull { word: &'static str },
    /// A correction that turns a message into a command, or corrects a command already carried out:
    /// `not-acceptable`.
    Carried,
    /// The agent has no conversation to close here: `unexpected-request`.
    NotTaken,
    /// There is nothing to reopen: `unexpected-request`.
    StillOpen,
    /// A command that cannot be carried out now: `unexpected-request`.
    Impossible { text: Cow<'static, str> },
    /// No canned reply was said: `not-acceptable`, with the reason.
    Canned(CannedRefusal),
    /// No macro was run, or not to its end: the condition of the refused step, or `not-acceptable`.
    Macro(MacroRefusal),
    /// An invitation to a room: `not-acceptable`.
    Invitation,
    /// A contact sent as roster items: `not-acceptable`.
    Contacts,
    /// A quotation of nothing but the desk's own notices: `not-acceptable`.
    DeskQuote,
    /// A call: declined.
    Call(Call),
    /// The message to be retracted is not theirs, or no longer exists: `item-not-found`.
    NoSuchWords,
    /// No such command: `item-not-found`, naming it.
    UnknownCommand { word: Arc<str> },
    /// The store is behind: `resource-constraint`, to be sent again.
    Overloaded,
    /// The database rejects its content: `not-acceptable`.
    Unstorable,
}

/// Why a macro was not run, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacroRefusal {
    /// No macro has this key; `any` tells whether the tenant has macros at all.
    Unknown { words: Arc<str>, any: bool },
    /// Words after the key.
    Overfull { key: MacroKey, words: Arc<str> },
    /// A stored step is not a command that a macro may have.
    Broken { key: MacroKey },
    /// A step was refused. Those before it were carried out, and stay so.
    Stopped {
        key: MacroKey,
        /// From 1.
        step: usize,
        of: usize,
        /// The step.
        written: Arc<str>,
        why: Box<AgentRefusal>,
    },
}

/// A call, as the caller's client refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The id that a response must name.
    pub id: Arc<str>,
    /// Whether it came as an invitation (XEP-0482), else as a proposal (XEP-0353).
    pub invited: bool,
}
