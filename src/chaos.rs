//! What the checker (`tests/chaos`) needs inside a node: points at which the node kills or
//! freezes itself, and mutants that the checker must be able to catch. Built with the feature `chaos` alone, which
//! is never on by default and in no release.
//!
//! A point is armed by its name on a line of standard input, any other line disarms all; a mutant is chosen by the environment
//! (`COUPLET_MUTANT`) before the start.

use std::io::BufRead as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// After a commit that contains a row whose acknowledgement is not out yet.
pub const COMMIT_ACK: u8 = 1;
/// After a commit, before its stanza is handed to the stream.
pub const COMMIT_SEND: u8 = 2;
/// After a stanza is written to the stream, before its barrier has returned.
pub const SEND_BARRIER: u8 = 4;

/// Before a commit of many rows: the node freezes.
pub const BEFORE_COMMIT: u8 = 8;

/// With so many rows a node freezes before their commit: more than the next owner has written by
/// the time it is let go.
const ROWS: usize = 20;
/// For how long rows gather until there are so many.
const GATHERS: Duration = Duration::from_millis(500);

static ARMED: AtomicU8 = AtomicU8::new(0);
static WRITTEN: AtomicU8 = AtomicU8::new(0);
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Listens for points to be armed.
pub fn listen() {
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

/// Dies here, as `kill -9` would have it, where this point is armed and passed with what it is
/// about.
pub fn point(point: u8, with: bool) {
    if with && ARMED.load(Ordering::Relaxed) & point != 0 {
        std::process::abort();
    }
}

/// Where the node is to freeze before a commit: lets rows gather.
pub async fn gather() {
    if ARMED.load(Ordering::Relaxed) & BEFORE_COMMIT != 0 {
        tokio::time::sleep(GATHERS).await;
    }
}

/// Freezes before a commit of so many rows, where that is armed, until the checker lets the
/// process go on; once.
pub fn freeze(rows: usize) {
    if rows >= ROWS && ARMED.fetch_and(!BEFORE_COMMIT, Ordering::SeqCst) & BEFORE_COMMIT != 0 {
        let own = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-STOP", &own]).status();
    }
}

/// A stanza goes into the stream's buffer; `row` where it is made of a row.
pub fn written(row: bool) {
    WRITTEN.fetch_or(u8::from(row), Ordering::Relaxed);
}

/// The stream's buffer is in the hands of the system.
pub fn flushed() {
    point(SEND_BARRIER, WRITTEN.swap(0, Ordering::Relaxed) != 0);
}

/// Whether this mutant was chosen.
#[allow(clippy::disallowed_methods, reason = "it is no setting, and in no release")]
pub fn mutant(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("COUPLET_MUTANT").ok()).as_deref() == Some(name)
}

/// Every tenth time.
pub fn tenth() -> bool {
    COUNTER.fetch_add(1, Ordering::Relaxed) % 10 == 9
}
