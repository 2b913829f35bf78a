//! The cost of the hot paths, in instructions and allocations, compared with the recorded cost. See
//! `tests/cost.sh` for how to start it.
//!
//! | module | purpose |
//! |---|---|
//! | [`paths`] | the work that is measured, round after round |
//! | [`gauge`] | the cost of a round, as callgrind counts it |
//! | [`ledger`] | the recorded cost, and the comparison |

mod gauge;
mod ledger;
mod paths;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, anyhow};

use gauge::Cost;
use ledger::Ledger;

/// The recorded costs.
const LEDGER: &str = "tests/cost/counts.txt";
/// Folder of callgrind's output.
const PROFILES: &str = "target/cost/callgrind";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => hold(),
        ["--accept"] => accept(),
        // This is what callgrind runs.
        ["go", name, times] => go(name, times).map(|()| true),
        _ => Err(anyhow!("tests/cost.sh takes no argument but --accept")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("cost: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Measures every path and compares it with its recorded cost.
fn hold() -> anyhow::Result<bool> {
    let before = Ledger::parse(&std::fs::read_to_string(LEDGER).context(LEDGER)?)?;
    let now = measured()?;
    let verdict = ledger::compare(&before, &now);
    say(&verdict.table);
    if !verdict.holds {
        say(&verdict.advice(PROFILES));
    }
    Ok(verdict.holds)
}

/// Measures every path and records its cost.
fn accept() -> anyhow::Result<bool> {
    let now = measured()?;
    // The first time there is nothing to compare with.
    let before = std::fs::read_to_string(LEDGER).ok().and_then(|text| Ledger::parse(&text).ok());
    say(&ledger::compare(&before.unwrap_or_default(), &now).table);
    std::fs::write(LEDGER, now.to_string()).context(LEDGER)?;
    say(&format!("written to {LEDGER}"));
    Ok(true)
}

/// Measures every path, two at a time.
fn measured() -> anyhow::Result<Ledger> {
    std::fs::create_dir_all(PROFILES).context(PROFILES)?;
    let left = Mutex::new(paths::PATHS.iter());
    let costs = Mutex::new(BTreeMap::<String, anyhow::Result<Cost>>::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(path) = next() {
                    let cost = gauge::measure(path.name, Path::new(PROFILES));
                    let mut costs = costs.lock().unwrap_or_else(PoisonError::into_inner);
                    costs.insert(path.name.to_owned(), cost);
                }
            });
        }
    });
    let costs = costs.into_inner().unwrap_or_else(PoisonError::into_inner);
    let costs = costs.into_iter().map(|(name, cost)| cost.map(|cost| (name, cost)));
    Ok(Ledger { made_with: gauge::made_with()?, costs: costs.collect::<anyhow::Result<_>>()? })
}

/// Runs a number of rounds of a path.
fn go(name: &str, times: &str) -> anyhow::Result<()> {
    let path = paths::PATHS.iter().find(|path| path.name == name).context("no such path")?;
    let mut rounds = (path.prepare)()?;
    anyhow::ensure!(
        gauge::go(&mut rounds, times.parse()?),
        "{name}: a round did not do what it is for"
    );
    // The teardown is not part of any round.
    std::mem::forget(rounds);
    Ok(())
}

fn say(words: &str) {
    let _ = writeln!(std::io::stdout(), "{words}");
}
