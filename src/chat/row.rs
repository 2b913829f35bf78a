//! The rows of a link's log: what is durable.
//!
//! Invariant: a [`Row`] never changes once it is stored, except that an edit or a retraction
//! replaces its text in the store.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, FileKey, Pos, Seq, SessionId,
    TenantKey, Timestamp,
};
use super::model::{CloseReason, Conversation};

/// One row of a link's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its place in the link's log.
    pub pos: Pos,
    pub tenant: TenantKey,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    pub customer: CustomerId,
    /// Its place among the entries that the customer sees; none if only agents or the desk see it.
    pub seq: Option<Seq>,
    pub at: Timestamp,
    pub author: Author,
    /// The durable command that made it. Unique in the whole store, so that a repeat is recognized.
    pub key: Option<CommandKey>,
    /// The id of the agent's stanza that made it; receipts refer to it.
    pub stanza: Option<Arc<str>>,
    pub kind: RowKind,
    /// The agents it must be delivered to.
    pub recipients: Vec<AgentJid>,
}

/// Identifies a durable command of a customer, which is carried out only once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandKey {
    pub session: SessionId,
    /// Unique in the session.
    pub id: CommandId,
}

/// Who made a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    Customer,
    Agent {
        /// For agents and transcripts; never shown to customers.
        jid: AgentJid,
        /// As customers read it, at that time.
        name: Arc<str>,
    },
    System,
}

/// The content of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// The conversation began, or was joined by another `start`. No `seq`.
    Opened {
        /// What the customer filled in, in order.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// A message. Has a `seq`.
    Message {
        /// Cleaned of what XML 1.0 forbids; at most 8,000 scalars.
        text: Arc<str>,
        /// The entry it replies to.
        reply_to: Option<Seq>,
    },
    /// A message with files, and perhaps a text. Has a `seq`.
    Files {
        /// Empty once the message is retracted.
        files: Arc<[File]>,
        /// As in a [`Message`](Self::Message); mostly empty.
        text: Arc<str>,
        /// The entry it replies to.
        reply_to: Option<Seq>,
        /// The row with the agent's link that the file was fetched from.
        of: Option<Pos>,
    },
    /// An agent sent a link to a file, which is fetched. No `seq`: the customer gets the file
    /// instead.
    Linked { url: Arc<str> },
    /// An agent's file was not fetched; the agent is the recipient. No `seq`.
    Unfetched {
        /// The row with their link.
        of: Pos,
        why: FetchError,
    },
    /// An agent's question, with its answers or fields. Has a `seq`.
    Asked {
        /// Cleaned.
        text: Arc<str>,
        offers: QuestionKind,
    },
    /// The customer's answer to a question. Has a `seq`.
    Choice {
        of: Seq,
        /// The answer, as people read it.
        text: Arc<str>,
    },
    /// The author corrected an earlier message. Has a `seq`; the text of the earlier message is
    /// replaced in the store.
    Edit {
        target: Target,
        /// The new text, cleaned; at most 8,000 scalars.
        text: Arc<str>,
    },
    /// The author retracted an earlier message. Has a `seq`; the texts of the message and of its
    /// corrections are blanked in the store.
    Retract { target: Target },
    /// An agent (the author) joined. Has a `seq`. Other agents who were asked are its recipients.
    Joined,
    /// An agent (the author) left, and is its recipient. Has a `seq`.
    Left,
    /// The conversation ended. Has a `seq`.
    Closed { reason: CloseReason },
    /// The customer's rating after the end. No `seq`; of several the last counts. The agent who
    /// served them is its recipient.
    Rated {
        /// From 1 to 5.
        score: u8,
        /// Cleaned; at most 1,000 scalars.
        comment: Option<Arc<str>>,
    },
    /// Offered to the recipients, who get the conversation so far. No `seq`.
    Offered,
    /// Returned to the queue from this agent, who is its recipient if they were only asked. No
    /// `seq`.
    Requeued { agent: AgentJid, reason: RequeueReason },
    /// The marks changed. No `seq`.
    Marked {
        /// See [`Conversation::delivered`].
        delivered: Seq,
        /// See [`Conversation::read`].
        read: Seq,
    },
}

impl RowKind {
    /// Whether it is something that a person said, which both sides read and agents' clients
    /// confirm.
    pub fn is_said(&self) -> bool {
        matches!(
            self,
            Self::Message { .. }
                | Self::Files { .. }
                | Self::Asked { .. }
                | Self::Choice { .. }
                | Self::Edit { .. }
                | Self::Retract { .. }
        )
    }

    /// Its text.
    pub fn words(&self) -> Option<&Arc<str>> {
        match self {
            Self::Message { text, .. }
            | Self::Files { text, .. }
            | Self::Asked { text, .. }
            | Self::Choice { text, .. }
            | Self::Edit { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is a form that the customer filled in with more than their name.
    pub fn tells_more_than_a_name(&self) -> bool {
        matches!(self, Self::Opened { answers } if answers.iter().any(|(field, _)| &**field != "name"))
    }

    /// The entry it replies to.
    pub fn answers(&self) -> Option<Seq> {
        match self {
            Self::Message { reply_to, .. } | Self::Files { reply_to, .. } => *reply_to,
            Self::Choice { of, .. } => Some(*of),
            _ => None,
        }
    }

    /// The message it changes, and the new text; empty for a retraction.
    pub fn changes(&self) -> Option<(Target, &str)> {
        match self {
            Self::Edit { target, text } => Some((*target, text)),
            Self::Retract { target } => Some((*target, "")),
            _ => None,
        }
    }
}

/// A file of a conversation, as the gateway stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub id: FileId,
    /// Signs the links to it.
    pub key: FileKey,
    /// A safe file name: no path, no controls, with an ending of its type.
    pub name: Arc<str>,
    /// Determined from its content.
    pub media_type: Arc<str>,
    /// In bytes.
    pub size: u64,
}

/// Why an agent's file did not reach the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchError {
    /// The tenant does not accept files.
    Off,
    /// Files from that host are not fetched.
    Forbidden,
    /// It is larger than this limit, in bytes.
    TooLarge(u64),
    /// The tenant does not accept its type.
    WrongType,
    /// The server was too slow.
    Slow,
    /// The download failed.
    Broken,
    /// It could not be stored at the moment.
    NotKept,
    /// The conversation had already ended.
    Ended,
}

/// The answers that a question accepts: at most 10 labels, of at most 100 scalars each. They are
/// named by their number, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionKind {
    Choices(Vec<Arc<str>>),
    /// A text for each of these fields.
    Fields(Vec<Arc<str>>),
}

/// A message in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its place in the conversation.
    pub seq: Seq,
    /// Its place in the log.
    pub pos: Pos,
}

/// How an author refers to a message of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The customer, by the id of the command that sent it: this session's command of that id, or
    /// else another of their sessions'.
    Customer(CommandKey),
    /// An agent, by the id of the stanza.
    Agent { jid: AgentJid, stanza: Arc<str> },
}

/// Why a conversation returned to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequeueReason {
    /// The offer expired.
    Silent,
    /// The agent went offline.
    Gone,
    /// The server bounced a message as undeliverable.
    Bounced,
    /// The agent no longer serves the tenant.
    Removed,
}

/// One durable change: a row, and the view of the conversation if more than its head changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub row: Arc<Row>,
    /// Written in the same transaction.
    pub view: Option<Arc<Conversation>>,
}

/// The result of a command, which its acknowledgement reports, also for a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// Its entry, if it made one.
    pub seq: Option<Seq>,
    pub at: Timestamp,
}

/// What a customer filled in, in order: each question with its answer.
pub type Answers = Vec<(Arc<str>, Arc<str>)>;
