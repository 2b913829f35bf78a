//! The clock and the chance of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::{TryRngCore, rngs::OsRng};
use uuid::Uuid;

use crate::chat::ids::Timestamp;
use crate::ports::world::World;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWorld;

impl World for SystemWorld {
    #[allow(clippy::disallowed_methods, reason = "the adapter that the lint points to")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    #[allow(clippy::disallowed_methods, reason = "the adapter that the lint points to")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn secret(&self, buffer: &mut [u8]) {
        // The kernel's generator does not fail once the machine is up; going on with a guessable
        // secret would be worse than stopping.
        if OsRng.try_fill_bytes(buffer).is_err() {
            std::process::abort();
        }
    }
}
