//! One link on this node: acquires its lease and holds it as long as possible.
//!
//! Invariants: a desk exists only under a lease. The stream is open only while this node certainly
//! has the lease, and is closed before another node can have it.

mod background;
mod backpressure;
mod context;
mod dispatch;
mod drain;
mod holding;
mod inbound;
mod openings;
mod outbox;
mod refused_row;
mod remote_sockets;
mod spoken;
mod term;
mod unfit;
mod writer;

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use self::holding::LEASE;
use self::term::{End, Term, earlier};
use super::peers::PeerMessage;
use super::socket_event::SocketEvent;
use crate::chat::event::{CustomerConnection, CustomerEvent};
use crate::chat::ids::{Epoch, NodeId, Timestamp};
use crate::ports::link::LinkHandle;
use crate::ports::store::Lease;

pub(super) use self::context::Owner;
pub(super) use self::unfit::Unfit;

/// How often an owner on another node is told which customers are here.
const REFRESH: Duration = Duration::from_secs(10);
/// Interval of attempts to acquire a lease.
const KNOCK: Duration = Duration::from_millis(200);

/// A stop takes at most this long.
const STOP: Duration = Duration::from_secs(6);

/// How long the database has not responded.
#[derive(Default)]
struct Outage {
    since: Option<Instant>,
    /// Sockets were told that the owner is unknown.
    given_up: bool,
}

impl Owner {
    /// Owns the link whenever it can, until `stop`; then commits, closes the stream and releases
    /// the lease.
    pub(super) async fn run(self, handle: LinkHandle, stop: CancellationToken) {
        let late = stop.clone();
        // At the level of errors, so that no `log.level` hides where a line belongs.
        let span = tracing::error_span!("link", domain = %self.link);
        tokio::select! {
            () = self.serve(handle, stop, &span) => {}
            () = async { late.cancelled().await; tokio::time::sleep(STOP).await } => {
                span.in_scope(|| {
                    tracing::warn!(
                        "the database does not respond; stopping without releasing the lease, \
                         which expires within 6 s"
                    );
                });
            }
        }
    }

    async fn serve(&self, mut handle: LinkHandle, stop: CancellationToken, span: &Span) {
        let mut refreshed = Instant::now();
        let mut outage = Outage::default();
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
            span.in_scope(|| match &lease {
                // Only a granted lease proves that the database can be written to.
                Ok(_) => {
                    outage = Outage::default();
                    self.status.database_up(&self.link);
                }
                Err(error) => self.status.database_down(&self.link, &error.to_string()),
            });
            let wait = match &lease {
                Ok(Lease::Granted { epoch, silent: ago }) => {
                    silent = earlier(silent, ago.map(|ago| before(self.world.now(), ago)));
                    let term = tracing::error_span!(parent: span, "term", epoch = epoch.0);
                    let term = self.term(*epoch, &mut handle, &mut silent, &stop).instrument(term);
                    if term.await {
                        return;
                    }
                    KNOCK
                }
                Ok(Lease::Held { by, remaining }) => {
                    // The new owner tells agents about the interruption.
                    silent = None;
                    span.in_scope(|| self.leave_to(*by));
                    (*remaining).clamp(Duration::from_millis(50), KNOCK)
                }
                Err(_) => {
                    self.wait_for_database(&mut outage);
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

    /// One term, from the granted lease to its end. Returns whether the owner ends with it.
    async fn term(
        &self,
        epoch: Epoch,
        handle: &mut LinkHandle,
        silent: &mut Option<Timestamp>,
        stop: &CancellationToken,
    ) -> bool {
        let link = &self.link;
        tracing::info!("acquired the lease of the link");
        self.status.metrics().lease_granted(link);
        let begun = Instant::now();
        match Term::begin(self, epoch, handle, silent, stop).await {
            Ok(term) => match term.serve(stop).await {
                End::Stopped => return true,
                End::Lost(reason) => {
                    tracing::warn!(reason, "lost the lease of the link");
                }
            },
            Err(_) if stop.is_cancelled() => {
                let _ = self.store.release(link, epoch).await;
                return true;
            }
            Err(error) => {
                let seconds = begun.elapsed().as_secs();
                tracing::warn!(%error, seconds, "cannot restore the desk, retrying");
            }
        }
        false
    }

    /// Another node holds the lease: customers' sockets turn to it.
    fn leave_to(&self, node: NodeId) {
        let link = &self.link;
        if self.router.there(link, node) {
            tracing::info!(%node, "another node holds the lease of the link");
            self.status.link_up(link);
            // The other node tells agents everything from now on.
            self.agents_told.store(false, Ordering::Relaxed);
            self.hub.tell_link(link, &SocketEvent::NewOwner);
            self.announce_customers(node);
        }
    }

    /// The database does not respond, which `Status` logs once. After a while it is no longer known
    /// who owns the link.
    fn wait_for_database(&self, outage: &mut Outage) {
        let since = *outage.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= LEASE && !outage.given_up {
            outage.given_up = true;
            self.router.nowhere(&self.link);
            self.hub.tell_link(&self.link, &SocketEvent::NewOwner);
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
