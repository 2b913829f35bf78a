//! How long values live.

use std::time::Duration;

/// The longest time to live; longer ones are cut to it so that no clock overflows.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A time to live that every backend can represent: whole milliseconds, at least one.
pub(super) fn ttl(wished: Duration) -> Duration {
    let millis = wished.clamp(Duration::from_millis(1), LONGEST).as_millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
