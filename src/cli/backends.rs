//! What the subcommands need from the rest of the program.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::Failure;
use crate::chat::ids::Timestamp;
use crate::config::Link;
use crate::ports::cache::Cache;
use crate::ports::store::Store;

/// Opens the adapters behind the ports, on demand.
#[async_trait]
pub trait Backends: Send + Sync {
    /// The database. Its schema may be outdated; [`Backends::migrate`] updates it.
    async fn store(&self) -> Result<Arc<dyn Store>, Failure>;
    async fn cache(&self) -> Result<Arc<dyn Cache>, Failure>;
    /// Writes a test file to the file storage, and removes it.
    async fn files(&self) -> Result<(), Failure>;
    fn now(&self) -> Timestamp;
    async fn migrate(&self) -> Result<(), Failure>;
    /// Connects to a link's XMPP server, authenticates, and disconnects.
    async fn probe(&self, link: &Link) -> Result<(), Failure>;
    /// Runs the gateway until it is stopped.
    async fn serve(&self) -> Result<(), Failure>;
}
