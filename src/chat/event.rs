//! What happens to a desk.
//!
//! Invariant: an event carries all that the desk needs of the outside world (identifiers made
//! at random among it), so that the same events always have the same effects.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::commands::AgentCommand;
use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, FileId, Localpart, NodeId, Pos, QueueKey, Seq,
    SessionId, TenantKey, Timestamp,
};
use super::model::{Acked, CommandKey, Customer, FetchError, File, Reference, Row, TenantSettings};
use super::refusal::AgentRefusal;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An edge reports something of a customer.
    Customer(CustomerEvent),
    /// An agent's client said something.
    Agent(Box<AgentInput>),
    /// An agent's availability changed.
    Presence {
        /// Who.
        agent: AgentJid,
        /// Which of his clients.
        resource: Arc<str>,
        /// What it says.
        availability: Availability,
    },
    /// A client of an agent has been sent things and asked whether it is there, and has answered
    /// nothing: it is not there until its presence comes anew.
    Unanswering {
        /// Whose.
        agent: AgentJid,
        /// Which of his clients.
        resource: Arc<str>,
        /// Since when.
        since: Timestamp,
    },
    /// The server gave a message to an agent back.
    Bounced {
        /// The agent it was for.
        agent: AgentJid,
        /// From which customer.
        customer: Localpart,
        /// The row it was made of.
        pos: Pos,
    },
    /// What came of an agent's link.
    Fetched {
        /// In which conversation.
        conversation: ConversationId,
        /// The row with the link.
        pos: Pos,
        /// The file, kept as ours; or why there is none.
        outcome: Result<File, FetchError>,
    },
    /// Not everything that agents sent between `since` and now has come: a node died, or the
    /// stream was cut. Comes before the [`LinkUp`](Self::LinkUp) that ends it.
    Interrupted {
        /// When all was well for certain.
        since: Timestamp,
    },
    /// The link has a stream; presences of agents are unknown until they come again.
    LinkUp,
    /// The link has lost its stream.
    LinkDown,
    /// All rows up to this one are in the database.
    Stored {
        /// The last of them.
        upto: Pos,
    },
    /// What the desk asked for with [`Need`](super::desk::Need) was read from the store.
    Loaded(Loaded),
    /// An operator wants a conversation closed.
    CloseAsked(ConversationId),
    /// The settings of the link's tenants as they are now.
    Settings(Vec<TenantSettings>),
    /// The store has taken nothing for a while, or does again: agents at work are told.
    Storage {
        /// Which.
        works: bool,
    },
    /// The desk is put away in order: what it would write in a moment is written now.
    Stopping,
    /// Time went on.
    Tick,
}

/// What an edge reports of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerEvent {
    /// They did something at the widget.
    Input(Box<CustomerInput>),
    /// Which of their sockets are open on a node.
    Connected(CustomerConnection),
}

/// What a customer did, and through which socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerInput {
    /// Who.
    pub customer: Customer,
    /// In which session.
    pub session: SessionId,
    /// The socket that an answer goes to.
    pub socket: SocketAddress,
    /// What.
    pub content: CustomerContent,
}

/// What a customer did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerContent {
    /// Something durable.
    Command(CustomerCommand),
    /// Types, or stopped.
    Typing {
        /// Which.
        on: bool,
    },
    /// Has been shown everything up to here.
    Read {
        /// The last entry shown.
        seq: Seq,
    },
}

/// A durable command: it is carried out once, however often it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerCommand {
    /// Its id, unique in its session.
    pub id: CommandId,
    /// The id of the conversation, should it begin one.
    pub fresh: ConversationId,
    /// What is to be done.
    pub action: CustomerAction,
}

/// What a durable command of a customer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerAction {
    /// Opens a conversation, or joins the open one.
    Start {
        /// The queue asked for.
        queue: Option<QueueKey>,
        /// What it is about.
        subject: Option<Arc<str>>,
        /// The form filled in before.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// Says something; opens a conversation where none is open.
    Message {
        /// The words, cleaned.
        text: Arc<str>,
        /// The entry it answers.
        reply_to: Option<Seq>,
    },
    /// Sends files, perhaps with words; opens a conversation where none is open.
    Share {
        /// Which files, each once; at least one.
        ids: Vec<FileId>,
        /// The files themselves, in the order of `ids`: the edge looks them up and refuses what is not
        /// the customer's own.
        files: Arc<[File]>,
        /// Whether a message has one of them already: it may be this one, sent again.
        taken: bool,
        /// The words, cleaned; mostly none.
        text: Arc<str>,
        /// The entry it answers.
        reply_to: Option<Seq>,
    },
    /// Corrects a message of theirs.
    Edit {
        /// The command that said it.
        target: CommandId,
        /// The words, cleaned.
        text: Arc<str>,
    },
    /// Deletes a message of theirs.
    Retract {
        /// The command that said it.
        target: CommandId,
    },
    /// Answers a question that came with choices or a form.
    Choose {
        /// The question.
        of: Seq,
        /// What.
        answer: Chosen,
    },
    /// Rates the conversation that has ended.
    Rate {
        /// From 1 to 5.
        score: u8,
        /// In words, cleaned.
        comment: Option<Arc<str>>,
    },
    /// Ends the conversation.
    End,
}

impl CustomerAction {
    /// Whether it begins a conversation where none is open.
    pub fn opens(&self) -> bool {
        matches!(self, Self::Start { .. } | Self::Message { .. } | Self::Share { .. })
    }
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Chosen {
    /// The choice of this number.
    One(Arc<str>),
    /// A text, cleaned, for each field by its number.
    Fields(Vec<(Arc<str>, Arc<str>)>),
}

/// The customer's sockets on one node: soft state that the edge repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerConnection {
    /// Who.
    pub customer: Customer,
    /// Through which node.
    pub node: NodeId,
    /// Whether a socket is open there.
    pub online: bool,
    /// Whether one was opened just now, which is to be told where the conversation stands.
    pub opened: bool,
    /// The page the customer is on: origin and path only.
    pub page: Option<Arc<str>>,
    /// They signed in with the socket that was opened just now.
    pub signed_in: Option<SignedIn>,
}

/// Somebody who was nobody's is known now, by a signed identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The address under which agents knew them before.
    pub known_as: Option<Localpart>,
    /// How many conversations they had under it.
    pub conversations: u32,
    /// Who they were under it: whose sockets may be open elsewhere.
    pub home: Option<CustomerId>,
}

/// Where a command came in, so that its answer goes there and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SocketAddress {
    /// The node that holds the socket.
    pub node: NodeId,
    /// Its number there.
    pub socket: u64,
}

/// To whom an agent spoke.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A customer's address.
    Customer(Localpart),
    /// The bot contact of a tenant.
    Desk(TenantKey),
}

/// A stanza of an agent, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInput {
    /// His bare JID.
    pub agent: AgentJid,
    /// Which of his clients; empty where the stanza came from the bare JID.
    pub resource: Arc<str>,
    /// To whom.
    pub to: Peer,
    /// The stanza's id.
    pub stanza: Option<Arc<str>>,
    /// Whether the client asked for a receipt (XEP-0184); only where the stanza has an id.
    pub wants_receipt: bool,
    /// The id of the conversation, should one begin.
    pub fresh: ConversationId,
    /// What.
    pub content: AgentContent,
}

impl AgentInput {
    /// Which of his clients said it, where that is known.
    pub fn client(&self) -> Option<Arc<str>> {
        Some(self.resource.clone()).filter(|resource| !resource.is_empty())
    }
}

/// What an agent's client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentContent {
    /// Words for the customer.
    Text {
        /// The text, cleaned.
        text: Arc<str>,
        /// What of before they are about.
        about: Option<Box<About>>,
    },
    /// A file for the customer, where the agent's server keeps it (XEP-0363, XEP-0066).
    Link {
        /// Where.
        url: Arc<str>,
    },
    /// Takes back what he said (XEP-0424).
    Retract {
        /// The id of the stanza that said it.
        target: Arc<str>,
    },
    /// A command.
    Command {
        /// Which.
        command: AgentCommand,
        /// What was written, cleaned.
        said: Arc<str>,
        /// The id of the stanza that it corrects (XEP-0308).
        corrects: Option<Arc<str>>,
    },
    /// Nothing that anybody reads, but the client asks for a receipt.
    Silent,
    /// Types, or stopped (XEP-0085).
    Typing {
        /// Which.
        on: bool,
    },
    /// Has received the message made of this row (XEP-0184).
    Received {
        /// The row.
        pos: Pos,
    },
    /// Has shown everything up to the message made of this row (XEP-0333).
    Displayed {
        /// The row.
        pos: Pos,
    },
    /// Cannot be passed on.
    Refused {
        /// Why.
        refusal: AgentRefusal,
        /// What was written, cleaned and cut, where anything was.
        said: Option<Arc<str>>,
    },
}

impl AgentContent {
    /// What was written, where anything was: it goes back with a refusal.
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

    /// Whether it is words, or takes some back: somebody waits for what becomes of it.
    pub fn is_spoken(&self) -> bool {
        matches!(
            self,
            Self::Text { .. }
                | Self::Link { .. }
                | Self::Retract { .. }
                | Self::Command { .. }
                | Self::Refused { .. }
        )
    }
}

/// What of before an agent's words are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// They stand for those of this stanza of his own (XEP-0308).
    Corrects {
        /// Its id.
        target: Arc<str>,
    },
    /// They answer this stanza (XEP-0461).
    Answers {
        /// Its id.
        target: Arc<str>,
        /// The row it was made of, where it was one of ours.
        row: Option<Pos>,
        /// The words with what they quote, for where the stanza is not known.
        quoting: Arc<str>,
    },
}

/// What a presence says of an agent (RFC 6121 §4.7.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Availability {
    /// `unavailable`: gone.
    Gone,
    /// `xa`, `dnd`: online, takes nothing.
    Busy,
    /// `away`: keeps what he has, gets nothing new.
    Away,
    /// `available`, `chat`: takes conversations.
    Free,
}

/// What was read from the store at the desk's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// Commands that a session has given so far.
    Session {
        /// Which.
        session: SessionId,
        /// Its commands, or some of them.
        commands: Vec<(CommandKey, Acked)>,
        /// There are others.
        more: bool,
    },
    /// Whether a session gave a command before.
    Command {
        /// Which.
        key: CommandKey,
        /// Where it stands, if so.
        acked: Option<Acked>,
    },
    /// The customer at an address, with his last conversation; none where there is no such customer.
    Customer {
        /// The address.
        localpart: Localpart,
        /// Who.
        customer: Option<Customer>,
        /// Who served him last.
        last_agent: Option<AgentJid>,
    },
    /// A customer's last conversation, where it has ended: what is known of its end.
    Ended {
        /// Who.
        customer: Box<Customer>,
        /// Which, its last entry, and when something was said in it last.
        ended: Option<(ConversationId, Seq, Timestamp)>,
    },
    /// What stands at a place of a conversation.
    Entry {
        /// The conversation.
        conversation: ConversationId,
        /// The place.
        seq: Seq,
        /// The row.
        row: Option<Arc<Row>>,
    },
    /// A row of a conversation, by its place in the log.
    Row {
        /// The conversation.
        conversation: ConversationId,
        /// The place.
        pos: Pos,
        /// The row; none where another conversation's stands there.
        row: Option<Arc<Row>>,
    },
    /// The words that somebody refers to; none where there are no such words.
    Words {
        /// In which conversation.
        conversation: ConversationId,
        /// By what.
        reference: Reference,
        /// The row.
        row: Option<Arc<Row>>,
    },
}

impl CustomerInput {
    /// The durable command, where it is one.
    pub fn command(&self) -> Option<&CustomerCommand> {
        match &self.content {
            CustomerContent::Command(command) => Some(command),
            CustomerContent::Typing { .. } | CustomerContent::Read { .. } => None,
        }
    }

    /// The key by which a repeat is found; none for what is not durable.
    pub fn key(&self) -> Option<CommandKey> {
        Some(CommandKey { session: self.session, id: self.command()?.id.clone() })
    }
}
