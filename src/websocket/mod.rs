//! One customer's socket.
//!
//! Invariants: a socket costs a few KiB while nothing happens (nothing is allocated for it that
//! is not used); whatever comes in is bounded in size and in rate; nothing here knows what a
//! command means, only how to carry it and its answers in their order.
//!
//! [`upgrade`] decides whether a request becomes a socket, [`connection`] carries it from its
//! `hello` to its close, [`rules`] judges what its client does, `order` keeps its commands in
//! their order, [`outbound`] words what it is told, [`backend`] is what all this needs of the customers' side of the node.

pub mod backend;
pub mod connection;
mod order;
pub mod origin;
pub mod outbound;
pub mod session_rules;
#[cfg(test)]
pub(crate) mod test_backend;
pub mod upgrade;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// All sockets of a node, for an orderly stop: they live on after the request that opened them.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Sockets {
    /// Runs a socket's life.
    pub fn spawn(&self, life: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn(life));
    }

    /// Set once the node stops.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until all are closed, at most so long; says whether they are. Sockets not yet greeted
    /// are closed here; the edge says `bye` to all others.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}
