//! Group commit: what waits goes to the database in one transaction.
//!
//! Invariants: rows are written in the order of their `pos`, none is ever skipped. What failed, or
//! whose outcome is unknown, is written again with the same numbers until it stands, the lease is
//! gone, or the term ends; only what stands is reported as stored. Once stopped, it knows up to
//! which row the database may have taken anything: what comes after is certainly not stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::chat::ids::{Epoch, LinkDomain, Pos};
use crate::chat::model::{Append, Author, Row, RowKind};
use crate::ports::store::{Store, StoreError};
use crate::runtime::Status;

/// Rows of one transaction.
const BATCH_ROWS: usize = 512;
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(250);
/// It stops at once; only a machine without a moment to spare takes longer.
const STOPPING: Duration = Duration::from_millis(250);

/// What the writer reports.
#[derive(Debug)]
pub(super) enum Written {
    /// All up to here stands.
    Upto(Pos),
    /// The database does not answer; it is being tried again.
    Waiting(StoreError),
    /// The database refuses this row for what it holds. All before it stands.
    Refused(Arc<Row>, StoreError),
    /// The link is another's: the desk is worth nothing any more.
    Lost(StoreError),
}

/// The task that writes.
#[derive(Debug)]
pub(super) struct Writer {
    stop: CancellationToken,
    /// Ends with the last row that the database may have taken.
    task: Option<JoinHandle<Pos>>,
    upto: Option<Pos>,
}

impl Writer {
    /// Stops it: up to which row the database may have taken anything.
    pub(super) async fn stop(&mut self) -> Pos {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            self.upto = timeout(STOPPING, task).await.ok().and_then(Result::ok);
        }
        // Where it does not tell, it may have taken all.
        self.upto.unwrap_or(Pos(u64::MAX))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts a writer for a link, in a term, after the last row that stands.
pub(super) fn spawn(
    store: Arc<dyn Store>,
    status: Arc<Status>,
    (link, epoch, stored): (LinkDomain, Epoch, Pos),
    appends: mpsc::UnboundedReceiver<Vec<Append>>,
    written: mpsc::UnboundedSender<Written>,
) -> Writer {
    let stop = CancellationToken::new();
    let writing = Writing { store, status, link, epoch, touched: stored, written };
    let task = tokio::spawn(writing.run(appends, stop.clone()));
    Writer { stop, task: Some(task), upto: None }
}

/// What came of a batch.
enum Outcome {
    /// All of it stands.
    Stands,
    /// Nothing of it stands: it is too large to be taken at once, or a row of it is refused.
    Divide,
    /// Nothing more is to be written.
    Over,
}

struct Writing {
    store: Arc<dyn Store>,
    status: Arc<Status>,
    link: LinkDomain,
    epoch: Epoch,
    /// Up to here rows stand, or may stand.
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
            #[cfg(feature = "chaos")]
            crate::chaos::freeze(batch.len());
            match self.write(&batch, &stop).await {
                Outcome::Stands => most = BATCH_ROWS,
                Outcome::Divide => {
                    most = batch.len().div_ceil(2);
                    batch.append(&mut next);
                    next = batch;
                }
                Outcome::Over => return self.touched,
            }
            #[cfg(feature = "chaos")]
            crate::chaos::gather().await;
        }
    }

    /// Writes a batch, again and again while that may help.
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
                        // It must not hold up what the database will take.
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
            // Begin anew from what stands.
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
        #[cfg(feature = "chaos")]
        crate::chaos::point(
            crate::chaos::COMMIT_ACK,
            batch.iter().any(|append| append.row.key.is_some()),
        );
        count(&self.status, batch, took);
        // Nobody hears it where the term has ended.
        let _ = self.written.send(Written::Upto(upto));
    }
}

/// Whatever waits, as far as it goes into one transaction; the rest stays in `next`. Nothing once
/// the channel is closed and empty.
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
