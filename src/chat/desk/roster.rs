//! Customers in agents' rosters (their contact lists).
//!
//! Invariants: a customer is only in the rosters of agents who serve them or are offered them, and
//! is removed a day after the close; earlier if an agent's roster has more than [`STAYING`] such
//! customers, so that nobody can fill a roster by coming and going.

use super::timer::Timer;
use super::{Desk, Visitor};
use crate::chat::effect::{Contact, ContactPresence, Effect};
use crate::chat::ids::{AgentJid, CustomerId, TenantKey, Timestamp};
use crate::chat::model::Customer;
use crate::chat::settings::Role;
use crate::chat::snapshot::CONTACT_STAYS_MS;

/// How long a customer without a socket still counts as online, while a page is loading, in
/// milliseconds.
const RELOAD_MS: i64 = 5_000;
/// How long a customer in no roster stays in memory, in milliseconds.
const FORGOTTEN_MS: i64 = 60_000;

impl Desk {
    /// Sends every agent the contact of their tenant's desk.
    pub(super) fn greet_agents(&mut self) {
        let greetings: Vec<(AgentJid, Role, TenantKey, std::sync::Arc<str>)> = self
            .tenants
            .values()
            .flat_map(|desk| {
                let settings = &desk.settings;
                settings.agents.iter().map(|agent| {
                    let (tenant, name) = (settings.key.clone(), settings.name.clone());
                    (agent.jid.clone(), agent.role, tenant, name)
                })
            })
            .collect();
        for (agent, role, tenant, name) in greetings {
            let contact = Contact::Desk { tenant, name, role };
            self.gate.emit(Effect::Contact { agent, contact });
        }
    }

    pub(super) fn add_contact(&mut self, customer: CustomerId, agent: &AgentJid) {
        let Some(visitor) = self.visitors.get_mut(&customer) else { return };
        visitor.contacts.insert(agent.clone());
        if let Some(contact) = self.shown(customer) {
            self.gate.emit(Effect::Contact { agent: agent.clone(), contact });
        }
    }

    pub(super) fn remove_contact(&mut self, customer: CustomerId, agent: &AgentJid) {
        let Some(visitor) = self.visitors.get_mut(&customer) else { return };
        if let Some(at) = visitor.leaves_at {
            self.staying.remove(agent, (at, customer));
        }
        if visitor.contacts.remove(agent) {
            let localpart = visitor.customer.localpart.clone();
            let contact = Contact::Removed { localpart };
            self.gate.emit(Effect::Contact { agent: agent.clone(), contact });
        }
    }

    /// Updates the customer in every roster they are in.
    pub(super) fn show_contact(&mut self, customer: CustomerId) {
        let Some(contact) = self.shown(customer) else { return };
        let agents: Vec<AgentJid> = self
            .visitors
            .get(&customer)
            .map(|visitor| visitor.contacts.iter().cloned().collect())
            .unwrap_or_default();
        for agent in agents {
            self.gate.emit(Effect::Contact { agent, contact: contact.clone() });
        }
    }

    fn shown(&self, customer: CustomerId) -> Option<Contact> {
        let visitor = self.visitors.get(&customer)?;
        let group = self.settings(&visitor.customer.tenant)?.name.clone();
        let still_open =
            visitor.open.and_then(|id| self.cases.get(&id)).is_some_and(|case| case.view.is_open());
        let presence = match (still_open, visitor.nodes.is_empty()) {
            (false, _) => ContactPresence::Offline,
            (true, true) => ContactPresence::Away,
            (true, false) => ContactPresence::Online(visitor.page.clone()),
        };
        let customer = Customer { name: visitor.name(), ..visitor.customer.clone() };
        Some(Contact::Shown { customer, group, presence })
    }

    /// The customer may have left: check again in a while, so that a reload does not count.
    pub(super) fn customer_left(&mut self, now: Timestamp, customer: CustomerId) {
        let Some(visitor) = self.visitors.get_mut(&customer) else { return };
        if visitor.nodes.is_empty() && visitor.open.is_some() {
            self.timers.arm(now.plus(RELOAD_MS), Timer::Away(customer));
        }
        if visitor.open.is_none() {
            // They stay in the rosters until a day after the close, however often they return.
            let at = match visitor.leaves_at {
                _ if visitor.contacts.is_empty() => now.plus(FORGOTTEN_MS),
                Some(since_the_close) => since_the_close,
                None => now.plus(CONTACT_STAYS_MS),
            };
            self.timers.arm(at, Timer::Leave(customer));
            for (first, agent) in self.stay_until(customer, at) {
                self.remove_contact(first, &agent);
                if self.visitors.get(&first).is_some_and(|first| first.contacts.is_empty()) {
                    self.customer_left(now, first);
                }
            }
        }
    }

    /// Sets when the customer leaves the rosters. Returns the customers who have to leave earlier
    /// to make room, with the agents whose rosters are affected.
    pub(super) fn stay_until(
        &mut self,
        customer: CustomerId,
        at: Timestamp,
    ) -> Vec<(CustomerId, AgentJid)> {
        self.stays(customer);
        let Some(visitor) = self.visitors.get_mut(&customer) else { return Vec::new() };
        visitor.leaves_at = Some(at);
        let mut too_many = Vec::new();
        for agent in &visitor.contacts {
            let first = self.staying.insert(agent, (at, customer));
            too_many.extend(first.into_iter().map(|first| (first, agent.clone())));
        }
        too_many
    }

    /// The customer no longer leaves the rosters at a set time.
    pub(super) fn stays(&mut self, customer: CustomerId) {
        let Some(visitor) = self.visitors.get_mut(&customer) else { return };
        if let Some(at) = visitor.leaves_at.take() {
            for agent in &visitor.contacts {
                self.staying.remove(agent, (at, customer));
            }
        }
    }

    /// Removes the customer from the rosters and, if they have no socket open, from memory.
    pub(super) fn leave(&mut self, now: Timestamp, customer: CustomerId) {
        let Some(visitor) = self.visitors.get(&customer) else { return };
        if visitor.open.is_some() || visitor.leaves_at.is_none_or(|at| at > now) {
            return;
        }
        let contacts: Vec<AgentJid> = visitor.contacts.iter().cloned().collect();
        for agent in contacts {
            self.remove_contact(customer, &agent);
        }
        if self.online(customer) {
            return;
        }
        // The session's commands can only be read from the store again once they are stored.
        if !self.gate.is_settled() {
            return self.timers.arm(now.plus(FORGOTTEN_MS), Timer::Leave(customer));
        }
        if let Some(Visitor { customer, sessions, owed, .. }) = self.visitors.remove(&customer) {
            owed.into_iter().for_each(|id| self.settle_owed(now, id));
            self.addresses.remove(&customer.localpart);
            for session in sessions {
                self.commands.forget(session);
            }
        }
    }
}
