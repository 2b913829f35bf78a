//! Customers: everything acked or shown is in the log, each entry was shown once, in order.

use std::collections::{HashMap, HashSet};

use super::{Class, Material, Verdict};
use crate::record::{Case, What};

/// A customer's command.
type Key<'a> = (usize, &'a str);

pub(super) fn judge(material: &Material<'_>, verdict: &mut Verdict) {
    acks(material, verdict);
    let shown = walk(material, verdict);
    complete(material, &shown, verdict);
}

/// Each ack matches the log, and is the same each time.
fn acks(material: &Material<'_>, verdict: &mut Verdict) {
    let mut texts: HashMap<Key<'_>, Option<&str>> = HashMap::new();
    let mut acked: HashMap<Key<'_>, (Case, Option<u64>)> = HashMap::new();
    let mut refused: HashSet<Key<'_>> = HashSet::new();
    for event in material.events {
        match &event.what {
            What::Command { customer, id, text, again } => {
                texts.insert((*customer, id), text.as_deref());
                verdict.counts.commands_repeated += usize::from(*again);
            }
            What::Refused { customer, id: Some(id), code } if code == "not_open" => {
                refused.insert((*customer, id));
            }
            What::Ack { customer, id, case, seq } | What::Echo { customer, id, case, seq } => {
                let key = (*customer, id.as_str());
                let Some(first) = acked.insert(key, (*case, *seq)) else {
                    acknowledged(material, key, texts.get(&key), (*case, *seq), verdict);
                    continue;
                };
                verdict.counts.acks_repeated += 1;
                // A `start` that changed nothing is not stored: resent later, it is executed again.
                let of_a_start = id.starts_with('s') && first.1.is_none() && seq.is_none();
                if first != (*case, *seq) && !of_a_start {
                    let what = format!("c{customer} {id}: first {first:?}, then {case} {seq:?}");
                    verdict.add(Class::AckChanged, what);
                }
            }
            _ => {}
        }
    }
    let unanswered = |key: &&Key<'_>| !acked.contains_key(*key) && !refused.contains(*key);
    verdict.counts.unacked = texts.keys().filter(unanswered).count();
    verdict.counts.acked =
        acked.keys().filter(|key| texts.get(*key).is_some_and(Option::is_some)).count();
}

fn acknowledged(
    material: &Material<'_>,
    (customer, id): Key<'_>,
    text: Option<&Option<&str>>,
    (case, seq): (Case, Option<u64>),
    verdict: &mut Verdict,
) {
    let Some(seq) = seq else { return };
    let row = material.by_seq.get(&(case, seq));
    let fits = row.is_some_and(|row| match text {
        Some(Some(text)) => row.text.as_deref() == Some(text),
        _ => row.kind == "closed",
    });
    if !fits {
        let found = row.map(|row| (&row.kind, &row.text));
        let what = format!("c{customer} {id} ({text:?}) as {case} {seq}; there is {found:?}");
        verdict.add(Class::LostAcked, what);
    }
}

/// What a socket holds: all of the conversation up to here.
#[derive(Debug, Clone, Copy, Default)]
struct Hand(Option<(Case, u64)>);

/// Follows each customer's sockets; returns the entries that each customer was shown.
fn walk(material: &Material<'_>, verdict: &mut Verdict) -> HashMap<usize, HashSet<(Case, u64)>> {
    let mut hands: HashMap<usize, Hand> = HashMap::new();
    let mut shown: HashMap<usize, HashSet<(Case, u64)>> = HashMap::new();
    for event in material.events {
        match &event.what {
            What::Welcome { customer, resumed, .. } => {
                hands.insert(*customer, Hand(*resumed));
            }
            What::Entry { customer, case, seq, kind, text } => {
                shown.entry(*customer).or_default().insert((*case, *seq));
                let row = material.by_seq.get(&(*case, *seq));
                if !row.is_some_and(|row| row.kind == *kind && row.text == *text) {
                    let found = row.map(|row| (&row.kind, &row.text));
                    let what = format!(
                        "c{customer} was shown {case} {seq} {kind} {text:?}; there is {found:?}"
                    );
                    verdict.add(Class::Phantom, what);
                }
                let hand = hands.entry(*customer).or_default();
                entry(hand, *customer, (*case, *seq), event.at, verdict);
            }
            What::Ack { customer, case, seq: Some(seq), .. } => {
                let hand = hands.entry(*customer).or_default();
                let next = match hand.0 {
                    Some((held, at)) if held == *case => *seq == at + 1,
                    // From an earlier conversation, or from one that is requested next.
                    _ => *seq == 1 && !is_shown(&shown, *customer, *case),
                };
                shown.entry(*customer).or_default().insert((*case, *seq));
                if next {
                    hand.0 = Some((*case, *seq));
                } else if let Some((held, at)) = hand.0
                    && held == *case
                    && *seq > at
                {
                    let what = format!("c{customer}: ack of {case} {seq} after {at}");
                    verdict.add(Class::EntrySkipped, what);
                    hand.0 = Some((*case, *seq));
                }
            }
            _ => {}
        }
    }
    shown
}

fn is_shown(shown: &HashMap<usize, HashSet<(Case, u64)>>, customer: usize, case: Case) -> bool {
    shown.get(&customer).is_some_and(|shown| shown.contains(&(case, 1)))
}

fn entry(
    hand: &mut Hand,
    customer: usize,
    (case, seq): (Case, u64),
    at: u64,
    verdict: &mut Verdict,
) {
    let before = match hand.0 {
        Some((held, before)) if held == case => before,
        _ => 0,
    };
    let told = || format!("c{customer}: {case} {seq} after {before} ({:.3} s)", at as f64 / 1e6);
    if seq <= before {
        return verdict.add(Class::EntryTwice, told());
    }
    if seq > before + 1 {
        verdict.add(Class::EntrySkipped, told());
    }
    hand.0 = Some((case, seq));
}

/// Every entry in the log was shown to its customer.
fn complete(
    material: &Material<'_>,
    shown: &HashMap<usize, HashSet<(Case, u64)>>,
    verdict: &mut Verdict,
) {
    let none = HashSet::new();
    for row in material.rows {
        let Some(seq) = row.seq else { continue };
        let customer = material.customers.get(&row.customer);
        let Some(customer) = customer else { continue };
        if !shown.get(customer).unwrap_or(&none).contains(&(row.case, seq)) {
            let what =
                format!("c{customer} never got {} {seq}: {} {:?}", row.case, row.kind, row.text);
            verdict.add(Class::EntryMissing, what);
        }
    }
}
