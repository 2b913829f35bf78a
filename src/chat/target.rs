//! How rows name messages.

use super::ids::{Pos, Seq};

/// A message in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its place in the conversation.
    pub seq: Seq,
    /// Its place in the log.
    pub pos: Pos,
}
