//! Effects: what a desk wants done.
//!
//! Invariants: effects are carried out in order. The desk releases no effect that depends on a row
//! before it knows that the row is stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{AgentInput, Peer, SocketAddress};
use super::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, Localpart, Pos, QueueKey, Seq, TenantKey,
    Timestamp,
};
use super::menu::Menu;
use super::model::{Acked, CloseReason, Customer};
use super::notice::Notice;
use super::refusal::{AgentRefusal, CommandError};
use super::row::{Append, Row};
use super::settings::{Role, TenantSettings};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Store this; [`Event::Stored`](super::event::Event::Stored) reports back.
    Append(Append),
    /// Notify every socket of a customer.
    Notify { tenant: TenantKey, customer: CustomerId, notice: CustomerNotice },
    /// Reply to one socket.
    Answer {
        to: SocketAddress,
        /// Whose it is.
        customer: CustomerId,
        answer: Answer,
    },
    /// Send one stanza to an agent.
    Send(ToAgent),
    /// Send an agent rows of a conversation, each under its permanent stanza id.
    Backlog(Backlog),
    /// Read something about a customer from the store and send it to an agent.
    Report(Report),
    /// Fetch a file that an agent sent a link to;
    /// [`Event::Fetched`](super::event::Event::Fetched) reports the outcome, however late.
    Fetch(Fetch),
    /// Add a customer to an agent's roster, or update their item there.
    Contact {
        /// Whose roster.
        agent: AgentJid,
        contact: Contact,
    },
}

/// What a customer's sockets are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CustomerNotice {
    /// An entry of their conversation. For the socket that waits for its `id` it is the ack. Other
    /// nodes are sent its number and read it from the store.
    #[serde(skip)]
    Entry(Arc<Row>),
    /// The state of the conversation.
    State(CustomerState),
    /// How far the agent's client has confirmed the customer's messages.
    Receipt {
        conversation: ConversationId,
        /// Received up to here.
        delivered: Seq,
        /// Shown up to here.
        read: Seq,
    },
    Typing {
        on: bool,
        name: Arc<str>,
    },
    /// Their conversation continues under another address of theirs; a new `hello` leads there.
    Elsewhere,
}

/// The state of a conversation, as its customer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerState {
    pub conversation: ConversationId,
    pub queue: QueueKey,
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// In the queue; also while it is offered to agents.
    Waiting {
        /// From 1; none while no agent is online who could serve them.
        position: Option<u32>,
        /// Estimated wait in seconds, if there is enough data.
        eta_s: Option<u32>,
        /// When somebody will be in, while the queue is closed.
        #[serde(default)]
        open_at: Option<Timestamp>,
    },
    /// Served.
    Active { agent: Arc<str> },
    /// Ended.
    Closed { reason: CloseReason },
}

/// The reply to one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is carried out and stored.
    Ack { id: CommandId, acked: Acked },
    /// It cannot be done.
    Refused { id: Option<CommandId>, error: CommandError },
}

/// One stanza to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToAgent {
    pub agent: AgentJid,
    /// To which of their clients; none for the bare JID.
    pub resource: Option<Arc<str>>,
    pub from: Peer,
    /// The conversation it belongs to, as the thread (XEP-0201).
    pub conversation: Option<ConversationId>,
    pub content: ToAgentContent,
}

impl ToAgent {
    /// A reply to the client that the input came from, sent from the address it went to.
    pub fn answer(input: &AgentInput, content: ToAgentContent) -> Self {
        Self {
            agent: input.agent.clone(),
            resource: input.client(),
            from: input.to.clone(),
            conversation: None,
            content,
        }
    }

    /// Refuses an agent's stanza and returns what they wrote.
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
        row: Arc<Row>,
        /// The customer's name, if known.
        name: Option<Arc<str>>,
        /// The row that it replies to.
        quoted: Option<Arc<Row>>,
    },
    /// A notice of the desk.
    Notice(Notice),
    /// The notice that replies to a command given through a form, in this stanza.
    Result {
        stanza: Arc<str>,
        notice: Notice,
    },
    /// What the agent may ask for, as asked in this stanza.
    Menu {
        stanza: Arc<str>,
        menu: Box<Menu>,
    },
    Typing {
        on: bool,
    },
    /// The message with this stanza id is stored (a receipt, XEP-0184).
    Received {
        stanza: Arc<str>,
    },
    /// The message with this stanza id was shown in the widget (a marker, XEP-0333).
    Displayed {
        stanza: Arc<str>,
    },
    /// The stanza with this id is refused.
    Refused {
        stanza: Option<Arc<str>>,
        /// What the agent wrote, if anything.
        said: Option<Arc<str>>,
        refusal: AgentRefusal,
    },
}

/// Rows to be read from the store and sent to an agent, before anything that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    pub agent: AgentJid,
    /// The customer's address.
    pub from: Localpart,
    /// The customer's name.
    pub name: Option<Arc<str>>,
    pub conversation: ConversationId,
    /// Rows above this one ...
    pub after: Pos,
    /// ... up to this one.
    pub upto: Pos,
    /// Only what the customer said after this entry; none for the messages of both sides.
    pub unconfirmed_above: Option<Seq>,
}

impl Backlog {
    /// Whether it is a single row that is sent for the first time and has to be read together with
    /// the row that it refers to.
    pub fn is_fresh(&self) -> bool {
        self.after.next() == self.upto
    }
}

/// Something about a customer, to be read from the store and sent to an agent, before anything that
/// follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub agent: AgentJid,
    /// To which of their clients; none for the bare JID.
    pub resource: Option<Arc<str>>,
    /// The customer's address.
    pub from: Localpart,
    pub customer: CustomerId,
    /// The open conversation.
    pub conversation: Option<ConversationId>,
    /// The tenant's, for the names of agents and queues.
    pub settings: Arc<TenantSettings>,
    pub what: Reported,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// The last closed conversations.
    History {
        limit: u32,
        /// Whether the agent asked; otherwise nothing is sent if there are none.
        asked: bool,
    },
    /// A summary of the open conversation, or of the last one.
    Summary {
        /// Who the customer is.
        who: Box<Notice>,
    },
}

/// A link that an agent sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub tenant: TenantKey,
    pub customer: CustomerId,
    pub conversation: ConversationId,
    /// The row with the link.
    pub pos: Pos,
    pub url: Arc<str>,
}

/// An item of an agent's roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    Shown {
        customer: Customer,
        /// The tenant's name, used as the roster group.
        group: Arc<str>,
        presence: ContactPresence,
    },
    Removed {
        localpart: Localpart,
    },
    /// The contact of the tenant's desk itself, for its agents.
    Desk {
        tenant: TenantKey,
        name: Arc<str>,
        /// The agent's role.
        role: Role,
    },
}

/// A customer's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactPresence {
    /// A socket is open; the customer is on this page.
    Online(Option<Arc<str>>),
    /// The conversation is open, no socket is.
    Away,
    /// The conversation is closed.
    Offline,
}
