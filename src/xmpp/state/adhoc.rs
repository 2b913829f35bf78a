//! Commands that agents' clients give through forms: asks the desk, and answers the client.
//!
//! Invariant: the desk alone decides. It is asked what there is before anything is listed or shown,
//! and a form becomes a command that it carries out or refuses like any other.

use std::sync::Arc;

use tokio::time::Instant;
use xmpp_parsers::minidom::Element;

use super::State;
use crate::bridge::address::Target;
use crate::bridge::adhoc::ask::{Action, Asked, Command, Form};
use crate::bridge::adhoc::form::{self, At};
use crate::bridge::adhoc::reply::{Fault, Outcome, Query, belated};
use crate::chat::commands::Spec;
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::event::{AgentContent, AgentInput, Event, Peer};
use crate::chat::ids::{AgentJid, ConversationId, TenantKey};
use crate::chat::menu::Menu;
use crate::chat::refusal::AgentRefusal;
use crate::ports::link::FromLink;
use crate::xmpp::adhoc::{Running, Step, Talk, Wants};
use crate::xmpp::outbox::Kind;

/// Who asks, with which of their clients, and which address.
pub(super) type Asker = (AgentJid, Arc<str>, Target);

impl State {
    /// A client asks about commands, or gives one.
    pub(super) fn asked_about_commands(&mut self, asker: Asker, asked: Asked, query: Query) {
        let wants = match asked {
            Asked::List => Wants::List,
            Asked::AboutList => Wants::AboutList,
            Asked::About { node } => Wants::About(node),
            Asked::Command(command) => return self.command(asker, command, query),
        };
        self.look(asker, query, wants);
    }

    fn command(&mut self, asker: Asker, command: Command, query: Query) {
        let now = Instant::now();
        let (agent, resource, target) = &asker;
        let Command { node, action, session, form } = command;
        match action {
            Action::Back => return self.reply(query.error(Fault::NoWayBack)),
            Action::Unknown => return self.reply(query.error(Fault::NoSuchAction)),
            Action::Go | Action::Cancel => {}
        }
        if let Some(reply) = self.talks.repeated(now, &query) {
            // One that is under way gets the reply that its first query gets.
            return reply.cloned().into_iter().for_each(|reply| self.reply(reply));
        }
        let Some(session) = session else {
            return match action {
                Action::Go => self.look(asker, query, Wants::Begin { node, form }),
                _ => self.reply(query.error(Fault::NoSession)),
            };
        };
        let shown = self.talks.session(now, &session).and_then(|talk| match &talk.step {
            Step::Shown { spec, desk } if talk.is_of(agent, resource) => {
                let fits = talk.target == *target && (node.is_empty() || *node == *spec.word);
                fits.then(|| (*spec, desk.clone()))
            }
            _ => None,
        });
        match (shown, action) {
            (None, _) => self.reply(query.error(Fault::NoSession)),
            (Some((spec, _)), Action::Cancel) => {
                self.talks.remove(&session);
                self.reply(query.canceled(spec.word, &session));
            }
            (Some((spec, desk)), _) => {
                let form = form.unwrap_or_default();
                self.run(&Arc::from(session), query, spec, desk, &form);
            }
        }
    }

    /// Asks the desk what there is.
    fn look(&mut self, asker: Asker, query: Query, wants: Wants) {
        let (agent, resource, target) = asker.clone();
        let (to, everywhere) = match target {
            Target::Peer(peer) => (peer, false),
            Target::Domain => match self.book.tenants_of(&agent).min() {
                Some(tenant) => (Peer::Desk(tenant.clone()), true),
                None => return self.reply(query.error(Fault::NoSuchCommand)),
            },
        };
        let id: Arc<str> = format!("adhoc-{}", self.world.uuid().simple()).into();
        let step = Step::Looks { query: query.clone(), wants };
        if !self.talks.begin(Instant::now(), id.clone(), asker, step) {
            return self.reply(query.error(Fault::TooMuch));
        }
        self.ask_desk((agent, resource), to, id, AgentContent::Menu { everywhere });
    }

    fn ask_desk(
        &mut self,
        (agent, resource): (AgentJid, Arc<str>),
        to: Peer,
        id: Arc<str>,
        content: AgentContent,
    ) {
        let input = AgentInput {
            agent,
            resource,
            to,
            stanza: Some(id),
            wants_receipt: true,
            fresh: ConversationId(self.world.uuid()),
            by_form: true,
            content,
        };
        self.unread.push_back(FromLink::Event(Event::Agent(Box::new(input))));
    }

    /// Passes a command to the desk.
    fn run(
        &mut self,
        id: &Arc<str>,
        query: Query,
        spec: &'static Spec,
        desk: TenantKey,
        form: &Form,
    ) {
        let Some(talk) = self.talks.get_mut(id) else { return };
        let at = match &talk.target {
            Target::Peer(peer) => At::Peer(peer.clone()),
            Target::Domain => At::Domain(desk.clone()),
        };
        let client = (talk.agent.clone(), talk.resource.clone());
        let given = match form::given(spec, &at, form) {
            Ok(given) => given,
            Err(refusal) => {
                let outcome = Outcome::refused(&refusal, None, &self.desk_address(&desk));
                return self.finish(id, &query, spec, &desk, &outcome);
            }
        };
        if self.closing.is_some() || !self.pace.allows_one(&client.0) {
            self.talks.remove(id);
            return self.reply(query.error(Fault::TooMuch));
        }
        let desk = match &given.to {
            Peer::Desk(desk) => desk.clone(),
            Peer::Customer(_) => desk,
        };
        let wrote = given.content.said().filter(|_| given.wrote);
        let running = Running { spec, desk, to: given.to.clone(), wrote, notices: Vec::new() };
        talk.replied_at = Instant::now();
        talk.step = Step::Runs { query, running };
        self.talks.waits(Instant::now(), id.clone());
        self.ask_desk(client, given.to, id.clone(), given.content);
    }

    /// Takes what the desk says to a client that waits for it; false if it is none of this.
    pub(super) fn takes_for_command(&mut self, to_agent: &ToAgent) -> bool {
        if self.talks.is_empty() {
            return false;
        }
        let Some(id) = answered(&to_agent.content) else { return false };
        let Some(talk) = self.talks.get_mut(id).filter(|talk| talk.agent == to_agent.agent) else {
            return false;
        };
        match (&to_agent.content, &mut talk.step) {
            (
                ToAgentContent::Result { notice, .. },
                Step::Runs { running, .. } | Step::Late { running },
            ) => running.notices.push(notice.clone()),
            // What comes after the reply goes into the chat.
            (ToAgentContent::Result { .. }, _) => return false,
            (_, Step::Runs { .. } | Step::Late { .. }) => self.has_run(id, &to_agent.content),
            (_, Step::Looks { .. }) => self.has_looked(id, &to_agent.content),
            (_, Step::Shown { .. } | Step::Over { .. }) => {}
        }
        true
    }

    /// The desk has carried a command out, or refused it.
    fn has_run(&mut self, id: &Arc<str>, said: &ToAgentContent) {
        let Some(talk) = self.talks.get_mut(id) else { return };
        let (query, running) = match &talk.step {
            Step::Runs { query, running } => (Some(query.clone()), running.clone()),
            Step::Late { running } => (None, running.clone()),
            _ => return,
        };
        let outcome = self.outcome(&running, said);
        match query {
            Some(query) => self.finish(id, &query, running.spec, &running.desk, &outcome),
            None => {
                if let Some(talk) = self.talks.remove(id) {
                    let outcome = belated(running.spec.word, outcome);
                    self.send_message(&talk, &running.desk, &outcome);
                }
            }
        }
    }

    fn outcome(&self, running: &Running, said: &ToAgentContent) -> Outcome {
        let desk = self.desk_address(&running.desk);
        match said {
            ToAgentContent::Refused { refusal, .. } => {
                Outcome::refused(refusal, running.wrote.as_deref(), &desk)
            }
            _ => {
                let (word, now) = (running.spec.word, self.world.now());
                Outcome::done(word, &running.notices, &running.to, &desk, now)
            }
        }
    }

    /// The desk has said what there is, or that there is nothing.
    fn has_looked(&mut self, id: &Arc<str>, said: &ToAgentContent) {
        let Some(talk) = self.talks.get_mut(id) else { return };
        let Step::Looks { query, wants } = &talk.step else { return };
        let (query, wants) = (query.clone(), wants.clone());
        let menu = match said {
            ToAgentContent::Menu { menu, .. } => menu,
            ToAgentContent::Refused { refusal, .. } => {
                self.talks.remove(id);
                return self.reply(query.error(Fault::Refused(refusal.clone())));
            }
            _ => return,
        };
        let named = |node: &str| menu.commands().find(|spec| spec.word == node);
        let reply = match &wants {
            Wants::List => Some(query.list(menu)),
            Wants::AboutList => Some(query.about_list()),
            Wants::About(node) => named(node).map(|spec| query.about_command(spec)),
            Wants::Begin { node, form } => match named(node) {
                Some(spec) => return self.begin(id, query, spec, menu, form.as_ref()),
                None => None,
            },
        };
        self.talks.remove(id);
        self.reply(reply.unwrap_or_else(|| query.error(Fault::NoSuchCommand)));
    }

    /// Shows the form of a command, or carries it out if there is nothing to fill in.
    fn begin(
        &mut self,
        id: &Arc<str>,
        query: Query,
        spec: &'static Spec,
        menu: &Menu,
        form: Option<&Form>,
    ) {
        let (Some((desk, _)), Some(talk)) = (menu.desks.first().cloned(), self.talks.get_mut(id))
        else {
            return;
        };
        if form::has_nobody(spec, menu) {
            return self.finish(id, &query, spec, &desk, &Outcome::nobody());
        }
        match (form::form(spec, menu), form) {
            (Some(empty), None) => {
                talk.step = Step::Shown { spec, desk };
                self.reply(query.form(spec, id, empty));
            }
            (_, form) => self.run(id, query, spec, desk, &form.cloned().unwrap_or_default()),
        }
    }

    /// Tells the client the result.
    fn finish(
        &mut self,
        id: &Arc<str>,
        query: &Query,
        spec: &Spec,
        desk: &TenantKey,
        outcome: &Outcome,
    ) {
        let reply = query.note(spec.word, id, &outcome.note);
        if let Some(talk) = self.talks.get_mut(id) {
            talk.replied_at = Instant::now();
            talk.step = Step::Over { query: query.clone(), reply: Box::new(reply.clone()) };
        }
        self.reply(reply);
        if let Some(talk) = self.talks.get(id) {
            self.send_message_of(talk.agent.clone(), talk.resource.clone(), desk, outcome);
        }
    }

    fn send_message(&mut self, talk: &Talk, desk: &TenantKey, outcome: &Outcome) {
        self.send_message_of(talk.agent.clone(), talk.resource.clone(), desk, outcome);
    }

    fn send_message_of(
        &mut self,
        agent: AgentJid,
        resource: Arc<str>,
        desk: &TenantKey,
        outcome: &Outcome,
    ) {
        let line_id = || self.world.uuid().to_string();
        let domain = &self.settings.domain;
        if let Some(message) = outcome.message(domain, desk, (&agent, &resource), &line_id) {
            self.outbox.push_built(&message, Kind::Line);
        }
    }

    /// Answers clients that the desk has not answered in time.
    pub(super) fn answer_overdue(&mut self, now: Instant) {
        while let Some(id) = self.talks.overdue(now) {
            let Some(talk) = self.talks.get_mut(&id) else { continue };
            match &talk.step {
                Step::Looks { query, .. } => {
                    let reply = query.error(Fault::TooMuch);
                    self.talks.remove(&id);
                    self.reply(reply);
                }
                Step::Runs { query, running } => {
                    let (query, running) = (query.clone(), running.clone());
                    talk.step = Step::Late { running: running.clone() };
                    let outcome = Outcome::late(&self.desk_address(&running.desk));
                    self.reply(query.note(running.spec.word, &id, &outcome.note));
                }
                Step::Shown { .. } | Step::Late { .. } | Step::Over { .. } => {}
            }
        }
    }

    /// The reply to a client whose command is refused while the stream ends.
    pub(super) fn command_refused(&self, to_agent: &ToAgent) -> Option<Element> {
        let ToAgentContent::Refused { stanza: Some(id), refusal, .. } = &to_agent.content else {
            return None;
        };
        match &self.talks.get(id)?.step {
            Step::Looks { query, .. } => Some(query.error(Fault::Refused(refusal.clone()))),
            Step::Runs { query, .. } => match refusal {
                AgentRefusal::Overloaded => Some(query.error(Fault::TooMuch)),
                refusal => Some(query.error(Fault::Refused(refusal.clone()))),
            },
            _ => None,
        }
    }

    fn reply(&mut self, reply: Element) {
        self.outbox.push_built(&reply, Kind::Passing);
    }

    fn desk_address(&self, desk: &TenantKey) -> String {
        format!("{desk}@{}", self.settings.domain)
    }
}

/// The session that a stanza to an agent is about.
fn answered(content: &ToAgentContent) -> Option<&Arc<str>> {
    match content {
        ToAgentContent::Result { stanza, .. }
        | ToAgentContent::Menu { stanza, .. }
        | ToAgentContent::Received { stanza }
        | ToAgentContent::Refused { stanza: Some(stanza), .. } => Some(stanza),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
