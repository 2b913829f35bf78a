//! The wall clock and the random source, which tests replace.

use uuid::Uuid;

use crate::chat::ids::Timestamp;

pub trait World: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
    /// An identifier that sorts by time (RFC 9562, version 7).
    fn uuid(&self) -> Uuid;
    /// Fills a buffer with unpredictable bytes.
    fn secret(&self, buffer: &mut [u8]);
}
