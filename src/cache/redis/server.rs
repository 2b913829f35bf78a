//! A Redis server: its address, its role, and calls with a limit of time.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{AsyncConnectionConfig, Client};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use crate::ports::cache::CacheError;

/// How long a server may take to respond.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The server's address and client.
#[derive(Debug, Clone)]
pub(in crate::cache) struct Server {
    pub(super) client: Client,
    /// Host, port and database number.
    pub(super) location: String,
    pub(super) database: i64,
    pub(super) role: Arc<Role>,
}

impl Server {
    pub(in crate::cache) fn new(url: &SecretString) -> Result<Self, CacheError> {
        let client = Client::open(url.expose_secret())
            .map_err(|error| CacheError(format!("its address is invalid: {error}")))?;
        let info = client.get_connection_info();
        let database = info.redis_settings().db();
        let location = format!("{}/{database}", info.addr());
        Ok(Self { client, location, database, role: Arc::default() })
    }

    /// The channel of a topic. All databases of a Redis server share one space of channels.
    pub(super) fn channel(&self, topic: &str) -> String {
        format!("{}{topic}", self.channel_prefix())
    }

    pub(super) fn channel_prefix(&self) -> String {
        format!("couplet:{}:", self.database)
    }

    /// The result of a call, bounded by [`PATIENCE`].
    pub(super) async fn bounded<T, E: Display>(
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
pub(super) fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
}

/// Whether the server still accepts writes, as `role.rs` finds out.
#[derive(Debug, Default)]
pub(super) struct Role {
    /// Connections opened before this time lead to the server from before the failover.
    turned: watch::Sender<Option<Instant>>,
    /// The server is a replica, and new connections lead to no other.
    is_replica: AtomicBool,
}

impl Role {
    /// Whether a connection opened at this time leads to the server that accepts writes, as far as
    /// is known.
    pub(super) fn trusts(&self, opened: Instant) -> bool {
        self.turned.borrow().is_none_or(|turned| opened >= turned)
    }

    /// Notifies of each failover.
    pub(super) fn turns(&self) -> watch::Receiver<Option<Instant>> {
        self.turned.subscribe()
    }

    pub(super) fn note(&self, is_replica: bool, turned: Option<Instant>, server: &str) {
        let was_replica = self.is_replica.swap(is_replica, Ordering::Relaxed);
        if is_replica && !was_replica {
            tracing::warn!(
                server,
                "Redis is a replica and accepts no writes; point cache.url at the primary"
            );
        }
        if let Some(turned) = turned {
            tracing::warn!(server, "Redis may have failed over; reconnecting");
            self.turned.send_replace(Some(turned));
        }
    }

    /// Whether the server accepts no writes.
    pub(super) fn is_replica(&self) -> bool {
        self.is_replica.load(Ordering::Relaxed)
    }
}
