//! One customer's socket.
//!
//! Invariants: an idle socket costs a few KiB (memory is allocated only for what is used). Input is
//! bounded in size and in rate. Nothing here interprets a command: sockets carry commands and their
//! responses, in order.
//!
//! [`upgrade`] decides whether a request becomes a socket, [`connection`] runs it from its `hello`
//! to its close, [`session_rules`] judges the client's input, `order` keeps commands in order,
//! [`outbound`] builds the frames for the client, and [`backend`] is what all this needs of the
//! node.

pub mod backend;
pub mod close_frame;
pub mod connection;
mod order;
pub mod origin;
pub mod outbound;
pub mod session_rules;
mod span;
#[cfg(test)]
pub(crate) mod test_backend;
pub mod upgrade;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::chat::ids::TenantKey;

/// All sockets of a node; they outlive the requests that opened them, and are closed in a graceful
/// stop.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Sockets {
    /// Runs the task of a tenant's socket.
    pub fn spawn(&self, tenant: &TenantKey, life: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn(life.instrument(span::new(tenant))));
    }

    /// Cancelled when the node stops.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The number of open sockets.
    pub fn open(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until all sockets are closed, at most for `grace`; returns whether they are. Sockets
    /// without a welcome are closed here; the edge sends `bye` to all others.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}
