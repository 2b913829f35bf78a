//! Customers, their conversations as views, and files.
//!
//! Invariant: a [`Conversation`] is a view of its rows and can be rebuilt from them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{
    AgentJid, ConversationId, CustomerId, FileId, FileKey, Localpart, QueueKey, Seq, TenantKey,
    Timestamp,
};

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

/// What an agent asked others: to take a conversation over that the agent still has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The queue that it goes to; none if it was offered to one agent, and stays in its queue.
    pub queue: Option<QueueKey>,
    /// The agents who are asked now. Never empty.
    pub agents: Vec<AgentJid>,
    /// The agents who were asked earlier and did not take it.
    pub tried: Vec<AgentJid>,
    /// When others are asked or, if there are none, the agent keeps it.
    pub until: Timestamp,
}

impl Transfer {
    /// Whether this agent is asked, or was.
    pub fn has_asked(&self, agent: &AgentJid) -> bool {
        self.agents.contains(agent) || self.tried.contains(agent)
    }
}

/// The place of a waiting customer, as they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1; none while nobody is there who could serve them.
    pub position: Option<u32>,
    /// When somebody will be in, while the queue is closed.
    pub open_at: Option<Timestamp>,
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
    /// What agents say it is about, each once, in the order in which they were added.
    pub tags: Vec<Arc<str>>,
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
    /// The pending transfer; only of an active conversation.
    pub transfer: Option<Box<Transfer>>,
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

    /// Whether this agent is asked to take it over.
    pub fn is_handed_to(&self, agent: &AgentJid) -> bool {
        self.transfer.as_ref().is_some_and(|transfer| transfer.agents.contains(agent))
    }

    /// The queue for which this agent has it, or is asked to take it.
    pub fn queue_for(&self, agent: &AgentJid) -> &QueueKey {
        let asked = self.transfer.as_ref().filter(|transfer| transfer.agents.contains(agent));
        asked.and_then(|transfer| transfer.queue.as_ref()).unwrap_or(&self.queue)
    }

    /// The agent who has it.
    pub fn agent(&self) -> Option<&AgentJid> {
        match &self.state {
            State::Active { agent } => Some(agent),
            _ => None,
        }
    }
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
