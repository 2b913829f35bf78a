//! What the clocks on a tenant's walls show. The core knows no time zones, only by how much such a
//! clock is ahead of UTC, and from which moments on.

use std::sync::Arc;

use chrono::{DateTime, Datelike as _, NaiveDateTime, TimeDelta};

use super::ids::Timestamp;

/// Days within which the day of the week says which day is meant.
const WEEK: i64 = 6;

/// A clock on a wall.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// From when on it is ahead of UTC, and by how many milliseconds; in order. Empty if no zone is
    /// set: it shows UTC then, and says so.
    ahead: Arc<[(Timestamp, i64)]>,
}

impl Clock {
    /// A clock that is ahead of UTC by these milliseconds, each from its moment on; the first also
    /// counts for the time before it.
    pub fn new(mut ahead: Vec<(Timestamp, i64)>) -> Self {
        ahead.sort_unstable();
        Self { ahead: ahead.into() }
    }

    fn ahead_at(&self, at: Timestamp) -> i64 {
        let begun = self.ahead.partition_point(|(from, _)| *from <= at).max(1);
        self.ahead.get(begun - 1).map_or(0, |(_, ahead)| *ahead)
    }

    /// What it shows at this moment.
    fn wall(&self, at: Timestamp) -> Option<NaiveDateTime> {
        let shown = DateTime::from_timestamp_millis(at.0.checked_add(self.ahead_at(at))?)?;
        Some(shown.naive_utc())
    }

    /// A moment as people say it at another one: the time alone on the same day, with the day of
    /// the week within a week, else with the date.
    pub fn written(&self, at: Timestamp, now: Timestamp) -> String {
        let (Some(then), Some(today)) = (self.wall(at), self.wall(now)) else {
            return "?".to_owned();
        };
        let format = match then.date().signed_duration_since(today.date()).num_days() {
            0 => "%H:%M",
            1..=WEEK => "%a %H:%M",
            _ if then.year() == today.year() => "%-d %b %H:%M",
            _ => "%-d %b %Y %H:%M",
        };
        let zone = if self.ahead.is_empty() { " UTC" } else { "" };
        format!("{}{zone}", then.format(format))
    }

    /// When it shows this time of the day next, after a moment.
    pub fn next(&self, hour: u32, minute: u32, after: Timestamp) -> Option<Timestamp> {
        let today = self.wall(after)?.date();
        (0..=2).find_map(|days| {
            let wall = (today + TimeDelta::days(days)).and_hms_opt(hour, minute, 0)?;
            let shown = wall.and_utc().timestamp_millis();
            // The offset of about that moment, then of that moment itself.
            let about = Timestamp(shown - self.ahead_at(after));
            Some(Timestamp(shown - self.ahead_at(about))).filter(|at| *at > after)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    /// Friday, 27 March 2026, 12:00 UTC.
    const NOON: Timestamp = Timestamp(1_774_612_800_000);

    /// Berlin's, which is set forward on Sunday, 29 March, at 1:00 UTC.
    fn berlin() -> Clock {
        Clock::new(vec![
            (Timestamp(NOON.0 + 37 * HOUR), 2 * HOUR),
            (Timestamp(NOON.0 - 24 * HOUR), HOUR),
        ])
    }

    #[test]
    fn a_moment_is_written_as_people_say_it() {
        let clock = berlin();
        let written = |hours| clock.written(NOON.plus(hours * HOUR), NOON);
        assert_eq!(written(2), "15:00");
        assert_eq!(written(20), "Sat 09:00");
        assert_eq!(written(67), "Mon 09:00", "after the change");
        assert_eq!(written(187), "4 Apr 09:00");
        assert_eq!(written(-24), "26 Mar 13:00");
        assert_eq!(written(8_000), "23 Feb 2027 22:00");
        assert_eq!(Clock::default().written(NOON, NOON), "12:00 UTC");
        assert_eq!(clock.written(Timestamp(i64::MAX), NOON), "?");
    }

    #[test]
    fn the_next_time_of_the_day_follows_the_change() {
        let clock = berlin();
        let next = |hour, after: i64| {
            clock.next(hour, 30, NOON.plus(after * HOUR)).map(|at| at.since(NOON) * 2 / HOUR)
        };
        // In half hours after noon UTC, which is 13:00 there.
        assert_eq!(next(14, 0), Some(3));
        assert_eq!(next(12, 0), Some(47), "tomorrow");
        assert_eq!(next(12, 24), Some(93), "the day after, an hour earlier");
        assert_eq!(next(24, 0), None);
    }
}
