//! The state of the database's server, as far as it is known.
//!
//! Invariant: once the server has reported that it is read-only, no connection opened before is
//! used again. Another server has replaced it, and only a new connection leads there, since a proxy
//! or a name decides that when a connection is opened.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Connections are replaced at this age, so that a change of server without an error is noticed by
/// then.
pub(super) const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// While the server is read-only, connections are replaced at most this often.
const AGAIN: Duration = Duration::from_secs(1);

/// Bytes of a statement, well below the default packet size of MySQL.
const STATEMENT: usize = 512 << 10;

/// Bytes of a packet besides the values.
const HEAD: usize = 1_024;

#[derive(Debug)]
pub(super) struct Server {
    /// The largest packet that the server accepts, in bytes.
    packet: AtomicUsize,
    /// When the server last reported that it is read-only.
    turned: Mutex<Option<Instant>>,
}

impl Default for Server {
    fn default() -> Self {
        Self { packet: AtomicUsize::new(usize::MAX), turned: Mutex::default() }
    }
}

impl Server {
    /// Records the largest packet, as reported on a new connection.
    pub(super) fn accepts(&self, packet: u64) {
        self.packet.store(usize::try_from(packet).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// The target size of a statement with several rows, in bytes of values.
    pub(super) fn statement(&self) -> usize {
        STATEMENT.min(self.packet.load(Ordering::Relaxed) / 2)
    }

    /// Whether the server accepts a statement with this many bytes of values.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        bytes.saturating_add(HEAD) <= self.packet.load(Ordering::Relaxed)
    }

    /// Records that the server reported to be read-only.
    pub(super) fn only_reads(&self) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.is_none_or(|at| at.elapsed() >= AGAIN) {
            *turned = Some(Instant::now());
            drop(turned);
            tracing::warn!("the database server is read-only now; reconnecting");
        }
    }

    /// Whether a connection opened at this time may still be used.
    pub(super) fn trusts(&self, opened: Instant) -> bool {
        let turned = *self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        opened.elapsed() < LIFETIME && turned.is_none_or(|at| opened > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn old_connections_are_not_used_once_the_server_is_read_only() {
        let server = Server::default();
        let old = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(server.trusts(old));
        server.only_reads();
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(!server.trusts(old));
        let new = Instant::now();
        assert!(server.trusts(new));
        // Reported again at once by statements that were under way: newer connections stay trusted.
        server.only_reads();
        assert!(server.trusts(new));
        tokio::time::advance(AGAIN).await;
        server.only_reads();
        assert!(!server.trusts(new), "it is still read-only");
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
