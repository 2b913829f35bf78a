//! The line of one queue.
//!
//! Invariants: ordered by (priority, waiting since, id); a conversation stands in it from its
//! beginning until an agent holds it, also while agents are being asked.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::ids::{ConversationId, Timestamp};
use super::model::Conversation;

/// How much the newest interval between two acceptances counts in the average.
const SMOOTHING: f64 = 0.2;
/// An estimate needs so many intervals.
const LEAST_INTERVALS: u32 = 3;

type Place = (Reverse<i32>, Timestamp, ConversationId);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: BTreeSet<Place>,
    pace: Pace,
}

#[derive(Debug, Default)]
struct Pace {
    last: Option<Timestamp>,
    average_ms: f64,
    intervals: u32,
}

fn place(view: &Conversation) -> Place {
    (Reverse(view.priority), view.waiting_since, view.id)
}

impl Line {
    /// Puts a conversation where it belongs.
    pub(super) fn enter(&mut self, view: &Conversation) {
        self.places.insert(place(view));
    }

    /// Takes it out.
    pub(super) fn leave(&mut self, view: &Conversation) {
        self.places.remove(&place(view));
    }

    /// An agent took one.
    pub(super) fn served(&mut self, now: Timestamp) {
        if let Some(last) = self.pace.last.replace(now) {
            let interval = now.since(last) as f64;
            self.pace.average_ms = if self.pace.intervals == 0 {
                interval
            } else {
                self.pace.average_ms + SMOOTHING * (interval - self.pace.average_ms)
            };
            self.pace.intervals = self.pace.intervals.saturating_add(1);
        }
    }

    /// The wait of whoever stands at `position`, in seconds, where there is ground for an estimate.
    pub(super) fn estimate(&self, position: u32) -> Option<u32> {
        (self.pace.intervals >= LEAST_INTERVALS)
            .then(|| (self.pace.average_ms * f64::from(position) / 1000.0).round() as u32)
    }

    /// The conversations in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = ConversationId> + '_ {
        self.places.iter().map(|(_, _, id)| *id)
    }

    /// The place of a conversation, from 1. Linear in it.
    pub(super) fn position(&self, view: &Conversation) -> u32 {
        let before = self.places.range(..place(view)).count();
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// How many stand in it.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Since when the first one waits.
    pub(super) fn first_since(&self) -> Option<Timestamp> {
        self.places.first().map(|(_, since, _)| *since)
    }
}
