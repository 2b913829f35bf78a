//! The pictures, as SVG that is readable on white and on dark pages.

use std::fmt::Write as _;

use super::Figures;
use super::tables::figure;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 20.0;
const COLORS: [(&str, &str); 5] = [
    ("ours", "#2563eb"),
    ("floor", "#94a3b8"),
    ("bare floor", "#cbd5e1"),
    ("peer", "#f97316"),
    ("bare echo", "#a3a3a3"),
];

/// All pictures that have data, by file name.
pub(super) fn all(figures: &Figures<'_>) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut add = |name, picture: Option<String>| all.extend(picture.map(|svg| (name, svg)));
    add("throughput.svg", bars(figures, "saturate", "round_trips_per_s", "Round trips per second"));
    add("pace.svg", bars(figures, "pace", "p99_ms", "Round trips, 99th percentile, ms"));
    add("memory.svg", memory(figures));
    add("growth.svg", bars(figures, "growth", "gateway_us_per_message", "Gateway µs per message"));
    all
}

fn bars(figures: &Figures<'_>, play: &str, number: &str, title: &str) -> Option<String> {
    let mut rows = Vec::new();
    for row in figures.rows(play) {
        let (server, subject, point) = row;
        let Some(seen) = figures.spread(play, row, number) else { continue };
        if subject == "bare echo" {
            continue;
        }
        let point = point.map(|point| format!(", {}", super::tables::grouped(point)));
        let label = format!("{server}, {subject}{}", point.unwrap_or_default());
        rows.push((label, subject, seen.median, seen.least, seen.most));
    }
    draw(title, &rows)
}

/// The gateway's memory for ours, the server's for the peer.
fn memory(figures: &Figures<'_>) -> Option<String> {
    let mut rows = Vec::new();
    for row in figures.rows("idle") {
        let number = match row.1 {
            "peer" => "server_kib_each",
            "bare echo" => "echo_kib_each",
            _ => "gateway_kib_each",
        };
        if let Some(seen) = figures.spread("idle", row, number) {
            let label = format!("{}, {}", row.0, row.1);
            rows.push((label, row.1, seen.median, seen.least, seen.most));
        }
    }
    draw("KiB of memory per idle connection", &rows)
}

fn draw(title: &str, rows: &[(String, &str, f64, f64, f64)]) -> Option<String> {
    let most = rows.iter().map(|(.., most)| *most).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let height = 40.0 + (BAR + 6.0) * rows.len() as f64;
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value.max(0.0) / most;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0}' \
         font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' rx='6' fill='#ffffff'/>\n\
         <text x='12' y='22' font-size='14' font-weight='bold' fill='#0f172a'>{title}</text>\n"
    );
    for (at, (label, subject, median, least, most)) in rows.iter().enumerate() {
        let top = 34.0 + (BAR + 6.0) * at as f64;
        let middle = top + BAR / 2.0;
        let color = COLORS.iter().find(|(name, _)| subject.starts_with(name));
        let color = color.map_or("#2563eb", |(_, color)| color);
        let (end, from, to) = (x(*median), x(*least), x(*most));
        let _ = write!(
            svg,
            "<text x='{:.0}' y='{:.0}' text-anchor='end' fill='#334155'>{label}</text>\n\
             <rect x='{LEFT}' y='{top:.0}' width='{:.1}' height='{BAR}' fill='{color}'/>\n\
             <path d='M{from:.1} {middle:.1}H{to:.1}' stroke='#0f172a'/>\n\
             <text x='{:.1}' y='{:.0}' fill='#0f172a'>{}</text>\n",
            LEFT - 8.0,
            middle + 4.0,
            (end - LEFT).max(1.0),
            end.max(to) + 6.0,
            middle + 4.0,
            figure(*median)
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}
