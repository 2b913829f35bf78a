//! What agents' clients send: messages, files, receipts, typing.

use std::sync::Arc;

use super::Desk;
use super::edits::repeat_of;
use super::row::NewRow;
use crate::chat::effect::{CustomerNotice, Effect, ToAgent, ToAgentContent};
use crate::chat::event::{AgentContent, AgentInput, Peer};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Row, RowKind, Target};

/// To an agent who passed the conversation on.
pub(super) const PASSED_ON: &str = "Not sent: you passed this conversation on";

/// An agent's relation to a customer.
pub(super) enum Standing {
    /// Has the conversation.
    Holds(ConversationId),
    /// May take it: it is handed over to them; or nobody has it, and they were offered it or are a
    /// supervisor.
    MayTake(ConversationId),
    /// Has passed it on, and nobody has taken it yet.
    PassedOn(ConversationId),
    /// Another agent has it; this one was offered it, or is a supervisor.
    Late { case: ConversationId, holder: AgentJid },
    /// No conversation is open; the agent served the customer or is a supervisor.
    Closed,
    /// None: to this agent the address does not exist.
    Stranger,
}

impl Desk {
    pub(super) fn agent_input(&mut self, now: Timestamp, input: AgentInput) {
        self.speaks(now, &input);
        match &input.to {
            Peer::Desk(tenant) => {
                let tenant = tenant.clone();
                self.agent_to_desk(now, &tenant, &input);
            }
            Peer::Customer(localpart) => match self.addresses.get(localpart).copied() {
                Some(customer) => self.agent_to_customer(now, customer, input),
                None => self.no_such_address(&input),
            },
        }
    }

    /// Handles a stanza that is not a repeat.
    pub(super) fn take_in(&mut self, now: Timestamp, customer: CustomerId, input: AgentInput) {
        let standing = self.standing(customer, &input.agent);
        if self.speaks_beside(now, customer, &input, &standing) {
            return;
        }
        match (&input.content, standing) {
            (_, Standing::Stranger) => self.no_such_address(&input),
            (AgentContent::Typing { on }, Standing::Holds(case)) => {
                self.agent_typing(case, &input, *on);
            }
            (AgentContent::Received { pos }, _) => {
                self.confirmed(now, customer, &input, *pos, |case, _| case.received(*pos));
            }
            (AgentContent::Displayed { pos }, _) => {
                self.confirmed(now, customer, &input, *pos, |case, confirms| {
                    case.displayed(*pos, confirms)
                });
            }
            (AgentContent::Typing { .. }, _) => {}
            (AgentContent::Refused { refusal, .. }, _) => {
                self.refuse_agent(&input, refusal.clone());
            }
            (AgentContent::Silent, _) => self.receipt(&input, None),
            (AgentContent::Menu { .. }, _) => self.menu_of_customer(customer, &input),
            (AgentContent::Command { command, .. }, standing) => {
                self.agent_command(now, customer, &input, standing, command.clone());
            }
            (AgentContent::Text { about, .. }, _)
                if self.corrects_a_command(now, customer, &input.agent, about.as_deref()) =>
            {
                self.refuse_agent(&input, AgentRefusal::Carried);
            }
            (AgentContent::Retract { target }, Standing::Holds(case)) => {
                self.agent_retracts(now, case, &input, target);
            }
            (AgentContent::Retract { .. }, Standing::MayTake(_)) => {
                self.refuse_agent(&input, AgentRefusal::NoSuchWords);
            }
            (AgentContent::React { row, emoji }, Standing::Holds(case)) => {
                self.agent_reacts(now, case, &input, *row, emoji.clone());
            }
            (AgentContent::React { emoji, .. }, Standing::MayTake(case)) => {
                self.reacts_to_offer(now, customer, case, &input, emoji);
            }
            (AgentContent::Link { url }, Standing::Holds(case)) => {
                self.agent_links(now, case, &input, url);
            }
            (AgentContent::Link { url }, Standing::MayTake(case)) => {
                self.assign(now, case, &input.agent);
                self.agent_links(now, case, &input, url);
            }
            (AgentContent::Text { text, about }, Standing::Holds(case)) => {
                // Edits and replies stay with the message they refer to, as long as there is any
                // room.
                let case = match about {
                    Some(_) if !self.is_overfull(case) => case,
                    _ => self.go_on(now, case, input.fresh),
                };
                let kind = self.agents_words(case, &input.agent, text, about.as_deref());
                self.agent_message(now, case, &input, kind);
            }
            (AgentContent::Text { text, about }, Standing::MayTake(case)) => {
                let kind = self.agents_words(case, &input.agent, text, about.as_deref());
                self.assign(now, case, &input.agent);
                self.agent_message(now, case, &input, kind);
            }
            (_, standing) => {
                let refusal = self.barred(&standing);
                self.refuse_agent(&input, refusal);
            }
        }
    }

    pub(super) fn standing(&self, customer: CustomerId, agent: &AgentJid) -> Standing {
        let Some(visitor) = self.visitors.get(&customer) else { return Standing::Stranger };
        let tenant = &visitor.customer.tenant;
        if self.agent_of(tenant, agent).is_none() {
            return Standing::Stranger;
        }
        let supervises = self.is_supervisor(tenant, agent);
        let served = visitor.contacts.contains(agent) || visitor.last_agent.as_ref() == Some(agent);
        let Some(case) = visitor.open.and_then(|id| self.cases.get(&id)) else {
            return if served || supervises { Standing::Closed } else { Standing::Stranger };
        };
        let asked = case.reaches(agent) || case.view.passed.contains(agent) || supervises;
        match case.view.agent() {
            Some(holder) if holder == agent => Standing::Holds(case.view.id),
            Some(_) if case.view.is_handed_to(agent) => Standing::MayTake(case.view.id),
            Some(holder) if asked || served => {
                Standing::Late { case: case.view.id, holder: holder.clone() }
            }
            None if case.given_by.as_ref() == Some(agent) => Standing::PassedOn(case.view.id),
            None if asked => Standing::MayTake(case.view.id),
            _ => Standing::Stranger,
        }
    }

    /// Adds an agent's message to the conversation, and sends the receipt.
    pub(super) fn agent_message(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        kind: RowKind,
    ) {
        if self.agent_says(now, id, input, kind) {
            self.receipt(input, Some(id));
        }
    }

    /// Adds an agent's message to the conversation; returns whether that was possible.
    pub(super) fn agent_says(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        kind: RowKind,
    ) -> bool {
        let Some(row) = self.append_from_agent(now, id, input, kind) else { return false };
        if let (Some(case), Some(seq)) = (self.cases.get_mut(&id), row.seq) {
            if let Some(stanza) = input.stanza.clone() {
                case.agent_spoke(seq, stanza);
            }
            case.last_said = match &row.kind {
                RowKind::Message { .. } => {
                    Some((input.agent.clone(), now, Target { seq, pos: row.pos }))
                }
                // What was said before it is still the last message.
                RowKind::Edit { .. } | RowKind::Reaction { .. } => case.last_said.take(),
                _ => None,
            };
        }
        let (tenant, customer) = (row.tenant.clone(), row.customer);
        self.notify(&tenant, customer, CustomerNotice::Entry(row));
        true
    }

    /// Appends what an agent sent, and notes that they are active and which client they use.
    pub(super) fn append_from_agent(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        kind: RowKind,
    ) -> Option<Arc<Row>> {
        let gives_receipts = self.gives_receipts(id, input);
        let case = self.cases.get_mut(&id)?;
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        case.resource = input.client();
        case.view.active_at = now;
        if !gives_receipts {
            case.answered_by_agent(now);
        }
        if let Some(stanza) = &input.stanza {
            let by = (&input.agent, input.client());
            self.spoken.insert(now, by, customer, stanza, repeat_of(&kind));
        }
        let author = self.author(&tenant, &input.agent);
        let row = NewRow { stanza: input.stanza.clone(), ..NewRow::new(author, kind) };
        self.append(now, id, row)
    }

    /// Sends the receipt, after the row or after the row that this repeats: stored before
    /// confirmed.
    pub(super) fn receipt(&mut self, input: &AgentInput, case: Option<ConversationId>) {
        if let (true, Some(stanza)) = (input.wants_receipt, input.stanza.clone()) {
            self.tell_client(input, case, ToAgentContent::Received { stanza });
        }
    }

    fn agent_typing(&mut self, id: ConversationId, input: &AgentInput, on: bool) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        if !input.resource.is_empty() {
            case.resource = Some(input.resource.clone());
        }
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        let name = self.agent_name(&tenant, &input.agent);
        self.notify(&tenant, customer, CustomerNotice::Typing { on, name });
    }

    /// Replies to the client that asked, from the address it asked.
    pub(super) fn reply(&mut self, input: &AgentInput, line: Notice) {
        let content = match &input.stanza {
            Some(stanza) if input.by_form => {
                ToAgentContent::Result { stanza: stanza.clone(), notice: line }
            }
            _ => ToAgentContent::Notice(line),
        };
        self.answer_agent(input, content);
    }

    pub(super) fn refuse_agent(&mut self, input: &AgentInput, refusal: AgentRefusal) {
        self.gate.emit(Effect::Send(ToAgent::refused(input, refusal)));
    }

    /// The same refusal for every agent with no relation to an address, whether it exists or not.
    pub(super) fn no_such_address(&mut self, input: &AgentInput) {
        match input.content {
            // No reply is expected to these.
            AgentContent::Typing { .. }
            | AgentContent::Received { .. }
            | AgentContent::Silent
            | AgentContent::Displayed { .. } => {}
            AgentContent::Text { .. }
            | AgentContent::Link { .. }
            | AgentContent::Retract { .. }
            | AgentContent::React { .. }
            | AgentContent::Command { .. }
            | AgentContent::Menu { .. }
            | AgentContent::Refused { .. } => self.refuse_agent(input, AgentRefusal::NotFound),
        }
    }

    pub(super) fn answer_agent(&mut self, input: &AgentInput, content: ToAgentContent) {
        self.tell_client(input, None, content);
    }

    /// Sends to the client that the input came from, from the address it was sent to.
    fn tell_client(
        &mut self,
        input: &AgentInput,
        conversation: Option<ConversationId>,
        content: ToAgentContent,
    ) {
        let answer = ToAgent::answer(input, content);
        self.gate.emit(Effect::Send(ToAgent { conversation, ..answer }));
    }

    /// The stream is connected: presences are being requested. What an agent's client has not
    /// confirmed is resent when the agent is heard from.
    pub(super) fn link_up(&mut self, now: Timestamp) {
        for (agent, clients) in &mut self.clients {
            clients.expect(now);
            if let Some(at) = clients.gone_at() {
                self.timers.arm(at, super::timer::Timer::Gone(agent.clone()));
            }
        }
        self.greet_agents();
    }
}
