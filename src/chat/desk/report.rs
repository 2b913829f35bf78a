//! What agents ask about a customer: who it is, a summary, the earlier conversations, and why the
//! customer waits or came here.
//!
//! Invariants: what needs the store is read by the owner, after the rows before it are stored, and
//! the desk does not wait for it; nobody is told more than is asked about a customer of their own
//! tenant.

use super::Desk;
use super::agent::Standing;
use crate::chat::digest::{HISTORY, WITH_OFFER};
use crate::chat::effect::{Effect, Report, Reported};
use crate::chat::event::{AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Timestamp};
use crate::chat::model::State;
use crate::chat::notice::{Notice, Readiness, Stage};
use crate::chat::presence::Clients;
use crate::chat::refusal::AgentRefusal;

impl Desk {
    pub(super) fn who(&self, customer: CustomerId) -> Option<Notice> {
        let visitor = self.visitors.get(&customer)?;
        let case = visitor.open.and_then(|id| self.cases.get(&id));
        let agent = case.and_then(|case| {
            let agent = case.view.agent()?;
            Some(self.agent_name(&case.view.tenant, agent))
        });
        Some(Notice::Who {
            name: visitor.name(),
            open: case.map(|case| {
                let view = &case.view;
                (self.queue_name(&view.tenant, &view.queue), view.opened_at)
            }),
            agent,
            online: !visitor.nodes.is_empty(),
            page: visitor.page.clone(),
            conversations: visitor.customer.conversations,
            priority: case.map_or(0, |case| case.view.priority),
            tags: case.map(|case| case.view.tags.clone()).unwrap_or_default(),
            answers: case.map(|case| case.answers.clone()).unwrap_or_default(),
        })
    }

    /// Sends a summary of the open conversation, or of the last one.
    pub(super) fn summarise(&mut self, customer: CustomerId, input: &AgentInput) {
        let Some(mut who) = self.who(customer) else { return };
        if let Notice::Who { answers, .. } = &mut who {
            answers.clear();
        }
        let client = input.client();
        self.report(customer, &input.agent, client, Reported::Summary { who: Box::new(who) });
    }

    /// Sends the last conversations with the customer.
    pub(super) fn tell_history(&mut self, customer: CustomerId, input: &AgentInput) {
        let what = Reported::History { limit: HISTORY, asked: true };
        self.report(customer, &input.agent, input.client(), what);
    }

    /// Sends the last conversations with a customer who is offered to an agent, if there are any.
    pub(super) fn tell_history_with_offer(&mut self, id: ConversationId, agent: &AgentJid) {
        let Some(case) = self.cases.get(&id).filter(|case| case.told_upto(agent).is_none()) else {
            return;
        };
        let customer = case.view.customer;
        let visitor = self.visitors.get(&customer);
        if visitor.is_some_and(|visitor| visitor.customer.conversations > 1) {
            let what = Reported::History { limit: WITH_OFFER, asked: false };
            self.report(customer, agent, None, what);
        }
    }

    fn report(
        &mut self,
        customer: CustomerId,
        agent: &AgentJid,
        resource: Option<std::sync::Arc<str>>,
        what: Reported,
    ) {
        let Some(visitor) = self.visitors.get(&customer) else { return };
        let Some(settings) = self.settings(&visitor.customer.tenant) else { return };
        self.gate.emit(Effect::Report(Report {
            agent: agent.clone(),
            resource,
            from: visitor.customer.localpart.clone(),
            customer,
            conversation: visitor.open,
            settings,
            what,
        }));
    }

    /// Says why the customer waits, or why they came to this agent.
    pub(super) fn tell_why(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        standing: &Standing,
    ) -> Result<(), AgentRefusal> {
        let case = self.case_about(customer, standing)?;
        let line = self.why(now, case).ok_or(AgentRefusal::NotFound)?;
        self.reply(input, line);
        Ok(())
    }

    /// Why a customer waits, or who serves them: the queue, and each agent's reason.
    pub(super) fn why(&self, now: Timestamp, id: ConversationId) -> Option<Notice> {
        let case = self.cases.get(&id)?;
        let view = &case.view;
        let settings = self.settings(&view.tenant)?;
        let queue = settings.queues.iter().find(|queue| queue.key == view.queue);
        let stage = match &view.state {
            State::Active { agent } => Stage::Served { by: self.agent_name(&view.tenant, agent) },
            State::Offered { .. } | State::Waiting => {
                Stage::Waits { waited_ms: case.waited(now), position: self.place(view).position }
            }
            State::Closed { .. } => return None,
        };
        let (serving, others): (Vec<_>, Vec<_>) = settings.agents.iter().partition(|agent| {
            agent.queues.contains(&view.queue)
                || case.audience().contains(&agent.jid)
                || view.transfer.as_ref().is_some_and(|t| t.has_asked(&agent.jid))
                || case.given_by.as_ref() == Some(&agent.jid)
        });
        let agents = serving.into_iter().map(|agent| {
            let readiness = self.readiness(now, id, &agent.jid, agent.capacity);
            (agent.name.clone(), readiness)
        });
        Some(Notice::Why {
            queue: self.queue_name(&view.tenant, &view.queue),
            strategy: queue.map(|queue| queue.strategy),
            stage,
            priority: view.priority,
            agents: agents.collect(),
            others: others.into_iter().map(|agent| agent.name.clone()).collect(),
        })
    }

    /// Why an agent has a customer, or does not.
    fn readiness(
        &self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        capacity: u32,
    ) -> Readiness {
        let Some(case) = self.cases.get(&id) else { return Readiness::Unknown };
        match &case.view.state {
            State::Active { agent: holder } if holder == agent => return Readiness::Serves,
            State::Offered { agents, until } if agents.contains(agent) => {
                return Readiness::Asked { until: *until };
            }
            _ => {}
        }
        if let Some(transfer) = &case.view.transfer {
            if transfer.agents.contains(agent) {
                return Readiness::AskedToTake { until: transfer.until };
            }
            if transfer.tried.contains(agent) {
                return Readiness::DidNotTake;
            }
        }
        if case.given_by.as_ref() == Some(agent) {
            return Readiness::GaveUp;
        }
        let work = self.work.get(&(case.view.tenant.clone(), agent.clone()));
        let held = work.map_or(0, |work| work.held.len() as u32);
        match self.clients.get(agent).and_then(Clients::availability) {
            None => Readiness::Unknown,
            Some(Availability::Gone) => Readiness::Offline,
            Some(Availability::Busy) => Readiness::Busy,
            Some(Availability::Away) => Readiness::Away,
            Some(Availability::Free) if held >= capacity => Readiness::Full { held, capacity },
            Some(Availability::Free) if case.shunned.contains(agent) => {
                Readiness::PassedOver { until: Some(case.shunned_until).filter(|at| *at > now) }
            }
            Some(Availability::Free) if case.asked.contains(agent) => Readiness::WasAsked,
            Some(Availability::Free) => Readiness::Free,
        }
    }
}
