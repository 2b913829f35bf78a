//! The desks in agents' contact lists, and their subscriptions to the agents' presence.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::bridge::address::Book;
use crate::chat::ids::{AgentJid, TenantKey};

/// The subscription of the desk to an agent's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Unknown: asking again is harmless, because servers accept for those who accepted before.
    Unknown,
    /// Requested, no response yet.
    Asked,
    /// The agent's presence may be requested.
    Given,
    /// Denied. Not requested again until they subscribe to the desk, or are added anew.
    Refused,
}

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) name: Arc<str>,
    pub(super) standing: Standing,
    /// Whether the agent was introduced on this stream.
    pub(super) met: bool,
    /// When it was last added to the contact list again.
    pub(super) mended: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Desks(HashMap<(TenantKey, AgentJid), Desk>);

impl Desks {
    pub(super) fn get(&self, tenant: &TenantKey, agent: &AgentJid) -> Option<&Desk> {
        self.0.get(&(tenant.clone(), agent.clone()))
    }

    pub(super) fn get_mut(&mut self, tenant: &TenantKey, agent: &AgentJid) -> Option<&mut Desk> {
        self.0.get_mut(&(tenant.clone(), agent.clone()))
    }

    pub(super) fn standing(&self, tenant: &TenantKey, agent: &AgentJid) -> Option<Standing> {
        self.get(tenant, agent).map(|desk| desk.standing)
    }

    /// The desk of a tenant for an agent; added under this name if it is new.
    pub(super) fn entry(&mut self, tenant: &TenantKey, agent: &AgentJid, name: &str) -> &mut Desk {
        self.0.entry((tenant.clone(), agent.clone())).or_insert_with(|| Desk {
            name: name.into(),
            standing: Standing::Unknown,
            met: false,
            mended: None,
        })
    }

    /// Each desk of those agents, with its agent.
    pub(super) fn of(&self, agents: impl Fn(&AgentJid) -> bool) -> Vec<(TenantKey, AgentJid)> {
        self.0.keys().filter(|(_, agent)| agents(agent)).cloned().collect()
    }

    pub(super) fn retain(&mut self, book: &Book) {
        self.0.retain(|(tenant, agent), _| book.serves(agent, tenant));
    }

    /// The stream is gone.
    pub(super) fn lost(&mut self) {
        for desk in self.0.values_mut() {
            desk.met = false;
            // A server that was killed may have lost its latest writes.
            if desk.standing == Standing::Given {
                desk.standing = Standing::Unknown;
            }
        }
    }
}
