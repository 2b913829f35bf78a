//! Contact lists and presence, in both directions.
//!
//! If the server lets us write rosters (XEP-0356), the desk and every customer whom an agent serves
//! are written there. Otherwise customers only send directed presence; a client may show them as
//! strangers, but messages work. In both cases the desk asks each agent once for a subscription: a
//! server that treats the roster entry we wrote as a subscription accepts by itself, unnoticed by
//! the agent. Others (ejabberd 24.12, 26.07) write the entry without a subscription, and do not
//! report lost clients to us.
//!
//! Invariants: no customer ever asks for a subscription. Only agents with a certain subscription
//! are probed or believed (Prosody handles a probe without one by dropping the request). Only
//! agents in the book are written to. Nobody can respond for a server that we did not ask. Memory
//! is bounded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::caps::Caps;
use xmpp_parsers::hashes::{Algo, Hash};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::presence::{Presence, Show, Type};
use xmpp_parsers::roster::{Group, Item, Roster as Query, Subscription as Stands};
use xmpp_parsers::vcard_update::{Photo, VCardUpdate};

use super::iq;
use crate::bridge::address::{self, Book, Target};
use crate::bridge::clean;
use crate::bridge::custom_to_xmpp::{line, stanza};
use crate::bridge::xmpp_to_custom::input::{Outcome, Subscription};
use crate::chat::effect::{Contact, ContactPresence};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, Localpart, TenantKey};
use crate::chat::model::Customer;

/// Customers in contact lists that are remembered, over all agents.
const CONTACTS: usize = 100_000;

/// If an agent removes the desk from the contact list it is added again, at most this often.
const MENDED: Duration = Duration::from_secs(60);

/// An account that cannot be written to may not exist yet: it is retried at this interval.
const AGAIN: Duration = Duration::from_secs(5);

/// The subscription of the desk to an agent's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
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
struct Desk {
    name: Arc<str>,
    standing: Standing,
    /// Whether the agent was introduced on this stream.
    met: bool,
    /// When it was last added to the contact list again.
    mended: Option<Instant>,
}

impl Desk {
    fn new(name: Arc<str>) -> Self {
        Self { name, standing: Standing::Unknown, met: false, mended: None }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Shown {
    name: Option<Arc<str>>,
    group: Arc<str>,
    presence: ContactPresence,
}

/// A roster write that the server has not responded to.
#[derive(Debug)]
struct Writing {
    agent: AgentJid,
    desk: Option<TenantKey>,
}

#[derive(Debug)]
pub(super) struct Roster {
    domain: LinkDomain,
    /// The servers that let us write rosters, on this stream.
    privileged: HashSet<String>,
    desks: HashMap<(TenantKey, AgentJid), Desk>,
    contacts: HashMap<AgentJid, HashMap<Localpart, Shown>>,
    remembered: usize,
    /// Entries to be removed once the server can be told.
    leaving: Vec<(AgentJid, Localpart)>,
    writing: HashMap<String, Writing>,
    /// Agents whose rosters could not be written although others can, and when to retry.
    unwritten: HashMap<(TenantKey, AgentJid), Instant>,
    /// A random part of our query ids, so that nobody can guess them.
    secret: String,
    numbered: u64,
    /// Whether the stream is connected and the server has had time to announce privileges.
    settled: bool,
}

impl Roster {
    pub(super) fn new(domain: LinkDomain, secret: String) -> Self {
        Self {
            domain,
            secret,
            privileged: HashSet::new(),
            desks: HashMap::new(),
            contacts: HashMap::new(),
            remembered: 0,
            leaving: Vec::new(),
            writing: HashMap::new(),
            unwritten: HashMap::new(),
            numbered: 0,
            settled: false,
        }
    }

    /// The name of a customer in an agent's contact list.
    pub(super) fn name_of(&self, agent: &AgentJid, customer: &Localpart) -> Option<&str> {
        self.contacts.get(agent)?.get(customer)?.name.as_deref()
    }

    /// The name of a tenant's desk.
    pub(super) fn desk_name(&self, agent: &AgentJid, tenant: &TenantKey) -> Option<&str> {
        self.desks.get(&(tenant.clone(), agent.clone())).map(|desk| &*desk.name)
    }

    /// Whether a presence to this address describes the agent. A customer removed from a contact
    /// list gets `unavailable`, and so does, from Prosody, a desk whose request is pending.
    pub(super) fn believes(&self, agent: &AgentJid, target: &Target) -> bool {
        match target {
            Target::Domain => true,
            Target::Peer(Peer::Customer(_)) => false,
            Target::Peer(Peer::Desk(tenant)) => self.is_subscribed(tenant, agent),
        }
    }

    /// Whether presences of an agent are believed at all.
    pub(super) fn hears_of(&self, agent: &AgentJid) -> bool {
        let desks = self.desks.iter().filter(|((_, whose), _)| whose == agent);
        desks.into_iter().any(|(_, desk)| desk.standing == Standing::Given)
            || self.is_privileged(agent)
    }

    /// The stream is gone, and the privileges with it.
    pub(super) fn lost(&mut self) {
        self.settled = false;
        self.privileged.clear();
        self.writing.clear();
        self.unwritten.clear();
        for desk in self.desks.values_mut() {
            desk.met = false;
            // A server that was killed may have lost its latest writes.
            if desk.standing == Standing::Given {
                desk.standing = Standing::Unknown;
            }
        }
    }

    /// The server lets us write the rosters of its users.
    pub(super) fn granted(&mut self, host: String, out: &mut Vec<Element>) {
        let news = self.privileged.insert(host.clone());
        if self.settled && news {
            self.introduce(&host, out);
        }
        self.settle(out);
    }

    /// Privileges are known, or the server has been silent for long enough.
    pub(super) fn settle(&mut self, out: &mut Vec<Element>) {
        if self.settled {
            return;
        }
        self.settled = true;
        let desks = self.desks.keys().cloned().collect::<Vec<_>>();
        for (tenant, agent) in desks {
            self.meet(&tenant, &agent, out);
        }
        let agents = self.contacts.keys().cloned().collect::<Vec<_>>();
        for agent in agents {
            self.show_all(&agent, out);
        }
        for (agent, localpart) in std::mem::take(&mut self.leaving) {
            self.take_out(&agent, localpart, out);
        }
    }

    /// Replaces the agents, and requests their presence.
    pub(super) fn agents(&mut self, book: &Book, out: &mut Vec<Element>) {
        self.desks.retain(|(tenant, agent), _| book.serves(agent, tenant));
        self.unwritten.retain(|(tenant, agent), _| book.serves(agent, tenant));
        self.contacts.retain(|agent, _| book.knows(agent));
        self.remembered = self.contacts.values().map(HashMap::len).sum();
        for (tenant, agent) in book.pairs() {
            let key = (tenant.clone(), agent.clone());
            let known = self.desks.get(&key).map(|desk| desk.standing);
            if known.is_none() {
                self.desks.insert(key, Desk::new(tenant.as_str().into()));
            }
            match known {
                _ if !self.settled => {}
                None => self.meet(tenant, agent, out),
                Some(_) => out.extend(self.probe(tenant, agent)),
            }
        }
    }

    /// Updates an entry of an agent's contact list.
    pub(super) fn contact(&mut self, agent: &AgentJid, contact: Contact, out: &mut Vec<Element>) {
        match contact {
            Contact::Desk { tenant, name, .. } => {
                let name: Arc<str> = clean::name(&name).map_or(tenant.as_str().into(), Arc::from);
                let key = (tenant.clone(), agent.clone());
                let desk = self.desks.entry(key).or_insert_with(|| Desk::new(name.clone()));
                let met = desk.met && desk.name == name;
                (desk.name, desk.met) = (name, met);
                if self.settled && !met {
                    self.meet(&tenant, agent, out);
                }
            }
            Contact::Shown { customer, group, presence } => {
                let news = self.remember(agent, &customer, group, presence);
                if self.settled && news {
                    self.show(agent, &customer.localpart, out);
                }
            }
            Contact::Removed { localpart } => {
                let known = self.contacts.get_mut(agent).and_then(|all| all.remove(&localpart));
                self.remembered -= usize::from(known.is_some());
                if self.settled {
                    self.take_out(agent, localpart, out);
                } else if self.leaving.len() < CONTACTS {
                    self.leaving.push((agent.clone(), localpart));
                }
            }
        }
    }

    /// An agent's client came online: contacts that are not in the roster send their presence
    /// again.
    pub(super) fn came(&mut self, agent: &AgentJid, out: &mut Vec<Element>) {
        if self.settled && !self.is_privileged(agent) {
            let desks = self.desks.keys().filter(|(_, whose)| whose == agent);
            let desks = desks.map(|(tenant, _)| Peer::Desk(tenant.clone()));
            out.extend(desks.filter_map(|desk| self.desk_presence(agent, &desk)));
            self.show_all(agent, out);
        }
    }

    /// Handles a subscription stanza of an agent, or of their server for them.
    pub(super) fn subscription(
        &mut self,
        agent: &AgentJid,
        target: &Target,
        kind: Subscription,
        out: &mut Vec<Element>,
    ) {
        let Target::Peer(peer) = target else { return };
        match kind {
            Subscription::Wanted => {
                out.extend(self.presence(agent, peer, Type::Subscribed));
                out.extend(self.current(agent, peer));
                if let Peer::Desk(tenant) = peer
                    && self.standing(tenant, agent) == Some(Standing::Refused)
                {
                    out.extend(self.ask(tenant, agent));
                }
            }
            Subscription::Probe => out.extend(self.current(agent, peer)),
            Subscription::Ended => out.extend(self.presence(agent, peer, Type::Unsubscribed)),
            Subscription::Given | Subscription::Refused => {
                let Peer::Desk(tenant) = peer else { return };
                let privileged = self.is_privileged(agent);
                let Some(desk) = self.desks.get_mut(&(tenant.clone(), agent.clone())) else {
                    return;
                };
                if kind == Subscription::Given {
                    desk.standing = Standing::Given;
                    out.extend(self.presence(agent, peer, Type::Probe));
                    return;
                }
                let was = std::mem::replace(&mut desk.standing, Standing::Refused);
                // Removed from the contact list, where nobody is asked: without it we hear of no
                // client.
                let now = Instant::now();
                if was == Standing::Given
                    && privileged
                    && desk.mended.is_none_or(|at| at + MENDED <= now)
                {
                    desk.mended = Some(now);
                    self.meet(tenant, agent, out);
                }
            }
        }
    }

    /// A query of ours got its response.
    pub(super) fn answered(
        &mut self,
        id: &str,
        by: &AgentJid,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<Element>,
    ) {
        if self.writing.get(id).is_none_or(|writing| writing.agent != *by) {
            return;
        }
        let Some(Writing { agent, desk }) = self.writing.remove(id) else { return };
        let of_desk = desk.map(|tenant| (tenant, agent.clone()));
        match (outcome, of_desk) {
            (Outcome::Done, Some(key)) => {
                out.extend(self.ask(&key.0, &agent));
                if self.unwritten.remove(&key).is_some() {
                    self.show_all(&agent, out);
                }
            }
            (Outcome::Failed, Some(key)) => {
                if self.unwritten.insert(key, now + AGAIN).is_none() {
                    tracing::warn!(
                        link = %self.domain,
                        %agent,
                        "cannot write the roster of the agent, retrying: does the account exist?"
                    );
                }
            }
            // Such as an entry that the agent has removed.
            (Outcome::Done | Outcome::Failed, None) => {}
            (Outcome::Forbidden, _) => {
                let host = address::host(&agent).to_owned();
                if self.privileged.remove(&host) {
                    tracing::warn!(
                        link = %self.domain,
                        %host,
                        "the server denies writing rosters, asking agents for subscriptions instead"
                    );
                    self.unwritten.retain(|(_, agent), _| address::host(agent) != host);
                    self.introduce(&host, out);
                }
            }
        }
    }

    /// When a roster that could not be written is retried.
    pub(super) fn next(&self) -> Option<Instant> {
        self.unwritten.values().min().copied()
    }

    /// Retries what is due.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<Element>) {
        let due = self.unwritten.iter_mut().filter(|(_, at)| **at <= now);
        let due: Vec<_> = due
            .map(|(key, at)| {
                *at = now + AGAIN;
                key.clone()
            })
            .collect();
        for (tenant, agent) in due {
            self.meet(&tenant, &agent, out);
        }
    }

    /// Introduces all contacts to the agents of a host again.
    fn introduce(&mut self, host: &str, out: &mut Vec<Element>) {
        let met = self.desks.keys().filter(|(_, agent)| address::host(agent) == host);
        for (tenant, agent) in met.cloned().collect::<Vec<_>>() {
            self.meet(&tenant, &agent, out);
            self.show_all(&agent, out);
        }
    }

    fn is_privileged(&self, agent: &AgentJid) -> bool {
        self.privileged.contains(address::host(agent))
    }

    /// Introduces a desk to an agent, and requests the agent's presence.
    fn meet(&mut self, tenant: &TenantKey, agent: &AgentJid, out: &mut Vec<Element>) {
        let privileged = self.is_privileged(agent);
        let peer = Peer::Desk(tenant.clone());
        let Some(desk) = self.desks.get_mut(&(tenant.clone(), agent.clone())) else { return };
        let (name, standing) = (desk.name.clone(), desk.standing);
        desk.met = true;
        if privileged {
            out.extend(self.write(agent, &peer, Some(&name), Some(&name)));
        } else if standing != Standing::Refused {
            out.extend(self.ask(tenant, agent));
        }
        out.extend(self.desk_presence(agent, &peer));
    }

    /// Requests the agent's presence, or first a subscription: for an agent whose roster has it
    /// already the server accepts.
    fn ask(&mut self, tenant: &TenantKey, agent: &AgentJid) -> Option<Element> {
        let desk = self.desks.get_mut(&(tenant.clone(), agent.clone()))?;
        let type_ = if desk.standing == Standing::Given { Type::Probe } else { Type::Subscribe };
        if type_ == Type::Subscribe {
            desk.standing = Standing::Asked;
        }
        self.presence(agent, &Peer::Desk(tenant.clone()), type_)
    }

    /// No presence of an agent has arrived: their server is asked once more, and the agent (whose
    /// client might show each request) only the first times.
    pub(super) fn ask_again(
        &mut self,
        tenant: &TenantKey,
        agent: &AgentJid,
        times: u32,
        out: &mut Vec<Element>,
    ) {
        out.extend(self.probe(tenant, agent));
        let unanswered =
            matches!(self.standing(tenant, agent), Some(Standing::Asked | Standing::Unknown));
        if times < 3 && unanswered {
            out.extend(self.ask(tenant, agent));
        }
    }

    fn standing(&self, tenant: &TenantKey, agent: &AgentJid) -> Option<Standing> {
        self.desks.get(&(tenant.clone(), agent.clone())).map(|desk| desk.standing)
    }

    /// Whether the agent's presence may be requested and is believed.
    fn is_subscribed(&self, tenant: &TenantKey, agent: &AgentJid) -> bool {
        self.standing(tenant, agent) == Some(Standing::Given)
    }

    /// Requests the agent's presence, if that is allowed.
    fn probe(&self, tenant: &TenantKey, agent: &AgentJid) -> Option<Element> {
        let may = self.is_subscribed(tenant, agent);
        may.then(|| self.presence(agent, &Peer::Desk(tenant.clone()), Type::Probe)).flatten()
    }

    fn take_out(&mut self, agent: &AgentJid, localpart: Localpart, out: &mut Vec<Element>) {
        let peer = Peer::Customer(localpart);
        out.extend(self.presence(agent, &peer, Type::Unavailable));
        if self.is_privileged(agent) {
            out.extend(self.write(agent, &peer, None, None));
        }
    }

    /// Remembers a customer's current data; returns whether anything is new.
    fn remember(
        &mut self,
        agent: &AgentJid,
        customer: &Customer,
        group: Arc<str>,
        presence: ContactPresence,
    ) -> bool {
        let list = self.contacts.entry(agent.clone()).or_default();
        let known = list.contains_key(&customer.localpart);
        if !known && self.remembered >= CONTACTS {
            return false;
        }
        self.remembered += usize::from(!known);
        let shown = Shown { name: customer.name.clone(), group, presence };
        let news = list.get(&customer.localpart) != Some(&shown);
        list.insert(customer.localpart.clone(), shown);
        news
    }

    fn show_all(&mut self, agent: &AgentJid, out: &mut Vec<Element>) {
        for localpart in self.localparts(agent) {
            self.show(agent, &localpart, out);
        }
    }

    fn localparts(&self, agent: &AgentJid) -> Vec<Localpart> {
        self.contacts.get(agent).map(|list| list.keys().cloned().collect()).unwrap_or_default()
    }

    fn show(&mut self, agent: &AgentJid, localpart: &Localpart, out: &mut Vec<Element>) {
        let peer = Peer::Customer(localpart.clone());
        let shown = self.contacts.get(agent).and_then(|list| list.get(localpart));
        let lines = shown.map(|shown| (display_name(shown, &peer), shown.group.clone()));
        if let Some((name, group)) = lines
            && self.is_privileged(agent)
        {
            out.extend(self.write(agent, &peer, Some(&name), Some(&group)));
        }
        out.extend(self.current(agent, &peer));
    }

    /// The current presence of a customer or a desk.
    fn current(&self, agent: &AgentJid, peer: &Peer) -> Option<Element> {
        let Peer::Customer(localpart) = peer else { return self.desk_presence(agent, peer) };
        let shown = self.contacts.get(agent).and_then(|list| list.get(localpart));
        let Some(shown) = shown else { return self.presence(agent, peer, Type::Unavailable) };
        let (show, page) = match &shown.presence {
            ContactPresence::Online(page) => (None, page.as_deref()),
            ContactPresence::Away => (Some(Show::Away), None),
            ContactPresence::Offline => return self.presence(agent, peer, Type::Unavailable),
        };
        self.available(agent, peer, &display_name(shown, peer), show, page)
    }

    fn desk_presence(&self, agent: &AgentJid, peer: &Peer) -> Option<Element> {
        let Peer::Desk(tenant) = peer else { return None };
        let name = self.desk_name(agent, tenant)?;
        self.available(agent, peer, name, None, None)
    }

    fn available(
        &self,
        agent: &AgentJid,
        peer: &Peer,
        name: &str,
        show: Option<Show>,
        page: Option<&str>,
    ) -> Option<Element> {
        let mut presence = Presence::available();
        presence.from = Some(address::speaker(&self.domain, peer)?);
        presence.to = Some(address::client(agent, None)?);
        presence.show = show;
        if let Some(page) = page {
            presence.set_status("", clean::text(page));
        }
        presence.payloads.push(stanza::nick(name));
        let photo = Some(Photo { data: None });
        presence.payloads.push(VCardUpdate { photo }.into());
        presence.payloads.extend(caps(peer));
        Some(presence.into())
    }

    /// A presence without details; subscriptions are sent from the bare JID.
    fn presence(&self, agent: &AgentJid, peer: &Peer, type_: Type) -> Option<Element> {
        let mut presence = Presence::new(type_.clone());
        presence.from = Some(match type_ {
            Type::Unavailable => address::speaker(&self.domain, peer)?,
            _ => address::bare(&self.domain, peer)?.into(),
        });
        presence.to = Some(address::client(agent, None)?);
        if let (Type::Subscribe, Peer::Desk(tenant)) = (type_, peer) {
            presence.payloads.extend(self.desk_name(agent, tenant).map(stanza::nick));
        }
        Some(presence.into())
    }

    /// Writes an entry into an agent's roster; removes it if there is no name.
    fn write(
        &mut self,
        agent: &AgentJid,
        peer: &Peer,
        name: Option<&str>,
        group: Option<&str>,
    ) -> Option<Element> {
        let item = Item {
            jid: address::bare(&self.domain, peer)?,
            name: name.map(|name| clean::text(name).into_owned()),
            subscription: if name.is_some() { Stands::Both } else { Stands::Remove },
            ask: Default::default(),
            groups: group.map(|group| Group(clean::text(group).into_owned())).into_iter().collect(),
            approved: None,
        };
        self.numbered += 1;
        let id = format!("roster-{}-{}", self.secret, self.numbered);
        let desk = match (peer, name) {
            (Peer::Desk(tenant), Some(_)) => Some(tenant.clone()),
            _ => None,
        };
        self.writing.insert(id.clone(), Writing { agent: agent.clone(), desk });
        let query = Query { ver: None, items: vec![item] };
        let from = Jid::new(self.domain.as_str()).ok()?;
        let to = address::client(agent, None)?;
        Some(Iq::from_set(id, query).with_from(from).with_to(to).into())
    }
}

fn display_name(shown: &Shown, peer: &Peer) -> String {
    line::customer_name(shown.name.as_deref(), peer)
}

/// The capabilities of an address (XEP-0115).
fn caps(peer: &Peer) -> Option<Element> {
    let hash = Hash::new(Algo::Sha_1, iq::verification(peer)?);
    Some(Caps::new(iq::NODE, hash).into())
}

#[cfg(test)]
mod tests;
