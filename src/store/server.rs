//! What is known of the database's server.
//!
//! Invariant: once the server said that it only reads, no connection opened before is used again.
//! Another server has taken its place, and only a new connection is led there: a proxy or a name
//! decides that when it is opened.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A connection is replaced after so long: what moved without an error is noticed by then.
pub(super) const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// While the server only reads, connections are replaced no more often than this.
const AGAIN: Duration = Duration::from_secs(1);

/// Bytes of a statement, well below the packet that MySQL accepts unless told otherwise.
const STATEMENT: usize = 512 << 10;

/// What a packet holds besides the values.
const HEAD: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct Server {
    /// The largest packet that it accepts.
    packet: AtomicUsize,
    /// When it last said that it only reads.
    turned: Mutex<Option<Instant>>,
}

impl Default for Server {
    fn default() -> Self {
        Self { packet: AtomicUsize::new(usize::MAX), turned: Mutex::default() }
    }
}

impl Server {
    /// Notes what a new connection says of the largest packet.
    pub(super) fn accepts(&self, packet: u64) {
        self.packet.store(usize::try_from(packet).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// How many bytes of values a statement of several rows should have at most.
    pub(super) fn statement(&self) -> usize {
        STATEMENT.min(self.packet.load(Ordering::Relaxed) / 2)
    }

    /// Whether a statement with so many bytes of values is accepted at all.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        bytes.saturating_add(HEAD) <= self.packet.load(Ordering::Relaxed)
    }

    /// The server says that it only reads.
    pub(super) fn only_reads(&self) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.is_none_or(|at| at.elapsed() >= AGAIN) {
            *turned = Some(Instant::now());
            drop(turned);
            tracing::warn!("the database server only reads now; connecting anew");
        }
    }

    /// Whether a connection that was opened then may be used again.
    pub(super) fn trusts(&self, opened: Instant) -> bool {
        let turned = *self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        opened.elapsed() < LIFETIME && turned.is_none_or(|at| opened > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_of_before_are_not_trusted_once_the_server_only_reads() {
        let server = Server::default();
        let old = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(server.trusts(old));
        server.only_reads();
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(!server.trusts(old));
        let new = Instant::now();
        assert!(server.trusts(new));
        // Said again at once by those that were under way: what was opened since stays.
        server.only_reads();
        assert!(server.trusts(new));
        tokio::time::advance(AGAIN).await;
        server.only_reads();
        assert!(!server.trusts(new), "it still only reads");
        let new = Instant::now() + Duration::from_millis(1);
        tokio::time::advance(LIFETIME).await;
        assert!(server.trusts(new));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!server.trusts(new), "too old");
    }

    #[test]
    fn statements_stay_below_the_packet() {
        let server = Server::default();
        assert_eq!(server.statement(), STATEMENT);
        assert!(server.fits(64 << 20));
        server.accepts(64 << 10);
        assert_eq!(server.statement(), 32 << 10);
        assert!(server.fits(60 << 10) && !server.fits(64 << 10));
    }
}
