//! The wall clock and chance.

use uuid::Uuid;

use crate::chat::ids::Timestamp;

/// The wall clock and the source of chance; the tests have one that is steered.
pub trait World: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// An identifier that sorts by time (RFC 9562, version 7).
    fn uuid(&self) -> Uuid;
    /// Fills a buffer with bytes that nobody can guess.
    fn secret(&self, buffer: &mut [u8]);
}
