//! What was measured: a line of JSON each, and tables and pictures of them all.

mod picture;
mod tables;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::load::drive::Stretch;
use crate::measure::{GENERATOR, Spread};

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) play: &'static str,
    pub(crate) server: &'static str,
    pub(crate) subject: &'static str,
    /// At so many of something: messages a second, customers, conversations.
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

    /// At so many of something.
    pub(crate) fn at(mut self, point: u64) -> Self {
        self.point = Some(point);
        self
    }

    /// With a number.
    pub(crate) fn with(mut self, name: &str, number: f64) -> Self {
        let rounded = if number.abs() < 100.0 { 1_000.0 } else { 10.0 };
        self.numbers.insert(name.to_owned(), (number * rounded).round() / rounded);
        self
    }

    /// With all that is known of a stretch.
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
        self.with("generator_share", stretch.usage.share(GENERATOR))
    }
}

/// See the module.
pub(crate) struct Report {
    folder: PathBuf,
    file: File,
    lines: Vec<Line>,
    /// What is broken of the promises.
    pub(crate) broken: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Begins one; `json` beside the folder's own file, where it is wished.
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

    /// Notes a measurement, and tells of it.
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

    /// Notes a word for the head of the tables.
    pub(crate) fn note(&mut self, words: String) {
        say(&words);
        self.notes.push(words);
    }

    /// Notes a broken promise.
    pub(crate) fn broken(&mut self, words: String) {
        say(&format!("BROKEN: {words}"));
        self.broken.push(words);
    }

    /// Writes the tables and the pictures.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        let figures = Figures(&self.lines);
        let mut tables = self.notes.join("\n");
        tables.push_str("\n\n");
        tables.push_str(&tables::all(&figures));
        for broken in &self.broken {
            tables.push_str(&format!("\n**Broken**: {broken}\n"));
        }
        fs::write(self.folder.join("benchmarks.md"), &tables)?;
        for (name, svg) in picture::all(&figures) {
            fs::write(self.folder.join(name), svg)?;
        }
        say(&format!("\n{tables}\nall of it: {}", self.folder.display()));
        Ok(())
    }
}

/// Tells of the progress.
pub(crate) fn say(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}

/// All measurements, to be asked.
pub(crate) struct Figures<'a>(&'a [Line]);

impl Figures<'_> {
    fn of<'a>(&'a self, play: &'a str) -> impl Iterator<Item = &'a Line> {
        self.0.iter().filter(move |line| line.play == play)
    }

    /// Who was measured in a play, in the order in which it happened.
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

    /// The middle of one number over all runs.
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
}
