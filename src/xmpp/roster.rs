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

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::presence::Type;

mod contacts;
mod desks;
mod writes;

use self::contacts::Contacts;
use self::desks::{Desks, Standing};
use self::writes::Writes;
use crate::bridge::address::{self, Book, Target};
use crate::bridge::clean;
use crate::bridge::custom_to_xmpp::roster;
use crate::bridge::xmpp_to_custom::decoded::{Outcome, Subscription};
use crate::chat::effect::{Contact, ContactPresence};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, Localpart, TenantKey};

/// If an agent removes the desk from the contact list it is added again, at most this often.
const MENDED: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Roster {
    domain: LinkDomain,
    /// The servers that let us write rosters, on this stream.
    privileged: HashSet<String>,
    desks: Desks,
    contacts: Contacts,
    /// Entries to be removed once the server can be told.
    leaving: Vec<(AgentJid, Localpart)>,
    writes: Writes,
    /// Whether the stream is connected and the server has had time to announce privileges.
    settled: bool,
}

impl Roster {
    pub(super) fn new(domain: LinkDomain, secret: String) -> Self {
        Self {
            domain,
            privileged: HashSet::new(),
            desks: Desks::default(),
            contacts: Contacts::default(),
            leaving: Vec::new(),
            writes: Writes::new(secret),
            settled: false,
        }
    }

    /// The name of an address in an agent's contact list.
    pub(super) fn name_of(&self, agent: &AgentJid, target: &Target) -> Option<&str> {
        match target {
            Target::Domain => None,
            Target::Peer(Peer::Desk(tenant)) => self.desk_name(agent, tenant),
            Target::Peer(Peer::Customer(localpart)) => {
                self.contacts.get(agent, localpart)?.name.as_deref()
            }
        }
    }

    /// The name of a tenant's desk.
    pub(super) fn desk_name(&self, agent: &AgentJid, tenant: &TenantKey) -> Option<&str> {
        self.desks.get(tenant, agent).map(|desk| &*desk.name)
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
        let desks = self.desks.of(|whose| whose == agent);
        desks.iter().any(|(tenant, _)| self.is_subscribed(tenant, agent))
            || self.is_privileged(agent)
    }

    /// The stream is gone, and the privileges with it.
    pub(super) fn lost(&mut self) {
        self.settled = false;
        self.privileged.clear();
        self.writes.clear();
        self.desks.lost();
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
        for (tenant, agent) in self.desks.of(|_| true) {
            self.meet(&tenant, &agent, out);
        }
        for agent in self.contacts.agents() {
            self.show_all(&agent, out);
        }
        for (agent, localpart) in std::mem::take(&mut self.leaving) {
            self.take_out(&agent, localpart, out);
        }
    }

    /// Replaces the agents, and requests their presence.
    pub(super) fn agents(&mut self, book: &Book, out: &mut Vec<Element>) {
        self.desks.retain(book);
        self.writes.retain(|tenant, agent| book.serves(agent, tenant));
        self.contacts.retain(book);
        for (tenant, agent) in book.pairs() {
            let known = self.desks.standing(tenant, agent);
            self.desks.entry(tenant, agent, tenant.as_str());
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
                let desk = self.desks.entry(&tenant, agent, &name);
                let met = desk.met && desk.name == name;
                (desk.name, desk.met) = (name, met);
                if self.settled && !met {
                    self.meet(&tenant, agent, out);
                }
            }
            Contact::Shown { customer, group, presence } => {
                let news = self.contacts.set(agent, &customer, group, presence);
                if self.settled && news {
                    self.show(agent, &customer.localpart, out);
                }
            }
            Contact::Removed { localpart } => {
                self.contacts.remove(agent, &localpart);
                if self.settled {
                    self.take_out(agent, localpart, out);
                } else if self.leaving.len() < contacts::MOST {
                    self.leaving.push((agent.clone(), localpart));
                }
            }
        }
    }

    /// An agent's client came online: contacts that are not in the roster send their presence
    /// again.
    pub(super) fn came(&mut self, agent: &AgentJid, out: &mut Vec<Element>) {
        if self.settled && !self.is_privileged(agent) {
            let desks = self.desks.of(|whose| whose == agent).into_iter();
            out.extend(desks.filter_map(|(tenant, _)| self.current(agent, &Peer::Desk(tenant))));
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
                    && self.desks.standing(tenant, agent) == Some(Standing::Refused)
                {
                    out.extend(self.ask(tenant, agent));
                }
            }
            Subscription::Probe => out.extend(self.current(agent, peer)),
            Subscription::Ended => out.extend(self.presence(agent, peer, Type::Unsubscribed)),
            Subscription::Given | Subscription::Refused => {
                let Peer::Desk(tenant) = peer else { return };
                let privileged = self.is_privileged(agent);
                let Some(desk) = self.desks.get_mut(tenant, agent) else { return };
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
        agent: &AgentJid,
        outcome: Outcome,
        now: Instant,
        out: &mut Vec<Element>,
    ) {
        let Some(desk) = self.writes.end(id, agent) else { return };
        match (outcome, desk) {
            (Outcome::Done, Some(tenant)) => {
                out.extend(self.ask(&tenant, agent));
                if self.writes.done(tenant, agent) {
                    self.show_all(agent, out);
                }
            }
            (Outcome::Failed, Some(tenant)) => {
                if self.writes.failed(tenant, agent, now) {
                    tracing::warn!(
                        %agent,
                        "cannot write the roster of the agent, retrying: does the account exist?"
                    );
                }
            }
            // Such as an entry that the agent has removed.
            (Outcome::Done | Outcome::Failed, None) => {}
            (Outcome::Forbidden, _) => {
                let host = address::host(agent).to_owned();
                if self.privileged.remove(&host) {
                    tracing::warn!(
                        %host,
                        "the server denies writing rosters, asking agents for subscriptions instead"
                    );
                    self.writes.retain(|_, agent| address::host(agent) != host);
                    self.introduce(&host, out);
                }
            }
        }
    }

    /// When a roster that could not be written is retried.
    pub(super) fn next(&self) -> Option<Instant> {
        self.writes.next()
    }

    /// Retries what is due.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<Element>) {
        for (tenant, agent) in self.writes.due(now) {
            self.meet(&tenant, &agent, out);
        }
    }

    /// Introduces all contacts to the agents of a host again.
    fn introduce(&mut self, host: &str, out: &mut Vec<Element>) {
        for (tenant, agent) in self.desks.of(|agent| address::host(agent) == host) {
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
        let Some(desk) = self.desks.get_mut(tenant, agent) else { return };
        let (name, standing) = (desk.name.clone(), desk.standing);
        desk.met = true;
        if privileged {
            out.extend(self.write(agent, &peer, Some((&name, &name))));
        } else if standing != Standing::Refused {
            out.extend(self.ask(tenant, agent));
        }
        out.extend(self.current(agent, &peer));
    }

    /// Requests the agent's presence, or first a subscription: for an agent whose roster has it
    /// already the server accepts.
    fn ask(&mut self, tenant: &TenantKey, agent: &AgentJid) -> Option<Element> {
        let desk = self.desks.get_mut(tenant, agent)?;
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
        let standing = self.desks.standing(tenant, agent);
        if times < 3 && matches!(standing, Some(Standing::Asked | Standing::Unknown)) {
            out.extend(self.ask(tenant, agent));
        }
    }

    /// Whether the agent's presence may be requested and is believed.
    fn is_subscribed(&self, tenant: &TenantKey, agent: &AgentJid) -> bool {
        self.desks.standing(tenant, agent) == Some(Standing::Given)
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
            out.extend(self.write(agent, &peer, None));
        }
    }

    fn show_all(&mut self, agent: &AgentJid, out: &mut Vec<Element>) {
        for localpart in self.contacts.of(agent) {
            self.show(agent, &localpart, out);
        }
    }

    fn show(&mut self, agent: &AgentJid, localpart: &Localpart, out: &mut Vec<Element>) {
        let peer = Peer::Customer(localpart.clone());
        let entry = self.contacts.get(agent, localpart).filter(|_| self.is_privileged(agent));
        if let Some((name, group)) = entry.map(|shown| (shown.label(&peer), shown.group.clone())) {
            out.extend(self.write(agent, &peer, Some((&name, &group))));
        }
        out.extend(self.current(agent, &peer));
    }

    /// The current presence of a customer or a desk.
    fn current(&self, agent: &AgentJid, peer: &Peer) -> Option<Element> {
        match peer {
            Peer::Desk(tenant) => {
                let (name, online) =
                    (self.desk_name(agent, tenant)?, ContactPresence::Online(None));
                roster::current(&self.domain, agent, peer, name, &online)
            }
            Peer::Customer(localpart) => match self.contacts.get(agent, localpart) {
                Some(shown) => {
                    let name = shown.label(peer);
                    roster::current(&self.domain, agent, peer, &name, &shown.presence)
                }
                None => self.presence(agent, peer, Type::Unavailable),
            },
        }
    }

    /// A presence without details; a request names the desk.
    fn presence(&self, agent: &AgentJid, peer: &Peer, type_: Type) -> Option<Element> {
        let name = match (&type_, peer) {
            (Type::Subscribe, Peer::Desk(tenant)) => self.desk_name(agent, tenant),
            _ => None,
        };
        roster::presence(&self.domain, agent, peer, name, type_)
    }

    /// Writes an entry, a name and a group, into an agent's roster; without one it is removed.
    fn write(
        &mut self,
        agent: &AgentJid,
        peer: &Peer,
        entry: Option<(&str, &str)>,
    ) -> Option<Element> {
        let desk = match peer {
            Peer::Desk(tenant) if entry.is_some() => Some(tenant.clone()),
            _ => None,
        };
        let id = self.writes.begin(agent, desk);
        roster::write(&self.domain, agent, peer, entry, id)
    }
}

#[cfg(test)]
mod tests;
