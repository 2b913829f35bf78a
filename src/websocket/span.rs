//! Where a log line of a socket belongs: its tenant and its session.
//!
//! Invariants: no token, no name and nothing that a person wrote is in it. It is entered once per
//! poll of the socket's task, never per message.

use tracing::Span;
use tracing::field::{Empty, display};

use crate::chat::ids::{SessionId, TenantKey};

/// The span of a socket; its session is known after the `hello`.
pub(super) fn new(tenant: &TenantKey) -> Span {
    // At the level of errors, so that no `log.level` hides where a line belongs.
    tracing::error_span!("socket", %tenant, session = Empty)
}

/// Records whose socket the present one is.
pub(super) fn record(session: SessionId) {
    // The end of the id: its beginning is the time, and nearly the same for many.
    let id = session.0.as_u128() & 0xffff_ffff;
    Span::current().record("session", display(format_args!("{id:08x}")));
}
