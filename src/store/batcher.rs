//! What is asked at the same time is answered together.
//!
//! Invariants: whoever asks alone waits for nobody. Who asks in a crowd waits [`GATHER`] at most for
//! others to come with. Each is told what came of his own; a group that fails is told so, all of it.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::ports::store::StoreError;

/// How long the first of a crowd waits for the others.
const GATHER: Duration = Duration::from_millis(2);
/// The most that are answered together.
const TOGETHER: usize = 256;
/// Those that may wait for it; who comes beyond waits for a place.
const WAITING: usize = 1_024;

/// What is done for many at once.
pub(super) trait Together: Send + Sync + 'static {
    /// What one asks.
    type Ask: Send + Sync + 'static;
    /// What came of it.
    type Answer: Send + 'static;

    /// Does it for a group, never an empty one; the answers are in the order of those who asked.
    fn answer(
        &self,
        group: &[Self::Ask],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;
}

/// Whom the answer is for.
type Asker<T> = oneshot::Sender<Result<<T as Together>::Answer, StoreError>>;

/// Where those go who ask.
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
    /// Starts the task that answers them; it ends with the last of these. A group that takes longer
    /// than `patience` is given up.
    pub(super) fn receive(together: T, patience: Duration) -> Self {
        let (sender, asked) = mpsc::channel(WAITING);
        tokio::spawn(serve(together, patience, asked));
        Self(sender)
    }

    /// Asks, with those who ask at the same time.
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
        // Whoever went away meanwhile needs no answer.
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

fn late(patience: Duration) -> StoreError {
    StoreError::Unavailable(format!("it did not answer within {}", super::seconds(patience)))
}
