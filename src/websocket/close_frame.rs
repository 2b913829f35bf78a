//! How the gateway closes a socket.

use crate::wire::{Bye, ServerFrame};

/// The close codes of `couplet.v1`.
pub mod close {
    /// A violation of the WebSocket protocol.
    pub const PROTOCOL: u16 = 1002;
    pub const BINARY: u16 = 1003;
    pub const NOT_UTF8: u16 = 1007;
    /// No `hello`, too many bad frames, or a client that does not read.
    pub const POLICY: u16 = 1008;
    /// A frame over its limit.
    pub const TOO_LARGE: u16 = 1009;
    /// A fault of the gateway.
    pub const INTERNAL: u16 = 1011;
    /// The gateway is stopping.
    pub const RESTART: u16 = 1012;
    /// The JWT is invalid.
    pub const IDENTITY: u16 = 4401;
    /// A rate was exceeded.
    pub const RATE: u16 = 4429;
}

/// How the gateway closes a socket.
#[derive(Debug, PartialEq)]
pub struct CloseFrame {
    pub code: u16,
    /// For logs.
    pub reason: &'static str,
    /// A frame to send before.
    pub last: Option<Box<ServerFrame>>,
}

impl CloseFrame {
    /// Closes without another frame.
    pub fn silent(code: u16, reason: &'static str) -> Self {
        Self { code, reason, last: None }
    }

    /// Closes after a frame.
    pub fn after(code: u16, reason: &'static str, last: ServerFrame) -> Self {
        Self { code, reason, last: Some(Box::new(last)) }
    }

    /// Closes after a `bye` with the same reason.
    pub fn bye(code: u16, reason: &'static str, reconnect_after_ms: Option<u32>) -> Self {
        let bye = Bye { reason: reason.to_owned(), reconnect_after_ms };
        Self::after(code, reason, ServerFrame::Bye(bye))
    }
}
