//! Group commit: what waits goes to the database in one transaction.
//!
//! Invariants: rows are written in the order of their `pos`, none is ever skipped. What failed, or
//! whose outcome is unknown, is written again with the same numbers until it stands or the lease
//! is gone; only then is it reported as stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::chat::ids::{Epoch, LinkDomain, Pos};
use crate::chat::model::Append;
use crate::ports::store::{Store, StoreError};

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
    link: LinkDomain,
    epoch: Epoch,
    mut appends: mpsc::UnboundedReceiver<Append>,
    written: mpsc::UnboundedSender<Written>,
) {
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    while appends.recv_many(&mut batch, BATCH_ROWS).await > 0 {
        let Some(upto) = batch.last().map(|append| append.row.pos) else { continue };
        let mut waiting = false;
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
                }
            }
        }
        #[cfg(feature = "chaos")]
        crate::chaos::point(
            crate::chaos::COMMIT_ACK,
            batch.iter().any(|append| append.row.key.is_some()),
        );
        batch.clear();
        if written.send(Written::Upto(upto)).is_err() {
            return;
        }
    }
}
