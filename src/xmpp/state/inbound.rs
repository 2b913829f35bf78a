//! Input from the server.
//!
//! Invariants: a stanza that cannot be read is skipped, because its end is known; only a stream
//! error of the server ends the stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::minidom::Element;

use super::{ASKING, State};
use crate::bridge::address;
use crate::bridge::adhoc::ask;
use crate::bridge::adhoc::reply::Query;
use crate::bridge::custom_to_xmpp::iq as queries;
use crate::bridge::xmpp_to_custom::decoded::{Context, Decoded, Outcome, Subscription};
use crate::bridge::xmpp_to_custom::{input, plain};
use crate::chat::event::{Availability, Event};
use crate::chat::ids::{AgentJid, ConversationId};
use crate::ports::link::FromLink;
use crate::xmpp::outbox::Returned;
use crate::xmpp::stream::{self, Lost};

/// How often it is logged that another stream uses our domain.
const CONTESTED: Duration = Duration::from_secs(5);

impl State {
    /// Something arrived from the server.
    pub(in crate::xmpp) fn mark_heard(&mut self) {
        self.mark();
        if std::mem::take(&mut self.silent) {
            self.unread.push_back(FromLink::Heard);
        }
    }

    /// Handles a stanza.
    pub(in crate::xmpp) fn heard(&mut self, stanza: &[u8]) -> Result<(), Lost> {
        let world = &self.world;
        let fresh = || ConversationId(world.uuid());
        let context = Context { domain: &self.settings.domain, book: &self.book, fresh: &fresh };
        let decoded = match std::str::from_utf8(stanza).map(|text| plain::read(text, context)) {
            Ok(Some(decoded)) => decoded,
            Ok(None) => match stream::tree(stanza)? {
                Some(element) => input::decode(element, context),
                None => Decoded::Nothing,
            },
            Err(error) => {
                tracing::error!(%error, "skipped an incoming stanza that is not UTF-8");
                Decoded::Nothing
            }
        };
        self.decoded(decoded);
        Ok(())
    }

    fn decoded(&mut self, decoded: Decoded) {
        let mut out = Vec::new();
        match decoded {
            Decoded::Presence { agent, target, resource, availability } => {
                if self.roster.believes(&agent, &target) {
                    self.presence(agent, resource, availability, &mut out);
                }
            }
            Decoded::Event(Event::Agent(input)) => {
                self.is_there(&input.agent, &input.resource);
                self.said(input);
            }
            Decoded::Event(event) => self.unread.push_back(FromLink::Event(event)),
            Decoded::Reply(reply) => {
                if self.strangers.allows(&reply) {
                    self.outbox.push_for_stranger(&reply);
                }
            }
            Decoded::Query { agent, .. } if !self.askers.allows(&agent) => {}
            Decoded::Query { agent, target, iq } => {
                let client = iq.attr("from").and_then(|from| from.split_once('/'));
                if let Some((_, resource)) = client {
                    self.is_there(&agent, resource);
                }
                if let (Some(asked), Some(query)) = (ask::read(&iq), Query::of(&iq)) {
                    let resource = client.map_or("", |(_, resource)| resource).into();
                    return self.asked_about_commands((agent, resource, target), asked, query);
                }
                let (domain, roster) = (&self.settings.domain, &self.roster);
                let name = roster.name_of(&agent, &target);
                let desks = self.book.tenants_of(&agent);
                let desks = desks.map(|tenant| (tenant, roster.desk_name(&agent, tenant)));
                out.extend(queries::response(domain, &target, name, desks, &iq));
            }
            Decoded::Answered { agent, resource, id, outcome } if id == self.ping => {
                self.ponged(&agent, &resource, outcome);
            }
            Decoded::Answered { agent, resource, id, outcome } => {
                // The server responds for the account; no client of the agent can.
                if resource.is_empty() {
                    self.roster.answered(&id, &agent, outcome, Instant::now(), &mut out);
                }
            }
            Decoded::Barrier { id } => match self.outbox.returned(&id) {
                Returned::Accepted(pos) => self.accepted(pos),
                Returned::Nothing => {}
                Returned::Stranger(accepted) => {
                    accepted.into_iter().for_each(|pos| self.accepted(pos));
                    self.contested();
                }
            },
            Decoded::Subscription { agent, target, kind } => {
                self.roster.subscription(&agent, &target, kind, &mut out);
                // From now on the server reports nothing about the agent.
                if kind == Subscription::Refused && !self.roster.hears_of(&agent) {
                    self.presence(agent, "".into(), Availability::Gone, &mut out);
                }
            }
            Decoded::Privilege { host, roster } => {
                if roster
                    && address::host_allowed(
                        &host,
                        &self.settings.domain,
                        &self.settings.agent_hosts,
                    )
                {
                    self.roster.granted(host, &mut out);
                }
            }
            Decoded::Again { agent, customer, pos } => {
                if !self.retries.again(pos, &agent, Instant::now()) {
                    let bounced = Event::Bounced { agent, customer, pos };
                    self.unread.push_back(FromLink::Event(bounced));
                }
            }
            Decoded::Nothing => {}
        }
        self.pass(&out);
    }

    /// Another stream is logged in with our domain. Logged now and then: it is detected repeatedly.
    fn contested(&mut self) {
        let now = Instant::now();
        if self.contested.is_none_or(|at| at + CONTESTED <= now) {
            self.contested = Some(now);
            tracing::error!("another component stream uses the link's domain");
            self.unread.push_back(FromLink::Contested);
            // It gets every other response of the agents' servers: presences that are missing are
            // requested again.
            self.asking = Some((now + ASKING, 0));
        }
    }

    /// Something came from a client: it is online, even if it counted as gone.
    fn is_there(&mut self, agent: &AgentJid, resource: &str) {
        if let Some((resource, availability)) = self.clients.heard(agent, resource, self.heard_at) {
            let event = Event::Presence { agent: agent.clone(), resource, availability };
            self.unread.push_back(FromLink::Event(event));
        }
    }

    /// A ping got its response, from the client or, as an error, from its server.
    fn ponged(&mut self, agent: &AgentJid, resource: &str, outcome: Outcome) {
        if outcome == Outcome::Done {
            self.is_there(agent, resource);
            self.clients.answers(agent, resource);
        } else if let Some(lost) = self.clients.refused(agent, resource, self.heard_at) {
            self.client_lost(lost, Instant::now());
        }
    }

    /// An agent's presence: the runtime is told only of changes.
    fn presence(
        &mut self,
        agent: AgentJid,
        resource: Arc<str>,
        availability: Availability,
        out: &mut Vec<Element>,
    ) {
        let was_here = self.clients.is_here(&agent);
        let news = self.clients.presence(&agent, &resource, availability, Instant::now());
        if !was_here && self.clients.is_here(&agent) {
            self.roster.came(&agent, out);
        }
        if news {
            let event = Event::Presence { agent, resource, availability };
            self.unread.push_back(FromLink::Event(event));
        }
    }
}
