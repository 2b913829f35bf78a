//! Tenants and their settings, for the requests of customers.
//!
//! Invariant: what many ask for at once is read once, and counts as one lookup: after a restart all
//! customers behind one address come back at once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::Shared;

use super::doors;
use super::interface::{TenantError, TenantView};
use super::tenants::{Found, Reading};
use super::{CACHE_PATIENCE, Edge, staffed_key};
use crate::chat::ids::{LinkDomain, TenantKey};
use crate::ports::store_error::StoreError;
use crate::runtime::admission::TooMany;
use crate::runtime::files::FileRules;

/// How long a tenant's settings are cached.
const TTL: Duration = Duration::from_secs(2);

impl Edge {
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
        let tenants = &self.0.tenants;
        if let Some(view) = tenants.remembered(key, TTL) {
            return Ok(Some(view));
        }
        let last = tenants.remembered(key, Duration::MAX);
        if last.is_none() && tenants.unknown.holds(key) {
            return Ok(None);
        }
        let found = self.reading(key, address, last.is_some())?.await;
        // Old settings are better than a refusal while the database is unavailable.
        found.or_else(|error| last.map(Some).ok_or(error.into()))
    }

    /// The read under way for a tenant; a new one counts as a lookup unless the tenant is known.
    fn reading(
        &self,
        key: &TenantKey,
        address: IpAddr,
        is_known: bool,
    ) -> Result<Shared<Reading>, TooMany> {
        self.0.tenants.reading(key, || {
            if !is_known {
                self.0.admission.guess(address)?;
            }
            let (edge, of) = (self.clone(), key.clone());
            Ok(async move { edge.read_tenant(&of).await }.boxed().shared())
        })
    }

    async fn read_tenant(&self, key: &TenantKey) -> Found {
        let turn = self.0.admission.turn().await;
        let _turn = turn.map_err(|too_many| StoreError::Unavailable(too_many.to_string()))?;
        let view = match self.0.store.tenant(key).await? {
            Some(tenant) => {
                let queues = self.0.store.queues(key).await?;
                let agents = self.0.store.agents(key).await?;
                let written = self.0.store.tenant_hours(key).await?;
                let online = self.is_staffed(&tenant.link, key).await;
                let doors = doors::doors(&written, self.0.world.now(), online);
                let queues = queues.into_iter().map(|queue| (queue.key, queue.name)).collect();
                let agents = agents.into_iter().map(|agent| (agent.jid, agent.name)).collect();
                let files = FileRules::of(&tenant.settings.files, &self.0.files);
                Some(Arc::new(TenantView { tenant, queues, agents, online, doors, files }))
            }
            None => None,
        };
        self.0.tenants.remember(key, view.as_ref());
        Ok(view)
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
                        let last = self.0.tenants.remembered(tenant, Duration::MAX);
                        last.is_some_and(|view| view.online)
                    }
                }
            }
        }
    }
}
