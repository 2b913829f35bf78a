//! The results: JSON lines, and tables and pictures of them all.

mod budget;
mod picture;
mod tables;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::gateway::GATEWAY;
use crate::load::drive::Stretch;
use crate::measure::{GENERATOR, Spread};

/// The page where figures are published, after this mark.
const PAGE: &str = "docs/benchmarks.md";
const MARK: &str = "<!-- What follows is written by tests/bench.sh --publish. -->";

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) play: &'static str,
    pub(crate) server: &'static str,
    pub(crate) subject: &'static str,
    /// The point of measurement: messages per second, customers, conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) point: Option<u64>,
    pub(crate) run: usize,
    pub(crate) numbers: BTreeMap<String, f64>,
}

impl Line {
    pub(crate) fn new(
        play: &'static str,
        server: &'static str,
        subject: &'static str,
        run: usize,
    ) -> Self {
        Self { play, server, subject, point: None, run, numbers: BTreeMap::new() }
    }

    /// Sets the point of measurement.
    pub(crate) fn at(mut self, point: u64) -> Self {
        self.point = Some(point);
        self
    }

    /// Adds a number.
    pub(crate) fn with(mut self, name: &str, number: f64) -> Self {
        let rounded = if number.abs() < 100.0 { 1_000.0 } else { 10.0 };
        self.numbers.insert(name.to_owned(), (number * rounded).round() / rounded);
        self
    }

    /// Adds all numbers of a period.
    pub(crate) fn stretch(mut self, stretch: &Stretch) -> Self {
        self = self.with("round_trips_per_s", stretch.rate());
        self = self.with("missing", stretch.missing as f64);
        self = self.with("unsaid", stretch.unsaid as f64);
        self = self.with("strays", stretch.counts.strays as f64);
        self = self.with("errors", stretch.counts.errors as f64);
        let quantiles = [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];
        for (name, quantile) in quantiles {
            let ms = stretch.trips.value_at_quantile(quantile) as f64 / 1e3;
            self = self.with(&format!("{name}_ms"), ms);
            if !stretch.acks.is_empty() {
                let ms = stretch.acks.value_at_quantile(quantile) as f64 / 1e3;
                self = self.with(&format!("ack_{name}_ms"), ms);
            }
        }
        let messages = 2.0 * (stretch.answered as f64).max(1.0);
        for (process, us) in &stretch.usage.0 {
            self = self.with(&format!("{process}_us_per_message"), *us as f64 / messages);
            let cores = *us as f64 / 1e6 / stretch.seconds;
            self = self.with(&format!("{process}_cores"), cores);
        }
        let ours = [GATEWAY, "mariadb", "redis"];
        if stretch.usage.0.contains_key(GATEWAY) {
            let used: u64 = ours.iter().filter_map(|name| stretch.usage.0.get(name)).sum();
            self = self.with("without_server_us_per_message", used as f64 / messages);
        }
        self.with("generator_share", stretch.usage.share(GENERATOR))
    }
}

pub(crate) struct Report {
    folder: PathBuf,
    file: File,
    lines: Vec<Line>,
    /// Guarantees that were broken.
    pub(crate) broken: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Begins a report in a folder; `json` is an additional file for the lines.
    pub(crate) fn new(folder: &Path, json: Option<&Path>) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = json.map_or_else(|| folder.join("results.jsonl"), Path::to_owned);
        Ok(Self {
            folder: folder.to_owned(),
            file: File::create(file)?,
            lines: Vec::new(),
            broken: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Records and prints a measurement.
    pub(crate) fn put(&mut self, line: Line) -> anyhow::Result<()> {
        writeln!(self.file, "{}", serde_json::to_string(&line)?)?;
        let some = line.numbers.iter().filter(|(name, number)| {
            let small = ["missing", "unsaid", "strays", "errors"].contains(&name.as_str());
            !(name.ends_with("_cores") || small && **number == 0.0)
        });
        let told: Vec<String> = some.map(|(name, number)| format!("{name} {number}")).collect();
        let point = line.point.map(|point| format!(" at {point}")).unwrap_or_default();
        say(&format!("  {} {}{point}: {}", line.server, line.subject, told.join(", ")));
        self.lines.push(line);
        Ok(())
    }

    /// Adds a remark to the head of the tables.
    pub(crate) fn note(&mut self, words: String) {
        say(&words);
        self.notes.push(words);
    }

    /// Records a broken guarantee.
    pub(crate) fn broken(&mut self, words: String) {
        say(&format!("BROKEN: {words}"));
        self.broken.push(words);
    }

    /// Writes the tables and the pictures, with `publish` also into the documents.
    pub(crate) fn finish(&self, publish: bool) -> anyhow::Result<()> {
        let figures = Figures(&self.lines);
        let mut tables = self.notes.join("\n");
        tables.push_str("\n\n");
        tables.push_str(&budget::table(&figures));
        tables.push_str(&tables::all(&figures));
        for broken in &self.broken {
            tables.push_str(&format!("\n**Broken**: {broken}\n"));
        }
        fs::write(self.folder.join("benchmarks.md"), &tables)?;
        for (name, svg) in picture::all(&figures) {
            fs::write(self.folder.join(name), &svg)?;
            if publish {
                fs::write(Path::new("docs/pictures").join(format!("bench-{name}")), &svg)?;
            }
        }
        if publish {
            let page = fs::read_to_string(PAGE)?;
            let (head, _) = page.split_once(MARK).context("the page has no mark for figures")?;
            fs::write(PAGE, format!("{head}{MARK}\n\n{}\n", tables.trim()))?;
        }
        say(&format!("\n{tables}\nresults: {}", self.folder.display()));
        Ok(())
    }
}

pub(crate) fn say(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}

/// Queries on all measurements.
pub(crate) struct Figures<'a>(&'a [Line]);

impl Figures<'_> {
    fn of<'a>(&'a self, play: &'a str) -> impl Iterator<Item = &'a Line> {
        self.0.iter().filter(move |line| line.play == play)
    }

    /// The subjects measured in a play, in their order.
    fn rows(&self, play: &str) -> Vec<(&'static str, &'static str, Option<u64>)> {
        let mut rows = Vec::new();
        for line in self.of(play) {
            let row = (line.server, line.subject, line.point);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        rows
    }

    /// The median of one number over all runs.
    fn spread(
        &self,
        play: &str,
        (server, subject, point): (&str, &str, Option<u64>),
        number: &str,
    ) -> Option<Spread> {
        let lines = self
            .of(play)
            .filter(|line| (line.server, line.subject, line.point) == (server, subject, point));
        Spread::of(lines.filter_map(|line| line.numbers.get(number).copied()).collect())
    }

    /// The same, at the highest point.
    fn at_most_points(
        &self,
        play: &str,
        server: &str,
        subject: &str,
        number: &str,
    ) -> Option<Spread> {
        let points = self.points(play, server, subject);
        self.spread(play, (server, subject, points.into_iter().max()?), number)
    }

    /// The ratio of a number at the highest point to that at the lowest.
    fn growth(&self, server: &str, subject: &str, number: &str) -> Option<Spread> {
        let points = self.points("growth", server, subject);
        let (least, most) = (points.iter().min()?, points.iter().max()?);
        let at = |point| self.spread("growth", (server, subject, point), number);
        Spread::of(vec![at(*most)?.median / at(*least)?.median]).filter(|_| least != most)
    }

    fn points(&self, play: &str, server: &str, subject: &str) -> Vec<Option<u64>> {
        let lines = self.of(play).filter(|line| (line.server, line.subject) == (server, subject));
        lines.map(|line| line.point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_show_medians_and_budgets() {
        let line = |subject, run, rate| {
            Line::new("saturate", "prosody", subject, run).with("round_trips_per_s", rate)
        };
        let ratio = Line::new("pairs", "prosody", "floor", 0).with("ratio", 0.9);
        let growth = |point, us| {
            let line = Line::new("growth", "prosody", "customers", 0).at(point);
            line.with("gateway_us_per_message", us)
        };
        let lines = [
            line("ours", 0, 1_234.5),
            line("ours", 1, 1_000.0),
            line("ours", 2, 1_300.0),
            ratio,
            growth(100, 10.0),
            growth(19_000, 13.0),
        ];
        let figures = Figures(&lines);
        let tables = tables::all(&figures);
        assert!(tables.contains("| prosody | ours | 1,235 (1,000–1,300) |"), "{tables}");
        let budget = budget::table(&figures);
        assert!(
            budget.contains("throughput relative to the floor | ≥ 0.85 | 0.90 | ✓ |"),
            "{budget}"
        );
        assert!(budget.contains("gateway CPU | ≤ 1.2 | 1.3 | missed |"), "{budget}");
        assert_eq!(picture::all(&figures).len(), 2);
    }
}
