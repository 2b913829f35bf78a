//! Fault injection for the checker (`tests/chaos`): points at which the node kills or freezes
//! itself, and mutants that the checker must catch. Without the feature `chaos`, which is off by
//! default and in every release, every function here is empty and inlined.
//!
//! A line on standard input that names a point arms it; any other line disarms all points. The
//! environment variable `COUPLET_MUTANT` chooses a mutant before the start.

use std::io::BufRead as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Whether faults can be injected at all.
pub const ON: bool = cfg!(feature = "chaos");

/// After a commit with a row that is not acknowledged yet.
pub const COMMIT_ACK: u8 = 1;
/// After a commit, before its stanza is passed to the stream.
pub const COMMIT_SEND: u8 = 2;
/// After a stanza is written to the stream, before its barrier has returned.
pub const SEND_BARRIER: u8 = 4;

/// Before a commit of many rows: the node freezes.
pub const BEFORE_COMMIT: u8 = 8;

/// A node freezes only before a commit of at least this many rows: more than the next owner writes
/// until the frozen node continues.
const ROWS: usize = 20;
/// How long to wait for that many rows.
#[cfg(feature = "chaos")]
const GATHERS: std::time::Duration = std::time::Duration::from_millis(500);

static ARMED: AtomicU8 = AtomicU8::new(0);
static WRITTEN: AtomicU8 = AtomicU8::new(0);
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Reads standard input and arms the points it names.
pub fn listen() {
    if !ON {
        return;
    }
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let point = match line.as_str() {
                "commit-ack" => COMMIT_ACK,
                "commit-send" => COMMIT_SEND,
                "send-barrier" => SEND_BARRIER,
                "before-commit" => BEFORE_COMMIT,
                _ => {
                    ARMED.store(0, Ordering::SeqCst);
                    continue;
                }
            };
            ARMED.fetch_or(point, Ordering::SeqCst);
        }
    });
}

/// Aborts the process, like `kill -9`, if this point is armed and the condition `with` holds.
#[inline]
pub fn point(point: u8, with: bool) {
    if ON && with && ARMED.load(Ordering::Relaxed) & point != 0 {
        std::process::abort();
    }
}

/// Waits for rows to accumulate if the node is to freeze before a commit.
#[inline]
pub async fn gather() {
    #[cfg(feature = "chaos")]
    if ARMED.load(Ordering::Relaxed) & BEFORE_COMMIT != 0 {
        tokio::time::sleep(GATHERS).await;
    }
}

/// Freezes the process before a commit of at least `ROWS` rows, if armed, until the checker sends
/// SIGCONT. Happens once per arming.
#[inline]
pub fn freeze(rows: usize) {
    if ON && rows >= ROWS && ARMED.fetch_and(!BEFORE_COMMIT, Ordering::SeqCst) & BEFORE_COMMIT != 0
    {
        let own = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-STOP", &own]).status();
    }
}

/// A stanza was written into the stream's buffer; `row` if it comes from a row.
#[inline]
pub fn written(row: bool) {
    if ON {
        WRITTEN.fetch_or(u8::from(row), Ordering::Relaxed);
    }
}

/// The stream's buffer was passed to the operating system.
#[inline]
pub fn flushed() {
    point(SEND_BARRIER, ON && WRITTEN.swap(0, Ordering::Relaxed) != 0);
}

/// Whether `COUPLET_MUTANT` chose this mutant.
#[allow(clippy::disallowed_methods, reason = "it is no setting, and in no release")]
#[inline]
pub fn mutant(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    ON && CHOSEN.get_or_init(|| std::env::var("COUPLET_MUTANT").ok()).as_deref() == Some(name)
}

/// True at every tenth call.
pub fn tenth() -> bool {
    COUNTER.fetch_add(1, Ordering::Relaxed) % 10 == 9
}
