//! What a customer's socket is told, on its node or from another.

use serde::{Deserialize, Serialize};

use crate::chat::effect::{Answer, CustomerNotice};
use crate::chat::ids::{ConversationId, Seq};

/// An event for one socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SocketEvent {
    /// A notice of the desk to the customer.
    Notice(CustomerNotice),
    /// The desk's response to a command of this socket.
    Answer(Answer),
    /// The number of the last entry of the open conversation, by which a lost notice is found.
    Head { conversation: ConversationId, seq: Seq },
    /// The link has a new owner: commands sent to the previous one may be lost. Only within a node.
    #[serde(skip)]
    NewOwner,
    /// The socket is to be closed. Only within a node.
    #[serde(skip)]
    Bye { reason: ByeReason, reconnect_after_ms: u32 },
}

/// Why the gateway closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByeReason {
    /// The gateway is stopping: close code 1012.
    Restart,
    /// The client did not read: close code 1008.
    Slow,
}
