//! Group commit: all waiting rows go to the database in one transaction.
//!
//! Invariants: rows are written in the order of their `pos`, and none is skipped. Rows whose write
//! failed, or has an unknown outcome, are written again with the same numbers until they are
//! stored, the lease is lost, or the term ends; only stored rows are reported as stored. After a
//! stop it returns the last row that the database may have: later ones are certainly not stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::chaos;
use crate::chat::ids::{Epoch, LinkDomain, Pos};
use crate::chat::row::{Append, Author, Row, RowKind};
use crate::ports::store::Store;
use crate::ports::store_error::StoreError;
use crate::runtime::status::Status;

/// Rows per transaction.
const BATCH_ROWS: usize = 512;
/// Pause between retries while the database is unavailable.
const RETRY: Duration = Duration::from_millis(250);
/// It stops immediately; only an overloaded machine takes longer.
const STOPPING: Duration = Duration::from_millis(250);

/// What the writer reports.
#[derive(Debug)]
pub(super) enum Written {
    /// All rows up to here are stored.
    Upto(Pos),
    /// The database does not respond; the write is being retried.
    Waiting(StoreError),
    /// The database refuses this row for its content. All rows before it are stored.
    Refused(Arc<Row>, StoreError),
    /// Another node has the link: the desk is invalid.
    Lost(StoreError),
}

/// The handle of the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    stop: CancellationToken,
    /// Returns the last row that the database may have.
    task: Option<JoinHandle<Pos>>,
    upto: Option<Pos>,
}

impl Writer {
    /// Stops it; returns the last row that the database may have.
    pub(super) async fn stop(&mut self) -> Pos {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            self.upto = timeout(STOPPING, task).await.ok().and_then(Result::ok);
        }
        // If the task does not say, it may have all.
        self.upto.unwrap_or(Pos(u64::MAX))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts a writer for a term of a link, after the last stored row.
pub(super) fn spawn(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    (link, epoch, stored): (LinkDomain, Epoch, Pos),
    appends: mpsc::UnboundedReceiver<Vec<Append>>,
    written: mpsc::UnboundedSender<Written>,
) -> Writer {
    let stop = CancellationToken::new();
    let writing = Writing { store, status, link, epoch, touched: stored, written };
    let task = tokio::spawn(writing.run(appends, stop.clone()).in_current_span());
    Writer { stop, task: Some(task), upto: None }
}

/// The result of a batch.
enum Outcome {
    /// All rows are stored.
    Stands,
    /// No row is stored: the batch is too large, or one of its rows is refused.
    Divide,
    /// Nothing more is to be written.
    Over,
}

struct Writing {
    store: Arc<dyn Store>,
    status: Arc<Status>,
    link: LinkDomain,
    epoch: Epoch,
    /// Rows up to here are stored, or may be.
    touched: Pos,
    written: mpsc::UnboundedSender<Written>,
}

impl Writing {
    /// Writes until the channel closes, the lease is lost, or it is stopped.
    async fn run(
        mut self,
        mut appends: mpsc::UnboundedReceiver<Vec<Append>>,
        stop: CancellationToken,
    ) -> Pos {
        let mut next = Vec::new();
        let mut most = BATCH_ROWS;
        loop {
            let batch = tokio::select! {
                batch = gather(&mut appends, &mut next, most) => batch,
                () = stop.cancelled() => None,
            };
            let Some(mut batch) = batch else { return self.touched };
            chaos::freeze(batch.len());
            match self.write(&batch, &stop).await {
                Outcome::Stands => most = BATCH_ROWS,
                Outcome::Divide => {
                    most = batch.len().div_ceil(2);
                    batch.append(&mut next);
                    next = batch;
                }
                Outcome::Over => return self.touched,
            }
            chaos::gather().await;
        }
    }

    /// Writes a batch, with retries while they may help.
    async fn write(&mut self, batch: &[Append], stop: &CancellationToken) -> Outcome {
        let Some(upto) = batch.last().map(|append| append.row.pos) else { return Outcome::Stands };
        let mut waiting = false;
        loop {
            let begun = Instant::now();
            let written = tokio::select! {
                written = self.store.append(&self.link, self.epoch, batch) => written,
                () = stop.cancelled() => {
                    self.touched = self.touched.max(upto);
                    return Outcome::Over;
                }
            };
            let error = match written {
                Ok(()) => {
                    self.touched = self.touched.max(upto);
                    self.stands(batch, upto, begun.elapsed());
                    return Outcome::Stands;
                }
                Err(error @ (StoreError::TooLarge(_) | StoreError::Refused(_))) => match batch {
                    [only] => {
                        // It must not block rows that the database will accept.
                        let _ = self.written.send(Written::Refused(only.row.clone(), error));
                        return Outcome::Over;
                    }
                    _ => return Outcome::Divide,
                },
                Err(error) => error,
            };
            if matches!(error, StoreError::Unavailable(_)) {
                self.touched = self.touched.max(upto);
            }
            // The next term begins from what is stored.
            if !error.is_passing() {
                let _ = self.written.send(Written::Lost(error));
                return Outcome::Over;
            }
            if !waiting {
                waiting = true;
                let _ = self.written.send(Written::Waiting(error));
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return Outcome::Over,
            }
        }
    }

    fn stands(&self, batch: &[Append], upto: Pos, took: Duration) {
        let has_command = || batch.iter().any(|append| append.row.key.is_some());
        chaos::point(chaos::COMMIT_ACK, chaos::ON && has_command());
        count(&self.status, batch, took);
        // Nobody receives it if the term has ended.
        let _ = self.written.send(Written::Upto(upto));
    }
}

/// The waiting rows, up to the size of one transaction; the rest stays in `next`. Empty once the
/// channel is closed and empty.
async fn gather(
    appends: &mut mpsc::UnboundedReceiver<Vec<Append>>,
    next: &mut Vec<Append>,
    most: usize,
) -> Option<Vec<Append>> {
    if next.is_empty() {
        *next = appends.recv().await?;
    }
    while next.len() < most
        && let Ok(more) = appends.try_recv()
    {
        next.extend(more);
    }
    let rest = next.split_off(next.len().min(most));
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
