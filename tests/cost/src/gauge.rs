//! Measures the cost of a round of a path.
//!
//! Invariant: what happens before and after the rounds does not count. Instructions are those that
//! callgrind attributes to [`go`]; calls it attributes only to the direct caller, so a path is run
//! with few rounds and with many, and the difference is what the rounds between allocate.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::paths::{ROUNDS, Rounds};

/// The number of rounds of the first run.
const FEW: usize = ROUNDS / 10;

/// The name of [`go`] in callgrind's output.
const GO: &str = "cost::gauge::go";

/// Calls to these count as allocations.
const ALLOCATORS: [&str; 6] =
    ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

/// The result of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Profile {
    /// Instructions within [`go`].
    instructions: u64,
    /// Allocations of the whole run.
    allocations: u64,
}

/// Runs the rounds; returns whether each did what it is for.
#[inline(never)]
pub(crate) fn go(rounds: &mut Rounds, times: usize) -> bool {
    (0..times).all(|_| rounds())
}

/// Measures a path; callgrind's output stays in the folder.
pub(crate) fn measure(name: &str, folder: &Path) -> anyhow::Result<Cost> {
    let few = run(name, FEW, &folder.join(format!("{name}.few")))?;
    let all = run(name, ROUNDS, &folder.join(format!("{name}.callgrind")))?;
    let allocations = all.allocations.saturating_sub(few.allocations);
    Ok(Cost {
        instructions: all.instructions as f64 / ROUNDS as f64,
        allocations: allocations as f64 / (ROUNDS - FEW) as f64,
    })
}

fn run(name: &str, times: usize, file: &Path) -> anyhow::Result<Profile> {
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe()?)
        .args(["go", name, &times.to_string()])
        .output()
        .context("valgrind")?;
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{name}: {said}");
    let profile = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    read(&profile).with_context(|| format!("{} has no entry for {GO}", file.display()))
}

/// Reads a profile of callgrind.
fn read(profile: &str) -> Option<Profile> {
    let mut names = HashMap::new();
    let mut called = "";
    let (mut instructions, mut allocations) = (None, 0);
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(function) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            // A function is named once, `(7) malloc`, and is `(7)` from then on.
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(id, name);
            }
            called = names.get(id).copied().unwrap_or_default();
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let number: u64 = calls.split(' ').next()?.parse().ok()?;
            // The next line has the position of the call, and the cost of all calls.
            let cost = lines.next()?.split(' ').nth(1)?;
            if ALLOCATORS.contains(&called) {
                allocations += number;
            } else if called == GO {
                instructions = Some(cost.parse().ok()?);
            }
        }
    }
    Some(Profile { instructions: instructions?, allocations })
}

/// What counts depend on besides our code: compiler and tools.
pub(crate) fn made_with() -> anyhow::Result<String> {
    let version = |program: &str, argument: &str| -> anyhow::Result<String> {
        let said = Command::new(program).arg(argument).output().context(program.to_owned())?;
        let first = String::from_utf8_lossy(&said.stdout);
        Ok(first.lines().next().unwrap_or_default().trim().to_owned())
    };
    Ok([
        version("rustc", "--version")?,
        version("valgrind", "--version")?,
        version("getconf", "GNU_LIBC_VERSION")?,
        std::env::consts::ARCH.to_owned(),
    ]
    .join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_added_up() {
        let profile = "# callgrind format\nevents: Ir\nsummary: 900\n\nfn=(1) main\n16 3\n\
                       cfn=(2) malloc\ncalls=50 0\n16 400\ncfn=(3) free\ncalls=7 0\n16 40\n\
                       cfn=(4) cost::gauge::go\ncalls=1 0\n9 512\n\n\
                       fn=(4)\ncfn=(2)\ncalls=2 0\n1 20\ncfn=(5) realloc\ncalls=1 0\n1 9\n\
                       totals: 912\n";
        assert_eq!(read(profile), Some(Profile { instructions: 512, allocations: 53 }));
        assert_eq!(read("fn=(1) main\n16 3\n"), None, "of another program");
    }
}
