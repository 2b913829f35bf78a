//! The recorded costs of the paths, and the comparison with new ones.
//!
//! Invariants: a path that costs more than its margin allows fails. So does one that costs less by
//! as much: a gain that is not recorded would hide the next loss.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Context as _;

use crate::gauge::Cost;

/// The relative change that is allowed.
const MARGIN: f64 = 0.03;
/// The absolute change that is allowed for paths with few allocations: occasional growth of a
/// buffer allocates a fraction of a time per round.
const ALLOCATIONS: f64 = 0.25;

const HEAD: &str = "\
# What the hot paths cost: instructions and allocations of one round, as callgrind counts them.
# Held within 3 % by tests/cost.sh, which tests/run.sh runs; written by `tests/cost.sh --accept`.
";
const MADE_WITH: &str = "# Made with: ";

/// The cost of each path.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ledger {
    /// What counts depend on besides our code.
    pub(crate) made_with: String,
    pub(crate) costs: BTreeMap<String, Cost>,
}

impl Ledger {
    /// Parses the output of [`Display`](fmt::Display).
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut ledger = Self::default();
        for line in text.lines() {
            if let Some(made_with) = line.strip_prefix(MADE_WITH) {
                made_with.clone_into(&mut ledger.made_with);
            }
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let mut words = line.split_whitespace();
            let mut word = || words.next().with_context(|| format!("too few words: {line}"));
            let (name, instructions, allocations) = (word()?, word()?, word()?);
            let cost = Cost {
                instructions: instructions.parse().with_context(|| line.to_owned())?,
                allocations: allocations.parse().with_context(|| line.to_owned())?,
            };
            ledger.costs.insert(name.to_owned(), cost);
        }
        Ok(ledger)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}{MADE_WITH}{}", self.made_with)?;
        for (name, Cost { instructions, allocations }) in &self.costs {
            writeln!(f, "{name:<28} {instructions:>8.0} {allocations:>6.1}")?;
        }
        Ok(())
    }
}

/// The result of a comparison.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// One line per path.
    pub(crate) table: String,
    /// Whether every path is within its margin.
    pub(crate) holds: bool,
    /// The paths that cost more.
    dearer: Vec<String>,
    /// What the recorded counts were made with, if that differs from now.
    other: Option<String>,
}

impl Verdict {
    /// What to do about it.
    pub(crate) fn advice(&self, profiles: &str) -> String {
        let mut advice = String::new();
        if let Some(other) = &self.other {
            advice += &format!(
                "The counts were made with {other}; that alone may explain the difference. Record \
                 them again on the last\ngood commit with `tests/cost.sh --accept`, commit that by \
                 itself, then check your change.\n"
            );
        }
        for name in &self.dearer {
            advice +=
                &format!("Where the cost is: callgrind_annotate {profiles}/{name}.callgrind\n");
        }
        advice + "If this is intended: `tests/cost.sh --accept`, and explain it in the commit."
    }
}

/// Compares each path with its recorded cost.
pub(crate) fn compare(before: &Ledger, now: &Ledger) -> Verdict {
    let mut table =
        format!("{:<28} {:>16} {:>8} {:>16}\n", "path", "instructions", "", "allocations");
    let mut dearer = Vec::new();
    let mut holds = true;
    let names: BTreeSet<&String> = before.costs.keys().chain(now.costs.keys()).collect();
    for name in names {
        let line = match (before.costs.get(name), now.costs.get(name)) {
            (Some(before), Some(now)) => {
                let changes = [
                    change(before.instructions, now.instructions, 0.0),
                    change(before.allocations, now.allocations, ALLOCATIONS),
                ];
                let word = if changes.iter().any(|change| *change > MARGIN) {
                    dearer.push(name.clone());
                    "DEARER"
                } else if changes.iter().any(|change| *change < -MARGIN) {
                    "CHEAPER"
                } else {
                    ""
                };
                holds &= word.is_empty();
                let [instructions, _] = changes;
                format!(
                    "{name:<28} {:>7.0} → {:>6.0} {:>+6.1} % {:>7.1} → {:>6.1}  {word}",
                    before.instructions,
                    now.instructions,
                    instructions * 100.0,
                    before.allocations,
                    now.allocations,
                )
            }
            (None, Some(now)) => {
                holds = false;
                let Cost { instructions, allocations } = now;
                format!("{name:<28} {instructions:>16.0} {:>8} {allocations:>16.1}  NEW", "")
            }
            _ => {
                holds = false;
                format!("{name:<28} GONE")
            }
        };
        table += line.trim_end();
        table.push('\n');
    }
    let other = (before.made_with != now.made_with).then(|| before.made_with.clone());
    Verdict { table, holds, dearer, other }
}

/// The relative change; zero if it is smaller than `least`.
fn change(before: f64, now: f64, least: f64) -> f64 {
    if (now - before).abs() <= least { 0.0 } else { (now - before) / before.max(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(costs: &[(&str, f64, f64)]) -> Ledger {
        let cost = |(name, instructions, allocations): &(&str, f64, f64)| {
            ((*name).to_owned(), Cost { instructions: *instructions, allocations: *allocations })
        };
        Ledger { made_with: "rustc 1".to_owned(), costs: costs.iter().map(cost).collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        let ledger = ledger(&[("frame-in", 5_321.0, 7.0), ("desk", 12.0, 0.5)]);
        assert_eq!(Ledger::parse(&ledger.to_string()).unwrap(), ledger);
        assert!(Ledger::parse("frame-in 5").is_err());
    }

    #[test]
    fn a_loss_and_a_gain_are_found_and_noise_is_not() {
        let before = ledger(&[("path", 1_000.0, 20.0)]);
        let table = [
            (&[("path", 1_029.0, 20.0)][..], true, ""),
            (&[("path", 971.0, 20.0)], true, ""),
            (&[("path", 1_031.0, 20.0)], false, "DEARER"),
            (&[("path", 1_000.0, 21.0)], false, "DEARER"),
            (&[("path", 1_000.0, 20.5)], true, ""),
            (&[("path", 900.0, 20.0)], false, "CHEAPER"),
            (&[("path", 900.0, 21.0)], false, "DEARER"),
            (&[("path", 1_000.0, 20.0), ("other", 1.0, 0.0)], false, "NEW"),
            (&[], false, "GONE"),
        ];
        for (now, holds, word) in table {
            let verdict = compare(&before, &ledger(now));
            assert_eq!(verdict.holds, holds, "{now:?}");
            assert!(verdict.table.contains(word), "{now:?}: {}", verdict.table);
        }
    }

    #[test]
    fn another_compiler_is_named() {
        let before = ledger(&[("path", 1_000.0, 20.0)]);
        let mut now = ledger(&[("path", 2_000.0, 20.0)]);
        let advice = |now: &Ledger| compare(&before, now).advice("folder");
        assert!(!advice(&now).contains("made with"));
        assert!(advice(&now).contains("callgrind_annotate folder/path.callgrind"));
        now.made_with = "rustc 2".to_owned();
        assert!(advice(&now).contains("made with rustc 1;"));
    }
}
