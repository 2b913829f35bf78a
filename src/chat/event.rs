//! Events: what happens to a desk.
//!
//! Invariant: an event carries everything the desk needs from the outside world, including random
//! identifiers, so that the same events always have the same effects.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::commands::AgentCommand;
use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, Localpart, NodeId, Pos, QueueKey, Seq,
    SessionId, TenantKey, Timestamp,
};
use super::model::{Acked, Customer, File};
use super::refusal::AgentRefusal;
use super::row::{CommandKey, FetchError, Reference, Row};
use super::settings::TenantSettings;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An edge reports something about a customer.
    Customer(CustomerEvent),
    /// An agent's client sent something.
    Agent(Box<AgentInput>),
    /// An agent's availability changed.
    Presence {
        agent: AgentJid,
        /// Which of their clients.
        resource: Arc<str>,
        availability: Availability,
    },
    /// An agent's client has not responded to what it was sent, nor to a ping: it counts as offline
    /// until its presence comes again.
    Unanswering {
        agent: AgentJid,
        /// Which of their clients.
        resource: Arc<str>,
        /// Since when.
        since: Timestamp,
    },
    /// The server bounced a message to an agent.
    Bounced {
        agent: AgentJid,
        customer: Localpart,
        /// The row that the message was made from.
        pos: Pos,
    },
    /// The outcome of fetching the file of an agent's link.
    Fetched {
        conversation: ConversationId,
        /// The row with the link.
        pos: Pos,
        /// The file, now stored here, or why there is none.
        outcome: Result<File, FetchError>,
    },
    /// Messages that agents sent between `since` and now may be lost: a node died, or the stream
    /// was cut. Comes before the [`LinkUp`](Self::LinkUp) that ends the interruption.
    Interrupted {
        /// When the stream was last known to work.
        since: Timestamp,
    },
    /// The link has a stream; agents' presences are unknown until they come again.
    LinkUp,
    /// The link has lost its stream.
    LinkDown,
    /// All rows up to this one are in the database.
    Stored { upto: Pos },
    /// What the desk asked for with [`Need`] was read from the store.
    Loaded(Loaded),
    /// An operator asked to close a conversation.
    CloseAsked(ConversationId),
    /// The current settings of the link's tenants.
    Settings(Vec<TenantSettings>),
    /// The store has accepted nothing for a while, or works again: agents on duty are notified.
    Storage { works: bool },
    /// The desk is shut down in order: postponed writes are made now.
    Stopping,
    /// Time has passed.
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerEvent {
    Input(Box<CustomerInput>),
    /// A change of their open sockets on a node.
    Connected(CustomerConnection),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerInput {
    pub customer: Customer,
    pub session: SessionId,
    /// The socket that a reply goes to.
    pub socket: SocketAddress,
    pub content: CustomerContent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerContent {
    Command(CustomerCommand),
    Typing { on: bool },
    Read { seq: Seq },
}

/// A durable command: it is carried out once, however often it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerCommand {
    /// Its id, unique in its session.
    pub id: CommandId,
    /// The id of the conversation, if the command opens one.
    pub fresh: ConversationId,
    pub action: CustomerAction,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerAction {
    /// Opens a conversation, or joins the open one.
    Start {
        queue: Option<QueueKey>,
        subject: Option<Arc<str>>,
        /// What the customer filled in before the conversation.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// Sends a message; opens a conversation if none is open.
    Message {
        text: Arc<str>,
        /// The entry it replies to.
        reply_to: Option<Seq>,
    },
    /// Sends files, perhaps with text; opens a conversation if none is open.
    Share {
        /// At least one, each once.
        ids: Vec<FileId>,
        /// The files themselves, in the order of `ids`; the edge looks them up and refuses files
        /// that are not the customer's own.
        files: Arc<[File]>,
        /// Whether a message already has one of them: it may be this one, resent.
        taken: bool,
        /// Cleaned; mostly empty.
        text: Arc<str>,
        /// The entry it replies to.
        reply_to: Option<Seq>,
    },
    /// Corrects one of their messages.
    Edit {
        /// The command that sent the message.
        target: CommandId,
        text: Arc<str>,
    },
    /// Deletes one of their messages.
    Retract {
        /// The command that sent the message.
        target: CommandId,
    },
    /// Reacts to an agent's message.
    React {
        target: Seq,
        /// Empty: takes the reaction back.
        emoji: Arc<str>,
    },
    /// Answers a question that has choices or a form.
    Choose {
        of: Seq,
        answer: Chosen,
    },
    /// Rates the conversation, which has ended.
    Rate {
        /// From 1 to 5.
        score: u8,
        /// Cleaned.
        comment: Option<Arc<str>>,
    },
    End,
}

impl CustomerAction {
    /// Whether it opens a conversation if none is open.
    pub fn opens(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Message { .. } | Self::Share { .. })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chosen {
    /// The number of the chosen answer.
    One(Arc<str>),
    /// For each field, by its number, the text entered, cleaned.
    Fields(Vec<(Arc<str>, Arc<str>)>),
}

/// The customer's sockets on one node: soft state that the edge repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerConnection {
    pub customer: Customer,
    pub node: NodeId,
    /// Whether they have a socket open there.
    pub online: bool,
    /// Whether a socket was opened just now, which needs the state of the conversation.
    pub opened: bool,
    /// The page they are on: origin and path only.
    pub page: Option<Arc<str>>,
    /// Set if they signed in with the socket opened just now.
    pub signed_in: Option<SignedIn>,
}

/// An anonymous customer is known from now on, by a signed identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The address under which agents knew them earlier.
    pub known_as: Option<Localpart>,
    /// How many conversations they had under that address.
    pub conversations: u32,
    /// The customer they were until then, whose sockets may be open on other nodes.
    pub home: Option<CustomerId>,
}

/// The socket that a command came through, so that the reply goes there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SocketAddress {
    /// The node that holds the socket.
    pub node: NodeId,
    /// The socket's number on that node.
    pub socket: u64,
}

/// Whom an agent's stanza is addressed to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A customer's address.
    Customer(Localpart),
    /// The contact of a tenant's desk.
    Desk(TenantKey),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInput {
    pub agent: AgentJid,
    /// The resource of their client; empty where the stanza came from the bare JID.
    pub resource: Arc<str>,
    pub to: Peer,
    pub stanza: Option<Arc<str>>,
    /// Whether the client asked for a receipt (XEP-0184); only if the stanza has an id.
    pub wants_receipt: bool,
    /// The id of the conversation, if the stanza opens one.
    pub fresh: ConversationId,
    /// Whether it is a command given through a form: its client waits for the result.
    pub by_form: bool,
    pub content: AgentContent,
}

impl AgentInput {
    /// The resource of their client, if known.
    pub fn client(&self) -> Option<Arc<str>> {
        Some(self.resource.clone()).filter(|resource| !resource.is_empty())
    }
}

/// What an agent's client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentContent {
    /// A message for the customer.
    Text {
        /// Cleaned.
        text: Arc<str>,
        /// What earlier message it refers to.
        about: Option<Box<About>>,
    },
    /// A file for the customer, on the agent's own server (XEP-0363, XEP-0066).
    Link { url: Arc<str> },
    /// Retracts a message of theirs (XEP-0424).
    Retract {
        /// The stanza id of that message.
        target: Arc<str>,
    },
    /// Reacts to a message (XEP-0444).
    React {
        /// The row that the message was made from, if it was one of ours.
        row: Option<Pos>,
        /// Empty: takes the reaction back.
        emoji: Arc<str>,
    },
    /// A command.
    Command {
        command: AgentCommand,
        /// What was written, cleaned.
        said: Arc<str>,
        /// The id of the stanza that it corrects (XEP-0308).
        corrects: Option<Arc<str>>,
    },
    /// Nothing to read, but the client asks for a receipt.
    Silent,
    /// Is typing, or stopped (XEP-0085).
    Typing { on: bool },
    /// Received the message made from this row (XEP-0184).
    Received { pos: Pos },
    /// Displayed everything up to the message made from this row (XEP-0333).
    Displayed { pos: Pos },
    /// Asks which commands they may give here, or on the whole link.
    Menu { everywhere: bool },
    /// Something that cannot be passed on.
    Refused {
        refusal: AgentRefusal,
        /// What was written, cleaned and cut, if anything.
        said: Option<Arc<str>>,
    },
}

impl AgentContent {
    /// What was written, if anything: it is returned with a refusal.
    pub fn said(&self) -> Option<Arc<str>> {
        match self {
            Self::Text { text, about, .. } => Some(match about.as_deref() {
                Some(About::Answers { quoting, .. }) => quoting.clone(),
                _ => text.clone(),
            }),
            Self::Link { url, .. } => Some(url.clone()),
            Self::Command { said, .. } => Some(said.clone()),
            Self::Refused { said, .. } => said.clone(),
            _ => None,
        }
    }

    /// Whether the agent wrote, sent or retracted something, and so expects an outcome.
    pub fn is_spoken(&self) -> bool {
        matches!(
            self,
            Self::Text { .. }
                | Self::Link { .. }
                | Self::Retract { .. }
                | Self::React { .. }
                | Self::Command { .. }
                | Self::Refused { .. }
        )
    }
}

/// What an agent's message refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// It replaces an earlier message of theirs, sent in this stanza (XEP-0308).
    Corrects { target: Arc<str> },
    /// It replies to this stanza (XEP-0461).
    Answers {
        target: Arc<str>,
        /// The row that the stanza was made from, if it was one of ours.
        row: Option<Pos>,
        /// The text with its quotation, for the case that the stanza is not known.
        quoting: Arc<str>,
    },
}

/// What a presence says about an agent (RFC 6121 §4.7.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    /// `unavailable`.
    Gone,
    /// `xa`, `dnd`: online, but takes no conversations.
    Busy,
    /// `away`: keeps their conversations, gets no new ones.
    Away,
    /// `available`, `chat`: takes conversations.
    Free,
}

/// What the desk must load from the store before it can handle an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// The commands that a session has given so far, or the latest of many.
    Session(SessionId),
    /// Whether a session with more commands than that has given this one before.
    Command(CommandKey),
    /// The customer at this address.
    Customer(Localpart),
    /// The customer's last conversation, if it has ended.
    Ended(Box<Customer>),
    /// An entry of a conversation.
    Entry(ConversationId, Seq),
    /// A row of a conversation, by its place in the log.
    Row(ConversationId, Pos),
    /// The message of a conversation that somebody refers to.
    Words(ConversationId, Reference),
}

/// What was read from the store at the desk's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// Commands that a session has given so far.
    Session {
        session: SessionId,
        /// All of them, or the latest.
        commands: Vec<(CommandKey, Acked)>,
        /// Whether there are others.
        more: bool,
    },
    /// Whether a session has given this command before.
    Command {
        key: CommandKey,
        /// Its acknowledgement, if so.
        acked: Option<Acked>,
    },
    /// The customer at an address and who served them last; none if there is no such customer.
    Customer {
        localpart: Localpart,
        customer: Option<Customer>,
        /// The agent who served them last.
        last_agent: Option<AgentJid>,
    },
    /// A customer's last conversation, if it has ended.
    Ended {
        customer: Box<Customer>,
        /// Its id, its last entry, and when something was last said in it.
        ended: Option<(ConversationId, Seq, Timestamp)>,
    },
    /// An entry of a conversation.
    Entry { conversation: ConversationId, seq: Seq, row: Option<Arc<Row>> },
    /// A row of a conversation, by its place in the log.
    Row {
        conversation: ConversationId,
        pos: Pos,
        /// None if the row there belongs to another conversation.
        row: Option<Arc<Row>>,
    },
    /// The message that somebody refers to; none if there is no such message.
    Words { conversation: ConversationId, reference: Reference, row: Option<Arc<Row>> },
}

impl CustomerInput {
    /// The durable command, if it is one.
    pub fn command(&self) -> Option<&CustomerCommand> {
        match &self.content {
            CustomerContent::Command(command) => Some(command),
            CustomerContent::Typing { .. } | CustomerContent::Read { .. } => None,
        }
    }

    /// The key by which a repeat is recognized; none for what is not durable.
    pub fn key(&self) -> Option<CommandKey> {
        Some(CommandKey { session: self.session, id: self.command()?.id.clone() })
    }
}
