//! The tenants that this node knows, and those it is reading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::time::Instant;

use super::interface::TenantView;
use super::unknown::Unknown;
use crate::chat::ids::TenantKey;
use crate::ports::store_error::StoreError;

pub(super) type Found = Result<Option<Arc<TenantView>>, StoreError>;
pub(super) type Reading = BoxFuture<'static, Found>;

/// The tenants known to this node.
#[derive(Default)]
pub(in crate::runtime) struct Tenants {
    known: Mutex<HashMap<TenantKey, (Instant, Arc<TenantView>)>>,
    pub(super) unknown: Unknown,
    /// Reads under way.
    reading: Mutex<HashMap<TenantKey, WeakShared<Reading>>>,
}

impl Tenants {
    fn known(&self) -> MutexGuard<'_, HashMap<TenantKey, (Instant, Arc<TenantView>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last known state of a tenant, if it is not older than `ttl`.
    pub(super) fn remembered(&self, key: &TenantKey, ttl: Duration) -> Option<Arc<TenantView>> {
        let known = self.known();
        let (at, view) = known.get(key)?;
        (at.elapsed() < ttl).then(|| view.clone())
    }

    pub(super) fn remember(&self, key: &TenantKey, view: Option<&Arc<TenantView>>) {
        match view {
            Some(view) => drop(self.known().insert(key.clone(), (Instant::now(), view.clone()))),
            None => {
                self.known().remove(key);
                self.unknown.insert(key);
            }
        }
    }

    /// The read under way for a tenant, or the one that `begin` returns.
    pub(super) fn reading<E>(
        &self,
        key: &TenantKey,
        begin: impl FnOnce() -> Result<Shared<Reading>, E>,
    ) -> Result<Shared<Reading>, E> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = reading.get(key).and_then(WeakShared::upgrade);
        if let Some(read) = under_way.filter(|read| read.peek().is_none()) {
            return Ok(read);
        }
        let read = begin()?;
        // Those that nobody waits for any more.
        reading.retain(|_, read| read.upgrade().is_some());
        reading.extend(read.downgrade().map(|read| (key.clone(), read)));
        Ok(read)
    }
}
