//! What the desk knows about a customer, and what edges report about their connections.
//!
//! Invariants: an edge's copy of a customer may be older than what the desk knows, so the desk
//! keeps what the copy lacks. An address that agents may have seen is kept for as long as the desk
//! remembers the customer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Desk, Rating, TenantDesk, Visitor};
use crate::chat::effect::CustomerNotice;
use crate::chat::event::{CustomerConnection, SignedIn};
use crate::chat::ids::{AgentJid, CustomerId, Localpart, TenantKey, Timestamp};
use crate::chat::model::Customer;
use crate::chat::notice::Notice;

impl Visitor {
    /// Updates the name shown to agents, which must not look like the name of one of them.
    pub(super) fn name_for_agents(&mut self, tenants: &BTreeMap<TenantKey, TenantDesk>) {
        let name = self.customer.name.as_ref();
        if self.shown_name.as_ref().map(|(_, made_of)| made_of) == name {
            return;
        }
        self.shown_name = name.map(|name| {
            let desk = tenants.get(&self.customer.tenant);
            let shown = desk.map_or_else(|| name.clone(), |desk| desk.namesakes.told_apart(name));
            (shown, name.clone())
        });
    }

    /// The name shown to agents.
    pub(super) fn name(&self) -> Option<Arc<str>> {
        self.shown_name.as_ref().map(|(shown, _)| shown.clone())
    }

    pub(super) fn new(customer: Customer) -> Self {
        Self {
            customer,
            shown_name: None,
            nodes: BTreeSet::new(),
            page: None,
            open: None,
            contacts: BTreeSet::new(),
            last_agent: None,
            sessions: BTreeSet::new(),
            ended: None,
            ended_by: None,
            rating: Rating::default(),
            owed: BTreeSet::new(),
            leaves_at: None,
            home: None,
        }
    }

    /// Adopts what a copy of the customer knows better. Returns the address that is no longer
    /// theirs: with their first name they may have got an address made from it.
    pub(super) fn learn(&mut self, copy: Customer) -> Option<Localpart> {
        let known = &mut self.customer;
        // The desk may have counted more.
        known.conversations = known.conversations.max(copy.conversations);
        if known.name.is_some() || copy.name.is_none() {
            return None;
        }
        known.name = copy.name;
        let was_shown = self.open.is_some() || !self.contacts.is_empty();
        let is_other = known.localpart != copy.localpart;
        (is_other && !was_shown).then(|| std::mem::replace(&mut known.localpart, copy.localpart))
    }
}

impl Desk {
    /// Whether the copy has a name that the desk did not know.
    pub(super) fn is_news(&self, copy: &Customer) -> bool {
        let known = self.visitors.get(&copy.id);
        copy.name.is_some() && known.is_some_and(|visitor| visitor.customer.name.is_none())
    }

    pub(super) fn connection(&mut self, now: Timestamp, connection: CustomerConnection) {
        let CustomerConnection { customer, node, online, opened, page, signed_in } = connection;
        let id = customer.id;
        let (mut changed, name) = (self.is_news(&customer), customer.name.clone());
        self.visitor(customer);
        let Some(visitor) = self.visitors.get_mut(&id) else { return };
        // A customer who just connected was read from the database: the page may give another name
        // now.
        if opened && name.is_some() && visitor.customer.name != name {
            visitor.customer.name = name;
            visitor.name_for_agents(&self.tenants);
            changed = true;
        }
        let (was_online, old_page) = (!visitor.nodes.is_empty(), visitor.page.clone());
        if online {
            visitor.nodes.insert(node);
            if page.is_some() {
                visitor.page = page;
            }
        } else {
            visitor.nodes.remove(&node);
        }
        changed |= !was_online || visitor.page != old_page;
        if online && changed {
            self.show_contact(id);
        } else if !online {
            self.customer_left(now, id);
            self.count_in_line_later(now, id);
        }
        if online && !was_online {
            self.count_in_line(now, id);
        }
        if let Some(signed_in) = signed_in {
            self.tell_who_it_is(id, signed_in);
        }
        if let (true, Some(case)) = (opened, self.visitors.get(&id).and_then(|v| v.open)) {
            self.tell_state(case);
            self.tell_ticks(case);
        }
    }

    /// The customer signed in during a conversation: its agents are told who it is.
    fn tell_who_it_is(&mut self, customer: CustomerId, signed_in: SignedIn) {
        let Some(visitor) = self.visitors.get_mut(&customer) else { return };
        let SignedIn { known_as, conversations, home } = signed_in;
        visitor.home = home;
        let line = Notice::SignedIn { name: visitor.name(), known_as, conversations };
        let Some(case) = visitor.open.and_then(|id| self.cases.get(&id)) else { return };
        let id = case.view.id;
        let agents: Vec<AgentJid> = case.audience().to_vec();
        for agent in agents {
            if self.is_here(&agent) {
                self.say(id, &agent, line.clone());
            }
        }
        self.call_from_home(customer);
    }

    /// Tells the customer's sockets that are open under their own address that a conversation of
    /// theirs is open here; not if one is open there too.
    pub(super) fn call_from_home(&mut self, customer: CustomerId) {
        let Some(visitor) = self.visitors.get(&customer) else { return };
        let tenant = visitor.customer.tenant.clone();
        if let Some(home) = visitor.home
            && self.visitors.get(&home).is_none_or(|there| there.open.is_none())
        {
            self.notify(&tenant, home, CustomerNotice::Elsewhere);
        }
    }
}
