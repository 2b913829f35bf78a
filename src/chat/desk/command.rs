//! What agents command: one meaning, however a command came in.

use super::Desk;
use super::agent::Standing;
use super::lifecycle::Beginning;
use crate::chat::effect::{AgentRefusal, Line};
use crate::chat::event::{AgentCommand, AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::CloseReason;
use crate::chat::presence::Clients;

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
