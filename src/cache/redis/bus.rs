//! The message bus over Redis: one connection publishes, another one receives.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisResult, cmd};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ports::bus::{Bus, BusError};

use super::listener::{Listener, Subscribe};
use super::role;
use super::server::{PATIENCE, Server, patient};

/// Subscribe requests that may be queued for the connection.
const WAITING: usize = 256;

pub(in crate::cache) struct Wire {
    server: Server,
    /// With the time at which it was opened.
    held: Mutex<Option<(Instant, MultiplexedConnection)>>,
    /// Held while a connection is opened, so that only one is.
    opening: tokio::sync::Mutex<()>,
    subscribe: mpsc::Sender<Subscribe>,
    _watching: DropGuard,
}

impl Wire {
    pub(in crate::cache) fn new(server: Server) -> Self {
        let (subscribe, subscriptions) = mpsc::channel(WAITING);
        tokio::spawn(Listener::new(server.clone(), subscriptions).run());
        let stop = CancellationToken::new();
        tokio::spawn(role::watch(server.clone(), stop.clone()));
        Self {
            server,
            held: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            subscribe,
            _watching: stop.drop_guard(),
        }
    }

    fn held(&self) -> Option<MultiplexedConnection> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take_if(|(opened, _)| !self.server.role.trusts(*opened));
        held.as_ref().map(|(_, held)| held.clone())
    }

    fn hold(&self, connection: Option<(Instant, MultiplexedConnection)>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        if let Some(held) = self.held() {
            return Ok(held);
        }
        let _turn = self.opening.lock().await;
        if let Some(held) = self.held() {
            return Ok(held);
        }
        let at = role::now();
        let opened =
            self.server.client.get_multiplexed_async_connection_with_config(&patient()).await?;
        self.hold(Some((at, opened.clone())));
        Ok(opened)
    }

    async fn send(&self, channel: &str, message: &[u8]) -> Result<(), String> {
        let call = async {
            let mut connection = self.connection().await?;
            cmd("PUBLISH").arg(channel).arg(message).query_async(&mut connection).await
        };
        self.server.bounded(call).await.inspect_err(|_| self.hold(None))
    }
}

#[async_trait]
impl Bus for Wire {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), BusError> {
        let channel = self.server.channel(topic);
        let was_held = self.held().is_some();
        let sent = match self.send(&channel, &message).await {
            // The server may have closed an idle connection long ago; a new one shows whether it
            // works.
            Err(_) if was_held => self.send(&channel, &message).await,
            sent => sent,
        };
        sent.map_err(BusError)
    }

    async fn subscribe(&self, topic: &str) -> Result<mpsc::Receiver<Bytes>, BusError> {
        let (answer, answered) = oneshot::channel();
        let call = async {
            let wish = Subscribe { topic: topic.to_owned(), answer };
            self.subscribe
                .send(wish)
                .await
                .map_err(|_| "the bus listener has stopped".to_owned())?;
            answered.await.map_err(|_| "the bus listener has stopped".to_owned())?
        };
        // While the connection is being reopened, a subscription waits for the pause and for the
        // attempt.
        match tokio::time::timeout(2 * PATIENCE, call).await {
            Ok(answer) => answer.map_err(BusError),
            Err(_) => Err(BusError(format!("Redis at {} is unreachable", self.server.location))),
        }
    }
}
