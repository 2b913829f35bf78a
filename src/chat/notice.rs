//! What the desk says to agents.

use std::borrow::Cow;
use std::sync::Arc;

use super::canned::CannedNotice;
use super::ids::{Localpart, Pos, Timestamp};
use super::model::CloseReason;

/// What the desk says to an agent; `bridge` chooses the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A customer is waiting: the head of an offer.
    Waiting {
        /// The row of the offer, which determines the stanza id.
        pos: Pos,
        at: Timestamp,
        name: Option<Arc<str>>,
        queue: Arc<str>,
        waited_ms: i64,
        /// The page the customer is on.
        page: Option<Arc<str>>,
        /// How many conversations the customer has had, including this one.
        conversations: u32,
        subject: Option<Arc<str>>,
    },
    Closed {
        reason: CloseReason,
    },
    /// The question was sent to the customer.
    Asked,
    /// A command was carried out; its row in the table of commands has the text.
    Done {
        text: Cow<'static, str>,
    },
    /// Something about canned replies.
    Canned(CannedNotice),
    /// A new conversation began, by `!reopen`.
    Reopened,
    /// The list of commands, for a customer's chat (`in_chat`) or for the chat with the desk.
    Help {
        in_chat: bool,
    },
    /// Not everything that the agent sent in this period has arrived.
    Interrupted {
        /// From when ...
        from: Timestamp,
        /// ... to when.
        to: Timestamp,
    },
    Who {
        name: Option<Arc<str>>,
        /// The queue's name and when the conversation began, if one is open.
        open: Option<(Arc<str>, Timestamp)>,
        /// Whether they have a socket open.
        online: bool,
        /// The page they are on.
        page: Option<Arc<str>>,
        conversations: u32,
        /// What they filled in earlier.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// The customer signed in, so their identity is known from now on.
    SignedIn {
        name: Option<Arc<str>>,
        /// The address under which agents knew them earlier.
        known_as: Option<Localpart>,
        /// How many conversations they had under that address.
        conversations: u32,
    },
    /// Messages cannot be stored at the moment, or can be stored again.
    Storage {
        works: bool,
    },
    /// A queue of theirs closes soon.
    Closing {
        queue: Arc<str>,
        /// In how many milliseconds.
        in_ms: i64,
        /// How many customers wait in it.
        waiting: u32,
    },
    /// The tenant's queues and agents.
    Status {
        /// Each queue: name, how many are waiting, and for how long the first has waited, in
        /// milliseconds.
        queues: Vec<(Arc<str>, u32, i64)>,
        /// Each agent: name, availability in a word, current conversations, capacity.
        agents: Vec<(Arc<str>, &'static str, u32, u32)>,
    },
}
