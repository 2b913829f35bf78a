//! The settings of tenants, queues and agents that the desk works with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hours::Hours;
use super::ids::{AgentJid, MacroKey, QueueKey, ReplyKey, TenantKey, Timestamp};
use super::patience::Patience;
use super::routes::Routes;
use super::tags::TenantTags;

/// The settings of a tenant that the desk uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    pub key: TenantKey,
    /// As people read it.
    pub name: Arc<str>,
    /// A conversation without a message for this long is closed, in milliseconds; 0 for never.
    pub idle_close_ms: i64,
    /// What is done before that.
    pub patience: Patience,
    /// Always including `default`.
    pub queues: Vec<QueueSettings>,
    pub agents: Vec<AgentSettings>,
    pub tags: TenantTags,
    pub routes: Routes,
    /// By key; at most [`REPLIES`](super::canned::REPLIES).
    pub canned: Vec<CannedReply>,
    /// When queues are open; those that are not listed always are.
    pub hours: BTreeMap<QueueKey, Hours>,
    /// By key; at most [`MACROS`](super::macros::MACROS).
    pub macros: Vec<Macro>,
}

/// Commands that agents give in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macro {
    pub key: MacroKey,
    /// What agents read in the list.
    pub title: Arc<str>,
    /// Each as an agent would write it, on one line; at most
    /// [`STEPS`](super::macros::STEPS) of [`STEP_CHARS`](super::macros::STEP_CHARS) scalars.
    pub steps: Vec<Arc<str>>,
}

/// A text that agents say by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannedReply {
    pub key: ReplyKey,
    /// What agents read in the list.
    pub title: Arc<str>,
    /// With variables; at most [`TEXT_CHARS`](super::canned::TEXT_CHARS) scalars.
    pub text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    pub key: QueueKey,
    /// As people read it.
    pub name: Arc<str>,
    pub strategy: Strategy,
    /// How long an offer lasts before another agent is asked, in milliseconds.
    pub offer_ms: i64,
}

/// How a queue chooses the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The agent with the smallest share of their capacity taken; among equals, the one
    /// idle longest.
    LeastLoaded,
    /// The agent who was offered a conversation longest ago.
    RoundRobin,
    /// All available agents at once; the first reply wins.
    RingAll,
}

/// An agent of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// Their bare JID.
    pub jid: AgentJid,
    /// Their name, as customers read it.
    pub name: Arc<str>,
    /// How many conversations they have at once, offered ones counted.
    pub capacity: u32,
    pub role: Role,
    /// The queues they serve.
    pub queues: Vec<QueueKey>,
}

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serves customers.
    Agent,
    /// Serves customers, and can see and take any conversation of the tenant.
    Supervisor,
}

/// What a supervisor set for one agent; it wins over the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentOverride {
    pub agent: AgentJid,
    /// Gets no conversations until then, whatever their presence says.
    pub away_until: Option<Timestamp>,
    /// Instead of the capacity in the settings.
    pub capacity: Option<u32>,
    /// Queues that they serve, or do not serve, other than the settings say.
    pub queues: Vec<(QueueKey, bool)>,
}

impl AgentOverride {
    pub fn none(agent: AgentJid) -> Self {
        Self { agent, away_until: None, capacity: None, queues: Vec::new() }
    }

    pub fn is_none(&self) -> bool {
        self.away_until.is_none() && self.capacity.is_none() && self.queues.is_empty()
    }

    /// The settings of its agent with the override.
    pub fn apply(&self, settings: &mut AgentSettings) {
        settings.capacity = self.capacity.unwrap_or(settings.capacity);
        for (queue, serves) in &self.queues {
            settings.queues.retain(|key| key != queue);
            if *serves {
                settings.queues.push(queue.clone());
            }
        }
    }
}
