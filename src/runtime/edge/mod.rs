//! The customers' side of a node: opens sessions, passes commands to the link's owner, and delivers
//! acks and entries to each socket in order, by cursor.
//!
//! Invariants: acks and entries of a conversation leave in `seq` order, each once. A notice is only
//! a hint: entries that are missing are read from the store.

mod cursor;
pub(crate) mod hub;
mod identity;
mod interface;
mod mailbox;
mod pages;
mod people;
mod sessions;
mod shared;
mod slug;
mod socket;
pub(crate) mod tokens;
mod unknown;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::interface::RETRY_MS;
use super::admission::{Admission, TooMany};
use super::files::FileRules;
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::ids::{LinkDomain, TenantKey};
use crate::ports::store_error::StoreError;

pub use self::interface::{
    CurrentConversation, HistoryPage, OpenError, Outbound, SubmitError, TenantError, TenantView,
    Welcome,
};
pub(super) use self::shared::Shared;
pub use self::socket::CustomerSocket;
pub(super) use self::unknown::Unknown;
pub use super::socket_event::ByeReason;

/// How long a tenant's settings are cached.
const TENANT_TTL: Duration = Duration::from_secs(2);

/// How long a request of a customer waits for the cache.
const CACHE_PATIENCE: Duration = Duration::from_millis(250);

/// The cache key for whether a tenant has an agent online.
pub(super) fn staffed_key(tenant: &TenantKey) -> String {
    format!("staffed:{tenant}")
}

/// The customers' side of this node.
#[derive(Clone)]
pub struct Edge(Arc<Shared>);

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Edge").field(&self.0.node).finish()
    }
}

impl Edge {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Rate limits.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.0.admission
    }

    /// A tenant, or `None` if there is none with that key. Lookups of unknown names are limited by
    /// address.
    ///
    /// # Errors
    /// If the store does not respond and the tenant is not cached; if the address has looked up too
    /// many unknown names.
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
            // Another request ahead in the queue has read the same.
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
            // Old settings are better than a refusal while the database is unavailable.
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

    /// Whether an agent is online: known here if this node owns the link, else from the cache. If
    /// the cache does not respond at once, the last known value holds.
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
                // The state of the database is logged once, by `Status`.
                tracing::debug!(%error, "cannot read the welcome of a socket");
                OpenError::Unavailable { retry_after_ms: RETRY_MS }
            },
        )
    }
}
