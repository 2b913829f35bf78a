//! One link on this node: acquires its lease and holds it as long as possible.
//!
//! Invariants: a desk exists only under a lease. The stream is open only while this node certainly
//! has the lease, and is closed before another node can have it.

mod background;
mod backpressure;
mod dispatch;
mod drain;
mod holding;
mod inbound;
mod outbox;
mod remote_sockets;
mod spoken;
mod term;
mod unfit;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::edge::hub::Hub;
use super::files::Files;
use super::peers::{PeerMessage, PeerSender};
use super::router::Router;
use super::socket_event::SocketEvent;
use super::status::Status;
use crate::chat::desk::DeskLimits;
use crate::chat::event::{CustomerConnection, CustomerEvent};
use crate::chat::ids::{LinkDomain, NodeId, Timestamp};
use crate::ports::cache::Cache;
use crate::ports::link::LinkHandle;
use crate::ports::store::{Lease, Store};
use crate::ports::world::World;
use term::{End, Term};
pub(super) use unfit::Unfit;

/// How long a lease is valid without renewal: the outage of a link when its owner dies.
pub(super) const LEASE: Duration = Duration::from_secs(6);
/// How often it is renewed.
pub(super) const RENEWAL: Duration = Duration::from_millis(1_500);
/// How long a renewal is trusted. The rest of the lease is for closing the stream.
pub(super) const HOLDS: Duration = Duration::from_millis(4_500);
/// How often an owner on another node is told which customers are here.
const REFRESH: Duration = Duration::from_secs(10);
/// Interval of attempts to acquire a lease.
const KNOCK: Duration = Duration::from_millis(200);

/// A stop takes at most this long.
const STOP: Duration = Duration::from_secs(6);

/// What an owner works with.
pub(super) struct Owner {
    pub(super) link: LinkDomain,
    pub(super) node: NodeId,
    pub(super) limits: DeskLimits,
    pub(super) store: Arc<dyn Store>,
    pub(super) world: Arc<dyn World>,
    pub(super) router: Arc<Router>,
    pub(super) hub: Arc<Hub>,
    pub(super) cache: Arc<dyn Cache>,
    pub(super) peers: PeerSender,
    pub(super) status: Arc<Status>,
    pub(super) files: Files,
    /// Agents were told that nothing can be stored, and not yet that it is over.
    pub(super) agents_told: AtomicBool,
    pub(super) unfit: Unfit,
}

impl Owner {
    /// Owns the link whenever it can, until `stop`; then commits, closes the stream and releases
    /// the lease.
    pub(super) async fn run(self, handle: LinkHandle, stop: CancellationToken) {
        let late = stop.clone();
        tokio::select! {
            () = self.serve(handle, stop) => {}
            () = async { late.cancelled().await; tokio::time::sleep(STOP).await } => {
                tracing::warn!(
                    link = %self.link,
                    "the database does not respond; stopping without releasing the lease, which \
                     expires within 6 s"
                );
            }
        }
    }

    async fn serve(&self, mut handle: LinkHandle, stop: CancellationToken) {
        let mut refreshed = Instant::now();
        // Since when the database does not respond, and whether sockets were told that the owner is
        // unknown.
        let (mut failing, mut given_up) = (None, false);
        // Since when messages of agents may have been lost, if agents were not told yet.
        let mut silent: Option<Timestamp> = None;
        loop {
            // Not cancelled, except at the very end: a lease that was granted without this node
            // knowing would block the link until it expires.
            let lease = self.store.acquire(&self.link, self.node, LEASE).await;
            if stop.is_cancelled() {
                if let Ok(Lease::Granted { epoch, .. }) = lease {
                    let _ = self.store.release(&self.link, epoch).await;
                }
                return;
            }
            if lease.is_ok() {
                (failing, given_up) = (None, false);
            }
            match &lease {
                // Only a granted lease proves that the database can be written to.
                Ok(_) => self.status.database_up(&self.link),
                Err(error) => self.status.database_down(&self.link, &error.to_string()),
            }
            let wait = match &lease {
                Ok(Lease::Granted { epoch, silent: ago }) => {
                    tracing::info!(
                        link = %self.link,
                        epoch = epoch.0,
                        "acquired the lease of the link"
                    );
                    self.status.metrics().lease_granted(&self.link);
                    silent = earlier(silent, ago.map(|ago| before(self.world.now(), ago)));
                    let begun = Instant::now();
                    match Term::begin(self, *epoch, &mut handle, &mut silent, &stop).await {
                        Ok(term) => match term.serve(&stop).await {
                            End::Stopped => return,
                            End::Lost(reason) => {
                                tracing::warn!(
                                    link = %self.link,
                                    reason,
                                    "lost the lease of the link"
                                );
                            }
                        },
                        Err(_) if stop.is_cancelled() => {
                            let _ = self.store.release(&self.link, *epoch).await;
                            return;
                        }
                        Err(error) => {
                            let seconds = begun.elapsed().as_secs();
                            tracing::warn!(
                                link = %self.link,
                                %error,
                                seconds,
                                "cannot restore the desk, retrying"
                            );
                        }
                    }
                    KNOCK
                }
                Ok(Lease::Held { by, remaining }) => {
                    // The new owner tells agents about the interruption.
                    silent = None;
                    if self.router.there(&self.link, *by) {
                        tracing::info!(
                            link = %self.link,
                            node = %by,
                            "another node holds the lease of the link"
                        );
                        self.status.link_up(&self.link);
                        // The other node tells agents everything from now on.
                        self.agents_told.store(false, Ordering::Relaxed);
                        self.hub.tell_link(&self.link, &SocketEvent::NewOwner);
                        self.announce_customers(*by);
                    }
                    (*remaining).clamp(Duration::from_millis(50), KNOCK)
                }
                // `Status` logs it once. After a while it is no longer known who owns the link.
                Err(_) => {
                    let since = *failing.get_or_insert_with(Instant::now);
                    if since.elapsed() >= LEASE && !given_up {
                        given_up = true;
                        self.router.nowhere(&self.link);
                        self.hub.tell_link(&self.link, &SocketEvent::NewOwner);
                    }
                    KNOCK
                }
            };
            if refreshed.elapsed() >= REFRESH {
                refreshed = Instant::now();
                if let Ok(Lease::Held { by, .. }) = lease {
                    self.announce_customers(by);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Tells the owner on another node which of its customers are here.
    fn announce_customers(&self, owner: NodeId) {
        for (customer, page) in self.hub.on_link(&self.link) {
            let node = self.node;
            let (online, opened, signed_in) = (true, false, None);
            let here = CustomerConnection { customer, node, online, opened, page, signed_in };
            let (link, event) = (self.link.clone(), CustomerEvent::Connected(here));
            self.peers.send(owner, PeerMessage::ToOwner { link, event });
        }
    }
}

fn before(now: Timestamp, ago: Duration) -> Timestamp {
    now.plus(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX).saturating_neg())
}

/// The earlier of two times, if there are two.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
