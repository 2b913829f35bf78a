//! How long a lease lasts, and how it is kept while a desk is restored.
//!
//! Invariant: the lease does not expire during the reads, however long they take; when it is lost,
//! the reads stop.

use std::time::Duration;

use tokio::time::Instant;

use crate::ports::store_error::StoreError;

/// How long a lease is valid without renewal: the outage of a link when its owner dies.
pub(super) const LEASE: Duration = Duration::from_secs(6);
/// How often it is renewed.
pub(super) const RENEWAL: Duration = Duration::from_millis(1_500);
/// How long a renewal is trusted. The rest of the lease is for closing the stream.
pub(super) const HOLDS: Duration = Duration::from_millis(4_500);

/// Reads what the desk is restored from, and renews the lease meanwhile. Ends with an error if
/// another node has the lease, or if it could not be renewed in time.
pub(super) async fn while_held<T, R: Future<Output = Result<(), StoreError>>>(
    reading: impl Future<Output = Result<T, StoreError>>,
    renew: impl Fn() -> R,
) -> Result<T, StoreError> {
    let holding = async {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(RENEWAL).await;
            let asked = Instant::now();
            match renew().await {
                Ok(()) => renewed = asked,
                Err(StoreError::Fenced) => return StoreError::Fenced,
                Err(error) if renewed.elapsed() >= LEASE => return error,
                Err(_) => {}
            }
        }
    };
    tokio::select! {
        read = reading => read,
        error = holding => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn lost() -> StoreError {
        StoreError::Unavailable("away".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn the_lease_is_renewed_as_long_as_there_is_something_to_read() {
        let renewals = AtomicUsize::new(0);
        let reading = async {
            tokio::time::sleep(10 * LEASE).await;
            Ok(7)
        };
        let renew = || async {
            renewals.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        assert_eq!(while_held(reading, renew).await, Ok(7));
        let least = (10 * LEASE).as_millis() / RENEWAL.as_millis() - 1;
        assert!(renewals.load(Ordering::Relaxed) as u128 >= least);
    }

    #[tokio::test(start_paused = true)]
    async fn reading_stops_when_the_lease_is_lost() {
        let begun = Instant::now();
        let for_ever = || std::future::pending::<Result<(), StoreError>>();
        let fenced = while_held(for_ever(), || async { Err(StoreError::Fenced) }).await;
        assert_eq!((fenced, begun.elapsed()), (Err(StoreError::Fenced), RENEWAL));
        let begun = Instant::now();
        let away = while_held(for_ever(), || async { Err(lost()) }).await;
        assert_eq!(away, Err(lost()));
        assert!(begun.elapsed() >= LEASE && begun.elapsed() <= LEASE + 2 * RENEWAL);
    }
}
