//! A picture of the run: faults as bars, acks and confirmations per second, and how long they took.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::faults::Kind;
use crate::record::{Event, What};

const LEFT: f64 = 250.0;
const WIDTH: f64 = 1_150.0;
const LANE: f64 = 13.0;
const GRAPH: f64 = 130.0;

#[derive(Debug, Clone, Default)]
struct Second {
    acks: u32,
    ticks: u32,
    /// Milliseconds from the first sending of a command to its ack.
    waits: Vec<u64>,
}

/// The picture, as SVG.
pub(crate) fn draw(events: &[Event], title: &str) -> String {
    let end = events.last().map_or(1, |event| event.at.max(1));
    let x = |at: u64| LEFT + WIDTH * at as f64 / end as f64;
    let (seconds, bars) = gather(events, end);
    let lanes: Vec<Kind> = {
        let mut kinds: Vec<Kind> = bars.iter().map(|(kind, ..)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    let faults_at = 2.0 * GRAPH + 90.0;
    let height = faults_at + LANE * lanes.len() as f64 + 40.0;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {:.0} {height:.0}' \
         font-family='sans-serif' font-size='10'>\n<rect width='100%' height='100%' fill='white'/>\n\
         <text x='{LEFT}' y='16' font-size='13'>{title}</text>\n",
        LEFT + WIDTH + 20.0
    );
    let most = |of: fn(&Second) -> u32| seconds.iter().map(of).max().unwrap_or(1).max(1);
    let rate = f64::from(most(|second| second.acks).max(most(|second| second.ticks)));
    let (rate_foot, wait_foot) = (30.0 + GRAPH, 60.0 + 2.0 * GRAPH);
    let at = |second: usize| x(second as u64 * 1_000_000);
    for (of, color) in [(0, "#2563eb"), (1, "#16a34a")] {
        let points = seconds.iter().enumerate().map(|(number, second)| {
            let value = if of == 0 { second.acks } else { second.ticks };
            (at(number), rate_foot - GRAPH * f64::from(value) / rate)
        });
        line(&mut svg, points, color);
    }
    label(&mut svg, rate_foot - GRAPH + 10.0, &format!("{rate:.0} a second"));
    label(&mut svg, rate_foot - GRAPH + 24.0, "blue: customers' acks");
    label(&mut svg, rate_foot - GRAPH + 38.0, "green: agents' ✓");
    // From a millisecond to a hundred seconds, on a logarithmic scale.
    let level = |ms: u64| wait_foot - GRAPH * ((ms.max(1) as f64).log10() / 5.0).min(1.0);
    for (share, color) in [(0.5, "#9333ea"), (0.99, "#dc2626")] {
        let points = seconds.iter().enumerate().filter_map(|(number, second)| {
            let rank = (second.waits.len() as f64 * share) as usize;
            Some((at(number), level(*second.waits.get(rank)?)))
        });
        line(&mut svg, points, color);
    }
    for ms in [1, 10, 100, 1_000, 10_000, 100_000] {
        label(&mut svg, level(ms) + 3.0, &format!("{ms} ms"));
    }
    let _ = writeln!(
        svg,
        "<text x='{LEFT}' y='{:.0}'>until the ack: purple half of them, red 99 of 100</text>",
        wait_foot - GRAPH - 4.0
    );
    for (number, kind) in lanes.iter().enumerate() {
        let y = faults_at + LANE * number as f64;
        label(&mut svg, y + 9.0, &kind.to_string());
        for (_, from, to) in bars.iter().filter(|(other, ..)| other == kind) {
            let (from, to) = (x(*from), x(*to));
            let _ = writeln!(
                svg,
                "<rect x='{from:.1}' y='{y:.1}' width='{:.1}' height='{:.1}' fill='#f97316'/>",
                (to - from).max(1.5),
                LANE - 3.0
            );
        }
    }
    let minute = if end > 300_000_000 { 60 } else { 10 };
    for tick in (0..=end / 1_000_000).step_by(minute) {
        let _ = writeln!(
            svg,
            "<text x='{:.1}' y='{:.1}' text-anchor='middle'>{tick} s</text>",
            x(tick * 1_000_000),
            height - 12.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, points: impl Iterator<Item = (f64, f64)>, color: &str) {
    let mut path = String::new();
    for (x, y) in points {
        let _ = write!(path, "{x:.1},{y:.1} ");
    }
    let _ = writeln!(svg, "<polyline points='{path}' fill='none' stroke='{color}'/>");
}

fn label(svg: &mut String, y: f64, words: &str) {
    let x = LEFT - 8.0;
    let _ = writeln!(svg, "<text x='{x}' y='{y:.1}' text-anchor='end'>{words}</text>");
}

fn gather(events: &[Event], end: u64) -> (Vec<Second>, Vec<(Kind, u64, u64)>) {
    let mut seconds = vec![Second::default(); (end / 1_000_000) as usize + 1];
    let mut said: HashMap<(usize, &str), u64> = HashMap::new();
    let mut open: BTreeMap<usize, (Kind, u64)> = BTreeMap::new();
    let mut bars = Vec::new();
    for event in events {
        let second = seconds.get_mut((event.at / 1_000_000) as usize);
        match (&event.what, second) {
            (What::Command { customer, id, again: false, .. }, _) => {
                said.insert((*customer, id), event.at);
            }
            (What::Ack { customer, id, .. }, Some(second)) => {
                second.acks += 1;
                if let Some(from) = said.remove(&(*customer, id.as_str())) {
                    second.waits.push((event.at - from) / 1_000);
                }
            }
            (What::Tick { .. }, Some(second)) => second.ticks += 1,
            (What::Fault { fault, kind, .. }, _) => {
                open.insert(*fault, (*kind, event.at));
            }
            (What::Healed { fault, .. }, _) => {
                bars.extend(open.remove(fault).map(|(kind, from)| (kind, from, event.at)));
            }
            _ => {}
        }
    }
    bars.extend(open.into_values().map(|(kind, from)| (kind, from, end)));
    seconds.iter_mut().for_each(|second| second.waits.sort_unstable());
    (seconds, bars)
}
