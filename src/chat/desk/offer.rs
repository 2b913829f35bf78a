//! Offers conversations to agents, and moves on to others when they do not respond.
//!
//! Invariants: in one round everybody is asked once; then the offer stays with the agents asked
//! last until an agent comes online who has not been asked, the customer writes, or [`REST_MS`]
//! have passed. An agent who is asked again is not sent again what they already have.

use super::Desk;
use super::row::NewRow;
use super::timer::Timer;
use crate::chat::event::Availability;
use crate::chat::ids::{AgentJid, ConversationId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::State;
use crate::chat::notice::Notice;
use crate::chat::presence::Clients;
use crate::chat::row::{Author, RequeueReason, RowKind};

/// The shortest duration of an offer, in milliseconds, whatever the settings say.
const LEAST_MS: i64 = 1_000;
/// After this time, in milliseconds, agents who did not respond are asked again.
const REST_MS: i64 = 10 * 60_000;

impl Desk {
    pub(super) fn is_free(&self, agent: &AgentJid) -> bool {
        self.clients.get(agent).and_then(Clients::availability) == Some(Availability::Free)
    }

    /// Whether an agent may be asked: they are free, and no supervisor set them to away.
    pub(super) fn is_available(&self, tenant: &TenantKey, agent: &AgentJid) -> bool {
        self.is_free(agent) && !self.is_sent_away(tenant, agent)
    }

    pub(super) fn offer_ms(&self, tenant: &TenantKey, queue: &QueueKey) -> i64 {
        self.settings(tenant)
            .and_then(|s| s.queues.iter().find(|q| q.key == *queue).map(|q| q.offer_ms))
            .unwrap_or(30_000)
            .max(LEAST_MS)
    }

    /// Something changed for the agent: there may be something to offer in the queues they serve.
    pub(super) fn stir_queues_of(&mut self, tenant: &TenantKey, agent: &AgentJid) {
        if let Some(settings) = self.agent_of(tenant, agent) {
            let queues = settings.queues.clone();
            self.stirred.extend(queues.into_iter().map(|queue| (tenant.clone(), queue)));
        }
    }

    /// Offers a waiting conversation to these agents.
    pub(super) fn offer_to(&mut self, now: Timestamp, id: ConversationId, agents: Vec<AgentJid>) {
        let Some(view) = self.cases.get(&id).map(|case| &case.view) else { return };
        let tenant = view.tenant.clone();
        let until = now.plus(self.offer_ms(&tenant, &view.queue));
        if let Some(case) = self.cases.get_mut(&id) {
            case.begin_offer(agents.clone(), until);
        }
        self.acquaintances.meet(id, &agents);
        self.timers.arm(until, Timer::Offer(id));
        let row = NewRow {
            recipients: agents.clone(),
            ..NewRow::new(Author::System, RowKind::Offered).with_view()
        };
        let Some(row) = self.append(now, id, row) else { return };
        if let Some(case) = self.cases.get_mut(&id) {
            case.offered = Some((row.pos, row.at));
            case.withheld = case.is_long();
        }
        for agent in &agents {
            let work = self.work.entry((tenant.clone(), agent.clone())).or_default();
            work.held.insert(id);
            work.asked_at = now;
            self.show_offer(now, id, agent, true);
        }
    }

    /// Shows the customer to an agent who is offered them, with all messages so far.
    pub(super) fn propose(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        self.show_offer(now, id, agent, false);
    }

    /// The same; an agent who is asked for the first time gets the earlier conversations too.
    fn show_offer(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid, asks: bool) {
        let Some(case) = self.cases.get(&id) else { return };
        let Some((pos, at)) = case.offered else { return };
        let withheld = case.withheld;
        let (view, waited) = (case.view.clone(), case.waited(now));
        self.add_contact(view.customer, agent);
        let Some(visitor) = self.visitors.get(&view.customer) else { return };
        let line = Notice::Waiting {
            pos,
            at,
            name: visitor.name(),
            queue: self.queue_name(&view.tenant, &view.queue),
            waited_ms: waited,
            page: visitor.page.clone(),
            conversations: visitor.customer.conversations,
            subject: view.subject.clone(),
        };
        self.say(id, agent, line);
        if asks {
            self.tell_history_with_offer(id, agent);
        }
        match self.cases.get(&id).and_then(|case| case.told_upto(agent)) {
            _ if withheld => {}
            Some(upto) => self.catch_up_after(now, id, agent, upto),
            None => self.catch_up(now, id, agent),
        }
    }

    /// The offer has expired: agents not asked in this round are asked next; if there are none, the
    /// offer rests. When the rest is over, another round begins.
    pub(super) fn offer_ran_out(&mut self, now: Timestamp, id: ConversationId) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let State::Offered { agents, until } = case.view.state.clone() else { return };
        if until > now {
            return;
        }
        if std::mem::take(&mut case.rests) {
            case.asked.clone_from(&agents);
        }
        if self.anyone_new_to(id) {
            return self.requeue(now, id, RequeueReason::Silent);
        }
        let until = now.plus(REST_MS);
        if let Some(case) = self.cases.get_mut(&id) {
            case.rests = true;
            case.view.state = State::Offered { agents, until };
        }
        self.timers.arm(until, Timer::Offer(id));
    }

    /// The customer wrote: if the offer rests, all are asked again should nobody respond in time.
    pub(super) fn ask_anew(&mut self, now: Timestamp, id: ConversationId) {
        let Some(case) = self.cases.get(&id).filter(|case| case.rests) else { return };
        let again = now.plus(self.offer_ms(&case.view.tenant, &case.view.queue));
        let Some(case) = self.cases.get_mut(&id) else { return };
        if let State::Offered { agents, until } = &mut case.view.state {
            (case.rests, *until) = (false, again);
            case.asked.clone_from(agents);
        }
        self.timers.arm(again, Timer::Offer(id));
    }

    /// Nobody else has come online: agents who failed the customer last may be asked again.
    pub(super) fn ask_again(&mut self, now: Timestamp, id: ConversationId) {
        if let Some(case) = self.cases.get_mut(&id)
            && case.view.state == State::Waiting
            && case.shunned_until <= now
        {
            case.shunned.clear();
            self.stirred.insert((case.view.tenant.clone(), case.view.queue.clone()));
        }
    }
}
