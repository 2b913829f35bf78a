//! The plays: what is measured, and in which order.
//!
//! | module | plays |
//! |---|---|
//! | [`talk`] | `saturate`, `pace`, all subjects side by side; `promise` |
//! | [`crowd`] | `ramp`, `idle`, `growth`, `storm`, `restart` |
//! | [`nodes`] | `nodes`: three nodes on one link |
//! | [`store`] | `store`: a log that already holds millions of entries |

pub(crate) mod crowd;
pub(crate) mod nodes;
pub(crate) mod store;
pub(crate) mod talk;

use std::path::PathBuf;

use clap::Parser;

use crate::load::board::Counts;
use crate::report::{Line, Report};
use crate::stage::{Stage, Subject};
use crate::world::Kind;

/// Options of a run.
#[derive(Debug, Clone, Parser)]
#[command(name = "tests/bench.sh", about = "The benchmark; see docs/benchmarks.md")]
pub(crate) struct Arguments {
    /// Few and short repetitions: under five minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these plays: saturate, pace, ramp, idle, growth, storm, restart, nodes, store.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Only these subjects: ours, floor, peer, echo.
    #[arg(long, value_delimiter = ',')]
    pub(crate) subjects: Vec<String>,
    /// Only this XMPP server.
    #[arg(long, value_enum)]
    pub(crate) server: Option<Kind>,
    /// File for the JSON lines, in addition to the one beside the tables.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also writes the tables and pictures into docs/.
    #[arg(long)]
    pub(crate) publish: bool,
    /// Length of a measured period, in seconds.
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Repetitions, interleaved.
    #[arg(long)]
    pub(crate) repeats: Option<usize>,
    /// Messages in flight at saturation.
    #[arg(long, default_value_t = 256)]
    pub(crate) window: usize,
    /// Customers who write.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) customers: usize,
    /// Agents who reply.
    #[arg(long, default_value_t = 50)]
    pub(crate) agents: usize,
    /// Customers of a crowd.
    #[arg(long)]
    pub(crate) crowd: Option<usize>,
    /// Entries already in the log in the play `store`, which runs only when named.
    #[arg(long, default_value_t = 5_000_000)]
    pub(crate) entries: u64,
    /// Path of the gateway.
    #[arg(long, default_value = "target/release/couplet")]
    pub(crate) program: PathBuf,
    /// Folder for all results.
    #[arg(long, default_value = "target/bench")]
    pub(crate) folder: PathBuf,
}

impl Arguments {
    /// Whether a play is selected.
    pub(crate) fn plays(&self, name: &str) -> bool {
        if self.only.is_empty() { name != "store" } else { self.only.iter().any(|it| it == name) }
    }

    /// Whether a subject is selected.
    pub(crate) fn measures(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|it| it == subject)
    }

    /// One number for a quick run, another for a full one.
    pub(crate) fn either<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }

    pub(crate) fn repeats(&self) -> usize {
        self.repeats.unwrap_or(self.either(2, 5)).max(1)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(self.either(2.0, 6.0))
    }

    pub(crate) fn crowd(&self) -> usize {
        self.crowd.unwrap_or(self.either(5_000, 19_000))
    }
}

/// Records whether everything sent was answered once, and for ours, whether it is stored.
pub(crate) fn promise(
    stage: &Stage<'_>,
    subject: Subject,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some((counts, missing)) = stage.tally.get(&subject) else { return Ok(()) };
    if counts.said == 0 {
        return Ok(());
    }
    let Counts { said, acked, answered, ticks, strays, errors, lost, .. } = *counts;
    let mut line = Line::new("promise", stage.world.kind.name(), subject.name(), 0);
    for (name, number) in [
        ("said", said),
        ("answered", answered),
        ("missing", *missing as u64),
        ("strays", strays),
        ("ticks", ticks),
        ("errors", errors),
        ("lost", lost),
    ] {
        line = line.with(name, number as f64);
    }
    let mut kept = *missing == 0 && strays == 0 && errors == 0 && lost == 0 && answered == said;
    if subject == Subject::Ours {
        let (rows_in, rows_out) = stage.rows()?;
        line = line.with("acked", acked as f64);
        line = line.with("rows_in", rows_in as f64).with("rows_out", rows_out as f64);
        kept &= acked == said && rows_in == said && rows_out == answered && ticks == answered;
    }
    if subject == Subject::Peer {
        let rows = archive_rows(stage)?;
        line = line.with("rows_per_round_trip", rows as f64 / answered.max(1) as f64);
        // Another system's guarantees are not judged; what it lost is in the result.
        kept = true;
    }
    report.put(line)?;
    if !kept {
        let what = format!("{} on {}: {counts:?}", subject.name(), stage.world.kind.name());
        report.broken(format!("{what}; troubles: {:?}", stage.engine.board.troubles));
    }
    Ok(())
}

/// Rows of the peer's archive.
fn archive_rows(stage: &Stage<'_>) -> anyhow::Result<u64> {
    let table = match stage.world.kind {
        Kind::Prosody => "prosodyarchive",
        Kind::Ejabberd => "archive",
    };
    let told = stage.world.sql(&format!("SELECT COUNT(*) FROM archive.{table}"))?;
    Ok(told.trim().parse()?)
}
