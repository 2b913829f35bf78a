//! How a tenant's customers are routed to agents: a part of its settings.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::ids::{AgentJid, QueueKey};
use crate::chat::routes::{QueueRoutes, Routes};

/// What an operator may set about it. What is null changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Routing {
    /// How many customers wait; further ones are asked to leave a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
    /// By the queue's key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, QueueRouting>,
}

/// The same for one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct QueueRouting {
    /// How many customers wait in it; further ones are asked to leave a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
    /// How many of its conversations each agent has at once, within their capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_capacity: Option<u32>,
    /// The same for single agents, by their address, in place of that.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agent_capacities: BTreeMap<String, u32>,
}

impl Routing {
    /// What the desk works with. What is set about queues that do not exist does not matter.
    pub fn routes(&self) -> Routes {
        let queues = self.queues.iter().filter_map(|(key, queue)| {
            let key = QueueKey::new(key).ok()?;
            Some((key, queue.routes()))
        });
        Routes { waiting: self.waiting, queues: queues.collect() }
    }
}

impl QueueRouting {
    fn routes(&self) -> QueueRoutes {
        let single = self.agent_capacities.iter();
        QueueRoutes {
            waiting: self.waiting,
            agent_capacity: self.agent_capacity,
            agent_capacities: single.map(|(jid, n)| (AgentJid::normalised(jid), *n)).collect(),
        }
    }
}
