//! Cache and message bus through Redis, or a compatible server.
//!
//! Invariants: no call waits longer than [`PATIENCE`] for the server, or twice that if it is
//! retried. An error names the server and never its password.

mod bus;
mod cache;
mod listener;
mod role;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{AsyncConnectionConfig, Client};
use secrecy::{ExposeSecret, SecretString};

use crate::ports::cache::CacheError;

pub(super) use bus::Wire;
pub(super) use cache::Shared;

/// How long a server may take to respond.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server's address and client.
#[derive(Debug, Clone)]
pub(super) struct Server {
    client: Client,
    /// Host, port and database number.
    location: String,
    database: i64,
    role: Arc<role::Role>,
}

impl Server {
    pub(super) fn new(url: &SecretString) -> Result<Self, CacheError> {
        let client = Client::open(url.expose_secret())
            .map_err(|error| CacheError(format!("its address is invalid: {error}")))?;
        let info = client.get_connection_info();
        let database = info.redis_settings().db();
        let location = format!("{}/{database}", info.addr());
        Ok(Self { client, location, database, role: Arc::default() })
    }

    /// The channel of a topic. All databases of a Redis server share one space of channels.
    fn channel(&self, topic: &str) -> String {
        format!("{}{topic}", self.channel_prefix())
    }

    fn channel_prefix(&self) -> String {
        format!("couplet:{}:", self.database)
    }

    /// The result of a call, bounded by [`PATIENCE`].
    async fn bounded<T, E: Display>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, String> {
        match tokio::time::timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(format!("Redis at {}: {error}", self.location)),
            Err(_) => Err(format!(
                "Redis at {} does not respond within {} s",
                self.location,
                PATIENCE.as_secs()
            )),
        }
    }
}

/// The crate's default timeouts are shorter than ours; [`PATIENCE`] replaces them.
fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
}
