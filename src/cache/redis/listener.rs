//! The connection that receives messages: all subscriptions of this node, restored after a loss.
//!
//! Invariants: a subscription is confirmed only after the server confirmed it, so that everything
//! published afterwards is received. A silent connection is detected and replaced. The task ends
//! with the bus, and all receivers with it.

use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::aio::{PubSubSink, PubSubStream};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::cache::topics::Topics;

use super::server::Server;

/// How often the server is pinged.
const PING_EVERY: Duration = Duration::from_secs(5);
/// The pause before the first reconnect; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After a connection lasted this long, the next pause starts at [`PAUSE`] again.
const STEADY: Duration = Duration::from_secs(5);

pub(super) struct Subscribe {
    pub(super) topic: String,
    pub(super) answer: oneshot::Sender<Result<mpsc::Receiver<Bytes>, String>>,
}

/// The task that holds the connection.
pub(super) struct Listener {
    server: Server,
    prefix: String,
    wishes: mpsc::Receiver<Subscribe>,
    topics: Topics,
    /// One future per subscriber; resolves to the topic once the receiver is dropped.
    gone: FuturesUnordered<BoxFuture<'static, String>>,
}

impl Listener {
    pub(super) fn new(server: Server, wishes: mpsc::Receiver<Subscribe>) -> Self {
        let prefix = server.channel_prefix();
        Self { server, prefix, wishes, topics: Topics::default(), gone: FuturesUnordered::new() }
    }

    /// Runs until the bus is dropped. Connects only when somebody subscribes.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSE;
        loop {
            let first = if self.topics.len() == 0 {
                match self.wishes.recv().await {
                    Some(wish) => Some(wish),
                    None => return,
                }
            } else {
                None
            };
            let began = Instant::now();
            let Err(reason) = self.connection(first).await else { return };
            if began.elapsed() >= STEADY {
                pause = PAUSE;
            }
            if pause == PAUSE {
                tracing::warn!(%reason, "message bus disconnected; messages from other nodes are lost until it is back");
            } else {
                tracing::debug!(%reason, "message bus still disconnected");
            }
            while let Ok(wish) = self.wishes.try_recv() {
                let _ = wish.answer.send(Err(reason.clone()));
            }
            self.topics.forget_all();
            tokio::time::sleep(jittered(pause)).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }

    /// Runs one connection until it is lost; returns `Ok` once the bus is dropped.
    async fn connection(&mut self, first: Option<Subscribe>) -> Result<(), String> {
        let mut turns = self.server.role.turns();
        let (mut sink, mut stream) = match self.open().await {
            Ok(opened) => opened,
            Err(reason) => {
                if let Some(wish) = first {
                    let _ = wish.answer.send(Err(reason.clone()));
                }
                return Err(reason);
            }
        };
        tracing::info!(server = self.server.location, "message bus connected");
        if let Some(wish) = first {
            self.listen(&mut sink, wish).await?;
        }
        let mut ping = tokio::time::interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = stream.next() => {
                    let message =
                        message.ok_or_else(|| "the server closed the connection".to_owned())?;
                    if let Some(topic) = message.get_channel_name().strip_prefix(&self.prefix) {
                        let bytes = Bytes::copy_from_slice(message.get_payload_bytes());
                        self.topics.deliver(topic, &bytes);
                    }
                }
                wish = self.wishes.recv() => match wish {
                    Some(wish) => self.listen(&mut sink, wish).await?,
                    None => return Ok(()),
                },
                Some(topic) = self.gone.next() => {
                    if self.topics.forget(&topic) {
                        let channel = self.server.channel(&topic);
                        self.server.bounded(sink.unsubscribe(channel)).await?;
                    }
                }
                Ok(()) = turns.changed() => {
                    return Err("Redis may have failed over to another server".to_owned());
                }
                _ = ping.tick() => {
                    self.server.bounded(sink.ping::<deadpool_redis::redis::Value>()).await?;
                }
            }
        }
    }

    /// Opens a connection and restores all subscriptions.
    async fn open(&mut self) -> Result<(PubSubSink, PubSubStream), String> {
        let opened = self.server.bounded(self.server.client.get_async_pubsub()).await?;
        let (mut sink, stream) = opened.split();
        let channels: Vec<String> =
            self.topics.names().map(|topic| self.server.channel(topic)).collect();
        if !channels.is_empty() {
            self.server.bounded(sink.subscribe(channels)).await?;
        }
        Ok((sink, stream))
    }

    async fn listen(&mut self, sink: &mut PubSubSink, wish: Subscribe) -> Result<(), String> {
        let Subscribe { topic, answer } = wish;
        if answer.is_closed() {
            return Ok(());
        }
        if !self.topics.contains(&topic) {
            let channel = self.server.channel(&topic);
            if let Err(reason) = self.server.bounded(sink.subscribe(channel)).await {
                let _ = answer.send(Err(reason.clone()));
                return Err(reason);
            }
        }
        let (sender, receiver) = self.topics.listen(&topic);
        self.gone.push(Box::pin(async move {
            sender.closed().await;
            topic
        }));
        // If the caller has given up, the receiver is dropped here and the subscriber removed
        // later.
        let _ = answer.send(Ok(receiver));
        Ok(())
    }
}

/// Between half the pause and all of it, so that the nodes do not reconnect all at once.
#[allow(clippy::disallowed_methods, reason = "an adapter: this chance decides nothing")]
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + 0.5 * rand::random::<f64>())
}
