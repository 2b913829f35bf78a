//! The cache, over a pool of connections.
//!
//! Invariants: every key has an end, a counter too: count and end are set in one step on the server.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::redis::{Cmd, FromRedisValue, cmd};
use deadpool_redis::{Manager, Pool, PoolError, Runtime, Timeouts};

use crate::cache::ttl;
use crate::ports::cache::{Cache, CacheError};

use super::{PATIENCE, Server, patient};

/// Connections; each carries many calls at once, so that a few do.
const CONNECTIONS: usize = 8;

/// Counts, and gives the key its end with the first count (or where it has none for any reason).
const COUNT: &str = "\
    local count = redis.call('INCR', KEYS[1]) \
    if count == 1 or redis.call('PTTL', KEYS[1]) < 0 then \
      redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
    end \
    return count";

/// A cache that the nodes share.
pub(in crate::cache) struct Shared {
    server: Server,
    pool: Pool,
}

impl Shared {
    pub(in crate::cache) fn new(server: &Server) -> Result<Self, CacheError> {
        let fault = |error: &dyn std::fmt::Display| CacheError(error.to_string());
        let info = server.client.get_connection_info().clone();
        let manager = Manager::new_with_config(info, patient()).map_err(|error| fault(&error))?;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .runtime(Runtime::Tokio1)
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
            command.query_async(&mut connection).await.map_err(|error| error.to_string())
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

    async fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        time: Duration,
    ) -> Result<bool, CacheError> {
        let mut command = cmd("SET");
        command.arg(name(key)).arg(&*value).arg("NX").arg("PX").arg(millis(time));
        let done: Option<String> = self.ask(&command).await?;
        Ok(done.is_some())
    }

    async fn remove(&self, key: &str) -> Result<(), CacheError> {
        self.ask(cmd("DEL").arg(name(key))).await
    }

    async fn count(&self, key: &str, window: Duration) -> Result<u64, CacheError> {
        self.ask(cmd("EVAL").arg(COUNT).arg(1).arg(name(key)).arg(millis(window))).await
    }

    async fn ping(&self) -> Result<(), CacheError> {
        self.ask(&cmd("PING")).await
    }
}

fn name(key: &str) -> String {
    format!("couplet:{key}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(ttl(time).as_millis()).unwrap_or(u64::MAX)
}
