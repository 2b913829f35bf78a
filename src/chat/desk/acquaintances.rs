//! An index of the open conversations that remember an agent: as one who was asked, who failed the
//! customer, or who already has some messages.
//!
//! Invariant: every agent that an
//! [`OpenConversation`](crate::chat::conversation::OpenConversation) remembers is listed here under
//! it, so that no search through all open conversations is needed when an agent comes online or
//! becomes free. An agent may be listed longer than remembered: until the list is used, or the
//! conversation is served or ends.

use std::collections::{BTreeSet, HashMap};

use crate::chat::ids::{AgentJid, ConversationId};

#[derive(Debug, Default)]
pub(super) struct Acquaintances {
    conversations: HashMap<AgentJid, BTreeSet<ConversationId>>,
    agents: HashMap<ConversationId, Vec<AgentJid>>,
}

impl Acquaintances {
    /// The conversation remembers these agents from now on.
    pub(super) fn meet(&mut self, id: ConversationId, agents: &[AgentJid]) {
        for agent in agents {
            if self.conversations.entry(agent.clone()).or_default().insert(id) {
                self.agents.entry(id).or_default().push(agent.clone());
            }
        }
    }

    /// The conversations that may remember this agent.
    pub(super) fn of(&self, agent: &AgentJid) -> Vec<ConversationId> {
        self.conversations.get(agent).into_iter().flatten().copied().collect()
    }

    /// The conversation no longer remembers the agent.
    pub(super) fn forget(&mut self, id: ConversationId, agent: &AgentJid) {
        self.strike(id, agent);
        if let Some(agents) = self.agents.get_mut(&id) {
            agents.retain(|other| other != agent);
            if agents.is_empty() {
                self.agents.remove(&id);
            }
        }
    }

    /// The conversation remembers nobody: it is served, or has ended.
    pub(super) fn forget_all(&mut self, id: ConversationId) {
        for agent in self.agents.remove(&id).unwrap_or_default() {
            self.strike(id, &agent);
        }
    }

    fn strike(&mut self, id: ConversationId, agent: &AgentJid) {
        if let Some(conversations) = self.conversations.get_mut(agent) {
            conversations.remove(&id);
            if conversations.is_empty() {
                self.conversations.remove(agent);
            }
        }
    }

    /// All pairs, from both maps.
    #[cfg(test)]
    pub(super) fn pairs(&self) -> [BTreeSet<(ConversationId, AgentJid)>; 2] {
        let by_agent = self
            .conversations
            .iter()
            .flat_map(|(agent, ids)| ids.iter().map(move |id| (*id, agent.clone())));
        let by_id = self
            .agents
            .iter()
            .flat_map(|(id, agents)| agents.iter().map(move |agent| (*id, agent.clone())));
        [by_agent.collect(), by_id.collect()]
    }
}
