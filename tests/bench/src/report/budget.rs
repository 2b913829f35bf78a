//! The budget: targets, compared with the results.

use std::fmt::Write as _;

use super::Figures;
use super::tables::figure;
use crate::measure::Spread;
use crate::play::talk::RATES;

#[derive(Debug, Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A table of everything that has a target and was measured.
pub(super) fn table(figures: &Figures<'_>) -> String {
    let mut out = String::new();
    for (name, goal, reached) in lines(figures) {
        let Some(reached) = reached else { continue };
        let (word, wanted, kept) = match goal {
            Goal::AtLeast(least) => ("≥", least, reached.median >= least),
            Goal::AtMost(most) => ("≤", most, reached.median <= most),
        };
        let mark = if kept { "✓" } else { "missed" };
        let seen = figure(reached.median);
        let _ = writeln!(out, "| {name} | {word} {} | {seen} | {mark} |", figure(wanted));
    }
    if out.is_empty() {
        return out;
    }
    format!("### The budget\n\n| | target | result | |\n|---|---|---|---|\n{out}\n")
}

fn lines(figures: &Figures<'_>) -> Vec<(String, Goal, Option<Spread>)> {
    use Goal::{AtLeast, AtMost};
    let mut lines = Vec::new();
    for (server, floor, peer) in [("prosody", 0.85, 10.0), ("ejabberd", 0.6, 8.0)] {
        let of =
            |play, subject, point, number| figures.spread(play, (server, subject, point), number);
        let mut add = |name: &str, goal, reached| {
            lines.push((format!("{server}: {name}"), goal, reached));
        };
        add(
            "throughput relative to the floor",
            AtLeast(floor),
            of("pairs", "floor", None, "ratio"),
        );
        add("throughput relative to the peer", AtLeast(peer), of("pairs", "peer", None, "ratio"));
        let cost = |number| of("saturate", "ours", None, number);
        add("gateway µs per message", AtMost(15.0), cost("gateway_us_per_message"));
        add("… with database and Redis", AtMost(35.0), cost("without_server_us_per_message"));
        for rate in RATES {
            let added = |number| of("added", "ours", Some(rate), number);
            let name = format!("added to the floor at {rate}/s, p50 ms");
            add(&name, AtMost(1.2), added("p50_ms"));
            let name = format!("added to the floor at {rate}/s, p99 ms");
            add(&name, AtMost(5.0), added("p99_ms"));
        }
        add("generator's share", AtMost(0.1), cost("generator_share"));
        let each = |subject, number| figures.at_most_points("idle", server, subject, number);
        add("an idle customer, gateway KiB", AtMost(5.0), each("ours", "gateway_kib_each"));
        add("… Redis KiB", AtMost(0.5), each("ours", "redis_kib_each"));
        let open = "ours, per open conversation";
        add("additional KiB for an open conversation", AtMost(4.0), each(open, "gateway_kib_each"));
        let many = |play, number| figures.at_most_points(play, server, "ours", number);
        add("connects/s", AtLeast(5_000.0), many("ramp", "connects_per_s"));
        add("all reconnect, s", AtMost(10.0), many("storm", "seconds"));
        add("… refused", AtMost(0.0), many("storm", "failed"));
        add("start with open conversations, s", AtMost(2.0), many("restart", "ack_s"));
        for of in ["customers", "conversations", "entries"] {
            let name =
                format!("cost of a message with the most {of} relative to the fewest, gateway CPU");
            add(&name, AtMost(1.2), figures.growth(server, of, "gateway_us_per_message"));
        }
    }
    lines
}
