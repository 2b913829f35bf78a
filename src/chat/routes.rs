//! How a tenant's customers are routed to agents. Whatever is not set changes nothing.

use std::collections::BTreeMap;

use super::ids::{AgentJid, QueueKey};

/// What a tenant sets about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// How many of the tenant's customers wait; further ones are asked to leave a message.
    pub waiting: Option<u32>,
    pub queues: BTreeMap<QueueKey, QueueRoutes>,
}

/// What a tenant sets about one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueRoutes {
    /// How many customers wait in it; further ones are asked to leave a message.
    pub waiting: Option<u32>,
    /// How many of its conversations an agent has at once, within their capacity.
    pub agent_capacity: Option<u32>,
    /// The same for single agents, in place of that.
    pub agent_capacities: BTreeMap<AgentJid, u32>,
}

impl Routes {
    /// How many conversations of a queue an agent has at once; none if only their capacity counts.
    pub(super) fn capacity_in(&self, queue: &QueueKey, agent: &AgentJid) -> Option<u32> {
        let routes = self.queues.get(queue)?;
        routes.agent_capacities.get(agent).copied().or(routes.agent_capacity)
    }
}
