//! The log by itself: both its numbers are dense, and nothing is in it twice.

use std::collections::{BTreeMap, HashMap};

use super::{Class, Material, Verdict};

pub(super) fn judge(material: &Material<'_>, verdict: &mut Verdict) {
    for (wanted, row) in (1..).zip(material.rows) {
        if row.pos != wanted {
            verdict.add(Class::PosGap, format!("pos {} where {wanted} should be", row.pos));
            break;
        }
    }
    let mut heads = BTreeMap::new();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for row in material.rows {
        let head = heads.entry(row.case).or_insert(0);
        if let Some(seq) = row.seq {
            if seq != *head + 1 {
                let what = format!("{}: seq {seq} after {head} at pos {}", row.case, row.pos);
                verdict.add(Class::SeqGap, what);
            }
            *head = seq;
        }
        if let (Some(text), "message") = (row.text.as_deref(), row.kind.as_str())
            && let Some(first) = seen.insert(text, row.pos)
        {
            let what = format!("“{text}” at pos {first} and {}", row.pos);
            verdict.add(Class::Doubled, what);
        }
    }
    verdict.counts.conversations = heads.len();
}
