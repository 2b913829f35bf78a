//! What agents have of a conversation that they are asked to take over.
//!
//! Invariant: what their clients confirmed before they take it counts afterwards, so the customer's
//! ticks stay true.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ids::{AgentJid, Pos};
use super::row::Row;

/// What agents who are asked to take a conversation over were sent of it.
#[derive(Debug)]
pub(super) struct Handed {
    /// The row that asked them; everything before it was sent to them ...
    pub(super) row: Arc<Row>,
    /// ... or nothing, because there is too much.
    pub(super) withheld: bool,
    /// What their clients have confirmed of it.
    received: BTreeMap<AgentJid, BTreeSet<Pos>>,
}

impl Handed {
    pub(super) fn new(row: Arc<Row>, withheld: bool) -> Self {
        Self { row, withheld, received: BTreeMap::new() }
    }

    /// A client of the agent has confirmed these messages.
    pub(super) fn confirmed(&mut self, agent: &AgentJid, messages: impl Iterator<Item = Pos>) {
        self.received.entry(agent.clone()).or_default().extend(messages);
    }

    /// The messages that the agent's clients have confirmed.
    pub(super) fn received(&self, agent: &AgentJid) -> impl Iterator<Item = &Pos> {
        self.received.get(agent).into_iter().flatten()
    }

    /// What the agent who hands it over wrote to it.
    pub(super) fn note(&self) -> Arc<str> {
        self.row.kind.words().cloned().unwrap_or_default()
    }
}
