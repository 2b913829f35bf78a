//! What the desk says to agents.

use std::borrow::Cow;
use std::sync::Arc;

use super::canned::CannedNotice;
use super::ids::{Localpart, Pos, Timestamp};
use super::macros::MacroNotice;
use super::model::CloseReason;
use super::row::{Answers, Row};
use super::settings::Strategy;
use super::supervision::Supervision;
use super::tags::TenantTags;

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
    /// Something about macros.
    Macro(MacroNotice),
    /// A new conversation began, by `!reopen`.
    Reopened,
    /// The list of commands, for a customer's chat (`in_chat`) or for the chat with the desk.
    Help {
        in_chat: bool,
        /// Whether the reader is a supervisor, who may give more commands.
        supervisor: bool,
    },
    /// About supervising.
    Supervision(Box<Supervision>),
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
        /// The agent who has it.
        agent: Option<Arc<str>>,
        /// Whether they have a socket open.
        online: bool,
        /// The page they are on.
        page: Option<Arc<str>>,
        conversations: u32,
        priority: i32,
        tags: Vec<Arc<str>>,
        /// What they filled in earlier.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// A conversation in at most ten lines.
    Summary {
        /// Who the customer is: a [`Who`](Self::Who) without answers.
        who: Box<Notice>,
        /// The conversation, if there is one.
        past: Option<Box<PastLine>>,
        answers: Answers,
        /// The last messages, then the last notes.
        last: Vec<Arc<Row>>,
    },
    /// Earlier conversations with the customer, the latest first.
    History {
        lines: Vec<PastLine>,
        /// Whether the agent asked for it; otherwise it comes with an offer.
        asked: bool,
    },
    /// Why a customer waits, or who serves them.
    Why {
        /// The queue's name.
        queue: Arc<str>,
        /// How it chooses; none if it no longer exists.
        strategy: Option<Strategy>,
        stage: Stage,
        priority: i32,
        /// The agents of the queue, each with why they have the customer or do not.
        agents: Vec<(Arc<str>, Readiness)>,
        /// The tenant's other agents.
        others: Vec<Arc<str>>,
    },
    /// The tags of a conversation.
    Tags {
        tags: Vec<Arc<str>>,
        of_tenant: TenantTags,
    },
    /// The priority was changed to this.
    Priority {
        word: &'static str,
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

/// How far a conversation is, for [`Notice::Why`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    Waits {
        waited_ms: i64,
        /// From 1; none while no agent is online who could serve them.
        position: Option<u32>,
    },
    Served {
        by: Arc<str>,
    },
}

/// Why an agent has a customer, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Serves,
    /// Is being asked until then.
    Asked {
        until: Timestamp,
    },
    /// Is being asked until then to take over what another agent has.
    AskedToTake {
        until: Timestamp,
    },
    /// Was asked to take it over and did not.
    DidNotTake,
    /// Passed it on.
    GaveUp,
    /// Failed the customer a moment ago.
    PassedOver {
        until: Option<Timestamp>,
    },
    /// Was asked in this round already.
    WasAsked,
    /// Has as many chats as they take.
    Full {
        held: u32,
        capacity: u32,
    },
    Away,
    Busy,
    Offline,
    /// Nothing was heard from them since the stream was connected.
    Unknown,
    Free,
}

/// A conversation as a line tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastLine {
    pub opened_at: Timestamp,
    /// The queue's name.
    pub queue: Arc<str>,
    /// The agent's name.
    pub agent: Option<Arc<str>>,
    pub ended: Option<CloseReason>,
    pub rating: Option<u8>,
    pub first: Option<Arc<str>>,
    pub tags: Vec<Arc<str>>,
}
