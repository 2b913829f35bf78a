//! A customer's side of a node: opens sessions, passes commands to the link's owner, and hands
//! each socket its acks and entries in order, by cursor.
//!
//! Invariants: acks and entries of a conversation leave in `seq` order, each once; a notice is
//! only a hint, what is missing is read from the store.

use std::net::IpAddr;
use std::sync::Arc;

use crate::chat::effect::{CommandError, CustomerState};
use crate::chat::event::CustomerAction;
use crate::chat::ids::{
    CommandId, ConversationId, CustomerId, QueueKey, Seq, TenantKey, Timestamp,
};
use crate::chat::model::{Acked, Row};
use crate::ports::store::{StoreError, Tenant};

/// A tenant as the edges know it; at most 2 s old.
#[derive(Debug)]
pub struct TenantView {
    /// The tenant.
    pub tenant: Tenant,
    /// Its queues, by key, with their names.
    pub queues: Vec<(QueueKey, Arc<str>)>,
    /// Whether an agent is there to take a conversation.
    pub online: bool,
}

/// What a `hello` asks for.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// The token of a session to go on with.
    pub token: Option<String>,
    /// A JWT that says who the customer is.
    pub identity: Option<String>,
    /// Everything of this conversation up to here was seen.
    pub resume: Option<(ConversationId, Seq)>,
    /// The page: origin and path only.
    pub page: Option<Arc<str>>,
    /// Where the customer's socket comes from.
    pub address: Option<IpAddr>,
}

/// Why a `hello` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The JWT is not good; the reason is for the page's developer.
    #[error("identity refused: {0}")]
    Identity(&'static str),
    /// Too many new sessions from this address.
    #[error("too many new sessions from this address")]
    RateLimited {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The store does not answer.
    #[error("unavailable")]
    Unavailable {
        /// When to try again.
        retry_after_ms: u32,
    },
}

/// What a `welcome` says.
#[derive(Debug)]
pub struct Welcome {
    /// The token to come back with; secret.
    pub token: String,
    /// Who.
    pub customer: CustomerId,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The token that was given was false or has expired; this is a fresh session.
    pub token_refused: bool,
    /// The open conversation, or the one resumed.
    pub conversation: Option<CurrentConversation>,
    /// Entries after what was seen, of one conversation, at most 100.
    pub entries: Vec<Arc<Row>>,
    /// More follow through [`CustomerSocket::next`].
    pub more: bool,
    /// The gateway's clock.
    pub now: Timestamp,
}

/// The conversation in hand.
#[derive(Debug)]
pub struct CurrentConversation {
    /// Where it stands.
    pub state: CustomerState,
    /// Its last entry.
    pub head: Seq,
    /// Confirmed by the agent's client.
    pub delivered: Seq,
    /// Shown by the agent's client.
    pub read: Seq,
}

/// One thing a socket is to be told.
#[derive(Debug)]
pub enum Outbound {
    /// A line of the conversation.
    Entry(Arc<Row>),
    /// The rest of the welcome.
    Entries {
        /// Of which conversation.
        conversation: ConversationId,
        /// At most 100, in order.
        rows: Vec<Arc<Row>>,
        /// More follow.
        more: bool,
    },
    /// A command is stored.
    Ack {
        /// Which.
        id: CommandId,
        /// Where.
        acked: Acked,
    },
    /// A command cannot be done.
    Refused {
        /// Which.
        id: Option<CommandId>,
        /// Why.
        error: CommandError,
    },
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
        /// His name.
        name: Arc<str>,
    },
    /// The socket is to be closed.
    Bye {
        /// Why.
        reason: ByeReason,
        /// Come back after so long.
        reconnect_after_ms: u32,
    },
}

/// Why a socket is closed by the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByeReason {
    /// The gateway stops: close code 1012.
    Restart,
    /// The customer did not read what was sent: close code 1008.
    Slow,
}

/// Why a command was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// The link's owner cannot be reached, or has too much to do.
    Unavailable {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// Too many conversations from this address.
    RateLimited {
        /// When to try again.
        retry_after_ms: u32,
    },
}

/// A page of history.
#[derive(Debug)]
pub struct HistoryPage {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// In order.
    pub rows: Vec<Arc<Row>>,
    /// There are earlier ones.
    pub more: bool,
}

/// The customers' side of this node.
#[derive(Debug, Clone)]
pub struct Edge;

/// One customer's socket. Dropping it closes the customer's presence through it.
#[derive(Debug)]
pub struct CustomerSocket;

#[allow(clippy::todo, clippy::unused_async, unused_variables)]
impl Edge {
    /// A tenant; none where there is none with that key.
    pub async fn tenant(&self, key: &TenantKey) -> Result<Option<Arc<TenantView>>, StoreError> {
        todo!()
    }

    /// Opens or resumes a session.
    pub async fn open(
        &self,
        tenant: &Arc<TenantView>,
        opening: Opening,
    ) -> Result<(Welcome, CustomerSocket), OpenError> {
        todo!()
    }
}

#[allow(clippy::todo, clippy::unused_async, unused_variables)]
impl CustomerSocket {
    /// What the socket is to be told next. Safe to cancel.
    pub async fn next(&mut self) -> Outbound {
        todo!()
    }

    /// An id for a conversation that a command may begin.
    pub fn fresh(&self) -> ConversationId {
        todo!()
    }

    /// Passes a command to the link's owner. The answer comes through [`next`](Self::next).
    pub async fn submit(&mut self, action: CustomerAction) -> Result<(), SubmitError> {
        todo!()
    }

    /// The customer went to another page (origin and path only).
    pub fn page(&mut self, page: Option<Arc<str>>) {
        todo!()
    }

    /// Earlier entries. A conversation of somebody else is as one that does not exist: `None`.
    pub async fn history(
        &mut self,
        conversation: Option<ConversationId>,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Option<HistoryPage>, StoreError> {
        todo!()
    }
}
