//! An index of who watches which conversation.
//!
//! Invariant: both maps have the same pairs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Timestamp};

/// For how long after the end of what they watched a supervisor may still be writing a whisper, in
/// milliseconds: it must not be said to a customer who is back.
const STILL_WRITES_MS: i64 = 60_000;

/// Who watches what.
#[derive(Debug, Default)]
pub(super) struct Watches {
    watchers: HashMap<ConversationId, Vec<AgentJid>>,
    watched: HashMap<AgentJid, BTreeSet<ConversationId>>,
    /// Whose watch ended with the conversation, and when.
    ended: BTreeMap<(AgentJid, CustomerId), Timestamp>,
}

impl Watches {
    pub(super) fn of(&self, id: ConversationId) -> &[AgentJid] {
        self.watchers.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, agent: &AgentJid, id: ConversationId) -> bool {
        self.of(id).contains(agent)
    }

    pub(super) fn by(&self, agent: &AgentJid) -> impl Iterator<Item = ConversationId> + '_ {
        self.watched.get(agent).into_iter().flatten().copied()
    }

    pub(super) fn insert(&mut self, agent: &AgentJid, id: ConversationId) {
        if !self.has(agent, id) {
            self.watchers.entry(id).or_default().push(agent.clone());
            self.watched.entry(agent.clone()).or_default().insert(id);
        }
    }

    /// Returns whether they watched it.
    pub(super) fn remove(&mut self, agent: &AgentJid, id: ConversationId) -> bool {
        let had = self.has(agent, id);
        if let Some(watchers) = self.watchers.get_mut(&id) {
            watchers.retain(|other| other != agent);
            if watchers.is_empty() {
                self.watchers.remove(&id);
            }
        }
        if let Some(watched) = self.watched.get_mut(agent) {
            watched.remove(&id);
            if watched.is_empty() {
                self.watched.remove(agent);
            }
        }
        had
    }

    /// All pairs, in order.
    pub(super) fn all(&self) -> Vec<(ConversationId, AgentJid)> {
        let watches = self.watchers.iter();
        let all = watches.flat_map(|(id, agents)| agents.iter().map(|one| (*id, one.clone())));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        all
    }

    /// Everybody's watch of a conversation ends with it.
    pub(super) fn end(&mut self, now: Timestamp, id: ConversationId, customer: CustomerId) {
        self.ended.retain(|_, at| now.since(*at) < STILL_WRITES_MS);
        for agent in self.of(id).to_vec() {
            self.remove(&agent, id);
            self.ended.insert((agent, customer), now);
        }
    }

    /// They have decided what to do next.
    pub(super) fn settle(&mut self, agent: &AgentJid, customer: CustomerId) {
        self.ended.remove(&(agent.clone(), customer));
    }

    pub(super) fn ended_lately(
        &self,
        now: Timestamp,
        agent: &AgentJid,
        customer: CustomerId,
    ) -> bool {
        let ended = self.ended.get(&(agent.clone(), customer));
        ended.is_some_and(|at| now.since(*at) < STILL_WRITES_MS)
    }

    /// All pairs, from both maps.
    #[cfg(test)]
    pub(super) fn pairs(&self) -> [BTreeSet<(ConversationId, AgentJid)>; 2] {
        let by_id = self
            .watchers
            .iter()
            .flat_map(|(id, agents)| agents.iter().map(move |agent| (*id, agent.clone())));
        let by_agent = self
            .watched
            .iter()
            .flat_map(|(agent, ids)| ids.iter().map(move |id| (*id, agent.clone())));
        [by_id.collect(), by_agent.collect()]
    }
}
