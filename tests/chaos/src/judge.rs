//! The verdict: computed from the record and the log in the database, and from nothing else.
//!
//! Invariant: pure. The same record and log give the same verdict; each way to break the contract
//! has its own class, and a test in which it is detected.

mod agents;
mod customers;
mod database;
mod run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::record::{Case, Event, What};
use crate::transcript::Row;

pub(crate) use self::run::Demands;

/// A way to break the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    /// An acked command is not in the log.
    LostAcked,
    /// An agent's confirmed message is not in the log.
    LostTicked,
    /// Something is in the log twice.
    Doubled,
    /// A command was acked in two different ways.
    AckChanged,
    /// A client was shown an entry that is not in the log, or differs from it.
    Phantom,
    /// A conversation's `seq`s in the log are not dense.
    SeqGap,
    /// A link's `pos`s are not dense.
    PosGap,
    /// A customer never got an entry.
    EntryMissing,
    /// A customer's socket got an entry twice.
    EntryTwice,
    /// A customer's socket got an entry before an earlier one.
    EntrySkipped,
    /// The agent who has the conversation never got a message.
    Undelivered,
    /// Nobody has a conversation, although agents are available.
    Unserved,
    /// A message arrived under two stanza ids.
    TwoIds,
    /// An agent got messages out of order without an interruption of their connection.
    Disordered,
    /// The customer was told that a message was delivered before it was.
    FalseReceipt,
    /// A client waits for a response that does not come.
    Unsettled,
    /// The run had fewer messages than planned.
    TooFew,
    /// A planned kind of fault did not happen.
    FaultMissed,
    /// No node died at a point.
    PointMissed,
}

impl Class {
    /// Whether it may only be a matter of time.
    pub(crate) fn may_heal(self) -> bool {
        matches!(self, Self::EntryMissing | Self::Undelivered | Self::Unserved)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    pub(crate) class: Class,
    pub(crate) what: String,
}

/// Counts of what happened in the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Customers' messages that were acked.
    pub(crate) acked: usize,
    /// Agents' messages that were confirmed.
    pub(crate) ticked: usize,
    pub(crate) rows: usize,
    pub(crate) conversations: usize,
    /// Commands that customers resent.
    pub(crate) commands_repeated: usize,
    /// Repeated acks.
    pub(crate) acks_repeated: usize,
    /// Messages that agents resent.
    pub(crate) words_repeated: usize,
    /// Stanzas that arrived at an agent again, under the same id.
    pub(crate) stanzas_repeated: usize,
    /// Messages out of order at an agent whose connection had been interrupted.
    pub(crate) disordered_by_interruption: usize,
    /// Commands that were never acked; in the log or not.
    pub(crate) unacked: usize,
    /// Agents' messages that were refused for good.
    pub(crate) returned: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) counts: Counts,
    pub(crate) violations: Vec<Violation>,
}

impl Verdict {
    fn add(&mut self, class: Class, what: String) {
        self.violations.push(Violation { class, what });
    }

    /// The number of violations per class.
    pub(crate) fn classes(&self) -> BTreeMap<Class, usize> {
        let mut classes = BTreeMap::new();
        for violation in &self.violations {
            *classes.entry(violation.class).or_default() += 1;
        }
        classes
    }

    /// Whether waiting may help.
    pub(crate) fn may_heal(&self) -> bool {
        self.violations.iter().any(|violation| violation.class.may_heal())
    }
}

/// Lookup tables for the parts of the judge.
struct Material<'a> {
    events: &'a [Event],
    rows: &'a [Row],
    /// By a message's text, which is unique.
    by_text: HashMap<&'a str, &'a Row>,
    by_seq: HashMap<(Case, u64), &'a Row>,
    /// The number of each conversation's customer.
    customers: HashMap<Case, usize>,
    /// When the record began, in epoch milliseconds.
    began_ms: i64,
}

impl Material<'_> {
    /// Converts a time of the database to one of the record, in microseconds.
    fn time(&self, at_ms: i64) -> u64 {
        u64::try_from(at_ms.saturating_sub(self.began_ms)).unwrap_or_default() * 1_000
    }
}

pub(crate) fn judge(
    events: &[Event],
    rows: &[Row],
    began_ms: i64,
    demands: Option<&Demands>,
) -> Verdict {
    let messages = rows.iter().filter(|row| row.kind == "message");
    let by_text = messages.filter_map(|row| Some((row.text.as_deref()?, row))).collect();
    let by_seq = rows.iter().filter_map(|row| Some(((row.case, row.seq?), row))).collect();
    let welcomed = |event: &Event| match event.what {
        What::Welcome { customer, id, .. } => Some((id, customer)),
        _ => None,
    };
    let customers = events.iter().filter_map(welcomed).collect();
    let material = Material { events, rows, by_text, by_seq, customers, began_ms };
    let mut verdict = Verdict::default();
    verdict.counts.rows = rows.len();
    database::judge(&material, &mut verdict);
    customers::judge(&material, &mut verdict);
    agents::judge(&material, &mut verdict);
    if let Some(demands) = demands {
        run::judge(&material, demands, &mut verdict);
    }
    verdict
}
