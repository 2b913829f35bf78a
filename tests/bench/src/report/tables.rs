//! The tables, in Markdown: medians, with minimum and maximum where there were several runs.

use std::fmt::Write as _;

use super::Figures;

/// A table: its play, title, name of its points, and columns (number and heading).
struct Table {
    play: &'static str,
    title: &'static str,
    point: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const TABLES: [Table; 10] = [
    Table {
        play: "saturate",
        title: "Throughput",
        point: "",
        columns: &[
            ("round_trips_per_s", "round trips/s"),
            ("p50_ms", "p50 ms"),
            ("p99_ms", "p99 ms"),
            ("gateway_us_per_message", "gateway µs/message"),
            ("prosody_us_per_message", "Prosody"),
            ("ejabberd_us_per_message", "ejabberd"),
            ("mariadb_us_per_message", "MariaDB"),
            ("redis_us_per_message", "Redis"),
            ("without_server_us_per_message", "all but the XMPP server"),
            ("echo_us_per_message", "echo server"),
            ("generator_us_per_message", "generator"),
            ("generator_share", "its share"),
        ],
    },
    Table {
        play: "pairs",
        title: "Side by side",
        point: "",
        columns: &[("ratio", "ours relative to it")],
    },
    Table {
        play: "pace",
        title: "Round trips at a rate",
        point: "messages/s",
        columns: &[
            ("p50_ms", "p50 ms"),
            ("p99_ms", "p99 ms"),
            ("p999_ms", "p99.9 ms"),
            ("max_ms", "max ms"),
            ("ack_p50_ms", "ack p50 ms"),
            ("ack_p99_ms", "ack p99 ms"),
            ("gateway_us_per_message", "gateway µs/message"),
            ("mariadb_us_per_message", "MariaDB"),
            ("redis_us_per_message", "Redis"),
            ("generator_share", "generator's share"),
        ],
    },
    Table {
        play: "added",
        title: "Added to the floor",
        point: "messages/s",
        columns: &[("p50_ms", "p50 ms"), ("p99_ms", "p99 ms")],
    },
    Table {
        play: "ramp",
        title: "Connecting",
        point: "customers",
        columns: &[
            ("connects_per_s", "connects/s"),
            ("failed", "failed"),
            ("gateway_us_each", "gateway µs each"),
            ("mariadb_us_each", "MariaDB"),
            ("server_us_each", "XMPP server"),
            ("generator_share", "generator's share"),
        ],
    },
    Table {
        play: "idle",
        title: "Memory per idle connection",
        point: "of",
        columns: &[
            ("gateway_kib_each", "gateway KiB"),
            ("server_kib_each", "XMPP server KiB"),
            ("redis_kib_each", "Redis KiB"),
            ("echo_kib_each", "echo server KiB"),
        ],
    },
    Table {
        play: "storm",
        title: "All reconnect at once",
        point: "customers",
        columns: &[
            ("seconds", "s until all are served"),
            ("failed", "failed"),
            ("gateway_us_each", "gateway µs each"),
            ("mariadb_us_each", "MariaDB"),
        ],
    },
    Table {
        play: "growth",
        title: "Cost as work grows, at 400 messages/s",
        point: "",
        columns: &[
            ("gateway_us_per_message", "gateway µs/message"),
            ("mariadb_us_per_message", "MariaDB"),
            ("redis_us_per_message", "Redis"),
            ("p50_ms", "p50 ms"),
            ("p99_ms", "p99 ms"),
        ],
    },
    Table {
        play: "restart",
        title: "Start with open conversations",
        point: "open",
        columns: &[("ready_s", "s until ready"), ("ack_s", "s until the first ack")],
    },
    Table {
        play: "promise",
        title: "Guarantees",
        point: "",
        columns: &[
            ("said", "sent"),
            ("acked", "acked"),
            ("answered", "answered"),
            ("missing", "missing"),
            ("strays", "duplicate or unexpected"),
            ("ticks", "agents' receipts"),
            ("errors", "errors"),
            ("rows_in", "customers' rows"),
            ("rows_out", "agents' rows"),
            ("rows_per_round_trip", "rows per round trip"),
        ],
    },
];

/// All tables that have data.
pub(super) fn all(figures: &Figures<'_>) -> String {
    let mut out = String::new();
    for table in &TABLES {
        one(table, figures, &mut out);
    }
    out
}

fn one(table: &Table, figures: &Figures<'_>, out: &mut String) {
    let rows = figures.rows(table.play);
    let spread = |row: (&'static str, &'static str, Option<u64>), number: &str| {
        figures.spread(table.play, row, number)
    };
    let filled =
        |(number, _): &&(&str, &str)| rows.iter().any(|row| spread(*row, number).is_some());
    let columns: Vec<_> = table.columns.iter().filter(filled).collect();
    if columns.is_empty() {
        return;
    }
    let has_points = rows.iter().any(|(.., point)| point.is_some());
    let _ = write!(out, "### {}\n\n| server | |", table.title);
    if has_points {
        let _ = write!(out, " {} |", table.point);
    }
    for (_, heading) in &columns {
        let _ = write!(out, " {heading} |");
    }
    let wide = columns.len() + 2 + usize::from(has_points);
    let _ = writeln!(out, "\n|{}", "---|".repeat(wide));
    for row in &rows {
        let (server, subject, point) = row;
        let _ = write!(out, "| {server} | {subject} |");
        if has_points {
            let _ = write!(out, " {} |", point.map(grouped).unwrap_or_default());
        }
        for (number, _) in &columns {
            let _ = match spread(*row, number) {
                None => write!(out, " |"),
                Some(seen) if seen.least == seen.most => write!(out, " {} |", figure(seen.median)),
                Some(seen) => write!(
                    out,
                    " {} ({}–{}) |",
                    figure(seen.median),
                    figure(seen.least),
                    figure(seen.most)
                ),
            };
        }
        out.push('\n');
    }
    out.push('\n');
}

/// A number, formatted for people.
pub(super) fn figure(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => grouped(number.round() as u64),
        size if size >= 10.0 || number.fract() == 0.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// With thousands separators.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
