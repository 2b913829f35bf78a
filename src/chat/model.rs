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

/// The settings of a tenant that the desk acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    /// Its key.
    pub key: TenantKey,
    /// Its name, as people read it.
    pub name: Arc<str>,
    /// A conversation without a message for so many milliseconds is closed.
    pub idle_close_ms: i64,
    /// Its queues; one is `default`.
    pub queues: Vec<QueueSettings>,
    /// Its agents.
    pub agents: Vec<AgentSettings>,
}

/// How a queue serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// Its key.
    pub key: QueueKey,
    /// Its name, as people read it.
    pub name: Arc<str>,
    /// How an agent is chosen.
    pub strategy: Strategy,
    /// How long an offer stands before another agent is asked, in milliseconds.
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
    /// Every free agent at once; the first answer wins.
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
    /// What they may do.
    pub role: Role,
    /// The queues they serve.
    pub queues: Vec<QueueKey>,
}

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves customers.
    Agent,
    /// Serves customers, sees and enters any conversation of the tenant.
    Supervisor,
}

/// What is known of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// Whose customer.
    pub tenant: TenantKey,
    /// The localpart of their address on the link.
    pub localpart: Localpart,
    /// Their name, if they gave one. At most 64 characters, NFC, no bidi controls.
    pub name: Option<Arc<str>>,
    /// Conversations so far, the open one included.
    pub conversations: u32,
}

/// Where a conversation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// In its queue; nobody is asked.
    Waiting,
    /// Proposed to these agents; after `until` others are asked.
    Offered {
        /// Who is asked, never empty.
        agents: Vec<AgentJid>,
        /// When the offer passes on.
        until: Timestamp,
    },
    /// Held by an agent.
    Active {
        /// The one owner.
        agent: AgentJid,
    },
    /// Ended; of a closed conversation only the marks may still move.
    Closed {
        /// Why.
        reason: CloseReason,
    },
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
    /// It has as many rows as one may have; another goes on with it.
    Full,
    /// The operator, from the shell.
    Operator,
}

/// How many of the latest entries of a conversation a restored desk knows, confirmed or not.
const LATEST: u64 = 200;

/// A conversation: the view of its rows that is kept in a table of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id, and the thread id towards agents (XEP-0201).
    pub id: ConversationId,
    /// Whose.
    pub tenant: TenantKey,
    /// With whom.
    pub customer: CustomerId,
    /// The queue it is served by.
    pub queue: QueueKey,
    /// What it is about, where the customer said so.
    pub subject: Option<Arc<str>>,
    /// Where it stands.
    pub state: State,
    /// When it began.
    pub opened_at: Timestamp,
    /// Since when it waits; a requeued one keeps its first time.
    pub waiting_since: Timestamp,
    /// Higher is served first.
    pub priority: i32,
    /// The last word of either side.
    pub active_at: Timestamp,
    /// The last `seq` given.
    pub head: Seq,
    /// The agent's client has confirmed every customer message up to here (XEP-0184).
    pub delivered: Seq,
    /// The agent's client has shown every customer message up to here (XEP-0333).
    pub read: Seq,
    /// The client of the agent who has it now has confirmed every customer message up to here;
    /// begins anew with each offer. What stands above it is sent again after a fault.
    pub confirmed: Seq,
    /// The agents who were asked before; the last of them is passed over.
    pub passed: Vec<AgentJid>,
}

impl Conversation {
    /// Whether it still goes on.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// After which entry a restored desk must know what the customer said: all that is not confirmed,
    /// and the latest, which may yet be shown or answered.
    pub fn known_after(&self) -> Seq {
        self.confirmed.min(Seq(self.head.0.saturating_sub(LATEST)))
    }

    /// The agent who holds it.
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
    /// Whose.
    pub tenant: TenantKey,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// With whom.
    pub customer: CustomerId,
    /// Its place in what the customer may see; none where only agents or the desk see it.
    pub seq: Option<Seq>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
    /// The durable command that made it. Unique over the whole store: what is repeated is found by it.
    pub key: Option<CommandKey>,
    /// The id the agent's client gave the stanza that made it, with which a receipt answers.
    pub stanza: Option<Arc<str>>,
    /// What.
    pub kind: RowKind,
    /// The agents it must reach.
    pub recipients: Vec<AgentJid>,
}

/// A durable command of a customer: it exists once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandKey {
    /// The session that gave it.
    pub session: SessionId,
    /// Its id in the session.
    pub id: CommandId,
}

/// Who made a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The customer.
    Customer,
    /// An agent, with the name customers read.
    Agent {
        /// Who, for agents and transcripts; never shown to customers.
        jid: AgentJid,
        /// The name at that moment.
        name: Arc<str>,
    },
    /// The desk.
    System,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// The conversation began, or was joined by another `start`. No `seq`.
    Opened {
        /// What the customer filled in before, in its order.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// Words.
    Message {
        /// The text, cleaned of what XML 1.0 forbids; at most 8,000 scalars.
        text: Arc<str>,
        /// The entry it answers.
        reply_to: Option<Seq>,
    },
    /// A message with files, and words where there are any. Has a `seq`.
    Files {
        /// What was sent along; none where it was taken back.
        files: Arc<[File]>,
        /// The words, as in a [`Message`](Self::Message); mostly none.
        text: Arc<str>,
        /// The entry it answers.
        reply_to: Option<Seq>,
        /// The row with the agent's link that the file was fetched from.
        of: Option<Pos>,
    },
    /// An agent sent a link to a file, which is to be fetched. No `seq`: the customer gets the file.
    Linked {
        /// Where it is.
        url: Arc<str>,
    },
    /// An agent's file was not fetched; they are the recipient. No `seq`.
    Unfetched {
        /// The row with their link.
        of: Pos,
        /// Why.
        why: FetchError,
    },
    /// An agent's question, with what it may be answered by. Has a `seq`.
    Asked {
        /// The question, cleaned.
        text: Arc<str>,
        /// What is offered.
        offers: QuestionKind,
    },
    /// The customer's answer to a question. Has a `seq`.
    Choice {
        /// The question.
        of: Seq,
        /// The answer, as people read it.
        text: Arc<str>,
    },
    /// Words of before are others now, by their author. Has a `seq`; in the store the words of before
    /// are replaced.
    Edit {
        /// Which.
        target: Target,
        /// What they are now, cleaned; at most 8,000 scalars.
        text: Arc<str>,
    },
    /// Words of before are taken back by their author. Has a `seq`; in the store they are blanked,
    /// and what they were edited to.
    Retract {
        /// Which.
        target: Target,
    },
    /// An agent came in (the author). Has a `seq`. Those who were asked too and lost are its recipients.
    Joined,
    /// An agent went out (the author), who is its recipient. Has a `seq`.
    Left,
    /// The end. Has a `seq`.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// What the customer thinks of it, after the end. No `seq`; of several the last counts. Those who
    /// served are its recipients.
    Rated {
        /// From 1 to 5.
        score: u8,
        /// Cleaned; at most 1,000 scalars.
        comment: Option<Arc<str>>,
    },
    /// Proposed to the recipients, who get the conversation so far. No `seq`.
    Offered,
    /// Back in the queue, from this agent, who is its recipient if they were only asked. No `seq`.
    Requeued {
        /// Whom it was taken from.
        agent: AgentJid,
        /// Why.
        reason: RequeueReason,
    },
    /// The marks moved. No `seq`.
    Marked {
        /// See [`Conversation::delivered`].
        delivered: Seq,
        /// See [`Conversation::read`].
        read: Seq,
    },
}

impl RowKind {
    /// Whether it is what somebody says: what both sides read, and the customer's agents confirm.
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

    /// The words it holds.
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

    /// The entry it answers.
    pub fn answers(&self) -> Option<Seq> {
        match self {
            Self::Message { reply_to, .. } | Self::Files { reply_to, .. } => *reply_to,
            Self::Choice { of, .. } => Some(*of),
            _ => None,
        }
    }

    /// The words it replaces, and by what; by nothing where they are taken back.
    pub fn changes(&self) -> Option<(Target, &str)> {
        match self {
            Self::Edit { target, text } => Some((*target, text)),
            Self::Retract { target } => Some((*target, "")),
            _ => None,
        }
    }
}

/// A file of a conversation, as the gateway keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// What links to it are signed with.
    pub key: FileKey,
    /// Its name, made fit to be one: no path, no controls, an ending of its type.
    pub name: Arc<str>,
    /// Its media type, as its content says.
    pub media_type: Arc<str>,
    /// Its size, in bytes.
    pub size: u64,
}

/// Why an agent's file did not reach the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchError {
    /// The tenant takes no files.
    Off,
    /// Files from there are not fetched.
    Forbidden,
    /// It is larger than that, in bytes.
    TooLarge(u64),
    /// Its content is of a type that the tenant does not take.
    WrongType,
    /// It did not come in time.
    Slow,
    /// It cannot be had from there.
    Broken,
    /// It cannot be kept at the moment.
    NotKept,
    /// The conversation ended before.
    Ended,
}

/// What a question may be answered by: at most 10, of at most 100 scalars each. Each is named by its
/// number, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionKind {
    /// One of these.
    Choices(Vec<Arc<str>>),
    /// A text for each of these.
    Fields(Vec<Arc<str>>),
}

/// Words that stand in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Their place in the conversation.
    pub seq: Seq,
    /// Their place in the log.
    pub pos: Pos,
}

/// By what its author finds a message of theirs again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The customer, by the id of the command, as this session gave it; else as another of
    /// their sessions did.
    Customer(CommandKey),
    /// An agent, by the id of their client's stanza.
    Agent {
        /// Who.
        jid: AgentJid,
        /// The id.
        stanza: Arc<str>,
    },
}

/// Why a conversation went back to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequeueReason {
    /// The offer ran out.
    Silent,
    /// The agent went offline.
    Gone,
    /// The server returned the message as undeliverable.
    Bounced,
    /// The agent no longer serves the tenant.
    Removed,
}

/// One durable change: a row, and the conversation as it is after it where more than its head changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The row.
    pub row: Arc<Row>,
    /// The view to be written in the same transaction.
    pub view: Option<Arc<Conversation>>,
}

/// Where a repeated command already stands: what its acknowledgement says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// The conversation it went into.
    pub conversation: ConversationId,
    /// Its place there, where it has one.
    pub seq: Option<Seq>,
    /// When it was stored.
    pub at: Timestamp,
}

/// A closed conversation of which its agents' clients have not confirmed the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// The conversation.
    pub view: Conversation,
    /// With whom.
    pub customer: Customer,
    /// The row that closed it; its recipients are those it is owed to.
    pub close: Arc<Row>,
    /// What the customer said in it after [`Conversation::known_after`], and the close, in `pos` order.
    pub messages: Vec<(Pos, Seq)>,
}

/// How long an agent's stanza is remembered, in milliseconds: a repeat within it is known as one.
pub const REPEATS_MS: i64 = 15 * 60_000;
/// How long the end of a conversation that was sent waits to be confirmed, in milliseconds: the rest
/// of the agents' clients never confirm anything.
pub const OWED_MS: i64 = 15 * 60_000;

/// What a desk is restored from: everything that is open on its link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last `pos` given on this link.
    pub head: Pos,
    /// The server has accepted everything up to here.
    pub cursor: Pos,
    /// The settings of the tenants on this link.
    pub tenants: Vec<TenantSettings>,
    /// The open conversations, each with its customer.
    pub conversations: Vec<(Conversation, Customer)>,
    /// What customers said in the open conversations, of each after its
    /// [`Conversation::known_after`], in `pos` order.
    pub messages: Vec<(ConversationId, Pos, Seq)>,
    /// How many rows each open conversation has.
    pub rows: Vec<(ConversationId, u64)>,
    /// The last offer of each conversation that is offered, and when it was made.
    pub offers: Vec<(ConversationId, Pos, Timestamp)>,
    /// Closed conversations whose end is not confirmed: closed within the last 15 minutes, or above
    /// the cursor.
    pub owed: Vec<Owed>,
    /// What agents said and ordered in the last 15 minutes under a stanza id, for finding repeats.
    pub agent_messages: Vec<Arc<Row>>,
    /// What else a desk knew.
    pub recall: Recall,
}

/// What a customer filled in before, in its order: each question with its answer.
pub type Answers = Vec<(Arc<str>, Arc<str>)>;

/// What a desk knows besides the open conversations, and what is in no view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// What customers filled in before, of the open conversations, in its order.
    pub answers: Vec<(ConversationId, Answers)>,
    /// Who held an open conversation last.
    pub served: Vec<(ConversationId, AgentJid)>,
    /// Links that agents sent in open conversations and that nothing came of yet, in `pos` order.
    pub links: Vec<Arc<Row>>,
    /// The latest rows by which any conversation changed hands (offered, joined, requeued, closed),
    /// in `pos` order.
    pub moves: Vec<Arc<Row>>,
    /// Customers who may still stand in contact lists of agents, though their conversation is closed.
    pub departing: Vec<Departing>,
}

/// How long a customer stays in the contact lists of agents after the close, in milliseconds.
pub const CONTACT_STAYS_MS: i64 = 24 * 60 * 60_000;

/// A customer whose conversation was closed not long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departing {
    /// Who.
    pub customer: Customer,
    /// The close; its recipients have the customer in their rosters.
    pub closed: Arc<Row>,
    /// Who held the conversation last.
    pub served_by: Option<AgentJid>,
}
