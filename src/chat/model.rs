//! Data of the core: settings of tenants, customers, conversations, and the rows of the log.
//!
//! Invariants: these are values without behaviour. A [`Row`] never changes once it is stored;
//! a [`Conversation`] is a view of its rows and can be rebuilt from them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, FileKey, Localpart, Pos, QueueKey,
    Seq, SessionId, TenantKey, Timestamp,
};

/// The settings of a tenant that the desk uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    pub key: TenantKey,
    /// As people read it.
    pub name: Arc<str>,
    /// A conversation without a message for this long is closed, in milliseconds.
    pub idle_close_ms: i64,
    /// Always including `default`.
    pub queues: Vec<QueueSettings>,
    pub agents: Vec<AgentSettings>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    pub key: QueueKey,
    /// As people read it.
    pub name: Arc<str>,
    pub strategy: Strategy,
    /// How long an offer lasts before another agent is asked, in milliseconds.
    pub offer_ms: i64,
}

/// How a queue chooses the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The agent with the smallest share of their capacity taken; among equals, the one
    /// idle longest.
    LeastLoaded,
    /// The agent who was offered a conversation longest ago.
    RoundRobin,
    /// All available agents at once; the first reply wins.
    RingAll,
}

/// An agent of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// Their bare JID.
    pub jid: AgentJid,
    /// Their name, as customers read it.
    pub name: Arc<str>,
    /// How many conversations they have at once, offered ones counted.
    pub capacity: u32,
    pub role: Role,
    /// The queues they serve.
    pub queues: Vec<QueueKey>,
}

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves customers.
    Agent,
    /// Serves customers, and can see and take any conversation of the tenant.
    Supervisor,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Customer {
    pub id: CustomerId,
    pub tenant: TenantKey,
    /// The localpart of their address on the link.
    pub localpart: Localpart,
    /// Their name, if they gave one. At most 64 characters, NFC, no bidi controls.
    pub name: Option<Arc<str>>,
    /// The number of conversations so far, including the open one.
    pub conversations: u32,
}

/// The state of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// In its queue, and not offered to anyone.
    Waiting,
    /// Offered to these agents; after `until` others are asked.
    Offered {
        /// Never empty.
        agents: Vec<AgentJid>,
        until: Timestamp,
    },
    /// An agent has it.
    Active { agent: AgentJid },
    /// Ended; only the marks of a closed conversation may still change.
    Closed { reason: CloseReason },
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseReason {
    /// The customer ended it.
    Customer,
    /// The agent ended it.
    Agent,
    /// Nobody wrote for the tenant's idle time.
    Idle,
    /// It has the maximum number of rows; it continues in another.
    Full,
    /// The operator closed it, from the command line.
    Operator,
}

/// A restored desk knows at least this many of the latest entries of a conversation, confirmed or
/// not.
const LATEST: u64 = 200;

/// A conversation: the view of its rows, which is stored in a table of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Also the thread id towards agents (XEP-0201).
    pub id: ConversationId,
    pub tenant: TenantKey,
    pub customer: CustomerId,
    pub queue: QueueKey,
    /// What it is about, if the customer said so.
    pub subject: Option<Arc<str>>,
    pub state: State,
    pub opened_at: Timestamp,
    /// Since when it has been waiting; kept when it returns to its queue.
    pub waiting_since: Timestamp,
    /// Higher is served first.
    pub priority: i32,
    /// The last message of either side.
    pub active_at: Timestamp,
    /// The last `seq` assigned.
    pub head: Seq,
    /// The agent's client has confirmed every customer message up to here (XEP-0184).
    pub delivered: Seq,
    /// The agent's client has shown every customer message up to here (XEP-0333).
    pub read: Seq,
    /// The client of the agent who has it now has confirmed every customer message up to here;
    /// begins anew with each offer. Later messages are resent after a fault.
    pub confirmed: Seq,
    /// The agents who were asked earlier; the last of them is passed over.
    pub passed: Vec<AgentJid>,
}

impl Conversation {
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// The entry after which a restored desk must know what the customer said: everything
    /// unconfirmed, and the latest entries, which may still be displayed or replied to.
    pub fn known_after(&self) -> Seq {
        self.confirmed.min(Seq(self.head.0.saturating_sub(LATEST)))
    }

    /// The agent who has it.
    pub fn agent(&self) -> Option<&AgentJid> {
        match &self.state {
            State::Active { agent } => Some(agent),
            _ => None,
        }
    }
}

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

/// A closed conversation whose end its agents' clients have not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    pub view: Conversation,
    pub customer: Customer,
    /// The row that closed it; its recipients must still confirm it.
    pub close: Arc<Row>,
    /// What the customer said after [`Conversation::known_after`], and the close, in `pos` order.
    pub messages: Vec<(Pos, Seq)>,
}

/// How long an agent's stanza is remembered for recognizing repeats, in milliseconds.
pub const REPEATS_MS: i64 = 15 * 60_000;
/// How long to wait for a confirmation of the end of a conversation that was sent, in milliseconds:
/// some clients never confirm anything.
pub const OWED_MS: i64 = 15 * 60_000;

/// What a desk is restored from: everything open on its link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last `pos` assigned on this link.
    pub head: Pos,
    /// The XMPP server has accepted everything up to here.
    pub cursor: Pos,
    pub tenants: Vec<TenantSettings>,
    /// Each with its customer.
    pub conversations: Vec<(Conversation, Customer)>,
    /// What customers said in each open conversation after its [`Conversation::known_after`], in
    /// `pos` order.
    pub messages: Vec<(ConversationId, Pos, Seq)>,
    /// The number of rows of each open conversation.
    pub rows: Vec<(ConversationId, u64)>,
    /// The last offer of each offered conversation, and when it was made.
    pub offers: Vec<(ConversationId, Pos, Timestamp)>,
    /// Closed conversations whose end is not confirmed: closed within the last 15 minutes, or above
    /// the cursor.
    pub owed: Vec<Owed>,
    /// Messages and commands of agents with a stanza id in the last 15 minutes, for recognizing
    /// repeats.
    pub agent_messages: Vec<Arc<Row>>,
    /// What else the previous desk knew.
    pub recall: Recall,
}

/// What a customer filled in, in order: each question with its answer.
pub type Answers = Vec<(Arc<str>, Arc<str>)>;

/// What a desk knows besides the open conversations and their views.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// What customers filled in, for each open conversation, in order.
    pub answers: Vec<(ConversationId, Answers)>,
    /// The agent who had an open conversation last.
    pub served: Vec<(ConversationId, AgentJid)>,
    /// Links sent by agents in open conversations, without an outcome yet, in `pos` order.
    pub links: Vec<Arc<Row>>,
    /// The latest rows by which any conversation changed hands (offered, joined, requeued, closed),
    /// in `pos` order.
    pub moves: Vec<Arc<Row>>,
    /// Customers who may still be in agents' rosters although their conversation is closed.
    pub departing: Vec<Departing>,
}

/// How long a customer stays in agents' rosters after the close, in milliseconds.
pub const CONTACT_STAYS_MS: i64 = 24 * 60 * 60_000;

/// A customer whose conversation was closed recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departing {
    pub customer: Customer,
    /// The close; its recipients have the customer in their rosters.
    pub closed: Arc<Row>,
    /// The agent who had the conversation last.
    pub served_by: Option<AgentJid>,
}
