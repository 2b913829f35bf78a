//! Supervisors move and close conversations by their names, and take them over.
//!
//! Invariants: whatever the state of a conversation, one command of a supervisor closes it; a
//! conversation that is moved keeps its place by waiting time; an agent is offered it only if they
//! are free and have room.

use std::sync::Arc;

use super::Desk;
use super::agent::Standing;
use super::lifecycle::Command;
use super::order::{CLOSE, MOVE, TAKE};
use super::row::NewRow;
use super::targets::{self, Target};
use crate::chat::commands::AgentCommand;
use crate::chat::event::{AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::{CloseReason, State};
use crate::chat::notice::Notice;
use crate::chat::presence::Clients;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{RequeueReason, RowKind};
use crate::chat::supervision::Supervision;

/// A refusal that says why.
pub(super) fn impossible(text: impl Into<std::borrow::Cow<'static, str>>) -> AgentRefusal {
    AgentRefusal::Impossible { text: text.into() }
}

impl Desk {
    /// A supervisor's command in a customer's chat.
    pub(super) fn supervise(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        command: AgentCommand,
    ) -> Result<(), AgentRefusal> {
        if command == AgentCommand::Unwatch {
            self.unwatch(now, customer, input);
            return Ok(());
        }
        let id = match standing {
            Standing::Holds(id)
            | Standing::Late { case: id, .. }
            | Standing::MayTake(id)
            | Standing::PassedOn(id) => *id,
            Standing::Closed => return Err(AgentRefusal::Closed),
            Standing::Stranger => return Err(AgentRefusal::NotFound),
        };
        match command {
            AgentCommand::Watch => self.watch(now, id, input),
            AgentCommand::Say { words } => self.say_to_customer(now, customer, id, input, words),
            _ => {
                self.stop_watching(now, id, &input.agent);
                match standing {
                    Standing::Holds(_) => {}
                    Standing::Late { .. } => {
                        self.take_over(now, id, &input.agent, input.stanza.clone());
                    }
                    _ => self.assign(now, id, &input.agent),
                }
                self.ordered(now, customer, input, TAKE);
                self.reply(input, Notice::Supervision(Box::new(Supervision::Taken)));
                Ok(())
            }
        }
    }

    /// The refusal of a command in a customer's chat that only supervisors may give.
    pub(super) fn forbids_in_chat(
        &self,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
        command: &AgentCommand,
    ) -> Option<AgentRefusal> {
        let tenant = &self.visitors.get(&customer)?.customer.tenant;
        let is_stranger = matches!(standing, Standing::Stranger);
        self.forbids(tenant, &input.agent, command).filter(|_| !is_stranger)
    }

    /// The refusal of a command that only supervisors may give.
    pub(super) fn forbids(
        &self,
        tenant: &TenantKey,
        agent: &AgentJid,
        command: &AgentCommand,
    ) -> Option<AgentRefusal> {
        let spec = command.spec().filter(|spec| spec.for_supervisors)?;
        let may = self.is_supervisor(tenant, agent);
        (!may).then_some(AgentRefusal::NotAllowed { word: spec.word })
    }

    /// `close NAME`
    pub(super) fn close_named(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let (id, rest) = self.named(tenant, &input.agent, text)?;
        if !rest.is_empty() {
            let text = format!("Not closed: “{rest}” is no part of a name. Only one is closed.");
            return Err(impossible(text));
        }
        let (Some(who), Some(case)) = (self.customer_name(id), self.cases.get(&id)) else {
            return Err(AgentRefusal::NotFound);
        };
        let customer = case.view.customer;
        // Their client sent it before; the customer may have come back meanwhile.
        if !self.knows_order(now, customer, input, CLOSE) {
            let by = Command { key: None, stanza: input.stanza.clone() };
            self.close(now, id, self.author(tenant, &input.agent), CloseReason::Agent, by);
            self.ordered(now, customer, input, CLOSE);
            self.ordered(now, super::to_desk::NOBODY, input, CLOSE);
        }
        self.reply(input, Notice::Supervision(Box::new(Supervision::Closed { who })));
        Ok(())
    }

    fn knows_order(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        order: &str,
    ) -> bool {
        let stanza = input.stanza.as_ref();
        stanza.is_some_and(|id| self.orders.knows(now, &input.agent, customer, id, order))
    }

    /// `move NAME #queue` or `move NAME agent`
    pub(super) fn move_named(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let (id, rest) = self.named(tenant, &input.agent, text)?;
        let settings = self.settings(tenant).ok_or(AgentRefusal::NotFound)?;
        let (target, rest) = targets::target(&settings, &rest)?;
        if !rest.is_empty() {
            return Err(impossible(format!("Not moved: “{rest}” is no part of a name.")));
        }
        let (Some(who), Some(case)) = (self.customer_name(id), self.cases.get(&id)) else {
            return Err(AgentRefusal::NotFound);
        };
        let (customer, before) = (case.view.customer, case.view.queue.clone());
        let (queue, agent, to, is_queue) = match &target {
            Target::Queue(queue) => (queue.clone(), None, self.queue_name(tenant, queue), true),
            Target::Agent(jid) => (before, Some(jid.clone()), self.agent_name(tenant, jid), false),
        };
        if !self.knows_order(now, customer, input, MOVE) {
            match &agent {
                None => self.may_wait_in(id, &queue, &to)?,
                Some(jid) => self.may_be_offered(tenant, id, jid, &to)?,
            }
            self.move_to(now, id, queue, agent, input);
            self.ordered(now, customer, input, MOVE);
            self.ordered(now, super::to_desk::NOBODY, input, MOVE);
        }
        let moved = Supervision::Moved { who, to, is_queue };
        self.reply(input, Notice::Supervision(Box::new(moved)));
        Ok(())
    }

    fn may_wait_in(
        &self,
        id: ConversationId,
        queue: &QueueKey,
        name: &Arc<str>,
    ) -> Result<(), AgentRefusal> {
        let there = self
            .cases
            .get(&id)
            .is_some_and(|case| case.view.agent().is_none() && case.view.queue == *queue);
        if there {
            return Err(impossible(format!("Not moved: this customer waits in {name} already.")));
        }
        Ok(())
    }

    fn may_be_offered(
        &self,
        tenant: &TenantKey,
        id: ConversationId,
        jid: &AgentJid,
        name: &Arc<str>,
    ) -> Result<(), AgentRefusal> {
        let room = self.agent_of(tenant, jid).map_or(0, |agent| agent.capacity);
        // What they were asked to take over is theirs to take already.
        let is_asked = self.cases.get(&id).is_some_and(|case| case.view.is_handed_to(jid));
        let load = self.load(tenant, jid).saturating_sub(u32::from(is_asked));
        let state = match self.clients.get(jid).and_then(Clients::availability) {
            _ if self.cases.get(&id).is_some_and(|case| case.reaches(jid)) => {
                "has this customer already"
            }
            _ if self.is_sent_away(tenant, jid) => "is set to away",
            None | Some(Availability::Gone) => "is offline",
            Some(Availability::Busy) => "is busy",
            Some(Availability::Away) => "is away",
            Some(Availability::Free) if load >= room => "is full",
            Some(Availability::Free) => return Ok(()),
        };
        Err(impossible(format!("Not moved: {name} {state}.")))
    }

    fn move_to(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        queue: QueueKey,
        agent: Option<AgentJid>,
        input: &AgentInput,
    ) {
        let is_waiting = |case: &super::OpenConversation| case.view.state == State::Waiting;
        if !self.cases.get(&id).is_some_and(is_waiting) {
            self.requeue(now, id, RequeueReason::Moved);
        }
        let Some(case) = self.cases.get_mut(&id) else { return };
        let before = case.view.clone();
        case.view.queue = queue.clone();
        let after = case.view.clone();
        let tenant = after.tenant.clone();
        if before.queue != queue {
            if let Some(line) = self.line(&tenant, &before.queue) {
                line.leave(&before);
            }
            if let Some(line) = self.line(&tenant, &queue) {
                line.enter(&after);
            }
            self.positions_changed(now, &tenant, &before.queue);
            self.positions_changed(now, &tenant, &queue);
            self.count_in_line(now, after.customer);
            self.stirred.insert((tenant.clone(), queue.clone()));
        }
        let kind = RowKind::Moved { queue, agent: agent.clone() };
        let row = NewRow::new(self.author(&tenant, &input.agent), kind).with_view();
        self.append(now, id, NewRow { stanza: input.stanza.clone(), ..row });
        self.tell_state(id);
        if let Some(agent) = agent {
            self.offer_to(now, id, vec![agent]);
        }
    }
}
