//! A shared key-value cache that may lose anything at any time.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// The cache is unreachable. Callers continue with the store.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the cache is unavailable: {0}")]
pub struct CacheError(pub String);

/// A shared key-value cache that may lose anything at any time. Keys are at most 256 bytes of
/// printable ASCII.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError>;
    /// Sets a value that expires after `ttl`, at least a millisecond.
    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError>;
    /// Like [`Cache::set`], only if the key has no value; returns whether it was set. Of several
    /// concurrent callers one wins.
    async fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError>;
    async fn remove(&self, key: &str) -> Result<(), CacheError>;
    /// Increments a counter that expires `window` after its first increment; returns the new count.
    async fn count(&self, key: &str, window: Duration) -> Result<u64, CacheError>;
    /// Whether the cache responds.
    async fn ping(&self) -> Result<(), CacheError>;
}
