//! Which queues take new conversations now, as customers are told.

use std::collections::BTreeMap;

use crate::chat::ids::{QueueKey, Timestamp};
use crate::hours;
use crate::ports::directory::TenantHours;

/// Whether somebody is meant to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    pub open: bool,
    /// When it closes; none if that is not known, or never.
    pub until: Option<Timestamp>,
    /// When it opens, if it is closed.
    pub next: Option<Timestamp>,
}

impl Door {
    /// The door of what has no hours.
    pub const ALWAYS: Self = Self { open: true, until: None, next: None };

    /// Of several doors: one that is open is enough.
    pub fn of_all(doors: impl Iterator<Item = Self> + Clone) -> Self {
        let mut open = doors.clone().filter(|door| door.open).peekable();
        if open.peek().is_none() {
            let next = doors.filter_map(|door| door.next).min();
            return Self { open: false, until: None, next };
        }
        let last =
            open.map(|door| door.until).max_by_key(|until| until.unwrap_or(Timestamp(i64::MAX)));
        Self { open: true, until: last.flatten(), next: None }
    }
}

/// The doors of the queues that are not always open. `is_staffed`: an agent of the tenant is
/// available, which opens a queue whose hours are not strict.
pub(super) fn doors(
    written: &TenantHours,
    now: Timestamp,
    is_staffed: bool,
) -> BTreeMap<QueueKey, Door> {
    let mut doors = BTreeMap::new();
    for (queue, own) in &written.queues {
        // What cannot be used counts as none, as at the desk, which logs it.
        let found = hours::around_by_hand(&own.or(&written.hours), written.hand(queue), now);
        let Some(hours) = found.unwrap_or_else(|(_, hours)| hours) else { continue };
        let door = match hours.opening_at(now) {
            Some(time) => {
                let until = Some(time.until).filter(|at| *at < Timestamp(i64::MAX));
                Door { open: true, until, next: None }
            }
            None if !hours.is_strict_at(now) && is_staffed => Door::ALWAYS,
            None => Door { open: false, until: None, next: hours.next_after(now) },
        };
        doors.insert(queue.clone(), door);
    }
    doors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ids::TenantKey;
    use crate::ports::settings::{HoursMode, OpeningHours};

    #[test]
    fn one_open_queue_is_enough() {
        let open =
            |until: Option<i64>| Door { open: true, until: until.map(Timestamp), next: None };
        let shut = |next: Option<i64>| Door { open: false, until: None, next: next.map(Timestamp) };
        for (doors, whole) in [
            (vec![shut(Some(9)), shut(Some(5)), shut(None)], shut(Some(5))),
            (vec![shut(Some(9)), open(Some(4)), open(Some(7))], open(Some(7))),
            (vec![open(Some(4)), open(None)], open(None)),
            (vec![Door::ALWAYS], Door::ALWAYS),
        ] {
            assert_eq!(Door::of_all(doors.iter().copied()), whole, "{doors:?}");
        }
    }

    #[test]
    fn a_queue_with_advisory_hours_is_open_while_somebody_is_in() {
        // Thursday, 1 January 1970, 00:00 UTC.
        let (now, nine) = (Timestamp(0), Some(Timestamp(9 * 3_600_000)));
        let hours = |mode| OpeningHours {
            hours: Some("09:00-17:00".to_owned()),
            zone: Some("UTC".to_owned()),
            hours_mode: Some(mode),
            ..OpeningHours::default()
        };
        let key = QueueKey::default_queue();
        let of = |mode, is_staffed| {
            let written = TenantHours {
                tenant: TenantKey::new("acme").unwrap(),
                hours: hours(mode),
                queues: vec![(key.clone(), OpeningHours::default())],
                by_hand: Vec::new(),
            };
            doors(&written, now, is_staffed)[&key]
        };
        let shut = Door { open: false, until: None, next: nine };
        assert_eq!(of(HoursMode::Strict, true), shut);
        assert_eq!(of(HoursMode::Advisory, false), shut);
        assert_eq!(of(HoursMode::Advisory, true), Door::ALWAYS);
    }
}
