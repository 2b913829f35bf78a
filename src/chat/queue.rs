//! One queue of waiting conversations.
//!
//! Invariants: ordered by (priority, waiting since, id). A conversation is in it from its beginning
//! until an agent has it, also while it is offered. For a customer's position, only those ahead
//! count who are online or have left a message: the others are served too if they return, but
//! nobody waits for them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::ids::{ConversationId, Timestamp};
use super::model::Conversation;

/// The weight of the newest interval between two acceptances in the moving average.
const SMOOTHING: f64 = 0.2;
/// How many intervals an estimate needs.
const LEAST_INTERVALS: u32 = 3;

/// The place of a conversation; the smallest is first.
pub(super) type Place = (Reverse<i32>, Timestamp, ConversationId);

#[derive(Debug, Default)]
pub(super) struct Queue {
    places: BTreeSet<Place>,
    /// Those of them that count for the positions of others.
    counted: BTreeSet<Place>,
    pace: Pace,
}

#[derive(Debug, Default)]
struct Pace {
    last: Option<Timestamp>,
    average_ms: f64,
    intervals: u32,
}

pub(super) fn place(view: &Conversation) -> Place {
    (Reverse(view.priority), view.waiting_since, view.id)
}

impl Queue {
    pub(super) fn enter(&mut self, view: &Conversation) {
        self.places.insert(place(view));
        self.counted.insert(place(view));
    }

    pub(super) fn leave(&mut self, view: &Conversation) {
        self.places.remove(&place(view));
        self.counted.remove(&place(view));
    }

    /// Sets whether a waiting conversation counts for positions; returns whether that changed.
    pub(super) fn count(&mut self, view: &Conversation, counts: bool) -> bool {
        let place = place(view);
        if counts && self.places.contains(&place) {
            self.counted.insert(place)
        } else {
            self.counted.remove(&place)
        }
    }

    /// An agent accepted a conversation of this queue.
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

    /// The estimated wait at `position`, in seconds; none without enough data.
    pub(super) fn estimate(&self, position: u32) -> Option<u32> {
        (self.pace.intervals >= LEAST_INTERVALS)
            .then(|| (self.pace.average_ms * f64::from(position) / 1000.0).round() as u32)
    }

    /// The first place behind this one; the first of all if there is none.
    pub(super) fn after(&self, place: Option<&Place>) -> Option<Place> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.places.range((from, Bound::Unbounded)).next().copied()
    }

    /// The conversations in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = ConversationId> + '_ {
        self.places.iter().map(|(_, _, id)| *id)
    }

    /// The position of a conversation, from 1. Counts from the end, where new arrivals are.
    pub(super) fn position(&self, view: &Conversation) -> u32 {
        let behind = self.counted.range(place(view)..).count();
        u32::try_from(self.counted.len() - behind).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The places in order, each with its position.
    pub(super) fn with_positions(&self) -> impl Iterator<Item = (Place, u32)> + '_ {
        let mut ahead = 0_u32;
        self.places.iter().map(move |place| {
            let position = ahead.saturating_add(1);
            if self.counted.contains(place) {
                ahead = position;
            }
            (*place, position)
        })
    }

    /// The places that count for the positions of others, in order.
    pub(super) fn counted(&self) -> impl ExactSizeIterator<Item = Place> + '_ {
        self.counted.iter().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{CustomerId, QueueKey, Seq, TenantKey};
    use crate::chat::model::State;

    fn waiting(id: u128, priority: i32, since: i64) -> Conversation {
        Conversation {
            id: ConversationId(Uuid::from_u128(id)),
            tenant: TenantKey::new("acme").unwrap(),
            customer: CustomerId(Uuid::from_u128(id)),
            queue: QueueKey::default_queue(),
            subject: None,
            state: State::Waiting,
            opened_at: Timestamp(since),
            waiting_since: Timestamp(since),
            priority,
            tags: Vec::new(),
            active_at: Timestamp(since),
            head: Seq(0),
            delivered: Seq(0),
            read: Seq(0),
            confirmed: Seq(0),
            passed: Vec::new(),
            transfer: None,
        }
    }

    #[test]
    fn the_urgent_come_first_then_those_who_wait_longest() {
        let mut line = Queue::default();
        let views = [waiting(1, 0, 30), waiting(2, 0, 10), waiting(3, 5, 40), waiting(4, -1, 0)];
        views.iter().for_each(|view| line.enter(view));
        line.enter(&views[0]);
        let order: Vec<u128> = line.iter().map(|id| id.0.as_u128()).collect();
        assert_eq!(order, [3, 2, 1, 4]);
        assert_eq!(views.each_ref().map(|view| line.position(view)), [3, 2, 1, 4]);
        // One who has left is ahead of nobody.
        assert!(line.count(&views[1], false) && !line.count(&views[1], false));
        assert_eq!(views.each_ref().map(|view| line.position(view)), [2, 2, 1, 3]);
        let told: Vec<_> =
            line.with_positions().map(|((.., id), at)| (id.0.as_u128(), at)).collect();
        assert_eq!(told, [(3, 1), (2, 2), (1, 2), (4, 3)]);
        assert!(line.count(&views[1], true));
        assert_eq!(line.position(&views[0]), 3);
        let mut walk = vec![line.after(None).unwrap()];
        while let Some(next) = line.after(walk.last()) {
            walk.push(next);
        }
        assert_eq!(walk.iter().map(|(.., id)| id.0.as_u128()).collect::<Vec<_>>(), [3, 2, 1, 4]);
        line.leave(&views[2]);
        assert!(!line.count(&views[2], true), "who is served is not in line");
        assert_eq!(line.len(), 3);
    }

    #[test]
    fn an_estimate_needs_ground() {
        let mut line = Queue::default();
        for at in [0, 10_000, 20_000] {
            line.served(Timestamp(at));
            assert_eq!(line.estimate(1), None);
        }
        line.served(Timestamp(30_000));
        assert_eq!(line.estimate(3), Some(30));
        line.served(Timestamp(0));
        assert_eq!(line.estimate(1), Some(8), "a clock that steps back counts as no time");
    }
}
