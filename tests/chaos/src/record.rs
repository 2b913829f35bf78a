//! What happened, in the order in which it was seen: before any deduplication, on both sides.
//!
//! Every event is written to a file as it happens, so that an aborted run can still be analysed,
//! and is kept in memory for the judge.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Serialize, Serializer};

use crate::faults::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Case(pub(crate) u128);

impl Case {
    /// Parses an id: 32 hex digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(Self)
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Case {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One event of the record.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Event {
    /// Microseconds since the run began.
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What can be seen. Customers and agents are identified by numbers.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum What {
    /// A customer's socket is welcomed; `resumed` is what it had said it holds.
    Welcome { customer: usize, id: Case, node: usize, resumed: Option<(Case, u64)> },
    /// A customer's socket is gone.
    Shut { customer: usize, why: String },
    /// A customer sent a command, `again` if not for the first time.
    Command { customer: usize, id: String, text: Option<String>, again: bool },
    /// It was acked.
    Ack { customer: usize, id: String, case: Case, seq: Option<u64> },
    /// It was acked once more, when resent over a separate socket on another node.
    Echo { customer: usize, id: String, case: Case, seq: Option<u64> },
    /// It was refused.
    Refused { customer: usize, id: Option<String>, code: String },
    /// An entry of a conversation arrived.
    Entry { customer: usize, case: Case, seq: u64, kind: String, text: Option<String> },
    /// An agent's client has confirmed messages up to `delivered`.
    Receipt { customer: usize, case: Case, delivered: u64 },
    /// An agent's session begins.
    Login { agent: usize },
    /// An agent's session is over.
    Logout { agent: usize, why: String },
    /// An agent wrote, `again` if not for the first time.
    Spoke { agent: usize, to: String, id: String, text: String, again: bool },
    /// The gateway confirmed it.
    Tick { agent: usize, id: String },
    /// It was refused with an error.
    Returned { agent: usize, id: String, condition: String },
    /// A message arrived at an agent.
    Heard { agent: usize, from: String, case: Option<Case>, id: String, text: String },
    /// A fault begins.
    Fault { fault: usize, kind: Kind, target: String, affects: Affects },
    /// A fault is repaired; `hit` if it had a target.
    Healed { fault: usize, hit: bool },
    /// No more faults; the clients only finish.
    Quiet,
}

/// Whose service a fault affects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Affects {
    /// Everybody's.
    All,
    /// These customers'.
    Customers(Vec<usize>),
    /// This agent's.
    Agent(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Record(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    began_ms: i64,
    lines: Mutex<Lines>,
    acks: AtomicU64,
    arrivals: AtomicU64,
}

#[derive(Debug)]
struct Lines {
    events: Vec<Event>,
    file: BufWriter<File>,
}

/// What the status line shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) acks: usize,
    pub(crate) ticks: usize,
    pub(crate) faults: usize,
}

impl Record {
    /// Begins a record.
    pub(crate) fn begin(file: &Path) -> std::io::Result<Self> {
        let lines = Lines { events: Vec::new(), file: BufWriter::new(File::create(file)?) };
        let began_ms = now_ms();
        Ok(Self(Arc::new(Inner {
            began: Instant::now(),
            began_ms,
            lines: Mutex::new(lines),
            acks: AtomicU64::default(),
            arrivals: AtomicU64::default(),
        })))
    }

    /// Records an event.
    pub(crate) fn put(&self, what: What) {
        match what {
            What::Ack { .. } => self.0.acks.fetch_add(1, Ordering::Relaxed),
            What::Heard { .. } => self.0.arrivals.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        let mut lines = self.lines();
        // Under the lock, so that the lines are in the order of their times.
        let event = Event { at: self.now(), what };
        // A full disk shows in the verdict's counts, not here.
        let _ = serde_json::to_writer(&mut lines.file, &event);
        let _ = lines.file.write_all(b"\n");
        lines.events.push(event);
    }

    /// The number of acks to customers, and of arrivals at agents, so far.
    pub(crate) fn pulse(&self) -> (u64, u64) {
        (self.0.acks.load(Ordering::Relaxed), self.0.arrivals.load(Ordering::Relaxed))
    }

    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When it began, in epoch milliseconds, to compare with times of the database.
    pub(crate) fn began_ms(&self) -> i64 {
        self.0.began_ms
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut lines = self.lines();
        let _ = lines.file.flush();
        lines.events.clone()
    }

    /// Counts the events after the first `seen`.
    pub(crate) fn tally(&self, seen: &mut usize, tally: &mut Tally) {
        let lines = self.lines();
        for event in lines.events.iter().skip(*seen) {
            match event.what {
                What::Ack { .. } => tally.acks += 1,
                What::Tick { .. } => tally.ticks += 1,
                What::Fault { .. } => tally.faults += 1,
                _ => {}
            }
        }
        *seen = lines.events.len();
    }

    /// The node at which each customer was last welcomed.
    pub(crate) fn last_nodes(&self, at: &mut [Option<usize>]) {
        let mut missing = at.len();
        for event in self.lines().events.iter().rev() {
            if let What::Welcome { customer, node, .. } = event.what
                && let Some(last @ None) = at.get_mut(customer)
            {
                *last = Some(node);
                missing -= 1;
            }
            if missing == 0 {
                return;
            }
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(clippy::disallowed_methods, reason = "the record is compared with the database's times")]
fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|now| i64::try_from(now.as_millis()).ok()).unwrap_or_default()
}
