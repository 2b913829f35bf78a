//! What passes between the edge and the wire of a customer's socket.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::doors::Door;
use crate::chat::effect::{Answer, CustomerNotice, CustomerState};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, Seq, SessionId, Timestamp};
use crate::chat::row::Row;
use crate::ports::directory::Tenant;
use crate::ports::store_error::StoreError;
use crate::runtime::admission::TooMany;
use crate::runtime::files::FileRules;
use crate::runtime::socket_event::ByeReason;

/// A tenant as the edge caches it; at most 2 s old.
#[derive(Debug)]
pub struct TenantView {
    pub tenant: Tenant,
    /// Its queues, with their names.
    pub queues: Vec<(QueueKey, Arc<str>)>,
    /// The names of its agents.
    pub agents: HashMap<AgentJid, Arc<str>>,
    /// Whether an agent is online, for conversations that begin now.
    pub online: bool,
    /// Whether the queues are open, as far as they have hours.
    pub doors: BTreeMap<QueueKey, Door>,
    /// Limits for files.
    pub files: FileRules,
}

/// Why a `hello` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The JWT is invalid.
    #[error("identity refused: {reason}")]
    Identity {
        /// For the page's developer: it names the claim.
        reason: &'static str,
        /// Only its age is wrong: the page is asked for a new one.
        has_expired: bool,
    },
    /// Too many new sessions from this address, or too many `hello`s from it or the customer.
    #[error("too many sessions from this address")]
    RateLimited { retry_after_ms: u32 },
    /// The store does not respond.
    #[error("unavailable")]
    Unavailable { retry_after_ms: u32 },
}

impl OpenError {
    /// The store does not respond.
    pub(super) fn unavailable(error: StoreError) -> Self {
        tracing::warn!(%error, "cannot open a session");
        Self::Unavailable { retry_after_ms: RETRY_MS }
    }
}

/// Why a tenant could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address has asked for too many names that are not known here.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// The content of a `welcome`.
#[derive(Debug)]
pub struct Welcome {
    /// The token for the next `hello`; secret.
    pub token: String,
    /// For the log.
    pub session: SessionId,
    pub customer: CustomerId,
    /// When the token expires.
    pub expires_at: Timestamp,
    /// The token in the `hello` was unknown or expired; this is a new session.
    pub token_refused: bool,
    /// The JWT has expired; the session continues without it.
    pub identity_expired: bool,
    /// The open conversation, or the one resumed.
    pub conversation: Option<CurrentConversation>,
    /// Entries after those the client has, of one conversation, at most 100.
    pub entries: Vec<Arc<Row>>,
    /// More follow through [`CustomerSocket::next`](super::socket::CustomerSocket::next).
    pub more: bool,
    /// The gateway's clock.
    pub now: Timestamp,
}

/// The conversation that a socket shows.
#[derive(Debug)]
pub struct CurrentConversation {
    pub state: CustomerState,
    /// Its last entry.
    pub head: Seq,
    /// Confirmed by the agent's client.
    pub delivered: Seq,
    /// Shown by the agent's client.
    pub read: Seq,
}

/// What a socket is to send.
#[derive(Debug)]
pub enum Outbound {
    Notice(CustomerNotice),
    /// The desk's response to a command.
    Answer(Answer),
    /// More of the welcome.
    Entries {
        conversation: ConversationId,
        /// At most 100, in order.
        rows: Vec<Arc<Row>>,
        more: bool,
    },
    /// The socket is to be closed.
    Bye {
        reason: ByeReason,
        reconnect_after_ms: u32,
    },
}

/// Why a command was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// The customer has no such file, or it is gone.
    NoSuchFile,
    /// The link's owner is unreachable or overloaded.
    Unavailable { retry_after_ms: u32 },
    /// Too many conversations from this address.
    RateLimited { retry_after_ms: u32 },
}

/// A page of history.
#[derive(Debug)]
pub struct HistoryPage {
    pub conversation: ConversationId,
    /// In order.
    pub rows: Vec<Arc<Row>>,
    /// There are earlier ones.
    pub more: bool,
}

/// Time to reconnect or resend if the owner or the store does not respond, in milliseconds.
pub(super) const RETRY_MS: u32 = 1_000;
/// The same if only the owner is unknown: usually another node is taking over.
pub(super) const MOVED_MS: u32 = 250;
