//! Messages between nodes: bytes under a topic. They may be lost, duplicated or late.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

/// The bus is unreachable. The message is dropped; callers that need it resend it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the bus is unavailable: {0}")]
pub struct BusError(pub String);

#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Sends to all current subscribers of a topic, this node included.
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), BusError>;
    /// Subscribes to a topic until the receiver is dropped. The queue is bounded: a slow reader
    /// loses the newest messages. The subscription survives a lost connection; messages published
    /// in the meantime are lost.
    async fn subscribe(&self, topic: &str) -> Result<mpsc::Receiver<Bytes>, BusError>;
}
