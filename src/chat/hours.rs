//! When a queue is open, as moments: the core knows no days and no time zones.
//!
//! Invariant: the times are in order and apart from each other. They cover some days before and
//! after the moment they were made at, and are renewed daily.

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::ids::Timestamp;

/// When a queue is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Outside them, new conversations are not offered. Otherwise they are, to agents who are
    /// available all the same.
    pub strict: bool,
    /// What the clocks there show.
    pub clock: Clock,
    open: Vec<Opening>,
    /// When somebody closed it, whatever the hours are.
    closed: Option<Opening>,
}

/// A queue that somebody closed or opened, whatever its hours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    pub open: bool,
    pub from: Timestamp,
    /// The first moment after it; none if it holds until it is taken back.
    pub until: Option<Timestamp>,
}

impl ByHand {
    /// The time in which it holds.
    fn time(self) -> Opening {
        Opening { from: self.from, until: self.until.unwrap_or(NEVER) }
    }

    pub fn is_over(self, now: Timestamp) -> bool {
        self.time().until <= now
    }
}

/// A moment that never comes.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// A time in which a queue is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Opening {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Hours {
    /// Hours of these times, in any order; those that touch become one, and empty ones are left
    /// out.
    pub fn new(strict: bool, mut times: Vec<Opening>) -> Self {
        times.retain(|time| time.from < time.until);
        times.sort_by_key(|time| time.from);
        let mut open: Vec<Opening> = Vec::with_capacity(times.len());
        for time in times {
            match open.last_mut().filter(|last| time.from <= last.until) {
                Some(last) => last.until = last.until.max(time.until),
                None => open.push(time),
            }
        }
        Self { strict, clock: Clock::default(), open, closed: None }
    }

    /// Always open.
    pub fn always() -> Self {
        Self::new(true, vec![Opening { from: Timestamp(i64::MIN), until: NEVER }])
    }

    /// The same, but closed or opened by hand for a time.
    #[must_use]
    pub fn by_hand(self, hand: ByHand) -> Self {
        let Self { strict, clock, open, .. } = self;
        let time = hand.time();
        let (times, closed) = if hand.open {
            (open.into_iter().chain([time]).collect(), None)
        } else {
            let around = open.into_iter().flat_map(|one| {
                [
                    Opening { until: one.until.min(time.from), ..one },
                    Opening { from: one.from.max(time.until), ..one },
                ]
            });
            (around.collect(), Some(time))
        };
        Self { clock, closed, ..Self::new(strict, times) }
    }

    /// Whether new conversations are not offered at this moment if it is closed then. Whoever
    /// closes a queue means it, also where its hours are a piece of advice.
    pub fn is_strict_at(&self, at: Timestamp) -> bool {
        self.strict || self.closed.is_some_and(|closed| closed.holds(at))
    }

    /// Whether it is closed by hand at this moment, until that is taken back.
    pub fn is_shut_for_good(&self, at: Timestamp) -> bool {
        self.closed.is_some_and(|closed| closed.holds(at) && closed.until == NEVER)
    }

    /// The times, in order.
    pub fn times(&self) -> &[Opening] {
        &self.open
    }

    /// The time that holds this moment, if it is open then.
    pub fn opening_at(&self, at: Timestamp) -> Option<Opening> {
        let begun = self.open.partition_point(|time| time.from <= at);
        let last = begun.checked_sub(1).and_then(|last| self.open.get(last));
        last.filter(|time| time.holds(at)).copied()
    }

    pub fn is_open(&self, at: Timestamp) -> bool {
        self.opening_at(at).is_some()
    }

    /// When it opens next after this moment, as far as that is known.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.open.iter().map(|time| time.from).find(|from| *from > at)
    }

    /// The first moment from this one on at which it is open, as far as that is known.
    pub fn first_open(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) { Some(at) } else { self.next_after(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(from: i64, until: i64) -> Opening {
        Opening { from: Timestamp(from), until: Timestamp(until) }
    }

    #[test]
    fn times_that_touch_are_one() {
        let hours = Hours::new(
            true,
            vec![time(50, 60), time(10, 20), time(20, 30), time(25, 28), time(5, 5)],
        );
        assert_eq!(hours.times(), [time(10, 30), time(50, 60)]);
    }

    #[test]
    fn who_closes_or_opens_it_wins_over_the_hours() {
        let hours = || Hours::new(false, vec![time(10, 20), time(50, 60)]);
        let hand = |open, from, until: Option<i64>| {
            let until = until.map(Timestamp);
            hours().by_hand(ByHand { open, from: Timestamp(from), until })
        };
        assert_eq!(hand(false, 12, Some(15)).times(), [time(10, 12), time(15, 20), time(50, 60)]);
        assert_eq!(hand(false, 12, Some(55)).times(), [time(10, 12), time(55, 60)]);
        assert_eq!(hand(false, 12, None).times(), [time(10, 12)]);
        assert_eq!(hand(true, 15, Some(30)).times(), [time(10, 30), time(50, 60)]);
        assert_eq!(hand(true, 30, Some(31)).times(), [time(10, 20), time(30, 31), time(50, 60)]);
        let closed = hand(false, 12, Some(15));
        let strict = [11, 12, 14, 15].map(|at| closed.is_strict_at(Timestamp(at)));
        assert_eq!(strict, [false, true, true, false]);
        let shut = ByHand { open: false, from: Timestamp(5), until: None };
        let always = Hours::always().by_hand(shut);
        assert!(always.is_open(Timestamp(4)) && !always.is_open(Timestamp(5)));
        assert!(always.is_shut_for_good(Timestamp(5)) && !always.is_shut_for_good(Timestamp(4)));
    }

    #[test]
    fn the_first_moment_is_open_and_the_last_is_not() {
        let hours = Hours::new(true, vec![time(10, 20), time(50, 60)]);
        let found = |at| {
            let at = Timestamp(at);
            let plain = |moment: Option<Timestamp>| moment.map(|moment| moment.0);
            (hours.is_open(at), plain(hours.next_after(at)), plain(hours.first_open(at)))
        };
        assert_eq!(found(9), (false, Some(10), Some(10)));
        assert_eq!(found(10), (true, Some(50), Some(10)));
        assert_eq!(found(19), (true, Some(50), Some(19)));
        assert_eq!(found(20), (false, Some(50), Some(50)));
        assert_eq!(found(60), (false, None, None));
        assert!(!Hours::new(true, Vec::new()).is_open(Timestamp(0)));
    }
}
