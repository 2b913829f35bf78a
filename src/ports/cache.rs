//! A shared memory that may forget at any time.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// The cache cannot be reached. What rests on it goes on from the store.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the cache is unavailable: {0}")]
pub struct CacheError(pub String);

/// A shared memory that may forget at any time. Keys are at most 256 bytes of printable ASCII.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// What stands under a key.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError>;
    /// Puts a value under a key for a time of at least a millisecond.
    async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError>;
    /// The same, only where nothing stands there; says whether it did. Of many at once one wins.
    async fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, CacheError>;
    /// Takes a key away.
    async fn remove(&self, key: &str) -> Result<(), CacheError>;
    /// Adds one to a counter that ends `window` after its first count; returns the new count.
    async fn count(&self, key: &str, window: Duration) -> Result<u64, CacheError>;
    /// Whether it answers.
    async fn ping(&self) -> Result<(), CacheError>;
}
