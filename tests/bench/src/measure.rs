//! CPU and memory of processes, as the kernel counts them.

use std::collections::BTreeMap;
use std::fs;

/// A named process, with all its descendants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    pub(crate) pid: u32,
}

/// CPU time by name, in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage(pub(crate) BTreeMap<&'static str, u64>);

impl Usage {
    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let used = self.0.iter().map(|(name, now)| {
            (*name, now.saturating_sub(before.0.get(name).copied().unwrap_or_default()))
        });
        Self(used.collect())
    }

    /// The share of one name relative to the sum of all others.
    pub(crate) fn share(&self, name: &str) -> f64 {
        let mine = self.0.get(name).copied().unwrap_or_default() as f64;
        let others: u64 =
            self.0.iter().filter(|(other, _)| **other != name).map(|(_, us)| us).sum();
        mine / (others as f64).max(1.0)
    }
}

/// The name of the load generator.
pub(crate) const GENERATOR: &str = "generator";

#[derive(Debug, Clone)]
pub(crate) struct Meter(pub(crate) Vec<Process>);

impl Meter {
    /// Measures these processes and the generator itself.
    pub(crate) fn of(mut processes: Vec<Process>) -> Self {
        processes.push(Process { name: GENERATOR, pid: std::process::id() });
        Self(processes)
    }

    /// CPU time so far, including children, living and ended.
    pub(crate) fn read(&self) -> Usage {
        let children = children();
        let mut usage = BTreeMap::new();
        for process in &self.0 {
            // The servers and nodes are children of the generator, but are counted separately.
            let used = match process.name {
                GENERATOR => cpu(process.pid, false),
                _ => tree(process.pid, &children).iter().map(|pid| cpu(*pid, true)).sum(),
            };
            *usage.entry(process.name).or_default() += used;
        }
        Usage(usage)
    }

    /// Resident memory in KiB, by name.
    pub(crate) fn memory(&self) -> BTreeMap<&'static str, u64> {
        let children = children();
        let mut memory = BTreeMap::new();
        for process in self.0.iter().filter(|process| process.name != GENERATOR) {
            let all = tree(process.pid, &children);
            *memory.entry(process.name).or_default() +=
                all.iter().map(|pid| rss(*pid)).sum::<u64>();
        }
        memory
    }
}

/// The fields of /proc/PID/stat from the state on.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.rsplit_once(") ")?.1;
    Some(rest.split(' ').map(|field| field.parse().unwrap_or_default()).collect())
}

fn cpu(pid: u32, children: bool) -> u64 {
    let Some(stat) = stat(pid) else { return 0 };
    // utime, stime, cutime, cstime.
    let count = if children { 4 } else { 2 };
    let ticks: u64 = stat.iter().skip(11).take(count).sum();
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}

fn rss(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64 / 1_024
}

/// The children of each process.
fn children() -> BTreeMap<u32, Vec<u32>> {
    let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let parent = stat(pid).and_then(|stat| stat.get(1).copied()).unwrap_or_default();
        found.entry(u32::try_from(parent).unwrap_or_default()).or_default().push(pid);
    }
    found
}

fn tree(root: u32, children: &BTreeMap<u32, Vec<u32>>) -> Vec<u32> {
    let mut all = vec![root];
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        all.extend(children.get(pid).into_iter().flatten());
        at += 1;
    }
    all
}

/// The median of some numbers, with minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        let upper = *numbers.get(numbers.len() / 2)?;
        let lower = *numbers.get((numbers.len() - 1) / 2)?;
        Some(Self { median: f64::midpoint(lower, upper), least, most })
    }
}
