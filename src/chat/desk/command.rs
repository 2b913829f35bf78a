//! Carries out agents' commands, the same however a command came in.
//!
//! Invariants: a command is carried out, or refused with a reason; neither it nor its correction is
//! ever shown to the customer; text that came with it is sent or returned.

use std::sync::Arc;

use super::Desk;
use super::agent::{PASSED_ON, Standing};
use super::lifecycle::{Beginning, Command};
use super::row::NewRow;
use crate::chat::commands::AgentCommand;
use crate::chat::event::{About, AgentContent, AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::CloseReason;
use crate::chat::notice::Notice;
use crate::chat::presence::Clients;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{RequeueReason, RowKind};

/// Commands that are carried out once, under the names by which they are remembered.
const CLOSE: &str = "close";
const REOPEN: &str = "reopen";
pub(super) const ASK: &str = "ask";
const FORM: &str = "form";
const TRANSFER: &str = "transfer";
const DECLINE: &str = "no";
/// Any command, carried out or refused: its correction must not reach the customer.
const COMMAND: &str = "command";

/// The command that an agent's row comes from.
pub(super) fn order_of(kind: &RowKind) -> Option<&'static str> {
    match kind {
        RowKind::Closed { .. } => Some(CLOSE),
        RowKind::Opened { .. } => Some(REOPEN),
        RowKind::Asked { .. } => Some(ASK),
        RowKind::Handing { .. } => Some(TRANSFER),
        _ => None,
    }
}

/// For a command that is carried out once: its name, and the notice when it comes again.
fn once(command: &AgentCommand) -> Option<(&'static str, Notice)> {
    let spec = command.spec()?;
    // In the log, both are questions.
    let order = if spec.word == FORM { ASK } else { spec.word };
    Some((order, spec.repeated?()))
}

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
        } else if corrects.is_some_and(|id| self.was_done(now, customer, &input.agent, id)) {
            // What has been carried out cannot be changed.
            self.refuse_agent(input, AgentRefusal::Carried);
            false
        } else {
            self.carry_out(now, customer, input, standing, command)
        };
        self.ordered(now, customer, input, COMMAND);
        if done {
            self.receipt(input, None);
        }
    }

    /// Carries out a command; returns false if it was refused.
    fn carry_out(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: Standing,
        command: AgentCommand,
    ) -> bool {
        let refusal = match (command, standing) {
            (_, Standing::Stranger) => AgentRefusal::NotFound,
            (AgentCommand::Invalid(refusal), _) => refusal,
            (AgentCommand::Who, _) => {
                if let Some(line) = self.who(customer) {
                    self.reply(input, line);
                }
                return true;
            }
            (AgentCommand::Help, _) => {
                self.reply(input, Notice::Help { in_chat: true });
                return true;
            }
            (AgentCommand::Status, _) => {
                let tenant = self.visitors.get(&customer).map(|v| v.customer.tenant.clone());
                if let Some(tenant) = tenant {
                    let line = self.status(now, &tenant);
                    self.reply(input, line);
                }
                return true;
            }
            (_, Standing::PassedOn) => AgentRefusal::Impossible { text: PASSED_ON.into() },
            (AgentCommand::Ask { text, offers }, standing) => {
                match self.ask(now, customer, input, &standing, text, offers) {
                    Some(refusal) => refusal,
                    None => return true,
                }
            }
            (AgentCommand::Close, Standing::Holds(case)) => {
                self.close_by(now, case, input);
                return true;
            }
            (AgentCommand::Close, Standing::Late { case, .. } | Standing::MayTake(case))
                if self.supervises(customer, &input.agent) =>
            {
                self.close_by(now, case, input);
                return true;
            }
            (AgentCommand::CloseSaying { words }, Standing::Holds(case)) => {
                self.say_and_close(now, case, input, words);
                return true;
            }
            (AgentCommand::CloseSaying { words }, Standing::MayTake(case)) => {
                self.assign(now, case, &input.agent);
                self.say_and_close(now, case, input, words);
                return true;
            }
            (
                AgentCommand::Close
                | AgentCommand::CloseSaying { .. }
                | AgentCommand::Undo
                | AgentCommand::Transfer { .. }
                | AgentCommand::Decline { .. },
                Standing::Late { case, holder },
            ) => self.taken(case, &holder),
            (
                AgentCommand::Close
                | AgentCommand::CloseSaying { .. }
                | AgentCommand::Undo
                | AgentCommand::Transfer { .. }
                | AgentCommand::Decline { .. },
                Standing::Closed,
            ) => AgentRefusal::Closed,
            (AgentCommand::Close, Standing::MayTake(_)) => AgentRefusal::NotTaken,
            (AgentCommand::Undo, Standing::Holds(case)) => match self.undo(now, case, input) {
                Some(refusal) => refusal,
                None => {
                    self.ordered(now, customer, input, "undo");
                    return true;
                }
            },
            (AgentCommand::Undo, Standing::MayTake(_)) => AgentRefusal::NoSuchWords,
            (AgentCommand::Transfer { text }, Standing::Holds(case)) => {
                match self.transfer(now, case, input, &text) {
                    Err(refusal) => refusal,
                    Ok(()) => {
                        self.ordered(now, customer, input, TRANSFER);
                        return true;
                    }
                }
            }
            (AgentCommand::Transfer { .. }, Standing::MayTake(_)) => AgentRefusal::Impossible {
                text: "Not transferred: this customer isn't yours yet. To decline: !no".into(),
            },
            (AgentCommand::Decline { why }, Standing::MayTake(case)) => {
                match self.decline(now, case, input, why) {
                    Some(refusal) => refusal,
                    None => {
                        self.ordered(now, customer, input, DECLINE);
                        return true;
                    }
                }
            }
            (AgentCommand::Decline { .. }, Standing::Holds(_)) => AgentRefusal::Impossible {
                text: "Not declined: this conversation is yours. To hand it over: !transfer".into(),
            },
            (AgentCommand::Reopen, Standing::Closed) => {
                self.reopen(now, customer, input);
                return true;
            }
            (AgentCommand::Reopen, _) => AgentRefusal::StillOpen,
        };
        self.refuse_agent(input, refusal);
        false
    }

    pub(super) fn taken(&self, case: ConversationId, holder: &AgentJid) -> AgentRefusal {
        let tenant = self.cases.get(&case).map(|case| &case.view.tenant);
        let by = tenant.map_or_else(|| "".into(), |tenant| self.agent_name(tenant, holder));
        AgentRefusal::Taken { by }
    }

    /// Carries out `!no`; returns the refusal if there is nothing to decline.
    fn decline(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        why: Arc<str>,
    ) -> Option<AgentRefusal> {
        let case = self.cases.get(&id)?;
        let tenant = case.view.tenant.clone();
        if case.view.is_handed_to(&input.agent) {
            self.does_not_take(now, id, &input.agent, RequeueReason::Declined, why);
            return None;
        }
        if !case.reaches(&input.agent) {
            let text = "Not declined: you are not offered this customer any more";
            return Some(AgentRefusal::Impossible { text: text.into() });
        }
        if !why.is_empty() {
            let text = format!("Declined: {why}").into();
            let author = self.author(&tenant, &input.agent);
            self.append(now, id, NewRow::new(author, RowKind::Note { text }));
        }
        self.withdraw(now, id, &input.agent, RequeueReason::Declined);
        None
    }

    fn say_and_close(
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
        let mut knows = |order| self.orders.knows(now, agent, customer, stanza, order);
        knows(CLOSE) || knows(REOPEN) || knows(ASK) || knows(TRANSFER) || knows(DECLINE)
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
    }

    /// Whether the same stanza gave this command before; then only the notice is sent again.
    fn is_repeated_order(
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
        self.orders.knows(now, &input.agent, customer, stanza, order)
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

    fn who(&self, customer: CustomerId) -> Option<Notice> {
        let visitor = self.visitors.get(&customer)?;
        let case = visitor.open.and_then(|id| self.cases.get(&id));
        Some(Notice::Who {
            name: visitor.name(),
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
            let word = match self.clients.get(&agent.jid).and_then(Clients::availability) {
                None => "unknown",
                Some(Availability::Gone) => "offline",
                Some(Availability::Busy) => "busy",
                Some(Availability::Away) => "away",
                Some(Availability::Free) => "available",
            };
            (agent.name.clone(), word, chats, agent.capacity)
        });
        Notice::Status { queues: queues.collect(), agents: agents.collect() }
    }
}
