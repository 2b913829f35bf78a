//! How long service was unavailable after each fault: the longest time in which the affected
//! customers got no ack, and agents no message.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::faults::Kind;
use crate::record::{Affects, Event, What};

/// A gap that begins later than this after a fault was repaired is not caused by it, in
/// microseconds.
const AFTER_US: u64 = 1_000_000;

/// The cost of faults of one kind, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cost {
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    /// The number of faults during which no other fault affected everybody.
    pub(crate) alone: usize,
    pub(crate) acks_median: u64,
    pub(crate) acks_worst: u64,
    pub(crate) arrivals_median: u64,
    pub(crate) arrivals_worst: u64,
}

/// The cost of each kind of fault.
pub(crate) fn costs(events: &[Event]) -> Vec<Cost> {
    let end = load_end(events);
    let mut acks: Vec<(u64, usize)> = Vec::new();
    let mut arrivals: Vec<(u64, usize)> = Vec::new();
    let mut begun: HashMap<usize, (u64, Kind, &Affects)> = HashMap::new();
    let mut faults = Vec::new();
    for event in events {
        match &event.what {
            What::Ack { customer, .. } => acks.push((event.at, *customer)),
            What::Heard { agent, text, .. } if text.starts_with('c') => {
                arrivals.push((event.at, *agent));
            }
            What::Fault { fault, kind, affects, .. } => {
                begun.insert(*fault, (event.at, *kind, affects));
            }
            What::Healed { fault, .. } => {
                faults.extend(begun.remove(fault).map(|begun| (begun, event.at)));
            }
            _ => {}
        }
    }
    let mut seen = Vec::new();
    for ((from, kind, affects), to) in faults {
        let upto = (to + AFTER_US).min(end);
        if from >= end {
            continue;
        }
        let ack = match affects {
            Affects::All => longest(acks.iter().map(|(at, _)| *at), from, upto, end),
            // No customer was connected to that node.
            Affects::Customers(these) if these.is_empty() => 0,
            Affects::Customers(these) => {
                let these: HashSet<usize> = these.iter().copied().collect();
                let of_these = acks.iter().filter(|(_, customer)| these.contains(customer));
                longest(of_these.map(|(at, _)| *at), from, upto, end)
            }
            Affects::Agent(_) => 0,
        };
        let arrival = match affects {
            Affects::Agent(agent) => {
                let theirs = arrivals.iter().filter(|(_, other)| other == agent);
                longest(theirs.map(|(at, _)| *at), from, upto, end)
            }
            Affects::All | Affects::Customers(_) => {
                longest(arrivals.iter().map(|(at, _)| *at), from, upto, end)
            }
        };
        // The latest end of its effect.
        let until = to.max(from + ack).max(from + arrival);
        seen.push(Seen { kind, from, until, all: *affects == Affects::All, ack, arrival });
    }
    let mut by_kind: BTreeMap<Kind, Vec<&Seen>> = BTreeMap::new();
    for fault in &seen {
        by_kind.entry(fault.kind).or_default().push(fault);
    }
    by_kind.into_iter().map(|(kind, faults)| cost(kind, &faults, &seen)).collect()
}

/// What a fault seems to have cost.
struct Seen {
    kind: Kind,
    from: u64,
    until: u64,
    all: bool,
    ack: u64,
    arrival: u64,
}

impl Seen {
    /// Whether no other fault affected everybody at the same time.
    fn is_alone(&self, among: &[Seen]) -> bool {
        let crosses = |other: &&Seen| {
            other.all
                && !std::ptr::eq(*other, self)
                && other.from <= self.until
                && other.until >= self.from
        };
        !among.iter().any(|other| crosses(&other))
    }
}

/// The end of the load.
pub(crate) fn load_end(events: &[Event]) -> u64 {
    let quiet = events.iter().find(|event| matches!(event.what, What::Quiet));
    quiet.or(events.last()).map_or(0, |event| event.at)
}

/// Computed from faults that were alone, if there are any.
fn cost(kind: Kind, faults: &[&Seen], all: &[Seen]) -> Cost {
    let mut alone: Vec<&Seen> = faults.to_vec();
    alone.retain(|fault| fault.is_alone(all));
    let judged = if alone.is_empty() { faults } else { &alone };
    let sorted = |pick: fn(&Seen) -> u64| {
        let mut spans: Vec<u64> = judged.iter().map(|fault| pick(fault) / 1_000).collect();
        spans.sort_unstable();
        let median = spans.get(spans.len() / 2).copied();
        (median.unwrap_or_default(), spans.last().copied().unwrap_or_default())
    };
    let (acks_median, acks_worst) = sorted(|fault| fault.ack);
    let (arrivals_median, arrivals_worst) = sorted(|fault| fault.arrival);
    Cost {
        kind,
        count: faults.len(),
        alone: alone.len(),
        acks_median,
        acks_worst,
        arrivals_median,
        arrivals_worst,
    }
}

/// The longest gap that began, or existed, between `from` and `upto`; its part before `from` does
/// not count.
fn longest(times: impl Iterator<Item = u64>, from: u64, upto: u64, end: u64) -> u64 {
    let (mut before, mut longest) = (0, 0);
    for at in times.chain([end]) {
        let gap_from = before.max(from);
        if at > from && gap_from <= upto {
            longest = longest.max(at.saturating_sub(gap_from));
        }
        if at > upto && before > upto {
            break;
        }
        before = at;
    }
    longest
}

/// A table for the documents.
pub(crate) fn table(costs: &[Cost]) -> String {
    let mut table =
        "| fault | times | alone | no ack: median | worst | no arrival: median | worst |\n\
                     |---|---|---|---|---|---|---|\n"
            .to_owned();
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1_000.0);
    for cost in costs {
        let acks = match cost.acks_worst {
            0 => ["–".to_owned(), "–".to_owned()],
            worst => [seconds(cost.acks_median), seconds(worst)],
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} |",
            cost.kind,
            cost.count,
            cost.alone,
            acks[0],
            acks[1],
            seconds(cost.arrivals_median),
            seconds(cost.arrivals_worst),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_from_the_fault_on() {
        let times = [100, 200, 900, 950, 3_000, 3_100];
        let gap = |from, upto| longest(times.into_iter(), from, upto, 4_000);
        assert_eq!(gap(300, 400), 600, "it began before");
        assert_eq!(gap(150, 400), 700);
        assert_eq!(gap(925, 1_000), 2_050);
        assert_eq!(gap(3_050, 3_060), 50);
        assert_eq!(gap(3_200, 3_300), 800, "to the end of the load");
    }
}
