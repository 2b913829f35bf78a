//! The settings of the rate limits, and the quotas made from them.

use std::num::NonZeroU32;

use governor::Quota;

/// Bytes are counted in units of this size: smaller ones exceed the limiter's nanosecond
/// resolution.
const UNIT: u32 = 64;
/// The burst of bytes in seconds of the rate; it is never less than twice the largest frame.
const BYTES_AT_ONCE_S: u32 = 8;
pub(super) const LARGEST_FRAME: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Durable commands of one customer per second.
    pub messages_per_second: u32,
    /// Durable commands of one customer at once.
    pub message_burst: u32,
    /// Durable commands from one address per second; the burst is in proportion to the two above.
    pub messages_per_second_per_address: u32,
    /// Kilobytes of frames of one customer per second; the burst is [`BYTES_AT_ONCE_S`] seconds'
    /// worth.
    pub kilobytes_per_second: u32,
    /// Kilobytes of frames from one address per second.
    pub kilobytes_per_second_per_address: u32,
    /// `hello`s and pages of history of one customer per minute.
    pub reads_per_minute: u32,
    /// `hello`s and pages of history from one address per minute.
    pub reads_per_minute_per_address: u32,
    /// Open sockets from one address.
    pub sockets_per_address: u32,
    /// New sessions from one address per minute.
    pub sessions_per_minute_per_address: u32,
    /// New conversations from one address per hour.
    pub conversations_per_hour_per_address: u32,
    /// Files from one address per minute.
    pub files_per_minute_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages_per_second: 5,
            message_burst: 20,
            messages_per_second_per_address: 50,
            kilobytes_per_second: 32,
            kilobytes_per_second_per_address: 256,
            reads_per_minute: 120,
            reads_per_minute_per_address: 1_200,
            sockets_per_address: 100,
            sessions_per_minute_per_address: 60,
            conversations_per_hour_per_address: 60,
            files_per_minute_per_address: 20,
        }
    }
}

impl Limits {
    /// The quota for durable commands of one customer.
    pub(super) fn commands(&self) -> Quota {
        per_second(self.messages_per_second).allow_burst(at_least_one(self.burst()))
    }

    /// The quota for durable commands of one address: its burst is as many seconds' worth as a
    /// customer's.
    pub(super) fn commands_from(&self) -> Quota {
        let each = self.messages_per_second_per_address.max(1);
        let burst =
            u64::from(self.burst()) * u64::from(each) / u64::from(self.messages_per_second.max(1));
        let burst = u32::try_from(burst).unwrap_or(u32::MAX);
        per_second(each).allow_burst(at_least_one(burst.max(each)))
    }

    pub(super) fn burst(&self) -> u32 {
        self.message_burst.max(self.messages_per_second)
    }
}

/// A quota of kilobytes, counted in [`UNIT`]s; a frame of any size fits into the burst.
pub(super) fn bytes(kilobytes_per_second: u32) -> Quota {
    let units = kilobytes_per_second.max(1).saturating_mul(1_024 / UNIT);
    let burst = units.saturating_mul(BYTES_AT_ONCE_S).max(2 * units_of(LARGEST_FRAME).get());
    per_second(units).allow_burst(at_least_one(burst))
}

pub(super) fn units_of(bytes: usize) -> NonZeroU32 {
    at_least_one(u32::try_from(bytes).unwrap_or(u32::MAX).div_ceil(UNIT))
}

fn per_second(number: u32) -> Quota {
    Quota::per_second(at_least_one(number))
}

pub(super) fn per_minute(number: u32) -> Quota {
    Quota::per_minute(at_least_one(number))
}

pub(super) fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}
