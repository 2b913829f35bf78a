//! What is told about a customer's conversations: the earlier ones in a line each, and one of them
//! in a summary.
//!
//! Invariant: what is read for it is bounded, however much was said.

use std::sync::Arc;

use super::answers;
use super::ids::{AgentJid, QueueKey, Timestamp};
use super::model::CloseReason;
use super::notice::{Notice, PastLine};
use super::row::{Answers, Row, RowKind};
use super::settings::TenantSettings;

/// How many earlier conversations `!history` shows.
pub const HISTORY: u32 = 10;
/// How many earlier conversations an offer shows.
pub const WITH_OFFER: u32 = 3;
/// How many of the first and of the last entries of a conversation are searched for messages.
pub const SEARCHED: u64 = 20;
/// How many messages a summary repeats from the end, and how many notes.
pub const LATEST: usize = 2;

/// A conversation of a customer, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    pub opened_at: Timestamp,
    pub queue: QueueKey,
    /// The agent who had it last.
    pub agent: Option<AgentJid>,
    /// How it ended; none if it is open.
    pub ended: Option<CloseReason>,
    /// From 1 to 5.
    pub rating: Option<u8>,
    /// The customer's first message.
    pub first: Option<Arc<str>>,
    pub tags: Vec<Arc<str>>,
}

/// What a summary needs from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub past: Past,
    /// What the customer filled in, each time they did.
    pub answers: Vec<Answers>,
    /// The last messages of both sides, in order.
    pub last: Vec<Arc<Row>>,
    /// The last notes, in order.
    pub notes: Vec<Arc<Row>>,
}

/// The names of queues and agents, of those also who no longer exist.
fn named(past: Past, settings: &TenantSettings) -> PastLine {
    let Past { opened_at, queue, agent, ended, rating, first, tags } = past;
    let known = settings.queues.iter().find(|known| known.key == queue);
    let queue = known.map_or_else(|| queue.as_str().into(), |known| known.name.clone());
    let agent = agent.map(|jid| {
        let known = settings.agents.iter().find(|agent| agent.jid == jid);
        let local = || jid.as_str().split('@').next().unwrap_or_default().into();
        known.map_or_else(local, |agent| agent.name.clone())
    });
    PastLine { opened_at, queue, agent, ended, rating, first, tags }
}

/// The notice with earlier conversations, the latest first; none if it would say nothing and was
/// not `asked` for.
pub fn history(past: Vec<Past>, settings: &TenantSettings, asked: bool) -> Option<Notice> {
    let lines: Vec<PastLine> = past.into_iter().map(|past| named(past, settings)).collect();
    (asked || !lines.is_empty()).then_some(Notice::History { lines, asked })
}

/// The notice with a summary. `who` tells who the customer is.
pub fn summary(who: Notice, digest: Option<Digest>, settings: &TenantSettings) -> Notice {
    let who = Box::new(who);
    let Some(Digest { past, answers, last, notes }) = digest else {
        return Notice::Summary { who, past: None, answers: Vec::new(), last: Vec::new() };
    };
    let mut known = Answers::new();
    for given in answers {
        answers::merge(&mut known, given);
    }
    let last = last.into_iter().chain(notes).collect();
    Notice::Summary { who, past: Some(Box::new(named(past, settings))), answers: known, last }
}

/// The last messages among these entries, which are in the order of their `seq`.
pub fn last_said(rows: Vec<Arc<Row>>) -> Vec<Arc<Row>> {
    let is_said = |row: &Arc<Row>| match &row.kind {
        RowKind::Message { text, .. } | RowKind::Choice { text, .. } => !text.is_empty(),
        RowKind::Files { files, text, .. } => !files.is_empty() || !text.is_empty(),
        RowKind::Asked { .. } => true,
        _ => false,
    };
    let mut said: Vec<Arc<Row>> = rows.into_iter().filter(is_said).collect();
    said.split_off(said.len().saturating_sub(LATEST))
}
