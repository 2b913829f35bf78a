//! The end of a term.

use std::time::Duration;

use tokio::time::Instant;

use super::term::Term;
use crate::ports::link::{FromLink, ToLink};

/// How long an orderly stop may wait for the database and the server.
const DRAIN: Duration = Duration::from_secs(8);

impl Term<'_> {
    /// Orderly stop: what was taken is stored and sent, then the lease is given up.
    pub(super) async fn drain(&mut self) {
        let until = Instant::now() + DRAIN;
        while self.stored < self.desk.head() {
            match tokio::time::timeout_at(until, self.written.recv()).await {
                Ok(Some(written)) => {
                    if self.on_written(written).is_some() {
                        return;
                    }
                }
                _ => break,
            }
        }
        while self.outbox.waiting() > 0 && *self.up.borrow() != 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.close_link(until.saturating_duration_since(Instant::now())).await;
        let (store, link, accepted) = (&self.owner.store, &self.owner.link, self.accepted);
        if accepted > self.cursor {
            let _ = store.move_cursor(link, self.epoch, accepted).await;
        }
        if let Err(error) = store.release(link, self.epoch).await {
            tracing::warn!(%link, %error, "the lease could not be given up; it runs out by itself");
        }
    }

    /// Lets the link write what waits and close its stream.
    pub(super) async fn close_link(&mut self, patience: Duration) {
        let closing = async {
            if self.handle.to.send(ToLink::Close).await.is_err() {
                return;
            }
            while let Some(said) = self.handle.from.recv().await {
                match said {
                    FromLink::Accepted { pos } => self.accepted = self.accepted.max(pos),
                    FromLink::Closed => return,
                    _ => {}
                }
            }
        };
        if tokio::time::timeout(patience, closing).await.is_err() {
            tracing::warn!(link = %self.owner.link, "the stream did not close in time");
        }
        let _ = self.up.send(0);
    }
}
