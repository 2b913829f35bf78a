//! Whether the run itself is valid: enough messages, every fault, every point.

use std::collections::HashMap;

use super::{Class, Material, Verdict};
use crate::faults::Kind;
use crate::record::What;

/// What a run must contain.
#[derive(Debug, Clone)]
pub(crate) struct Demands {
    /// Messages in both directions together.
    pub(crate) messages: usize,
    /// The least number of faults of each kind.
    pub(crate) faults: Vec<(Kind, usize)>,
    /// The least number of faults of all kinds.
    pub(crate) all_faults: usize,
    /// The least number of nodes killed.
    pub(crate) kills: usize,
}

pub(super) fn judge(material: &Material<'_>, demands: &Demands, verdict: &mut Verdict) {
    let messages = verdict.counts.acked + verdict.counts.ticked;
    if messages < demands.messages {
        verdict.add(Class::TooFew, format!("{messages} messages of {}", demands.messages));
    }
    let mut begun: HashMap<usize, Kind> = HashMap::new();
    let mut happened: HashMap<Kind, usize> = HashMap::new();
    for event in material.events {
        match event.what {
            What::Fault { fault, kind, .. } => {
                begun.insert(fault, kind);
            }
            What::Healed { fault, hit: true } => {
                if let Some(kind) = begun.get(&fault) {
                    *happened.entry(*kind).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    let all: usize = happened.values().sum();
    let kills: usize = happened.iter().filter(|(kind, _)| kind.kills_node()).map(|(_, n)| n).sum();
    if all < demands.all_faults || kills < demands.kills {
        verdict.add(Class::TooFew, format!("{all} faults, of which {kills} killed a node"));
    }
    for (kind, wanted) in &demands.faults {
        let happened = happened.get(kind).copied().unwrap_or_default();
        if happened < *wanted {
            // A node that died elsewhere did not die at its point.
            let class =
                if kind.point().is_some() { Class::PointMissed } else { Class::FaultMissed };
            verdict.add(class, format!("{kind}: {happened} of {wanted}"));
        }
    }
}
