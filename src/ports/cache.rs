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
    /// Whether the cache responds.
    async fn ping(&self) -> Result<(), CacheError>;
}
