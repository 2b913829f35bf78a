//! What an agent may ask for at an address, and whom it can be about.
//!
//! Invariants: an agent with no relation to a customer learns nothing from a menu, not even whether
//! the customer exists. A menu changes nothing, and its size is bounded.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::agent::Standing;
use super::{Desk, Queue};
use crate::chat::effect::ToAgentContent;
use crate::chat::event::AgentInput;
use crate::chat::ids::{AgentJid, CustomerId, TenantKey};
use crate::chat::menu::{ListedCustomer, Menu, Place};
use crate::chat::settings::AgentSettings;

/// How many customers, agents and queues a menu lists at most.
const LISTED: usize = 100;
/// How many of the customers whose conversation is closed, the latest first.
const CLOSED: usize = 10;

impl Desk {
    pub(super) fn menu_of_desk(
        &mut self,
        tenant: &TenantKey,
        input: &AgentInput,
        everywhere: bool,
    ) {
        let tenants: Vec<TenantKey> = if everywhere {
            self.tenants_of(&input.agent).take(LISTED).cloned().collect()
        } else {
            vec![tenant.clone()]
        };
        let place = if everywhere { Place::Domain } else { Place::Desk };
        let mut menu = self.menu(place, &input.agent, &tenants);
        if everywhere {
            menu.customers = self.customers_of(&input.agent, &tenants);
        }
        self.give_menu(input, menu);
    }

    pub(super) fn menu_of_customer(&mut self, customer: CustomerId, input: &AgentInput) {
        let Some(visitor) = self.visitors.get(&customer) else { return };
        let tenant = visitor.customer.tenant.clone();
        let menu = self.menu(Place::Chat, &input.agent, &[tenant]);
        self.give_menu(input, menu);
    }

    fn give_menu(&mut self, input: &AgentInput, menu: Menu) {
        let Some(stanza) = input.stanza.clone() else { return };
        self.answer_agent(input, ToAgentContent::Menu { stanza, menu: Box::new(menu) });
    }

    fn menu(&self, place: Place, agent: &AgentJid, tenants: &[TenantKey]) -> Menu {
        let all = || tenants.iter().filter_map(|tenant| self.settings(tenant));
        let mut agents = Vec::new();
        let mut queues = Vec::new();
        for settings in all() {
            let others = settings.agents.iter().filter(|other| other.jid != *agent);
            agents.extend(others.take(LISTED).map(|other| self.choice(other, &settings.agents)));
            queues.extend(
                settings
                    .queues
                    .iter()
                    .take(LISTED)
                    .map(|queue| (queue.key.clone(), queue.name.clone())),
            );
        }
        let mut listed = BTreeSet::new();
        agents.retain(|(value, _)| listed.insert(value.clone()));
        let mut listed = BTreeSet::new();
        queues.retain(|(key, _)| listed.insert(key.clone()));
        agents.truncate(LISTED);
        queues.truncate(LISTED);
        Menu {
            place,
            supervises: tenants.iter().any(|tenant| self.is_supervisor(tenant, agent)),
            desks: all().map(|settings| (settings.key.clone(), settings.name.clone())).collect(),
            agents,
            queues,
            customers: Vec::new(),
        }
    }

    /// How a command names a colleague, and how they are shown: agents of one name by their
    /// addresses.
    fn choice(&self, agent: &AgentSettings, all: &[AgentSettings]) -> (Arc<str>, Arc<str>) {
        let same = all.iter().filter(|other| other.name == agent.name).count();
        let named = if same > 1 { agent.jid.as_str().into() } else { agent.name.clone() };
        let shown = format!("{named} ({})", self.availability_word(&agent.jid)).into();
        (named, shown)
    }

    /// The customers whom a command of this agent can be about: theirs and those offered to them;
    /// for a supervisor all who wait or are served; then those served last.
    fn customers_of(&self, agent: &AgentJid, tenants: &[TenantKey]) -> Vec<ListedCustomer> {
        let mut open = Vec::new();
        for tenant in tenants {
            open.extend(self.held_by(tenant, agent));
        }
        for tenant in tenants.iter().filter(|tenant| self.is_supervisor(tenant, agent)) {
            let Some(desk) = self.tenants.get(tenant) else { continue };
            open.extend(desk.queues.values().flat_map(Queue::iter).take(LISTED));
            let others = desk.settings.agents.iter().filter(|other| other.jid != *agent);
            open.extend(others.flat_map(|other| self.held_by(tenant, &other.jid)).take(LISTED));
        }
        let open = open.iter().filter_map(|id| self.cases.get(id)).map(|case| case.view.customer);
        let closed = self.staying.latest(agent).take(CLOSED);
        let mut known = BTreeSet::new();
        open.chain(closed)
            .filter(|customer| known.insert(*customer))
            .take(LISTED)
            .filter_map(|customer| self.listed(customer, agent))
            .collect()
    }

    fn listed(&self, customer: CustomerId, agent: &AgentJid) -> Option<ListedCustomer> {
        let relation = match self.standing(customer, agent) {
            Standing::Holds(_) => "yours",
            Standing::MayTake(_) => "waiting",
            Standing::Late { .. } => "with a colleague",
            Standing::PassedOn(_) => "passed on",
            Standing::Closed => "closed",
            Standing::Stranger => return None,
        };
        let visitor = self.visitors.get(&customer)?;
        let localpart = visitor.customer.localpart.clone();
        Some(ListedCustomer { localpart, name: visitor.name(), relation })
    }
}
