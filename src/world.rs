//! The clock and the random source of this machine.
//!
//! Invariant: within a process, time never goes back and never stops. If the wall clock is set
//! forward, the time follows at once. If it is set back, the time continues from where it was, at
//! normal speed, until the wall clock has caught up or the process ends.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::{TryRngCore, rngs::OsRng};
use uuid::Uuid;

use crate::chat::ids::Timestamp;
use crate::ports::world::World;

/// The wall clock going back by more than this is logged.
const NOTABLE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWorld;

/// The clock of the process, shared by all instances of [`SystemWorld`].
static CLOCK: OnceLock<(Instant, Mutex<Steady>)> = OnceLock::new();

impl World for SystemWorld {
    #[allow(clippy::disallowed_methods, reason = "the adapter that the lint points to")]
    fn now(&self) -> Timestamp {
        let (begun, clock) = CLOCK.get_or_init(|| (Instant::now(), Mutex::default()));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let passed = begun.elapsed();
        let now = clock.lock().unwrap_or_else(PoisonError::into_inner).read(wall, passed);
        Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
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

/// A wall clock that does not go back.
#[derive(Debug, Default)]
struct Steady {
    /// The time at the first reading, adjusted whenever the wall clock is ahead.
    zero: Duration,
    /// How far the wall clock was behind when it was last logged.
    said: Duration,
}

impl Steady {
    /// The time, given the wall clock and the time passed since the first reading.
    fn read(&mut self, wall: Duration, passed: Duration) -> Duration {
        let steady = self.zero.saturating_add(passed);
        let behind = steady.saturating_sub(wall);
        if behind.is_zero() {
            self.zero = wall.saturating_sub(passed);
        }
        if behind > self.said.saturating_add(NOTABLE) {
            let seconds = behind.as_secs();
            tracing::warn!(seconds, "the wall clock was set back; time goes on from where it was");
            self.said = behind;
        } else if behind < self.said {
            self.said = behind;
        }
        steady.max(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times read, in seconds, if the wall clock shows each of these values, one second apart.
    fn read(walls: &[u64]) -> Vec<u64> {
        let mut clock = Steady::default();
        let mut passed = 0..;
        let mut read = |wall: &u64| {
            let passed = Duration::from_secs(passed.next().unwrap_or_default());
            clock.read(Duration::from_secs(*wall), passed).as_secs()
        };
        walls.iter().map(&mut read).collect()
    }

    #[test]
    fn time_follows_the_wall_clock_forward_and_never_back() {
        assert_eq!(read(&[100, 101, 102]), [100, 101, 102]);
        assert_eq!(read(&[100, 4_000, 4_001]), [100, 4_000, 4_001], "set forward: at once");
        assert_eq!(read(&[100, 40, 41, 42]), [100, 101, 102, 103], "set back: time goes on");
        assert_eq!(read(&[100, 99, 101, 103, 105, 106]), [100, 101, 102, 103, 105, 106]);
        assert_eq!(read(&[100, 0, 7_000, 50]), [100, 101, 7_000, 7_001]);
    }

    #[test]
    fn every_world_has_the_same_time() {
        let (one, other) = (SystemWorld, SystemWorld);
        let mut last = one.now();
        for _ in 0..1_000 {
            let now = other.now().max(one.now());
            assert!(now >= last);
            last = now;
        }
    }
}
