//! Which queues are closed now, and which close was announced.

use std::collections::BTreeMap;

use crate::chat::ids::{QueueKey, TenantKey, Timestamp};

/// What the desk knows about the hours of its queues.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// The queues that are closed now.
    pub(super) shut: BTreeMap<(TenantKey, QueueKey), Shut>,
    /// The close that the agents of a queue were told about last.
    pub(super) announced: BTreeMap<(TenantKey, QueueKey), Timestamp>,
}

/// A queue that is closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shut {
    /// Since when, or longer.
    pub(super) since: Timestamp,
    /// When it opens.
    pub(super) until: Option<Timestamp>,
    pub(super) strict: bool,
}
