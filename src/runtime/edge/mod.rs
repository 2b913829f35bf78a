//! A customer's side of a node: opens sessions, passes commands to the link's owner, and hands
//! each socket its acks and entries in order, by cursor.
//!
//! Invariants: acks and entries of a conversation leave in `seq` order, each once; a notice is
//! only a hint, what is missing is read from the store.

pub(crate) mod hub;
mod identity;
pub(crate) mod mailbox;
mod pages;
mod people;
mod sessions;
mod slug;
mod socket;
pub(crate) mod tokens;
mod unknown;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::hub::Hub;
pub(super) use self::unknown::Unknown;
use super::admission::{Admission, TooMany};
use super::files::FileRules;
use super::router::Router;
use super::status::Status;
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::effect::{Answer, CustomerNotice, CustomerState};
use crate::chat::ids::{
    AgentJid, ConversationId, CustomerId, LinkDomain, NodeId, QueueKey, Seq, TenantKey, Timestamp,
};
use crate::chat::model::Row;
use crate::ports::cache::Cache;
use crate::ports::store::{Store, StoreError, Tenant};
use crate::ports::world::World;

pub use self::socket::CustomerSocket;

/// A tenant as the edges know it; at most 2 s old.
#[derive(Debug)]
pub struct TenantView {
    /// The tenant.
    pub tenant: Tenant,
    /// Its queues, by key, with their names.
    pub queues: Vec<(QueueKey, Arc<str>)>,
    /// What it calls its agents.
    pub agents: HashMap<AgentJid, Arc<str>>,
    /// Whether an agent is there to take a conversation.
    pub online: bool,
    /// What it takes of files.
    pub files: FileRules,
}

/// Why a `hello` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The JWT is no good.
    #[error("identity refused: {reason}")]
    Identity {
        /// Why, for the page's developer: it names the claim.
        reason: &'static str,
        /// It was good once: the page is asked for another.
        has_expired: bool,
    },
    /// Too many new sessions from this address, or it or the customer comes too often.
    #[error("too many sessions from this address")]
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

/// Why it is not said whether there is a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address has asked for too many names that are not known here.
    #[error(transparent)]
    TooMany(#[from] TooMany),
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
    /// The JWT's time is over; the session goes on without it.
    pub identity_expired: bool,
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

/// What is to be sent through a socket.
#[derive(Debug)]
pub enum Outbound {
    /// What the desk tells the customer.
    Notice(CustomerNotice),
    /// The desk's answer to a command.
    Answer(Answer),
    /// The rest of the welcome.
    Entries {
        /// Of which conversation.
        conversation: ConversationId,
        /// At most 100, in order.
        rows: Vec<Arc<Row>>,
        /// More follow.
        more: bool,
    },
    /// The socket is to be closed.
    Bye {
        /// Why.
        reason: ByeReason,
        /// Come back after this many milliseconds.
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
    /// There is no such file of the customer's, or it is gone.
    NoSuchFile,
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

/// Come back after so long where the owner or the store does not answer, in milliseconds.
pub(crate) const RETRY_MS: u32 = 1_000;
/// And where only the link's owner is not known: mostly another takes over at this moment.
pub(crate) const MOVED_MS: u32 = 250;
/// How long a tenant's settings are believed.
const TENANT_TTL: Duration = Duration::from_secs(2);

/// How long a customer waits for the cache.
const CACHE_PATIENCE: Duration = Duration::from_millis(250);

/// Where the cache holds whether an agent of a tenant is in.
pub(super) fn staffed_key(tenant: &TenantKey) -> String {
    format!("staffed:{tenant}")
}

/// The customers' side of this node.
#[derive(Clone)]
pub struct Edge(Arc<Shared>);

/// What all sockets of a node share.
pub(super) struct Shared {
    pub(super) node: NodeId,
    pub(super) store: Arc<dyn Store>,
    pub(super) cache: Arc<dyn Cache>,
    pub(super) world: Arc<dyn World>,
    pub(super) admission: Arc<Admission>,
    pub(super) router: Arc<Router>,
    pub(super) hub: Arc<Hub>,
    pub(super) status: Arc<Status>,
    /// What is taken of files where a tenant says nothing.
    pub(super) files: FileRules,
    pub(super) tenants: Mutex<HashMap<TenantKey, (Instant, Arc<TenantView>)>>,
    pub(super) unknown: Unknown,
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Edge").field(&self.0.node).finish()
    }
}

impl Edge {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Who may open what.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.0.admission
    }

    /// A tenant; none where there is none with that key. Whoever asks for names that are not known
    /// here, may soon ask for no more of them.
    ///
    /// # Errors
    /// Where the store does not answer and the tenant was not asked for lately; where the address has
    /// guessed too often.
    pub async fn tenant(
        &self,
        key: &TenantKey,
        address: IpAddr,
    ) -> Result<Option<Arc<TenantView>>, TenantError> {
        if let Some(view) = self.remembered(key, TENANT_TTL) {
            return Ok(Some(view));
        }
        if self.remembered(key, Duration::MAX).is_none() {
            if self.0.unknown.holds(key) {
                return Ok(None);
            }
            self.0.admission.guess(address)?;
        }
        let turn = self.0.admission.turn().await;
        let read = match &turn {
            // Whoever stood before in the line has asked the same.
            Ok(_) => match self.remembered(key, TENANT_TTL) {
                Some(view) => return Ok(Some(view)),
                None => self.read_tenant(key).await,
            },
            Err(too_many) => Err(StoreError::Unavailable(too_many.to_string())),
        };
        match read {
            Ok(view) => {
                let mut tenants = self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner);
                match &view {
                    Some(view) => drop(tenants.insert(key.clone(), (Instant::now(), view.clone()))),
                    None => {
                        tenants.remove(key);
                        self.0.unknown.insert(key);
                    }
                }
                Ok(view)
            }
            // What was known is better than a closed door while the database is away.
            Err(error) => self.remembered(key, Duration::MAX).map(Some).ok_or(error.into()),
        }
    }

    fn remembered(&self, key: &TenantKey, ttl: Duration) -> Option<Arc<TenantView>> {
        let tenants = self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, view) = tenants.get(key)?;
        (at.elapsed() < ttl).then(|| view.clone())
    }

    async fn read_tenant(&self, key: &TenantKey) -> Result<Option<Arc<TenantView>>, StoreError> {
        let Some(tenant) = self.0.store.tenant(key).await? else { return Ok(None) };
        let queues = self.0.store.queues(key).await?;
        let agents = self.0.store.agents(key).await?;
        let online = self.is_staffed(&tenant.link, key).await;
        let queues = queues.into_iter().map(|queue| (queue.key, queue.name)).collect();
        let agents = agents.into_iter().map(|agent| (agent.jid, agent.name)).collect();
        let files = FileRules::of(&tenant.settings.files, &self.0.files);
        Ok(Some(Arc::new(TenantView { tenant, queues, agents, online, files })))
    }

    /// Whether an agent is in: known here where the link is owned here, else through the cache. A
    /// cache that does not answer at once is not waited for: what was known then holds.
    async fn is_staffed(&self, link: &LinkDomain, tenant: &TenantKey) -> bool {
        match self.0.router.is_staffed(link, tenant) {
            Some(staffed) => staffed,
            None => {
                let key = staffed_key(tenant);
                match tokio::time::timeout(CACHE_PATIENCE, self.0.cache.get(&key)).await {
                    Ok(Ok(word)) => word.is_some_and(|word| *word == *b"1"),
                    Ok(Err(_)) | Err(_) => {
                        self.remembered(tenant, Duration::MAX).is_some_and(|view| view.online)
                    }
                }
            }
        }
    }

    /// Opens or resumes a session.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        &self,
        tenant: &Arc<TenantView>,
        greeting: Greeting,
        address: Option<IpAddr>,
    ) -> Result<(Welcome, CustomerSocket), OpenError> {
        let opened = self.try_open(tenant, greeting, address).await;
        if let Err(error) = &opened {
            self.0.status.metrics().session_refused(match error {
                OpenError::Identity { .. } => "identity",
                OpenError::RateLimited { .. } => "rate",
                OpenError::Unavailable { .. } => "unavailable",
            });
        }
        opened
    }

    async fn try_open(
        &self,
        tenant: &Arc<TenantView>,
        greeting: Greeting,
        address: Option<IpAddr>,
    ) -> Result<(Welcome, CustomerSocket), OpenError> {
        let shared = &self.0;
        let limited = |TooMany { retry_after_ms }| OpenError::RateLimited { retry_after_ms };
        if let Some(address) = address {
            shared.admission.read_from(address).map_err(limited)?;
        }
        let _turn = shared
            .admission
            .turn()
            .await
            .map_err(|TooMany { retry_after_ms }| OpenError::Unavailable { retry_after_ms })?;
        let admitted = sessions::admit(
            &*shared.store,
            &*shared.world,
            &shared.admission,
            tenant,
            &greeting,
            address,
        )
        .await?;
        shared.admission.read_by(admitted.session.customer.id).map_err(limited)?;
        CustomerSocket::open(shared.clone(), tenant, greeting, address, admitted).await.map_err(
            |error| {
                // The state of the database is said once for all.
                tracing::debug!(%error, "a socket could not be opened");
                OpenError::Unavailable { retry_after_ms: RETRY_MS }
            },
        )
    }
}
