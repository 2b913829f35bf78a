//! Agents: their confirmed messages are in the log, and customers' messages reached the agent who
//! has the conversation, each under one id, in order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Class, Material, Verdict};
use crate::faults::Kind;
use crate::record::{Case, Event, What};
use crate::transcript::Row;

/// How late a client may notice that its connection is dead, in microseconds.
const BLIND_US: u64 = 12_000_000;

pub(super) fn judge(material: &Material<'_>, verdict: &mut Verdict) {
    ticks(material, verdict);
    let arrivals = arrivals(material, verdict);
    delivered(material, &arrivals, verdict);
    in_order(material, &arrivals, verdict);
    receipts(material, &arrivals, verdict);
}

/// Each confirmed message is in the log.
fn ticks(material: &Material<'_>, verdict: &mut Verdict) {
    let mut said: HashMap<(usize, &str), &str> = HashMap::new();
    let mut ticked: HashSet<(usize, &str)> = HashSet::new();
    for event in material.events {
        match &event.what {
            What::Spoke { agent, id, text, again, .. } => {
                said.insert((*agent, id), text);
                verdict.counts.words_repeated += usize::from(*again);
            }
            What::Tick { agent, id } => {
                let key = (*agent, id.as_str());
                if let Some(text) = said.get(&key)
                    && ticked.insert(key)
                    && !material.by_text.contains_key(text)
                {
                    verdict.add(Class::LostTicked, format!("a{agent} {id}: “{text}”"));
                }
            }
            What::Returned { condition, .. } => {
                let last = ["conflict", "item-not-found"].contains(&condition.as_str());
                verdict.counts.returned += usize::from(last);
            }
            _ => {}
        }
    }
    verdict.counts.ticked = ticked.len();
}

/// When customers' messages first reached agents.
#[derive(Default)]
struct Arrivals<'a> {
    /// By agent and row.
    first: HashMap<(usize, u64), u64>,
    /// By row, at any agent.
    anyone: HashMap<u64, u64>,
    ids: HashMap<&'a str, &'a str>,
}

fn arrivals<'a>(material: &Material<'a>, verdict: &mut Verdict) -> Arrivals<'a> {
    let mut arrivals = Arrivals::default();
    for event in material.events {
        let What::Heard { agent, id, text, .. } = &event.what else { continue };
        if !text.starts_with('c') {
            continue;
        }
        let first = *arrivals.ids.entry(text).or_insert(id);
        if first != id {
            verdict.add(Class::TwoIds, format!("“{text}” as {first} and as {id} at a{agent}"));
        }
        let Some(row) = material.by_text.get(text.as_str()) else {
            verdict.add(Class::Phantom, format!("a{agent} got “{text}”, which is not in the log"));
            continue;
        };
        arrivals.anyone.entry(row.pos).or_insert(event.at);
        let again = arrivals.first.contains_key(&(*agent, row.pos));
        verdict.counts.stanzas_repeated += usize::from(again);
        arrivals.first.entry((*agent, row.pos)).or_insert(event.at);
    }
    arrivals
}

/// A conversation: what the customer wrote, and who has it at its end.
#[derive(Default)]
struct Talk<'a> {
    words: Vec<&'a Row>,
    holder: Option<usize>,
    closed: bool,
}

fn talks<'a>(material: &Material<'a>) -> BTreeMap<Case, Talk<'a>> {
    let mut talks: BTreeMap<Case, Talk<'_>> = BTreeMap::new();
    for row in material.rows {
        let talk = talks.entry(row.case).or_default();
        match (row.kind.as_str(), row.author.as_str()) {
            ("message", "customer") => talk.words.push(row),
            ("joined", _) => talk.holder = row.agent,
            ("left", _) => talk.holder = None,
            ("closed", _) => talk.closed = true,
            _ => {}
        }
    }
    talks
}

/// The agent who has the conversation, or had it at its close, got all of it.
fn delivered(material: &Material<'_>, arrivals: &Arrivals<'_>, verdict: &mut Verdict) {
    for (case, talk) in talks(material) {
        let Some(holder) = talk.holder else {
            if !talk.closed {
                verdict.add(Class::Unserved, format!("{case}, {} messages", talk.words.len()));
            }
            continue;
        };
        for row in &talk.words {
            if !arrivals.first.contains_key(&(holder, row.pos)) {
                let state = if talk.closed { "had" } else { "has" };
                let what =
                    format!("{:?} (pos {}) to a{holder}, who {state} {case}", row.text, row.pos);
                verdict.add(Class::Undelivered, what);
            }
        }
    }
}

/// When an agent may have lost something on the way.
struct Interruptions(HashMap<Option<usize>, Vec<(u64, u64)>>);

impl Interruptions {
    fn of(events: &[Event]) -> Self {
        let mut spans: HashMap<Option<usize>, Vec<(u64, u64)>> = HashMap::new();
        let mut out: HashMap<usize, u64> = HashMap::new();
        let mut broken: HashMap<usize, u64> = HashMap::new();
        for event in events {
            match &event.what {
                What::Logout { agent, .. } => {
                    out.insert(*agent, event.at.saturating_sub(BLIND_US));
                }
                What::Login { agent } => {
                    let from = out.remove(agent).unwrap_or(0);
                    spans.entry(Some(*agent)).or_default().push((from, event.at));
                }
                What::Fault { fault, kind: Kind::XmppKill | Kind::XmppFreeze, .. } => {
                    broken.insert(*fault, event.at);
                }
                What::Healed { fault, .. } => {
                    if let Some(from) = broken.remove(fault) {
                        spans.entry(None).or_default().push((from, event.at));
                    }
                }
                _ => {}
            }
        }
        for (agent, from) in out {
            spans.entry(Some(agent)).or_default().push((from, u64::MAX));
        }
        Self(spans)
    }

    fn between(&self, agent: usize, from: u64, to: u64) -> bool {
        let spans = [None, Some(agent)].into_iter().filter_map(|whose| self.0.get(&whose));
        spans.flatten().any(|(begin, end)| *begin <= to && *end >= from)
    }
}

/// First arrivals of a conversation's messages are in the order of their `seq`.
fn in_order(material: &Material<'_>, arrivals: &Arrivals<'_>, verdict: &mut Verdict) {
    let interruptions = Interruptions::of(material.events);
    let mut agents: Vec<usize> = arrivals.first.keys().map(|(agent, _)| *agent).collect();
    agents.sort_unstable();
    agents.dedup();
    for (case, talk) in talks(material) {
        for agent in &agents {
            let mut latest: Option<(&Row, u64)> = None;
            for row in &talk.words {
                let Some(at) = arrivals.first.get(&(*agent, row.pos)).copied() else { continue };
                match latest {
                    Some((earlier, later)) if at < later => {
                        if interruptions.between(*agent, material.time(earlier.at), later) {
                            verdict.counts.disordered_by_interruption += 1;
                        } else {
                            let what = format!(
                                "a{agent}: {:?} came {:.3} s after {:?} of {case}",
                                earlier.text,
                                (later - at) as f64 / 1e6,
                                row.text
                            );
                            verdict.add(Class::Disordered, what);
                        }
                    }
                    _ => latest = Some((row, at)),
                }
            }
        }
    }
}

/// What the customer is told to be delivered has arrived before.
fn receipts(material: &Material<'_>, arrivals: &Arrivals<'_>, verdict: &mut Verdict) {
    // By conversation: up to each `seq`, when the last of the messages had arrived.
    let mut complete: HashMap<Case, Vec<(u64, u64, &Row)>> = HashMap::new();
    for (case, talk) in talks(material) {
        let mut since = 0;
        let upto = talk.words.iter().filter_map(|row| {
            since = since.max(arrivals.anyone.get(&row.pos).copied().unwrap_or(u64::MAX));
            Some((row.seq?, since, *row))
        });
        complete.insert(case, upto.collect());
    }
    for event in material.events {
        let What::Receipt { customer, case, delivered } = &event.what else { continue };
        let Some(words) = complete.get(case) else { continue };
        let last = words.partition_point(|(seq, ..)| seq <= delivered);
        if let Some((_, since, row)) = last.checked_sub(1).and_then(|last| words.get(last))
            && *since > event.at
        {
            let what = format!(
                "c{customer}: {case} up to {delivered} ({:?}) at {:.3} s",
                row.text,
                event.at as f64 / 1e6
            );
            verdict.add(Class::FalseReceipt, what);
        }
    }
}
