//! Roster writes that the server has not responded to, and those that are retried.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::ids::{AgentJid, TenantKey};

/// An account that cannot be written to may not exist yet: it is retried at this interval.
pub(super) const AGAIN: Duration = Duration::from_secs(5);

/// A write that the server has not responded to.
#[derive(Debug)]
struct Writing {
    agent: AgentJid,
    /// The tenant whose desk was written; none for a customer, or if an entry was removed.
    desk: Option<TenantKey>,
}

#[derive(Debug)]
pub(super) struct Writes {
    /// A random part of our query ids, so that nobody can guess them.
    secret: String,
    numbered: u64,
    pending: HashMap<String, Writing>,
    /// Agents whose rosters could not be written although others can, and when to retry.
    failed: HashMap<(TenantKey, AgentJid), Instant>,
}

impl Writes {
    pub(super) fn new(secret: String) -> Self {
        Self { secret, numbered: 0, pending: HashMap::new(), failed: HashMap::new() }
    }

    /// Begins a write; returns the id of its query.
    pub(super) fn begin(&mut self, agent: &AgentJid, desk: Option<TenantKey>) -> String {
        self.numbered += 1;
        let id = format!("roster-{}-{}", self.secret, self.numbered);
        self.pending.insert(id.clone(), Writing { agent: agent.clone(), desk });
        id
    }

    /// The server has responded for an agent; returns whose desk was written, if it was a desk.
    /// None if there is no such write.
    pub(super) fn end(&mut self, id: &str, agent: &AgentJid) -> Option<Option<TenantKey>> {
        self.pending.get(id).filter(|writing| writing.agent == *agent)?;
        self.pending.remove(id).map(|writing| writing.desk)
    }

    /// A desk could not be written; returns whether that is new.
    pub(super) fn failed(&mut self, tenant: TenantKey, agent: &AgentJid, now: Instant) -> bool {
        self.failed.insert((tenant, agent.clone()), now + AGAIN).is_none()
    }

    /// A desk was written; returns whether that failed before.
    pub(super) fn done(&mut self, tenant: TenantKey, agent: &AgentJid) -> bool {
        self.failed.remove(&(tenant, agent.clone())).is_some()
    }

    /// When a write is retried.
    pub(super) fn next(&self) -> Option<Instant> {
        self.failed.values().min().copied()
    }

    /// The desks whose write is due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(TenantKey, AgentJid)> {
        let due = self.failed.iter_mut().filter(|(_, at)| **at <= now);
        due.map(|(key, at)| {
            *at = now + AGAIN;
            key.clone()
        })
        .collect()
    }

    /// Retries only those of these agents.
    pub(super) fn retain(&mut self, agents: impl Fn(&TenantKey, &AgentJid) -> bool) {
        self.failed.retain(|(tenant, agent), _| agents(tenant, agent));
    }

    /// The stream is gone.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.failed.clear();
    }
}
