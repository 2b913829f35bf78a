//! Why something that a customer or an agent wants is not done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a customer's command cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandError {
    /// The queue does not exist.
    UnknownQueue,
    /// No conversation is open.
    NotOpen,
    /// No such question was asked, or that is no answer to it.
    NoSuchChoice,
    /// The conversation has not ended yet.
    StillOpen,
    /// The customer has changed their mind about a conversation too often.
    RatedOften,
    /// The customer has said no such thing in this conversation, or has taken it back.
    NoSuchWords,
    /// Another message has one of the files.
    NoSuchFile,
    /// The tenant is not served on this link (any more).
    UnknownTenant,
    /// More waits than this desk takes on; the customer's client tries again later.
    Overloaded,
    /// Another node has taken the desk over, and may not have heard of it; it is said again at once.
    Moved,
    /// It is under way, but the store does not take it now. It stays under way: where it is stored
    /// after all its ack comes, and a repeat is found.
    NotStored,
    /// The database refuses it for what it holds, now and later.
    Unstorable,
}

impl CommandError {
    /// Whether the command is to come again.
    pub fn is_for_now(self) -> bool {
        matches!(self, Self::Overloaded | Self::Moved | Self::NotStored)
    }
}

/// Why an agent's stanza is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentRefusal {
    /// One answer for all who have no business here: `item-not-found`.
    NotFound,
    /// Another agent holds the conversation: `conflict`.
    Taken {
        /// His name.
        by: Arc<str>,
    },
    /// The conversation is closed: `conflict`, naming `!reopen`.
    Closed,
    /// Over 8,000 scalars: `policy-violation`.
    TooLong,
    /// End-to-end encrypted: `not-acceptable`.
    Encrypted,
    /// A command whose arguments are missing, or too many or too long: `bad-request`, with the example.
    Usage { word: &'static str },
    /// Words after a command that takes none: `bad-request`.
    Overfull { word: &'static str },
    /// A correction of a command, or by one that was carried out: `not-acceptable`.
    Carried,
    /// There is nothing to close that is the agent's: `unexpected-request`.
    NotTaken,
    /// There is nothing to reopen: `unexpected-request`.
    StillOpen,
    /// A command that cannot be carried out now: `unexpected-request`.
    Impossible { text: &'static str },
    /// An invitation to a room: `not-acceptable`.
    Invitation,
    /// Contacts: `not-acceptable`.
    Contacts,
    /// Words of the desk alone: `not-acceptable`.
    DeskQuote,
    /// A call: declined.
    Call(Call),
    /// What is taken back is not his, or not there any more: `item-not-found`.
    NoSuchWords,
    /// No such command: `item-not-found` with a text that names it.
    UnknownCommand {
        /// The word.
        word: Arc<str>,
    },
    /// The store is behind: `resource-constraint`, to be sent again.
    Overloaded,
    /// The database refuses it for what it holds: `not-acceptable`.
    Unstorable,
}

/// A call, by what the caller's client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The id that an answer names.
    pub id: Arc<str>,
    /// Whether it came as an invitation (XEP-0482), else as a proposal (XEP-0353).
    pub invited: bool,
}
