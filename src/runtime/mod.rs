//! Runs a node: the desks of the links that this node owns (events in, effects out), and the
//! sockets of customers on every node.

pub mod admission;
mod allowance;
pub mod edge;
pub mod files;
pub mod metrics;
mod owner;
mod peers;
mod router;
mod socket_event;
pub mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::admission::Admission;
use self::edge::hub::Hub;
use self::edge::{Edge, Shared};
use self::files::Files;
use self::owner::Owner;
use self::peers::PeerMessage;
use self::router::Router;
use self::socket_event::SocketEvent;
use self::status::Status;
use crate::chat::desk::DeskLimits;
use crate::chat::ids::NodeId;
use crate::ports::bus::Bus;
use crate::ports::cache::Cache;
use crate::ports::link::LinkHandle;
use crate::ports::store::Store;
use crate::ports::world::World;

/// At shutdown, sockets are closed once the owners on this node have stored and acknowledged what
/// they accepted, and after this time at the latest.
const ACKNOWLEDGING: Duration = Duration::from_millis(300);

/// Interval of the health check of the cache.
const CACHE_WATCH: Duration = Duration::from_secs(2);

/// Everything a node is built from.
pub struct Parts {
    pub store: Arc<dyn Store>,
    /// Shared by all nodes; may lose its content at any time.
    pub cache: Arc<dyn Cache>,
    /// Messages between nodes.
    pub bus: Arc<dyn Bus>,
    /// Clock and randomness.
    pub world: Arc<dyn World>,
    /// Rate limits.
    pub admission: Arc<Admission>,
    pub files: Files,
    /// Limits of each desk.
    pub desk: DeskLimits,
    /// Outgoing frames that may queue for one socket.
    pub outbound_frames: usize,
    /// The links, each with the handle of its supervisor.
    pub links: Vec<LinkHandle>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("links", &self.links.len()).finish_non_exhaustive()
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    edge: Edge,
    hub: Arc<Hub>,
    status: Arc<Status>,
    stop: CancellationToken,
    owners: TaskTracker,
}

impl Node {
    /// Starts the owners and the edge.
    pub fn start(parts: Parts) -> Self {
        let node = NodeId(parts.world.uuid());
        let peers = peers::spawn(parts.bus.clone());
        let router = Arc::new(Router::new(peers.clone()));
        let hub = Arc::new(Hub::new(parts.outbound_frames));
        let status = Arc::new(Status::default());
        let stop = CancellationToken::new();
        let owners = TaskTracker::new();
        for handle in parts.links {
            status.link_down(&handle.domain, "not connected yet");
            let owner = Owner {
                link: handle.domain.clone(),
                node,
                limits: parts.desk,
                store: parts.store.clone(),
                world: parts.world.clone(),
                router: router.clone(),
                hub: hub.clone(),
                cache: parts.cache.clone(),
                peers: peers.clone(),
                status: status.clone(),
                files: parts.files.clone(),
                agents_told: false.into(),
                unfit: owner::Unfit::default(),
            };
            owners.spawn(owner.run(handle, stop.clone()));
        }
        owners.close();
        tokio::spawn(say_cut(peers.cut(), router.clone(), hub.clone()));
        tokio::spawn(receive(parts.bus, node, router.clone(), hub.clone(), status.clone()));
        tokio::spawn(watch_cache(parts.cache.clone(), status.clone(), stop.clone()));
        let edge = Edge::new(Shared {
            node,
            store: parts.store,
            cache: parts.cache,
            world: parts.world,
            admission: parts.admission,
            router,
            hub: hub.clone(),
            status: status.clone(),
            files: parts.files.rules().clone(),
            tenants: edge::Tenants::default(),
        });
        Self { edge, hub, status, stop, owners }
    }

    /// The customers' side.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Health and metrics.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Stops the owners: what was accepted is stored and sent, then the leases are released, within
    /// about six seconds. Links go first: other nodes take them over while customers reconnect.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.owners.wait().await;
    }

    /// Closes every customer's socket with a time to reconnect, once [`stop`](Self::stop) has
    /// begun.
    pub async fn dismiss(&self) {
        self.stop.cancelled().await;
        let _ = tokio::time::timeout(ACKNOWLEDGING, self.owners.wait()).await;
        self.hub.dismiss();
    }
}

/// Checks the cache. No customer's request waits for the cache, so nothing else would notice.
async fn watch_cache(cache: Arc<dyn Cache>, status: Arc<Status>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let trouble = cache.ping().await.err().map(|error| error.to_string());
        if status.cache_is(trouble.clone()) {
            match trouble {
                Some(error) => tracing::warn!(error, "cache unreachable, continuing without it"),
                None => tracing::info!("cache reachable"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(CACHE_WATCH) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// When the bus disconnects or reconnects, tells the sockets that wait for acks from owners on
/// other nodes: commands in flight may be lost.
async fn say_cut(mut cut: watch::Receiver<bool>, router: Arc<Router>, hub: Arc<Hub>) {
    while cut.changed().await.is_ok() {
        for link in router.elsewhere() {
            hub.tell_link(&link, &SocketEvent::NewOwner);
        }
    }
}

/// Delivers messages from other nodes to the owners and sockets on this node.
async fn receive(
    bus: Arc<dyn Bus>,
    node: NodeId,
    router: Arc<Router>,
    hub: Arc<Hub>,
    status: Arc<Status>,
) {
    let mut messages = loop {
        match bus.subscribe(&peers::topic(node)).await {
            Ok(messages) => break messages,
            Err(error) => {
                tracing::warn!(%error, "cannot subscribe to messages of other nodes, retrying");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    while let Some(message) = messages.recv().await {
        let (messages, unread) = peers::decode(&message);
        if unread > 0 {
            status.metrics().peer_messages_unread(unread);
        }
        for message in messages {
            match message {
                PeerMessage::ToOwner { link, event } => router.deliver_here(&link, event),
                PeerMessage::ToSockets { customer, socket: None, event } => {
                    hub.tell(customer, event);
                }
                PeerMessage::ToSockets { customer, socket: Some(socket), event } => {
                    hub.tell_socket(customer, socket, event);
                }
            }
        }
    }
}
