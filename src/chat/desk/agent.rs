//! What agents say.

use std::sync::Arc;

use super::lifecycle::Beginning;
use super::{Desk, NewRow};
use crate::chat::conversation::{Case, Moved};
use crate::chat::effect::{AgentRefusal, CustomerNotice, Effect, Line, ToAgent, ToAgentContent};
use crate::chat::event::{AgentCommand, AgentContent, AgentInput, Availability, Peer, Refusal};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::{CloseReason, RowKind, State};
use crate::chat::presence::Clients;

/// What an agent has to do with a customer.
enum Standing {
    /// Holds his conversation.
    Holds(ConversationId),
    /// May take it: was asked, or is a supervisor, and nobody holds it.
    MayTake(ConversationId),
    /// Another holds it; this one was asked, or is a supervisor.
    Late { case: ConversationId, holder: AgentJid },
    /// Nothing is open, and he served the customer or is a supervisor.
    Closed,
    /// Nothing: to him the address does not exist.
    Stranger,
}

impl Desk {
    pub(super) fn agent_input(&mut self, now: Timestamp, input: AgentInput) {
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

    fn agent_to_desk(&mut self, now: Timestamp, tenant: &TenantKey, input: &AgentInput) {
        if self.agent_of(tenant, &input.agent).is_none() {
            return self.no_such_address(input);
        }
        match &input.content {
            AgentContent::Command { command: AgentCommand::Status, .. } => {
                let line = self.status(now, tenant);
                self.reply(input, line);
            }
            AgentContent::Command { command: AgentCommand::Unknown { word }, .. } => {
                let word = word.clone();
                self.refuse_agent(input, AgentRefusal::UnknownCommand { word });
            }
            AgentContent::Command { .. } | AgentContent::Text { .. } => {
                self.reply(input, Line::Help { in_chat: false });
            }
            AgentContent::Refused { reason } => self.refuse_agent(input, refusal(*reason)),
            AgentContent::Typing { .. }
            | AgentContent::Received { .. }
            | AgentContent::Displayed { .. } => {}
        }
    }

    fn agent_to_customer(&mut self, now: Timestamp, customer: CustomerId, input: AgentInput) {
        let standing = self.standing(customer, &input.agent);
        match (&input.content, standing) {
            (_, Standing::Stranger) => self.no_such_address(&input),
            (AgentContent::Text { text, wants_receipt, .. }, standing)
                if self.is_repeat(now, customer, &input, text) =>
            {
                let receipt = *wants_receipt;
                self.repeated(&input, &standing, receipt);
            }
            (AgentContent::Typing { on }, Standing::Holds(case)) => {
                let on = *on;
                self.agent_typing(case, &input, on);
            }
            (AgentContent::Received { pos }, Standing::Holds(case) | Standing::MayTake(case)) => {
                let pos = *pos;
                self.confirmed(now, case, &input.agent, |case| case.received(pos));
            }
            (AgentContent::Displayed { pos }, Standing::Holds(case) | Standing::MayTake(case)) => {
                let pos = *pos;
                self.confirmed(now, case, &input.agent, |case| case.displayed(pos));
            }
            (
                AgentContent::Typing { .. }
                | AgentContent::Received { .. }
                | AgentContent::Displayed { .. },
                _,
            ) => {}
            (AgentContent::Refused { reason }, _) => self.refuse_agent(&input, refusal(*reason)),
            (AgentContent::Command { command, fresh }, standing) => {
                let (command, fresh) = (command.clone(), *fresh);
                self.agent_command(now, customer, &input, standing, command, fresh);
            }
            (AgentContent::Text { .. }, Standing::Closed) => {
                self.refuse_agent(&input, AgentRefusal::Closed);
            }
            (AgentContent::Text { .. }, Standing::Late { holder, case }) => {
                let tenant = self.cases.get(&case).map(|case| case.view.tenant.clone());
                let by = tenant.map_or_else(|| "".into(), |t| self.agent_name(&t, &holder));
                self.refuse_agent(&input, AgentRefusal::Taken { by });
            }
            (AgentContent::Text { text, wants_receipt, .. }, Standing::Holds(case)) => {
                let (text, receipt) = (text.clone(), *wants_receipt);
                self.agent_message(now, case, &input, text, receipt);
            }
            (AgentContent::Text { text, wants_receipt, .. }, Standing::MayTake(case)) => {
                let (text, receipt) = (text.clone(), *wants_receipt);
                self.assign(now, case, &input.agent);
                self.agent_message(now, case, &input, text, receipt);
            }
        }
    }

    fn standing(&self, customer: CustomerId, agent: &AgentJid) -> Standing {
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
            Some(holder) if asked || served => {
                Standing::Late { case: case.view.id, holder: holder.clone() }
            }
            None if asked => Standing::MayTake(case.view.id),
            _ => Standing::Stranger,
        }
    }

    fn agent_message(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        text: Arc<str>,
        wants_receipt: bool,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        case.resource = case_client(input);
        case.view.active_at = now;
        if let Some(stanza) = &input.stanza {
            self.stanzas.insert(now, &input.agent, customer, stanza, &text);
        }
        let author = self.author(&tenant, &input.agent);
        let row = NewRow {
            stanza: input.stanza.clone(),
            ..NewRow::seen(author, RowKind::Message { text, reply_to: None })
        };
        let Some(row) = self.append(now, id, row) else { return };
        if let (Some(case), Some(seq), Some(stanza)) =
            (self.cases.get_mut(&id), row.seq, input.stanza.clone())
        {
            case.agent_spoke(seq, stanza);
        }
        self.notify(&tenant, customer, CustomerNotice::Entry(row));
        self.receipt(input, Some(id), wants_receipt);
    }

    fn is_repeat(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        text: &str,
    ) -> bool {
        let stanza = input.stanza.as_ref();
        stanza.is_some_and(|id| self.stanzas.knows(now, &input.agent, customer, id, text))
    }

    /// What was said before is only confirmed again, whoever holds the conversation now.
    fn repeated(&mut self, input: &AgentInput, standing: &Standing, wants_receipt: bool) {
        let held = match standing {
            Standing::Holds(case) => Some(*case),
            _ => None,
        };
        if let (Some(case), Some(client)) =
            (held.and_then(|id| self.cases.get_mut(&id)), case_client(input))
        {
            case.resource = Some(client);
        }
        self.receipt(input, held, wants_receipt);
    }

    /// Behind the row, or behind the row that this repeats: stored before it is confirmed.
    fn receipt(&mut self, input: &AgentInput, case: Option<ConversationId>, wanted: bool) {
        if let (true, Some(stanza)) = (wanted, input.stanza.clone()) {
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

    /// The agent's client has confirmed something.
    fn confirmed(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        mark: impl FnOnce(&mut Case) -> Moved,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        if !case.reaches(agent) {
            return;
        }
        let moved = mark(case);
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        let (delivered, read) = (case.view.delivered, case.view.read);
        if moved == Moved::Nothing {
            return;
        }
        let author = self.author(&tenant, agent);
        let kind = RowKind::Marked { delivered, read };
        self.append(now, id, NewRow::hidden(author, kind).with_view());
        if moved == Moved::Ticks {
            let notice = CustomerNotice::Receipt { conversation: id, delivered, read };
            self.notify(&tenant, customer, notice);
        }
    }

    fn agent_command(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: Standing,
        command: AgentCommand,
        fresh: ConversationId,
    ) {
        match (command, standing) {
            (AgentCommand::Unknown { word }, _) => {
                self.refuse_agent(input, AgentRefusal::UnknownCommand { word });
            }
            (AgentCommand::Who, _) => {
                if let Some(line) = self.who(customer) {
                    self.reply(input, line);
                }
            }
            (AgentCommand::Help, _) => self.reply(input, Line::Help { in_chat: true }),
            (AgentCommand::Status, _) => {
                let tenant = self.visitors.get(&customer).map(|v| v.customer.tenant.clone());
                if let Some(tenant) = tenant {
                    let line = self.status(now, &tenant);
                    self.reply(input, line);
                }
            }
            (AgentCommand::Close, Standing::Holds(case)) => self.close_by(now, case, input),
            (AgentCommand::Close, Standing::Late { case, .. } | Standing::MayTake(case))
                if self.supervises(customer, &input.agent) =>
            {
                self.close_by(now, case, input);
            }
            (AgentCommand::Close, Standing::Late { case, holder }) => {
                let tenant = self.cases.get(&case).map(|case| case.view.tenant.clone());
                let by = tenant.map_or_else(|| "".into(), |t| self.agent_name(&t, &holder));
                self.refuse_agent(input, AgentRefusal::Taken { by });
            }
            (AgentCommand::Close, Standing::Closed) => {
                self.refuse_agent(input, AgentRefusal::Closed);
            }
            (AgentCommand::Reopen, Standing::Closed) => self.reopen(now, customer, input, fresh),
            (AgentCommand::Close | AgentCommand::Reopen, _) => {
                self.reply(input, Line::Help { in_chat: true });
            }
        }
    }

    fn supervises(&self, customer: CustomerId, agent: &AgentJid) -> bool {
        let visitor = self.visitors.get(&customer);
        visitor.is_some_and(|visitor| self.is_supervisor(&visitor.customer.tenant, agent))
    }

    fn close_by(&mut self, now: Timestamp, id: ConversationId, input: &AgentInput) {
        let Some(case) = self.cases.get(&id) else { return };
        let author = self.author(&case.view.tenant, &input.agent);
        let told = case.reaches(&input.agent);
        self.close(now, id, author, CloseReason::Agent, None);
        if !told {
            self.reply(input, Line::Closed { reason: CloseReason::Agent });
        }
    }

    /// The agent goes on with a customer whose conversation was closed: a new one, his at once.
    fn reopen(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        fresh: ConversationId,
    ) {
        let Some(visitor) = self.visitors.get(&customer) else { return };
        let tenant = visitor.customer.tenant.clone();
        let author = self.author(&tenant, &input.agent);
        self.begin(
            now,
            Beginning {
                id: fresh,
                tenant,
                customer,
                queue: QueueKey::default_queue(),
                subject: None,
                answers: Vec::new(),
                key: None,
                author,
            },
        );
        self.assign(now, fresh, &input.agent);
        self.reply(input, Line::Reopened);
    }

    fn who(&self, customer: CustomerId) -> Option<Line> {
        let visitor = self.visitors.get(&customer)?;
        let case = visitor.open.and_then(|id| self.cases.get(&id));
        Some(Line::Who {
            name: visitor.customer.name.clone(),
            queue: case.map_or_else(
                || "".into(),
                |case| self.queue_name(&case.view.tenant, &case.view.queue),
            ),
            online: !visitor.nodes.is_empty(),
            page: visitor.page.clone(),
            conversations: visitor.customer.conversations,
            opened_at: case.map(|case| case.view.opened_at).unwrap_or_default(),
            answers: case.map(|case| case.answers.clone()).unwrap_or_default(),
        })
    }

    fn status(&self, now: Timestamp, tenant: &TenantKey) -> Line {
        let Some(desk) = self.tenants.get(tenant) else {
            return Line::Status { queues: Vec::new(), agents: Vec::new() };
        };
        let queues = desk.settings.queues.iter().map(|queue| {
            let line = desk.lines.get(&queue.key);
            let since = line.and_then(super::Line::first_since);
            let waited_ms = since.map_or(0, |since| now.since(since));
            (queue.name.clone(), line.map_or(0, |line| line.len() as u32), waited_ms)
        });
        let agents = desk.settings.agents.iter().map(|agent| {
            let held = self.work.get(&(tenant.clone(), agent.jid.clone()));
            let word = match self.clients.get(&agent.jid).and_then(Clients::availability) {
                None => "unknown",
                Some(Availability::Gone) => "offline",
                Some(Availability::Busy) => "busy",
                Some(Availability::Away) => "away",
                Some(Availability::Free) => "available",
            };
            (agent.name.clone(), word, held.map_or(0, |w| w.held.len() as u32), agent.capacity)
        });
        Line::Status { queues: queues.collect(), agents: agents.collect() }
    }

    /// Answers the client that asked, from the address it asked.
    fn reply(&mut self, input: &AgentInput, line: Line) {
        self.answer_agent(input, ToAgentContent::Line(line));
    }

    fn refuse_agent(&mut self, input: &AgentInput, refusal: AgentRefusal) {
        let stanza = input.stanza.clone();
        self.answer_agent(input, ToAgentContent::Refused { stanza, refusal });
    }

    /// The one answer for all who have no business at an address, whether it exists or not.
    fn no_such_address(&mut self, input: &AgentInput) {
        match input.content {
            // Nobody waits for an answer to these.
            AgentContent::Typing { .. }
            | AgentContent::Received { .. }
            | AgentContent::Displayed { .. } => {}
            AgentContent::Text { .. }
            | AgentContent::Command { .. }
            | AgentContent::Refused { .. } => self.refuse_agent(input, AgentRefusal::NotFound),
        }
    }

    fn answer_agent(&mut self, input: &AgentInput, content: ToAgentContent) {
        self.tell_client(input, None, content);
    }

    /// To the client that this came from, from the address it went to.
    fn tell_client(
        &mut self,
        input: &AgentInput,
        conversation: Option<ConversationId>,
        content: ToAgentContent,
    ) {
        self.gate.emit(Effect::Send(ToAgent {
            agent: input.agent.clone(),
            resource: case_client(input),
            from: input.to.clone(),
            conversation,
            content,
        }));
    }

    /// The stream stands (again): presences are asked for, and what an agent's client has not
    /// confirmed is sent once more, under the same ids.
    pub(super) fn link_up(&mut self, now: Timestamp) {
        for (agent, clients) in &mut self.clients {
            clients.expect(now);
            if let Some(at) = clients.gone_at() {
                self.timers.arm(at, super::timer::Timer::Gone(agent.clone()));
            }
        }
        self.greet_agents();
        let mut open: Vec<ConversationId> = self.cases.keys().copied().collect();
        open.sort_unstable();
        for id in open {
            self.send_again(id);
        }
    }

    fn send_again(&mut self, id: ConversationId) {
        let Some(case) = self.cases.get(&id) else { return };
        let view = &case.view;
        let unconfirmed_above = match view.state {
            State::Active { .. } => Some(view.confirmed),
            State::Offered { .. } => None,
            State::Waiting | State::Closed { .. } => return,
        };
        let customer = view.customer;
        for agent in case.audience().to_vec() {
            self.add_contact(customer, &agent);
            self.backlog(id, &agent, unconfirmed_above);
        }
    }
}

/// The client that a stanza came from.
fn case_client(input: &AgentInput) -> Option<Arc<str>> {
    Some(input.resource.clone()).filter(|resource| !resource.is_empty())
}

fn refusal(reason: Refusal) -> AgentRefusal {
    match reason {
        Refusal::TooLong => AgentRefusal::TooLong,
        Refusal::Encrypted => AgentRefusal::Encrypted,
    }
}
