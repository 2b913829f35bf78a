//! Messages between nodes: bytes under a topic, which may be lost, doubled or late.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

/// The bus cannot be reached; what was to be sent is dropped, and said again by whoever cares.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the bus is unavailable: {0}")]
pub struct BusError(pub String);

/// Messages between nodes.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends to everyone who listens on a topic now, this node included.
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), BusError>;
    /// Listens on a topic until the receiver is dropped. Bounded: who does not read loses the newest.
    /// The subscription outlives a lost connection; what came meanwhile is lost.
    async fn subscribe(&self, topic: &str) -> Result<mpsc::Receiver<Bytes>, BusError>;
}
