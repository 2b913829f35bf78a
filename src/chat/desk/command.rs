//! What agents command: one meaning, however a command came in.

use super::Desk;
use super::agent::Standing;
use super::lifecycle::{Beginning, Command};
use crate::chat::effect::{AgentRefusal, Line};
use crate::chat::event::{AgentCommand, AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::{CloseReason, RowKind};
use crate::chat::presence::Clients;

/// The orders that are carried out once, as they are remembered.
const CLOSE: &str = "close";
const REOPEN: &str = "reopen";
pub(super) const ASK: &str = "ask";

/// The order that an agent's row came of.
pub(super) fn order_of(kind: &RowKind) -> Option<&'static str> {
    match kind {
        RowKind::Closed { .. } => Some(CLOSE),
        RowKind::Opened { .. } => Some(REOPEN),
        RowKind::Asked { .. } => Some(ASK),
        _ => None,
    }
}

impl Desk {
    pub(super) fn agent_command(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: Standing,
        command: AgentCommand,
        fresh: ConversationId,
    ) {
        if self.is_repeated_order(now, customer, input, &command) {
            return;
        }
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
            (AgentCommand::Ask { text, offers }, standing) => {
                self.ask(now, customer, input, &standing, text, offers);
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

    /// Whether the same stanza ordered this before: then nothing happens again but the answer.
    fn is_repeated_order(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        command: &AgentCommand,
    ) -> bool {
        let (order, answer) = match command {
            AgentCommand::Close => (CLOSE, Line::Closed { reason: CloseReason::Agent }),
            AgentCommand::Reopen => (REOPEN, Line::Reopened),
            AgentCommand::Ask { .. } => (ASK, Line::Asked),
            _ => return false,
        };
        let Some(stanza) = &input.stanza else { return false };
        let repeated = self.orders.knows(now, &input.agent, customer, stanza, order);
        if repeated {
            self.reply(input, answer);
        }
        repeated
    }

    /// The order was carried out.
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

    fn supervises(&self, customer: CustomerId, agent: &AgentJid) -> bool {
        let visitor = self.visitors.get(&customer);
        visitor.is_some_and(|visitor| self.is_supervisor(&visitor.customer.tenant, agent))
    }

    fn close_by(&mut self, now: Timestamp, id: ConversationId, input: &AgentInput) {
        let Some(case) = self.cases.get(&id) else { return };
        let author = self.author(&case.view.tenant, &input.agent);
        let (told, customer) = (case.reaches(&input.agent), case.view.customer);
        let by = Command { key: None, stanza: input.stanza.clone() };
        self.close(now, id, author, CloseReason::Agent, by);
        self.ordered(now, customer, input, CLOSE);
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
                stanza: input.stanza.clone(),
                before: None,
            },
        );
        self.ordered(now, customer, input, REOPEN);
        self.assign(now, fresh, &input.agent);
        self.reply(input, Line::Reopened);
    }

    fn who(&self, customer: CustomerId) -> Option<Line> {
        let visitor = self.visitors.get(&customer)?;
        let case = visitor.open.and_then(|id| self.cases.get(&id));
        Some(Line::Who {
            name: visitor.customer.name.clone(),
            open: case.map(|case| {
                let view = &case.view;
                (self.queue_name(&view.tenant, &view.queue), view.opened_at)
            }),
            online: !visitor.nodes.is_empty(),
            page: visitor.page.clone(),
            conversations: visitor.customer.conversations,
            answers: case.map(|case| case.answers.clone()).unwrap_or_default(),
        })
    }

    pub(super) fn status(&self, now: Timestamp, tenant: &TenantKey) -> Line {
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
}
