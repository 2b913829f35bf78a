//! A time zone: what clocks on the wall show, and when.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::error::BadHours;
use crate::chat::clock::Clock;
use crate::chat::ids::Timestamp;

/// The longest name of a zone, in bytes.
const LONGEST: usize = 64;

/// Whether something opens or closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Opens,
    Closes,
}

#[derive(Debug, Clone)]
pub(super) struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    pub(super) fn named(text: &str) -> Result<Self, BadHours> {
        let text = text.trim();
        let found = (1..=LONGEST).contains(&text.len()).then(|| TimeZone::get(text).ok());
        let zone = found.flatten().filter(|zone| !zone.is_unknown());
        match zone.as_ref().and_then(TimeZone::iana_name).map(str::to_owned) {
            Some(name) => zone.map(|zone| Self { zone, name }),
            None => None,
        }
        .ok_or_else(|| BadHours::Zone(text.chars().take(LONGEST).collect()))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn wall(&self, at: Timestamp) -> Option<DateTime> {
        let at = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(self.zone.to_datetime(at))
    }

    /// What the clocks there show in this period.
    pub(super) fn clock(&self, from: Timestamp, until: Timestamp) -> Clock {
        let Ok(begin) = jiff::Timestamp::from_millisecond(from.0) else { return Clock::default() };
        let first = (from, i64::from(self.zone.to_offset(begin).seconds()) * 1_000);
        let changes = self.zone.following(begin).map(|change| {
            let at = Timestamp(change.timestamp().as_millisecond());
            (at, i64::from(change.offset().seconds()) * 1_000)
        });
        let changes = changes.take_while(|(at, _)| *at < until);
        Clock::new([first].into_iter().chain(changes).collect())
    }

    /// When a clock on the wall shows this.
    pub(super) fn moment(&self, wall: DateTime, edge: Edge) -> Option<Timestamp> {
        let offset = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { after, .. } => {
                let before = after.to_timestamp(wall).ok()?;
                let change = self.zone.following(before).next()?;
                return Some(Timestamp(change.timestamp().as_millisecond()));
            }
            AmbiguousOffset::Fold { before, after } => match edge {
                Edge::Opens => before,
                Edge::Closes => after,
            },
        };
        Some(Timestamp(offset.to_timestamp(wall).ok()?.as_millisecond()))
    }

    pub(super) fn written(&self, at: Timestamp) -> String {
        let wall = self.wall(at);
        wall.map_or_else(String::new, |wall| wall.strftime("%a %Y-%m-%d %H:%M").to_string())
    }

    pub(super) fn read(&self, text: &str) -> Option<Timestamp> {
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Some(Timestamp(at.as_millisecond()));
        }
        self.moment(text.parse().ok()?, Edge::Opens)
    }
}
