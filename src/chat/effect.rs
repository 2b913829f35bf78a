//! What a desk wants done.
//!
//! Invariant: effects are carried out in their order. The desk lets nothing out that rests on a
//! row before it has heard that the row is stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{AgentInput, Peer, SocketAddress};
use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, Localpart, Pos, QueueKey, Seq, TenantKey,
    Timestamp,
};
use super::model::{Acked, Append, CloseReason, Customer, Role, Row};
use super::refusal::{AgentRefusal, CommandError};

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Store this; [`Event::Stored`](super::event::Event::Stored) answers.
    Append(Append),
    /// Tell every socket of a customer.
    Notify {
        /// Whose customer.
        tenant: TenantKey,
        /// Whom.
        customer: CustomerId,
        /// What.
        notice: CustomerNotice,
    },
    /// Answer one socket.
    Answer {
        /// Which.
        to: SocketAddress,
        /// Whose it is.
        customer: CustomerId,
        /// What.
        answer: Answer,
    },
    /// Send one stanza to an agent.
    Send(ToAgent),
    /// Send an agent the rows of a conversation, each under the id it always has.
    Backlog(Backlog),
    /// Fetch a file that an agent sent a link to;
    /// [`Event::Fetched`](super::event::Event::Fetched) answers, whenever that is.
    Fetch(Fetch),
    /// Put a customer into an agent's contact list, or bring his line there up to date.
    Contact {
        /// In whose list.
        agent: AgentJid,
        /// Who.
        contact: Contact,
    },
}

/// What a customer's sockets are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerNotice {
    /// A durable line of their conversation. For the socket that waits for its `id` it is the ack.
    /// Other nodes are told its number and read it from the store.
    #[serde(skip)]
    Entry(Arc<Row>),
    /// Where the conversation stands.
    State(CustomerState),
    /// How far the agent's client has confirmed.
    Receipt {
        /// Of which conversation.
        conversation: ConversationId,
        /// Received up to here.
        delivered: Seq,
        /// Shown up to here.
        read: Seq,
    },
    /// The agent types, or stopped.
    Typing {
        /// Which.
        on: bool,
        /// The agent's name.
        name: Arc<str>,
    },
    /// Their conversation is under another address of theirs: a new `hello` leads there.
    Elsewhere,
}

/// Where a conversation stands, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerState {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its queue.
    pub queue: QueueKey,
    /// Where it stands.
    pub phase: Phase,
}

/// Where a conversation stands, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// In line; also while agents are being asked.
    Waiting {
        /// From 1; none where nobody is in who could serve them.
        position: Option<u32>,
        /// An estimate, in seconds, where there is ground for one.
        eta_s: Option<u32>,
    },
    /// Served.
    Active {
        /// The agent's name.
        agent: Arc<str>,
    },
    /// Ended.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// An answer to one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is stored.
    Ack {
        /// The command.
        id: CommandId,
        /// Where it stands.
        acked: Acked,
    },
    /// It cannot be done.
    Refused {
        /// The command.
        id: Option<CommandId>,
        /// Why.
        error: CommandError,
    },
}

/// One stanza to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToAgent {
    /// To whom.
    pub agent: AgentJid,
    /// To which of his clients; to the bare JID where none is named.
    pub resource: Option<Arc<str>>,
    /// From whom.
    pub from: Peer,
    /// The conversation it belongs to, as the thread (XEP-0201).
    pub conversation: Option<ConversationId>,
    /// What.
    pub content: ToAgentContent,
}

impl ToAgent {
    /// To the client that something came from, from the address it went to.
    pub fn answer(input: &AgentInput, content: ToAgentContent) -> Self {
        Self {
            agent: input.agent.clone(),
            resource: input.client(),
            from: input.to.clone(),
            conversation: None,
            content,
        }
    }

    /// Gives an agent his words back.
    pub fn refused(input: &AgentInput, refusal: AgentRefusal) -> Self {
        let (stanza, said) = (input.stanza.clone(), input.content.said());
        Self::answer(input, ToAgentContent::Refused { stanza, said, refusal })
    }
}

/// What a stanza to an agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToAgentContent {
    /// A row of the log, under the stanza id that belongs to its `pos`.
    Row {
        /// The row.
        row: Arc<Row>,
        /// The customer's name, where he has one.
        name: Option<Arc<str>>,
        /// The row that it answers.
        quoted: Option<Arc<Row>>,
    },
    /// A line of the desk's own.
    Notice(Notice),
    /// The customer types, or stopped.
    Typing {
        /// Which.
        on: bool,
    },
    /// The message with this stanza id is stored (XEP-0184).
    Received {
        /// The id.
        stanza: Arc<str>,
    },
    /// The message with this stanza id was shown in the widget (XEP-0333).
    Displayed {
        /// The id.
        stanza: Arc<str>,
    },
    /// The stanza with this id is refused.
    Refused {
        /// The id.
        stanza: Option<Arc<str>>,
        /// What it said, where it said anything.
        said: Option<Arc<str>>,
        /// Why.
        refusal: AgentRefusal,
    },
}

/// A line the desk writes to an agent; `bridge` words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A customer waits: the head of an offer.
    Waiting {
        /// The row of the offer, which gives the line its stanza id.
        pos: Pos,
        /// When the offer was made.
        at: Timestamp,
        /// The customer's name.
        name: Option<Arc<str>>,
        /// The queue's name.
        queue: Arc<str>,
        /// For how long, in milliseconds.
        waited_ms: i64,
        /// The page he is on.
        page: Option<Arc<str>>,
        /// How many conversations he has had, this one included.
        conversations: u32,
        /// What it is about.
        subject: Option<Arc<str>>,
    },
    /// The conversation ended.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// The customer was asked something.
    Asked,
    /// A command was carried out; its row in the table of commands has the text.
    Done { text: &'static str },
    /// The conversation began anew, by `!reopen`.
    Reopened,
    /// The commands, in a customer's chat (`in_chat`) or with the desk.
    Help {
        /// Which.
        in_chat: bool,
    },
    /// Not everything that the agent sent in this time has arrived.
    Interrupted {
        /// From when ...
        from: Timestamp,
        /// ... to when.
        to: Timestamp,
    },
    /// Who the customer is.
    Who {
        /// His name.
        name: Option<Arc<str>>,
        /// The name of the queue, and since when, where a conversation is open.
        open: Option<(Arc<str>, Timestamp)>,
        /// Whether a socket of his is open.
        online: bool,
        /// The page he is on.
        page: Option<Arc<str>>,
        /// Conversations so far.
        conversations: u32,
        /// What he filled in before.
        answers: Vec<(Arc<str>, Arc<str>)>,
    },
    /// The customer signed in, and is known from now on.
    SignedIn {
        /// The customer's name.
        name: Option<Arc<str>>,
        /// Another address of theirs, of before.
        known_as: Option<Localpart>,
        /// How many conversations they had under it.
        conversations: u32,
    },
    /// Messages cannot be stored at the moment, or can be again.
    Storage {
        /// Which.
        works: bool,
    },
    /// How the tenant's queues stand.
    Status {
        /// Each queue with how many wait, and since when the first does, in milliseconds.
        queues: Vec<(Arc<str>, u32, i64)>,
        /// Each agent with his availability in a word, conversations held, and capacity.
        agents: Vec<(Arc<str>, &'static str, u32, u32)>,
    },
}

/// Rows to be read from the store and sent to an agent, before anything that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// To whom.
    pub agent: AgentJid,
    /// The customer's address.
    pub from: Localpart,
    /// His name.
    pub name: Option<Arc<str>>,
    /// The conversation.
    pub conversation: ConversationId,
    /// Rows above this one ...
    pub after: Pos,
    /// ... up to this one.
    pub upto: Pos,
    /// Only what the customer said after this entry; else the words of both sides.
    pub unconfirmed_above: Option<Seq>,
}

impl Backlog {
    /// Whether it is one row that is sent for the first time: one that must be read together with
    /// what it is about.
    pub fn is_fresh(&self) -> bool {
        self.after.next() == self.upto
    }
}

/// A link that an agent sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Of which tenant.
    pub tenant: TenantKey,
    /// For whom.
    pub customer: CustomerId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// The row with the link.
    pub pos: Pos,
    /// Where the file is.
    pub url: Arc<str>,
}

/// A customer as a line of an agent's contact list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// Is there, and looks like this.
    Shown {
        /// Who.
        customer: Customer,
        /// The tenant's name: the group.
        group: Arc<str>,
        /// How it stands with him.
        presence: ContactPresence,
    },
    /// Is no longer there.
    Removed {
        /// Who.
        localpart: Localpart,
    },
    /// The tenant's desk itself, for an agent who serves it.
    Desk {
        /// Which.
        tenant: TenantKey,
        /// Its name.
        name: Arc<str>,
        /// The agent's role.
        role: Role,
    },
}

/// A customer's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactPresence {
    /// A socket is open; he is on this page.
    Online(Option<Arc<str>>),
    /// The conversation is open, no socket is.
    Away,
    /// The conversation is closed.
    Offline,
}
