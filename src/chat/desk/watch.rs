//! Supervisors watch a conversation, whisper to its agent, and speak to its customer.
//!
//! Invariants: neither the agent nor the customer can tell that somebody watches; while a
//! supervisor watches, nothing they write without a command reaches the customer, whoever serves
//! it; a whisper goes to the agent alone. A watch is stored, survives a restart, and ends with the
//! conversation.

use std::sync::Arc;

use super::Desk;
use super::agent::Standing;
use super::row::NewRow;
use super::supervise::impossible;
use crate::chat::effect::CustomerNotice;
use crate::chat::event::{AgentContent, AgentInput, Peer};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, TenantKey, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Author, Kind, Row, RowKind};
use crate::chat::supervision::Supervision;

/// How many supervisors may watch one conversation.
const WATCHERS: usize = 5;
/// How many conversations one supervisor may watch.
const WATCHED: usize = 20;

impl Desk {
    /// `watch NAME`
    pub(super) fn watch_named(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let (id, rest) = self.named(tenant, &input.agent, text)?;
        if !rest.is_empty() {
            return Err(impossible(format!("Not watched: “{rest}” is no part of a name.")));
        }
        self.watch(now, id, input)
    }

    /// A supervisor watches from now on.
    pub(super) fn watch(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
    ) -> Result<(), AgentRefusal> {
        let agent = &input.agent;
        let Some(case) = self.cases.get(&id) else { return Err(AgentRefusal::Closed) };
        if case.view.agent() == Some(agent) {
            return Err(impossible("Not watched: this conversation is yours."));
        }
        let customer = case.view.customer;
        if !self.watches.has(agent, id) {
            if self.watches.of(id).len() >= WATCHERS {
                let text = format!("Not watched: {WATCHERS} supervisors watch it already.");
                return Err(impossible(text));
            }
            if self.watches.by(agent).count() >= WATCHED {
                let text =
                    format!("Not watched: you watch {WATCHED} already. !unwatch one of them.");
                return Err(impossible(text));
            }
            if self.is_overfull(id) {
                return Err(impossible("Not watched: this conversation is full."));
            }
            self.note_watch(now, id, agent, true);
            self.watches.insert(agent, id);
            self.watches.settle(agent, customer);
        }
        let Some(line) = self.watching(id, false) else { return Ok(()) };
        match &input.to {
            Peer::Customer(_) => self.reply(input, line),
            // It is watched in the customer's chat.
            Peer::Desk(_) => self.say(id, agent, line),
        }
        Ok(())
    }

    fn watching(&self, id: ConversationId, again: bool) -> Option<Notice> {
        let view = &self.cases.get(&id)?.view;
        let name = self.visitors.get(&view.customer)?.name();
        let by = view.agent().map(|agent| self.agent_name(&view.tenant, agent));
        Some(Notice::Supervision(Box::new(Supervision::Watching { name, by, again })))
    }

    /// `!unwatch`, also where nothing is watched any more.
    pub(super) fn unwatch(&mut self, now: Timestamp, customer: CustomerId, input: &AgentInput) {
        let open = self.visitors.get(&customer).and_then(|visitor| visitor.open);
        if let Some(id) = open {
            self.stop_watching(now, id, &input.agent);
        }
        self.watches.settle(&input.agent, customer);
        self.reply(input, Notice::Supervision(Box::new(Supervision::Unwatched)));
    }

    pub(super) fn stop_watching(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        if self.watches.remove(agent, id) {
            self.note_watch(now, id, agent, false);
        }
    }

    fn note_watch(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid, on: bool) {
        let Some(tenant) = self.cases.get(&id).map(|case| case.view.tenant.clone()) else { return };
        let author = self.author(&tenant, agent);
        self.append(now, id, NewRow::new(author, RowKind::Watched { on }));
    }

    /// Ends the watches of those who are no supervisors any more.
    pub(super) fn dismiss_watchers(&mut self, now: Timestamp) {
        let mut former = self.watches.all();
        former.retain(|(id, agent)| !self.may_watch(*id, agent));
        for (id, agent) in former {
            self.stop_watching(now, id, &agent);
        }
    }

    fn may_watch(&self, id: ConversationId, agent: &AgentJid) -> bool {
        self.cases.get(&id).is_some_and(|case| {
            case.view.agent() != Some(agent) && self.is_supervisor(&case.view.tenant, agent)
        })
    }

    /// The watches that another desk stored.
    pub(super) fn watch_again(&mut self, watched: &[Arc<Row>]) {
        for row in watched {
            let Author::Agent { jid, .. } = &row.author else { continue };
            match row.kind {
                RowKind::Watched { on: true } if self.may_watch(row.conversation, jid) => {
                    self.watches.insert(jid, row.conversation);
                }
                RowKind::Watched { on: false } => {
                    self.watches.remove(jid, row.conversation);
                }
                _ => {}
            }
        }
    }

    /// A supervisor came online: what was said meanwhile was not shown to them.
    pub(super) fn tell_watched(&mut self, agent: &AgentJid) {
        for id in self.watches.by(agent).collect::<Vec<_>>() {
            if let Some(line) = self.watching(id, true) {
                self.say(id, agent, line);
            }
        }
    }

    /// Shows a row to those who watch and are online.
    pub(super) fn overheard(&mut self, row: &Arc<Row>) {
        let of_interest = row.kind.is_said()
            || matches!(
                row.kind.kind(),
                Kind::Joined | Kind::Left | Kind::Transferred | Kind::Closed
            );
        if !of_interest || self.watches.of(row.conversation).is_empty() {
            return;
        }
        let name = self.visitors.get(&row.customer).and_then(super::Visitor::name);
        for agent in self.watches.of(row.conversation).to_vec() {
            let is_own = matches!(&row.author, Author::Agent { jid, .. } if *jid == agent);
            if self.is_here(&agent) && !is_own {
                let line = Supervision::Overheard { row: row.clone(), name: name.clone() };
                self.say(row.conversation, &agent, Notice::Supervision(Box::new(line)));
            }
        }
    }

    /// What a supervisor writes without a command where they neither serve nor accept the
    /// customer: a whisper, or refused. Returns whether it was handled.
    pub(super) fn speaks_beside(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
    ) -> bool {
        let (Standing::Late { case: id, .. } | Standing::MayTake(id)) = *standing else {
            return false;
        };
        let holder = self.cases.get(&id).and_then(|case| case.view.agent().cloned());
        let is_asked = holder.is_some() && matches!(standing, Standing::MayTake(_));
        let about = match &input.content {
            AgentContent::Text { about, .. } => about.as_deref(),
            AgentContent::Link { .. } | AgentContent::Retract { .. } => None,
            _ => return false,
        };
        if !self.supervises(customer, &input.agent)
            || self.corrects_a_command(now, customer, &input.agent, about)
        {
            return false;
        }
        let refusal = match (&input.content, &holder, self.watches.has(&input.agent, id)) {
            (AgentContent::Text { text, .. }, Some(holder), true) => {
                self.whisper(now, id, input, holder, text)
            }
            (_, Some(_), true) => Some(impossible("Not sent: only text can be whispered.")),
            // They were asked to take it over, and so accept.
            (_, Some(_), false) if is_asked => return false,
            (_, Some(holder), false) => {
                let by = self.name_of_holder(id, holder);
                Some(impossible(format!(
                    "Not sent: {by} is handling this conversation. !watch lets you read along and \
                     whisper to {by}, !say speaks to the customer, !take takes it over."
                )))
            }
            (_, None, true) => Some(impossible(
                "Not sent: nobody serves this customer, so nobody can be whispered to. \
                 !say speaks to the customer, !take takes the conversation.",
            )),
            (_, None, false) if self.watches.ended_lately(now, &input.agent, customer) => {
                Some(impossible(
                    "Not sent: the conversation that you watched has ended, and this is a new one. \
                     !take takes it.",
                ))
            }
            (_, None, false) => return false,
        };
        if let Some(refusal) = refusal {
            self.refuse_agent(input, refusal);
        }
        true
    }

    fn name_of_holder(&self, id: ConversationId, holder: &AgentJid) -> Arc<str> {
        let tenant = self.cases.get(&id).map(|case| &case.view.tenant);
        tenant.map_or_else(|| "".into(), |tenant| self.agent_name(tenant, holder))
    }

    /// Says something to the agent alone.
    fn whisper(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        holder: &AgentJid,
        text: &Arc<str>,
    ) -> Option<AgentRefusal> {
        if !self.is_here(holder) {
            let by = self.name_of_holder(id, holder);
            return Some(impossible(format!(
                "Not sent: {by} is offline. !say speaks to the customer, !take takes it over."
            )));
        }
        if self.is_overfull(id) {
            return Some(impossible("Not sent: this conversation is full."));
        }
        let tenant = self.cases.get(&id)?.view.tenant.clone();
        let kind = RowKind::Whisper { text: text.clone() };
        self.remember_spoken(now, id, input, text);
        let row = NewRow {
            stanza: input.stanza.clone(),
            recipients: vec![holder.clone()],
            ..NewRow::new(self.author(&tenant, &input.agent), kind)
        };
        let row = self.append(now, id, row)?;
        self.deliver(id, std::slice::from_ref(holder), &row, None);
        self.receipt(input, Some(id));
        None
    }

    fn remember_spoken(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        text: &Arc<str>,
    ) {
        let Some(customer) = self.cases.get(&id).map(|case| case.view.customer) else { return };
        if let Some(stanza) = &input.stanza {
            let by = (&input.agent, input.client());
            self.spoken.insert(now, by, customer, stanza, text);
        }
    }

    /// `!say`: a message under the supervisor's name; whoever serves the customer goes on.
    pub(super) fn say_to_customer(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        id: ConversationId,
        input: &AgentInput,
        words: Arc<str>,
    ) -> Result<(), AgentRefusal> {
        let knows = |stanza: &Arc<str>| self.spoken.knows(&input.agent, customer, stanza, &words);
        // Stored by the desk before this one.
        if !input.stanza.as_ref().is_some_and(knows) {
            let id = self.go_on(now, id, input.fresh);
            let kind = RowKind::Message { text: words.clone(), reply_to: None };
            let Some(case) = self.cases.get_mut(&id) else { return Err(AgentRefusal::Closed) };
            if case.view.agent() == Some(&input.agent) {
                self.agent_says(now, id, input, kind);
            } else {
                case.view.active_at = now;
                let (audience, withheld) = (case.audience().to_vec(), case.withheld);
                let tenant = case.view.tenant.clone();
                self.remember_spoken(now, id, input, &words);
                let row = NewRow {
                    stanza: input.stanza.clone(),
                    recipients: audience.clone(),
                    ..NewRow::new(self.author(&tenant, &input.agent), kind)
                };
                let Some(row) = self.append(now, id, row) else { return Ok(()) };
                self.notify(&tenant, customer, CustomerNotice::Entry(row.clone()));
                if !withheld {
                    self.deliver(id, &audience, &row, None);
                }
            }
        }
        self.ordered(now, customer, input, "say");
        self.reply(input, Notice::Supervision(Box::new(Supervision::Said)));
        Ok(())
    }
}
