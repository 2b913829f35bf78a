//! The phase of a run, and which of its clients have nothing left to do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Clients send.
    Load,
    /// Clients only finish what they began.
    Quiet,
    Over,
}

#[derive(Debug, Clone)]
pub(crate) struct Phases {
    phase: watch::Receiver<Phase>,
    settled: Arc<Mutex<HashSet<usize>>>,
}

impl Phases {
    /// The phases, and the sender that sets them.
    pub(crate) fn new() -> (Self, watch::Sender<Phase>) {
        let (sender, phase) = watch::channel(Phase::Load);
        (Self { phase, settled: Arc::default() }, sender)
    }

    /// The current phase.
    pub(crate) fn now(&self) -> Phase {
        *self.phase.borrow()
    }

    /// A client has nothing left to do.
    pub(crate) fn settled(&self, client: usize) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).insert(client);
    }

    /// A client has something to do after all.
    pub(crate) fn unsettled(&self, client: usize) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).remove(&client);
    }

    /// The number of clients that have nothing left to do.
    pub(crate) fn count(&self) -> usize {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
