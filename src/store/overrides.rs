//! What supervisors set for agents, as the details of a row.

use serde::{Deserialize, Serialize};

use super::codec::queue_key;
use crate::chat::ids::{AgentJid, Timestamp};
use crate::chat::settings::AgentOverride;
use crate::ports::store_error::StoreError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overrides {
    pub(super) agents: Vec<StoredOverride>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredOverride {
    agent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    away_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capacity: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queues: Vec<(String, bool)>,
}

impl From<&AgentOverride> for StoredOverride {
    fn from(one: &AgentOverride) -> Self {
        let queues = one.queues.iter().map(|(queue, serves)| (queue.to_string(), *serves));
        Self {
            agent: one.agent.to_string(),
            away_until: one.away_until.map(|at| at.0),
            capacity: one.capacity,
            queues: queues.collect(),
        }
    }
}

impl StoredOverride {
    pub(super) fn read(self) -> Result<AgentOverride, StoreError> {
        let queues = self.queues.iter().map(|(queue, serves)| Ok((queue_key(queue)?, *serves)));
        Ok(AgentOverride {
            agent: AgentJid::normalised(&self.agent),
            away_until: self.away_until.map(Timestamp),
            capacity: self.capacity,
            queues: queues.collect::<Result<_, StoreError>>()?,
        })
    }
}
