//! Opening hours as operators write them, and the moments they mean.
//!
//! Hours are written in OpenStreetMap's syntax and evaluated on the clock of the wall; only then
//! the time zone makes moments of them. Invariants: a time that a clock set forward skips begins,
//! or ends, when the clock is set; a time that comes twice opens the first time and closes the
//! second.

mod error;
mod zone;

use std::str::FromStr as _;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _};
use jiff::civil;
use opening_hours::localization::Country;
use opening_hours::{Context, DATE_END, OpeningHours as Rules, RuleKind};

use self::error::LONGEST;
use self::zone::{Edge, Zone};
use crate::chat::clock::Clock;
use crate::chat::hours::{ByHand, Hours, Opening};
use crate::chat::ids::Timestamp;
use crate::ports::settings::OpeningHours;

pub use self::error::{BadHours, EXAMPLE};

/// A day, in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60_000;

/// How far before and after a moment a desk is told the hours: two weeks, in milliseconds.
const TOLD_MS: i64 = 14 * DAY_MS;

/// How far ahead the clocks are known, for what is written about a later moment.
const CLOCKS_MS: i64 = 400 * DAY_MS;

/// Times at which something changes that are looked at, at most.
const CHANGES: usize = 4_000;

/// A moment that never comes.
const NEVER: Timestamp = Timestamp(i64::MAX);

/// Hours that can be evaluated.
#[derive(Debug, Clone)]
pub struct Timetable {
    rules: Rules,
    zone: Zone,
    strict: bool,
}

/// A zone as the tz database spells it.
///
/// # Errors
/// If there is none of that name.
pub fn zone_name(text: &str) -> Result<String, BadHours> {
    Zone::named(text).map(|zone| zone.name().to_owned())
}

/// A country whose public holidays are known.
///
/// # Errors
/// If they are not.
pub fn country_code(text: &str) -> Result<String, BadHours> {
    country(text).map(|country| country.iso_code().to_owned())
}

fn country(text: &str) -> Result<Country, BadHours> {
    let code = text.trim().to_ascii_uppercase();
    Country::from_str(&code).map_err(|_| BadHours::Country(text.chars().take(32).collect()))
}

/// The hours that a desk is told: those around this moment. `None` if it is always open.
///
/// # Errors
/// If the hours cannot be used.
pub fn around(written: &OpeningHours, now: Timestamp) -> Result<Option<Hours>, BadHours> {
    let Some(table) = Timetable::of(written)? else { return Ok(None) };
    let times = table.times(now.plus(-TOLD_MS), now.plus(TOLD_MS));
    let mut hours = Hours::new(table.strict, times);
    hours.clock = table.zone.clock(now.plus(-TOLD_MS), now.plus(CLOCKS_MS));
    Ok(Some(hours))
}

/// The same, with what was closed or opened by hand.
///
/// # Errors
/// If the hours cannot be used; with what counts instead.
pub fn around_by_hand(
    written: &OpeningHours,
    hand: Option<ByHand>,
    now: Timestamp,
) -> Result<Option<Hours>, (BadHours, Option<Hours>)> {
    let by_hand = |found: Option<Hours>| match hand {
        Some(hand) => Some(found.unwrap_or_else(|| always(written, now)).by_hand(hand)),
        None => found,
    };
    match around(written, now) {
        Ok(found) => Ok(by_hand(found)),
        Err(error) => Err((error, by_hand(None))),
    }
}

/// The hours of what has none.
pub fn always(written: &OpeningHours, now: Timestamp) -> Hours {
    let mut always = Hours::always();
    always.clock = clock(written, now);
    always
}

/// What the clocks there show, around a moment.
pub fn clock(written: &OpeningHours, now: Timestamp) -> Clock {
    let zone = written.zone.as_deref().and_then(|name| Zone::named(name).ok());
    zone.map(|zone| zone.clock(now.plus(-TOLD_MS), now.plus(CLOCKS_MS))).unwrap_or_default()
}

/// A moment that somebody wrote: a time of the day (`14:00`), which is the next such time, or with
/// its date; as the clocks there show it.
pub fn moment(written: &OpeningHours, text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    // A date with a time is read as that time, too.
    let of_the_day = text.parse::<civil::Time>().ok().filter(|_| !text.contains('-'));
    if let Some(time) = of_the_day {
        let part = |value: i8| u32::try_from(value).ok();
        return clock(written, now).next(part(time.hour())?, part(time.minute())?, now);
    }
    Zone::named(written.zone.as_deref().unwrap_or("UTC")).ok()?.read(text)
}

impl Timetable {
    /// Hours as they are written; `None` if it is always open.
    ///
    /// # Errors
    /// If they cannot be used. Zone and country are checked even without hours.
    pub fn of(written: &OpeningHours) -> Result<Option<Self>, BadHours> {
        let zone = written.zone.as_deref().map(Zone::named).transpose()?;
        let country = written.country.as_deref().map(country).transpose()?;
        let Some(text) = &written.hours else { return Ok(None) };
        let rules = rules(text)?;
        for (word, what) in [
            ("SH", "school holidays (SH)"),
            ("SUNRISE", "the sunrise"),
            ("SUNSET", "the sunset"),
            ("DAWN", "the dawn"),
            ("DUSK", "the dusk"),
        ] {
            if names(text, word) {
                return Err(BadHours::Unknown { what });
            }
        }
        if country.is_none() && names(text, "PH") {
            return Err(BadHours::NoCountry);
        }
        let holidays = country.map(Country::holidays).unwrap_or_default();
        // A year without a change is as good as forever.
        let context = Context::default()
            .with_holidays(holidays)
            .approx_bound_interval_size(TimeDelta::days(400));
        let zone = zone.ok_or(BadHours::NoZone)?;
        Ok(Some(Self { rules: rules.with_context(context), zone, strict: written.is_strict() }))
    }

    /// The times that touch this period, and the next one after it if none begins in it.
    pub fn times(&self, from: Timestamp, until: Timestamp) -> Vec<Opening> {
        // A day earlier on the wall, whatever the clocks do.
        let (Some(first), Some(last)) = (self.wall(from.plus(-DAY_MS)), self.wall(until)) else {
            return Vec::new();
        };
        let mut times = Vec::new();
        for part in self.rules.iter_from(first).take(CHANGES) {
            let begins = part.range.start;
            if part.kind != RuleKind::Open {
                continue;
            }
            let opening = Opening {
                from: self.moment(begins, Edge::Opens),
                until: self.moment(part.range.end, Edge::Closes),
            };
            if opening.until > from {
                times.push(opening);
            }
            if begins >= last || opening.until == NEVER {
                break;
            }
        }
        // The first one after the period is of interest only where none begins in it.
        let later = |time: &Opening| time.from >= until;
        if times.iter().any(|time| !later(time) && time.from > from) {
            times.retain(|time| !later(time));
        }
        times
    }

    /// What a clock on the wall shows.
    pub fn written(&self, at: Timestamp) -> String {
        self.zone.written(at)
    }

    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// A moment that an operator wrote: with its offset, or as the clock on the wall shows it.
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        self.zone.read(text)
    }

    fn wall(&self, at: Timestamp) -> Option<NaiveDateTime> {
        let wall = self.zone.wall(at)?;
        let part = |value: i8| u32::try_from(value).ok();
        NaiveDate::from_ymd_opt(wall.year().into(), part(wall.month())?, part(wall.day())?)?
            .and_hms_opt(part(wall.hour())?, part(wall.minute())?, part(wall.second())?)
    }

    fn moment(&self, at: NaiveDateTime, edge: Edge) -> Timestamp {
        if at >= DATE_END {
            return NEVER;
        }
        let part = |value: u32| i8::try_from(value).ok();
        let wall = || {
            let year = i16::try_from(at.year()).ok()?;
            let (month, day) = (part(at.month())?, part(at.day())?);
            let (hour, minute) = (part(at.hour())?, part(at.minute())?);
            civil::DateTime::new(year, month, day, hour, minute, part(at.second())?, 0).ok()
        };
        wall().and_then(|wall| self.zone.moment(wall, edge)).unwrap_or(NEVER)
    }
}

fn rules(text: &str) -> Result<Rules, BadHours> {
    if text.len() > LONGEST {
        return Err(BadHours::Long);
    }
    text.parse::<Rules>().map_err(|error| {
        let message = error.to_string();
        let mut lines = message.lines();
        // A syntax error begins with its place: ` --> 1:4`.
        let place = lines.next().and_then(|first| first.strip_prefix(" --> 1:"));
        match place.and_then(|column| column.trim().parse::<usize>().ok()) {
            Some(at) => {
                let from = text.chars().skip(at.saturating_sub(1)).take(20).collect();
                BadHours::Syntax { at, from }
            }
            None => BadHours::Rules { why: message.chars().take(200).collect() },
        }
    })
}

/// Whether a word is in the hours, outside comments.
fn names(text: &str, word: &str) -> bool {
    let outside = text.split('"').step_by(2);
    let mut words = outside.flat_map(|part| part.split(|c: char| !c.is_ascii_alphabetic()));
    words.any(|found| found.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
