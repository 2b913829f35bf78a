//! Group commit: what waits goes to the database in one transaction.
//!
//! Invariants: rows are written in the order of their `pos`, none is ever skipped. What failed, or
//! whose outcome is unknown, is written again with the same numbers until it stands or the lease
//! is gone; only then is it reported as stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::chat::ids::{Epoch, LinkDomain, Pos};
use crate::chat::model::{Append, Author, RowKind};
use crate::ports::store::{Store, StoreError};
use crate::runtime::Status;

/// Rows of one transaction.
const BATCH_ROWS: usize = 512;
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(250);

/// What the writer reports.
#[derive(Debug)]
pub(super) enum Written {
    /// All up to here stands.
    Upto(Pos),
    /// The database does not answer; it is being tried again.
    Waiting(StoreError),
    /// The link is another's: the desk is worth nothing any more.
    Lost(StoreError),
}

/// Writes until the channel closes or the lease is lost.
pub(super) async fn run(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    link: LinkDomain,
    epoch: Epoch,
    mut appends: mpsc::UnboundedReceiver<Vec<Append>>,
    written: mpsc::UnboundedSender<Written>,
) {
    let mut next = Vec::new();
    while let Some(batch) = gather(&mut appends, &mut next).await {
        #[cfg(feature = "chaos")]
        crate::chaos::freeze(batch.len());
        let Some(upto) = batch.last().map(|append| append.row.pos) else { continue };
        let mut waiting = false;
        let mut begun = Instant::now();
        loop {
            match store.append(&link, epoch, &batch).await {
                Ok(()) => break,
                // What the database will never take must not hold up what it will: begin anew from
                // what stands.
                Err(
                    error @ (StoreError::Fenced | StoreError::Foreign(_) | StoreError::Refused(_)),
                ) => {
                    let _ = written.send(Written::Lost(error));
                    return;
                }
                Err(error) => {
                    if !waiting {
                        waiting = true;
                        let _ = written.send(Written::Waiting(error));
                    }
                    tokio::time::sleep(RETRY).await;
                    begun = Instant::now();
                }
            }
        }
        #[cfg(feature = "chaos")]
        crate::chaos::point(
            crate::chaos::COMMIT_ACK,
            batch.iter().any(|append| append.row.key.is_some()),
        );
        count(&status, &batch, begun.elapsed());
        if written.send(Written::Upto(upto)).is_err() {
            return;
        }
        #[cfg(feature = "chaos")]
        crate::chaos::gather().await;
    }
}

/// Whatever waits, as far as it goes into one transaction; the rest stays in `next`. Nothing once
/// the channel is closed and empty.
async fn gather(
    appends: &mut mpsc::UnboundedReceiver<Vec<Append>>,
    next: &mut Vec<Append>,
) -> Option<Vec<Append>> {
    if next.is_empty() {
        *next = appends.recv().await?;
    }
    while next.len() < BATCH_ROWS
        && let Ok(more) = appends.try_recv()
    {
        next.extend(more);
    }
    let rest = next.split_off(next.len().min(BATCH_ROWS));
    Some(std::mem::replace(next, rest))
}

fn count(status: &Status, batch: &[Append], took: Duration) {
    status.metrics().committed(batch.len(), took);
    let (mut from_customers, mut from_agents) = (0, 0);
    for append in batch {
        match (&append.row.kind, &append.row.author) {
            (RowKind::Message { .. } | RowKind::Files { .. }, Author::Customer) => {
                from_customers += 1
            }
            (RowKind::Message { .. } | RowKind::Files { .. }, Author::Agent { .. }) => {
                from_agents += 1
            }
            _ => {}
        }
    }
    status.metrics().messages(from_customers, from_agents);
}
