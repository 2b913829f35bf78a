//! The cache over Redis, with a pool of connections.
//!
//! Invariant: every key expires.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, cmd};
use deadpool_redis::{Connection, Hook, HookError, Manager, Pool, PoolError, Runtime, Timeouts};

use crate::cache::ttl::ttl;
use crate::ports::cache::{Cache, CacheError};

use super::server::{PATIENCE, Server, patient};

/// Connections; a few are enough, since each carries many concurrent calls.
const CONNECTIONS: usize = 8;

pub(in crate::cache) struct Shared {
    server: Server,
    pool: Pool,
}

impl Shared {
    pub(in crate::cache) fn new(server: &Server) -> Result<Self, CacheError> {
        let fault = |error: &dyn std::fmt::Display| CacheError(error.to_string());
        let info = server.client.get_connection_info().clone();
        let manager = Manager::new_with_config(info, patient()).map_err(|error| fault(&error))?;
        let role = server.role.clone();
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .runtime(Runtime::Tokio1)
            .pre_recycle(Hook::sync_fn(move |_, metrics| match role.trusts(metrics.created) {
                true => Ok(()),
                false => Err(HookError::message("it was opened before the last failover")),
            }))
            .build()
            .map_err(|error| fault(&error))?;
        Ok(Self { server: server.clone(), pool })
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        let call = async {
            let mut connection = self.pool.get().await.map_err(|error| match error {
                PoolError::Backend(error) => error.to_string(),
                other => other.to_string(),
            })?;
            let answer = command.query_async(&mut connection).await;
            answer.map_err(|error: RedisError| {
                if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    // A new connection may lead to the server that replaced this one.
                    drop(Connection::take(connection));
                }
                error.to_string()
            })
        };
        self.server.bounded(call).await.map_err(CacheError)
    }
}

#[async_trait]
impl Cache for Shared {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let found: Option<Vec<u8>> = self.ask(cmd("GET").arg(name(key))).await?;
        Ok(found.map(Bytes::from))
    }

    async fn set(&self, key: &str, value: Bytes, time: Duration) -> Result<(), CacheError> {
        self.ask(cmd("SET").arg(name(key)).arg(&*value).arg("PX").arg(millis(time))).await
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.pool.retain(|_, metrics| self.server.role.trusts(metrics.created));
        self.ask::<()>(&cmd("PING")).await?;
        match self.server.role.is_replica() {
            false => Ok(()),
            true => Err(CacheError(format!(
                "Redis at {} is a replica and accepts no writes: cache.url must lead to the primary",
                self.server.location
            ))),
        }
    }
}

fn name(key: &str) -> String {
    format!("couplet:{key}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(ttl(time).as_millis()).unwrap_or(u64::MAX)
}
