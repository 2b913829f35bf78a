//! Customers who stay in agents' rosters after the close.

use std::collections::{BTreeSet, HashMap};

use crate::chat::ids::{AgentJid, CustomerId, Timestamp};

/// How many customers stay in one agent's roster after the close.
pub(super) const STAYING: usize = 500;

/// Customers who stay in agents' rosters after the close, and until when.
#[derive(Debug, Default)]
pub(super) struct Staying(HashMap<AgentJid, BTreeSet<(Timestamp, CustomerId)>>);

impl Staying {
    /// Adds a customer; returns those who have to leave to make room.
    pub(super) fn insert(
        &mut self,
        agent: &AgentJid,
        until: (Timestamp, CustomerId),
    ) -> Vec<CustomerId> {
        let staying = self.0.entry(agent.clone()).or_default();
        staying.insert(until);
        let too_many = staying.len().saturating_sub(STAYING);
        (0..too_many).filter_map(|_| staying.pop_first()).map(|(_, first)| first).collect()
    }

    /// Those in an agent's roster, the latest first.
    pub(super) fn latest(&self, agent: &AgentJid) -> impl Iterator<Item = CustomerId> {
        let staying = self.0.get(agent).into_iter().flat_map(|staying| staying.iter().rev());
        staying.map(|(_, customer)| *customer)
    }

    pub(super) fn remove(&mut self, agent: &AgentJid, until: (Timestamp, CustomerId)) {
        if let Some(staying) = self.0.get_mut(agent) {
            staying.remove(&until);
            if staying.is_empty() {
                self.0.remove(agent);
            }
        }
    }
}
