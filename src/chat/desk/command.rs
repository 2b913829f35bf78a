//! Carries out agents' commands, the same however a command came in.
//!
//! Invariants: a command is carried out, or refused with a reason; neither it nor its correction is
//! ever shown to the customer; text that came with it is sent or returned.

use std::sync::Arc;

use super::Desk;
use super::agent::{PASSED_ON, Standing};
use super::lifecycle::{Beginning, Command};
use super::order::{
    ASK, CLOSE, COMMAND, DECLINE, MACRO, PRIORITY, REOPEN, REPLY, TAG, TRANSFER, is_about_customer,
    once,
};
use super::row::NewRow;
use crate::chat::canned::CannedCommand;
use crate::chat::commands::AgentCommand;
use crate::chat::event::{About, AgentContent, AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::CloseReason;
use crate::chat::notice::Notice;
use crate::chat::presence::Clients;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{RequeueReason, RowKind};

impl Desk {
    pub(super) fn agent_command(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: Standing,
        command: AgentCommand,
    ) {
        let corrects = match &input.content {
            AgentContent::Command { corrects, .. } => corrects.as_ref(),
            _ => None,
        };
        let repeated = self.is_repeated_order(now, customer, input, &command);
        let done = if repeated {
            true
        } else if corrects.is_some_and(|id| {
            // A note may be written anew, as a note.
            let is_note = matches!(command, AgentCommand::Note { .. });
            self.was_done(now, customer, &input.agent, id)
                || !is_note && self.corrects_a_note(customer, &input.agent, id)
        }) {
            // What has been carried out cannot be changed.
            self.refuse_agent(input, AgentRefusal::Carried);
            false
        } else {
            match self.carry_out(now, customer, input, standing, command) {
                Ok(()) => true,
                Err(refusal) => {
                    self.refuse_agent(input, refusal);
                    false
                }
            }
        };
        self.ordered(now, customer, input, COMMAND);
        if done {
            self.receipt(input, None);
        }
    }

    /// Carries out a command.
    pub(super) fn carry_out(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: Standing,
        command: AgentCommand,
    ) -> Result<(), AgentRefusal> {
        if let Some(refusal) = self.forbids_in_chat(customer, input, &standing, &command) {
            return Err(refusal);
        }
        match (command, standing) {
            (_, Standing::Stranger) => Err(AgentRefusal::NotFound),
            (AgentCommand::Invalid(refusal), _) => Err(refusal),
            (command, standing) if is_about_customer(&command) => {
                self.tell_about(now, customer, input, &standing, &command)
            }
            (command @ (AgentCommand::Who | AgentCommand::Help | AgentCommand::Status), _) => {
                self.tell(now, customer, input, &command);
                Ok(())
            }
            (
                AgentCommand::Close,
                Standing::Late { case, .. } | Standing::MayTake(case) | Standing::PassedOn(case),
            ) if self.supervises(customer, &input.agent) => {
                self.close_by(now, case, input);
                Ok(())
            }
            (AgentCommand::Reopen, Standing::Closed) => {
                self.reopen(now, customer, input);
                Ok(())
            }
            (AgentCommand::Reopen, _) => Err(AgentRefusal::StillOpen),
            (AgentCommand::Canned(command), standing) => {
                self.canned(now, customer, input, &standing, &command)
            }
            (AgentCommand::Macro(command), standing) => {
                self.macros(now, customer, input, &standing, &command)
            }
            (
                command @ (AgentCommand::Watch
                | AgentCommand::Unwatch
                | AgentCommand::Say { .. }
                | AgentCommand::Take),
                standing,
            ) => self.supervise(now, customer, input, &standing, command),
            // Only the desk is given these.
            (AgentCommand::Agents | AgentCommand::Board | AgentCommand::Supervise { .. }, _) => {
                Err(AgentRefusal::NotFound)
            }
            (command, Standing::Holds(case)) => self.carry_out_held(now, case, input, command),
            (command, Standing::MayTake(case)) => self.carry_out_offered(now, case, input, command),
            (_, standing) => Err(self.barred(&standing)),
        }
    }

    /// Carries out a command of the agent who has the conversation.
    fn carry_out_held(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
        command: AgentCommand,
    ) -> Result<(), AgentRefusal> {
        match command {
            AgentCommand::Ask { text, offers } => self.ask(now, case, input, text, offers),
            AgentCommand::Close => self.close_by(now, case, input),
            AgentCommand::CloseSaying { words } => self.say_and_close(now, case, input, words),
            AgentCommand::Undo => self.undo(now, case, input)?,
            AgentCommand::Transfer { text } => self.transfer(now, case, input, &text)?,
            AgentCommand::Decline { .. } => {
                let text = "Not declined: this conversation is yours. To hand it over: !transfer";
                return Err(AgentRefusal::Impossible { text: text.into() });
            }
            // These do not depend on who has the conversation.
            AgentCommand::Summary
            | AgentCommand::History
            | AgentCommand::Why
            | AgentCommand::Note { .. }
            | AgentCommand::Tag { .. }
            | AgentCommand::Priority { .. }
            | AgentCommand::Help
            | AgentCommand::Who
            | AgentCommand::Status
            | AgentCommand::Reopen
            | AgentCommand::Canned(_)
            | AgentCommand::Macro(_)
            | AgentCommand::Agents
            | AgentCommand::Board
            | AgentCommand::Supervise { .. }
            | AgentCommand::Watch
            | AgentCommand::Unwatch
            | AgentCommand::Say { .. }
            | AgentCommand::Take
            | AgentCommand::Invalid(_) => {}
        }
        Ok(())
    }

    /// Carries out a command of an agent who may take the conversation.
    fn carry_out_offered(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
        command: AgentCommand,
    ) -> Result<(), AgentRefusal> {
        match command {
            AgentCommand::Ask { .. } | AgentCommand::CloseSaying { .. } => {
                self.assign(now, case, &input.agent);
                self.carry_out_held(now, case, input, command)
            }
            AgentCommand::Decline { why } => self.decline(now, case, input, why),
            AgentCommand::Close => Err(AgentRefusal::NotTaken),
            AgentCommand::Undo => Err(AgentRefusal::NoSuchWords),
            AgentCommand::Transfer { .. } => {
                let text = "Not transferred: this customer isn't yours yet. To decline: !no";
                Err(AgentRefusal::Impossible { text: text.into() })
            }
            other => self.carry_out_held(now, case, input, other),
        }
    }

    /// Carries out a command about the customer or the conversation as a whole.
    fn tell_about(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        command: &AgentCommand,
    ) -> Result<(), AgentRefusal> {
        match command {
            AgentCommand::Summary => self.summarise(customer, input),
            AgentCommand::History => self.tell_history(customer, input),
            AgentCommand::Why => return self.tell_why(now, customer, input, standing),
            AgentCommand::Note { text } => {
                return self.note(now, customer, input, standing, text.clone());
            }
            AgentCommand::Tag { names } => return self.tag(now, customer, input, standing, names),
            AgentCommand::Priority { word } => {
                return self.rank(now, customer, input, standing, word);
            }
            AgentCommand::CloseSaying { words } => {
                return self.close_tagging(now, customer, input, standing, words);
            }
            _ => return Err(AgentRefusal::NotFound),
        }
        Ok(())
    }

    /// Tells the agent what they asked for.
    fn tell(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        command: &AgentCommand,
    ) {
        let tenant = self.visitors.get(&customer).map(|visitor| &visitor.customer.tenant);
        let line = match command {
            AgentCommand::Who => self.who(customer),
            AgentCommand::Status => tenant.map(|tenant| self.status(now, tenant)),
            _ => {
                let supervisor = self.supervises(customer, &input.agent);
                Some(Notice::Help { in_chat: true, supervisor })
            }
        };
        if let Some(line) = line {
            self.reply(input, line);
        }
    }

    /// Why an agent who neither has the conversation nor may take it can do nothing there.
    pub(super) fn barred(&self, standing: &Standing) -> AgentRefusal {
        match standing {
            Standing::Late { case, holder } => self.taken(*case, holder),
            Standing::PassedOn(_) => AgentRefusal::Impossible { text: PASSED_ON.into() },
            Standing::Closed => AgentRefusal::Closed,
            Standing::Stranger | Standing::Holds(_) | Standing::MayTake(_) => {
                AgentRefusal::NotFound
            }
        }
    }

    pub(super) fn taken(&self, case: ConversationId, holder: &AgentJid) -> AgentRefusal {
        let tenant = self.cases.get(&case).map(|case| &case.view.tenant);
        let by = tenant.map_or_else(|| "".into(), |tenant| self.agent_name(tenant, holder));
        AgentRefusal::Taken { by }
    }

    /// Carries out `!no`.
    pub(super) fn decline(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        why: Arc<str>,
    ) -> Result<(), AgentRefusal> {
        let Some(case) = self.cases.get(&id) else { return Err(AgentRefusal::NotFound) };
        let customer = case.view.customer;
        let tenant = case.view.tenant.clone();
        if case.view.is_handed_to(&input.agent) {
            self.does_not_take(now, id, &input.agent, RequeueReason::Declined, why);
            self.ordered(now, customer, input, DECLINE);
            return Ok(());
        }
        if !case.reaches(&input.agent) {
            let text = "Not declined: you are not offered this customer any more";
            return Err(AgentRefusal::Impossible { text: text.into() });
        }
        if !why.is_empty() {
            let text = format!("Declined: {why}").into();
            let author = self.author(&tenant, &input.agent);
            self.append(now, id, NewRow::new(author, RowKind::Note { text }));
        }
        self.withdraw(now, id, &input.agent, RequeueReason::Declined);
        self.ordered(now, customer, input, DECLINE);
        Ok(())
    }

    pub(super) fn say_and_close(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
        words: Arc<str>,
    ) {
        let words = RowKind::Message { text: words, reply_to: None };
        self.agent_says(now, case, input, words);
        self.close_by(now, case, input);
    }

    /// Whether a stanza gave a command that was carried out and cannot be undone.
    fn was_done(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        agent: &AgentJid,
        stanza: &Arc<str>,
    ) -> bool {
        let knows = |order| self.orders.knows(now, agent, customer, stanza, order);
        [CLOSE, REOPEN, ASK, TRANSFER, DECLINE, REPLY, MACRO, TAG, PRIORITY].into_iter().any(knows)
    }

    /// Whether a message corrects a command; neither may reach the customer.
    pub(super) fn corrects_a_command(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        agent: &AgentJid,
        about: Option<&About>,
    ) -> bool {
        let Some(About::Corrects { target }) = about else { return false };
        self.was_done(now, customer, agent, target)
            || self.orders.knows(now, agent, customer, target, COMMAND)
            || self.corrects_a_note(customer, agent, target)
    }

    /// Whether the same stanza gave this command before; then only the notice is sent again.
    pub(super) fn is_repeated_order(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        command: &AgentCommand,
    ) -> bool {
        let repeated = self.was_ordered(now, customer, input, command);
        if let (true, Some((_, answer))) = (repeated, once(command)) {
            self.reply(input, answer);
        }
        repeated
    }

    /// Whether the same stanza gave this command before.
    pub(super) fn was_ordered(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        command: &AgentCommand,
    ) -> bool {
        let (Some((order, _)), Some(stanza)) = (once(command), &input.stanza) else { return false };
        let known = self.orders.knows(now, &input.agent, customer, stanza, &order);
        match command {
            AgentCommand::Canned(CannedCommand::Say { words }) => {
                known || self.was_said_before(now, customer, &input.agent, stanza, words)
            }
            _ => known,
        }
    }

    pub(super) fn ordered(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        order: &str,
    ) {
        if let Some(stanza) = &input.stanza {
            self.orders.insert(now, &input.agent, customer, stanza, order);
        }
    }

    pub(super) fn supervises(&self, customer: CustomerId, agent: &AgentJid) -> bool {
        let visitor = self.visitors.get(&customer);
        visitor.is_some_and(|visitor| self.is_supervisor(&visitor.customer.tenant, agent))
    }

    pub(super) fn close_by(&mut self, now: Timestamp, id: ConversationId, input: &AgentInput) {
        let Some(case) = self.cases.get(&id) else { return };
        let author = self.author(&case.view.tenant, &input.agent);
        let (told, customer) = (case.reaches(&input.agent), case.view.customer);
        let by = Command { key: None, stanza: input.stanza.clone() };
        self.close(now, id, author, CloseReason::Agent, by);
        self.ordered(now, customer, input, CLOSE);
        if !told {
            self.reply(input, Notice::Closed { reason: CloseReason::Agent });
        }
    }

    /// Opens a new conversation with the customer of a closed one, and assigns it to the agent.
    fn reopen(&mut self, now: Timestamp, customer: CustomerId, input: &AgentInput) {
        let Some(visitor) = self.visitors.get(&customer) else { return };
        let tenant = visitor.customer.tenant.clone();
        let author = self.author(&tenant, &input.agent);
        self.begin(
            now,
            Beginning {
                id: input.fresh,
                tenant,
                customer,
                queue: QueueKey::default_queue(),
                subject: None,
                answers: Vec::new(),
                key: None,
                author,
                stanza: input.stanza.clone(),
                before: None,
            },
        );
        self.ordered(now, customer, input, REOPEN);
        self.assign(now, input.fresh, &input.agent);
        self.reply(input, Notice::Reopened);
    }

    pub(super) fn status(&self, now: Timestamp, tenant: &TenantKey) -> Notice {
        let Some(desk) = self.tenants.get(tenant) else {
            return Notice::Status { queues: Vec::new(), agents: Vec::new() };
        };
        let queues = desk.settings.queues.iter().map(|queue| {
            let line = desk.queues.get(&queue.key);
            let waiting = || line.into_iter().flat_map(super::Queue::iter);
            let waited = waiting().filter_map(|id| Some(self.cases.get(&id)?.waited(now)));
            (queue.name.clone(), waiting().count() as u32, waited.max().unwrap_or(0))
        });
        let agents = desk.settings.agents.iter().map(|agent| {
            let held = self.work.get(&(tenant.clone(), agent.jid.clone())).map(|work| &work.held);
            // An agent who is only asked does not serve the customer yet.
            let serves = |id: &&ConversationId| {
                self.cases.get(*id).is_some_and(|case| case.view.agent() == Some(&agent.jid))
            };
            let chats = held.map_or(0, |held| held.iter().filter(serves).count() as u32);
            let word = match self.is_sent_away(tenant, &agent.jid) {
                true => "set to away",
                false => self.availability_word(&agent.jid),
            };
            (agent.name.clone(), word, chats, agent.capacity)
        });
        Notice::Status { queues: queues.collect(), agents: agents.collect() }
    }

    pub(super) fn availability_word(&self, agent: &AgentJid) -> &'static str {
        match self.clients.get(agent).and_then(Clients::availability) {
            None => "unknown",
            Some(Availability::Gone) => "offline",
            Some(Availability::Busy) => "busy",
            Some(Availability::Away) => "away",
            Some(Availability::Free) => "available",
        }
    }
}
