//! The settings of the tenants, and what the desk looks up in them.

use std::sync::Arc;

use super::{Desk, TenantDesk, overrides};
use crate::chat::canned::Canned;
use crate::chat::ids::{AgentJid, QueueKey, TenantKey};
use crate::chat::namesake::Namesakes;
use crate::chat::queue::Queue;
use crate::chat::row::Author;
use crate::chat::settings::{AgentSettings, Role, TenantSettings};

impl Desk {
    /// Whether an agent of the tenant is available for conversations that begin now, and more
    /// customers may wait.
    pub fn anyone_in(&self, tenant: &TenantKey) -> bool {
        let is_staffed = self.tenants.get(tenant).is_some_and(|desk| {
            let mut agents = desk.settings.agents.iter();
            !desk.is_full() && agents.any(|agent| self.is_available(tenant, &agent.jid))
        });
        is_staffed && self.takes_new(tenant)
    }

    pub fn agents(&self) -> impl Iterator<Item = (TenantKey, AgentJid)> + '_ {
        self.tenants.values().flat_map(|desk| {
            let key = &desk.settings.key;
            desk.settings.agents.iter().map(|agent| (key.clone(), agent.jid.clone()))
        })
    }

    pub fn tenants(&self) -> impl Iterator<Item = &TenantKey> + '_ {
        self.tenants.keys()
    }

    pub(super) fn put_settings(&mut self, tenants: Vec<TenantSettings>) {
        let mut former = std::mem::take(&mut self.tenants);
        for settings in tenants {
            let before = former.remove(&settings.key);
            let (mut queues, overrides, canned) = match before {
                Some(desk) if desk.base.canned == settings.canned => {
                    (desk.queues, desk.overrides, desk.canned)
                }
                before => {
                    let (queues, overrides) =
                        before.map(|desk| (desk.queues, desk.overrides)).unwrap_or_default();
                    (queues, overrides, Canned::of(&settings.canned))
                }
            };
            queues.retain(|key, _| settings.queues.iter().any(|queue| queue.key == *key));
            for queue in &settings.queues {
                queues.entry(queue.key.clone()).or_default();
                self.stirred.insert((settings.key.clone(), queue.key.clone()));
            }
            for agent in &settings.agents {
                self.clients.entry(agent.jid.clone()).or_default();
            }
            // A customer must not appear under the name of the business either.
            let agents = settings.agents.iter().map(|agent| &agent.name);
            let namesakes = Namesakes::of(agents.chain([&settings.name]));
            let base = Arc::new(settings);
            let settings = overrides::applied(&base, &overrides);
            let desk = TenantDesk { settings, base, overrides, queues, namesakes, canned };
            self.tenants.insert(desk.settings.key.clone(), desk);
        }
        for visitor in self.visitors.values_mut() {
            visitor.shown_name = None;
            visitor.name_for_agents(&self.tenants);
        }
        self.clients.retain(|jid, _| {
            self.tenants.values().any(|desk| desk.settings.agents.iter().any(|a| a.jid == *jid))
        });
    }

    pub(super) fn line(&mut self, tenant: &TenantKey, queue: &QueueKey) -> Option<&mut Queue> {
        self.tenants.get_mut(tenant)?.queues.get_mut(queue)
    }

    pub(super) fn settings(&self, tenant: &TenantKey) -> Option<Arc<TenantSettings>> {
        self.tenants.get(tenant).map(|desk| desk.settings.clone())
    }

    pub(super) fn agent_of(&self, tenant: &TenantKey, jid: &AgentJid) -> Option<&AgentSettings> {
        self.tenants.get(tenant)?.settings.agents.iter().find(|agent| agent.jid == *jid)
    }

    pub(super) fn tenants_of<'a>(
        &'a self,
        jid: &'a AgentJid,
    ) -> impl Iterator<Item = &'a TenantKey> + 'a {
        self.tenants.keys().filter(move |tenant| self.agent_of(tenant, jid).is_some())
    }

    pub(super) fn is_supervisor(&self, tenant: &TenantKey, jid: &AgentJid) -> bool {
        self.agent_of(tenant, jid).is_some_and(|agent| agent.role == Role::Supervisor)
    }

    pub(super) fn agent_name(&self, tenant: &TenantKey, jid: &AgentJid) -> Arc<str> {
        self.agent_of(tenant, jid).map_or_else(|| "".into(), |agent| agent.name.clone())
    }

    pub(super) fn queue_name(&self, tenant: &TenantKey, queue: &QueueKey) -> Arc<str> {
        self.tenants
            .get(tenant)
            .and_then(|desk| desk.settings.queues.iter().find(|q| q.key == *queue))
            .map_or_else(|| queue.as_str().into(), |queue| queue.name.clone())
    }

    pub(super) fn author(&self, tenant: &TenantKey, jid: &AgentJid) -> Author {
        Author::Agent { jid: jid.clone(), name: self.agent_name(tenant, jid) }
    }
}
