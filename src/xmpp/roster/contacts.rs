//! The customers in agents' contact lists, as they were last shown.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bridge::address::Book;
use crate::bridge::custom_to_xmpp::line;
use crate::chat::effect::ContactPresence;
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, Localpart};
use crate::chat::model::Customer;

/// Customers that are remembered, over all agents.
pub(super) const MOST: usize = 100_000;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) name: Option<Arc<str>>,
    pub(super) group: Arc<str>,
    pub(super) presence: ContactPresence,
}

impl Shown {
    /// The name in the contact list.
    pub(super) fn label(&self, peer: &Peer) -> String {
        line::customer_name(self.name.as_deref(), peer)
    }
}

#[derive(Debug, Default)]
pub(super) struct Contacts {
    lists: HashMap<AgentJid, HashMap<Localpart, Shown>>,
    remembered: usize,
}

impl Contacts {
    pub(super) fn get(&self, agent: &AgentJid, customer: &Localpart) -> Option<&Shown> {
        self.lists.get(agent)?.get(customer)
    }

    /// The agents with a contact list.
    pub(super) fn agents(&self) -> Vec<AgentJid> {
        self.lists.keys().cloned().collect()
    }

    /// The customers in an agent's contact list.
    pub(super) fn of(&self, agent: &AgentJid) -> Vec<Localpart> {
        self.lists.get(agent).map(|list| list.keys().cloned().collect()).unwrap_or_default()
    }

    /// Sets a customer's current data; returns whether anything is new.
    pub(super) fn set(
        &mut self,
        agent: &AgentJid,
        customer: &Customer,
        group: Arc<str>,
        presence: ContactPresence,
    ) -> bool {
        let list = self.lists.entry(agent.clone()).or_default();
        let known = list.contains_key(&customer.localpart);
        if !known && self.remembered >= MOST {
            return false;
        }
        self.remembered += usize::from(!known);
        let shown = Shown { name: customer.name.clone(), group, presence };
        let news = list.get(&customer.localpart) != Some(&shown);
        list.insert(customer.localpart.clone(), shown);
        news
    }

    pub(super) fn remove(&mut self, agent: &AgentJid, customer: &Localpart) {
        let known = self.lists.get_mut(agent).and_then(|list| list.remove(customer));
        self.remembered -= usize::from(known.is_some());
    }

    /// Forgets the contact lists of those who are no agents.
    pub(super) fn retain(&mut self, book: &Book) {
        self.lists.retain(|agent, _| book.knows(agent));
        self.remembered = self.lists.values().map(HashMap::len).sum();
    }
}
