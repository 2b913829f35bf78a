//! The customers' side of a node: opens sessions, passes commands to the link's owner, and delivers
//! acks and entries to each socket in order, by cursor.
//!
//! Invariants: acks and entries of a conversation leave in `seq` order, each once. A notice is only
//! a hint: entries that are missing are read from the store.

mod cursor;
mod doors;
pub(crate) mod hub;
mod identity;
mod interface;
mod lookup;
mod mailbox;
mod pages;
mod people;
mod sessions;
mod shared;
mod slug;
mod socket;
mod tenants;
pub(crate) mod tokens;
mod unknown;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::interface::RETRY_MS;
use super::admission::{Admission, TooMany};
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::ids::TenantKey;

pub use self::doors::Door;
pub use self::interface::{
    CurrentConversation, HistoryPage, OpenError, Outbound, SubmitError, TenantError, TenantView,
    Welcome,
};
pub(super) use self::shared::Shared;
pub use self::socket::CustomerSocket;
pub(super) use self::tenants::Tenants;
pub use super::socket_event::ByeReason;

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
