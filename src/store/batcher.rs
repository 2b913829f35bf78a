//! Combines concurrent requests of one kind into one query.
//!
//! Invariants: a lone request is not delayed. Under load a request waits at most [`GATHER`] for
//! others to join. Each caller gets its own result; if a group fails, all of its callers get the
//! error.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::error::late;
use crate::ports::store_error::StoreError;

/// How long the first request of a group waits for others.
const GATHER: Duration = Duration::from_millis(2);
/// The most requests in one group.
const TOGETHER: usize = 256;
/// The most queued requests; further callers wait for a place.
const WAITING: usize = 1_024;

/// An operation on a group of requests.
pub(super) trait Together: Send + Sync + 'static {
    type Ask: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// Performs the operation for a group, which is never empty. The results are in the order of
    /// the requests.
    fn answer(
        &self,
        group: &[Self::Ask],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;
}

/// Where a result is sent.
type Asker<T> = oneshot::Sender<Result<<T as Together>::Answer, StoreError>>;

/// The handle through which requests are sent.
pub(super) struct Batcher<T: Together>(mpsc::Sender<(T::Ask, Asker<T>)>);

impl<T: Together> Clone for Batcher<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Together> std::fmt::Debug for Batcher<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher").finish_non_exhaustive()
    }
}

impl<T: Together> Batcher<T> {
    /// Starts the task that handles the requests; it ends when the last handle is dropped. A group
    /// that takes longer than `patience` fails.
    pub(super) fn receive(together: T, patience: Duration) -> Self {
        let (sender, asked) = mpsc::channel(WAITING);
        tokio::spawn(serve(together, patience, asked));
        Self(sender)
    }

    /// Sends a request, and waits for its result.
    pub(super) async fn ask(&self, ask: T::Ask) -> Result<T::Answer, StoreError> {
        let (tell, told) = oneshot::channel();
        let gone = || StoreError::Unavailable("the gateway is stopping".to_owned());
        self.0.send((ask, tell)).await.map_err(|_| gone())?;
        told.await.map_err(|_| gone())?
    }
}

async fn serve<T: Together>(
    together: T,
    patience: Duration,
    mut asked: mpsc::Receiver<(T::Ask, Asker<T>)>,
) {
    let mut group = Vec::new();
    let mut crowd = false;
    while asked.recv_many(&mut group, TOGETHER).await > 0 {
        if crowd {
            gather(&mut asked, &mut group).await;
        }
        crowd = group.len() > 1;
        // Skips callers that were cancelled in the meantime.
        let (asks, askers): (Vec<_>, Vec<_>) =
            group.drain(..).filter(|(_, asker)| !asker.is_closed()).unzip();
        if asks.is_empty() {
            continue;
        }
        let answered = tokio::time::timeout(patience, together.answer(&asks)).await;
        match answered.unwrap_or_else(|_| Err(late(patience))) {
            Ok(answers) => {
                for (asker, answer) in askers.into_iter().zip(answers) {
                    let _ = asker.send(Ok(answer));
                }
            }
            Err(error) => {
                for asker in askers {
                    let _ = asker.send(Err(error.clone()));
                }
            }
        }
    }
}

async fn gather<A>(asked: &mut mpsc::Receiver<A>, group: &mut Vec<A>) {
    let until = Instant::now() + GATHER;
    while group.len() < TOGETHER {
        let room = TOGETHER - group.len();
        match tokio::time::timeout_at(until, asked.recv_many(group, room)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}
