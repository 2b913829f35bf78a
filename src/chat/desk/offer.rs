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
use crate::chat::routing::{Candidate, choose};
use crate::chat::row::{Author, RequeueReason, RowKind};
use crate::chat::settings::Strategy;

/// The shortest duration of an offer, in milliseconds, whatever the settings say.
const LEAST_MS: i64 = 1_000;
/// After this time, in milliseconds, agents who did not respond are asked again.
const REST_MS: i64 = 10 * 60_000;

impl Desk {
    pub(super) fn is_free(&self, agent: &AgentJid) -> bool {
        self.clients.get(agent).and_then(Clients::availability) == Some(Availability::Free)
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

    /// Offers what can be offered, in the order of each queue.
    pub(super) fn offer_stirred(&mut self, now: Timestamp) {
        while let Some((tenant, queue)) = self.stirred.pop_first() {
            let Some(settings) = self.settings(&tenant) else { continue };
            let Some(strategy) =
                settings.queues.iter().find(|q| q.key == queue).map(|q| q.strategy)
            else {
                continue;
            };
            let mut candidates = self.candidates(&tenant, &queue);
            for id in self.unserved(&tenant, &queue, candidates.is_empty()) {
                if self.rests(id) {
                    if !self.is_news_to(id, &candidates) {
                        continue;
                    }
                    self.requeue(now, id, RequeueReason::Silent);
                    candidates = self.candidates(&tenant, &queue);
                }
                self.offer(now, id, strategy, candidates);
                candidates = self.candidates(&tenant, &queue);
                if candidates.is_empty() {
                    break;
                }
            }
        }
    }

    /// Waiting conversations that are not offered, or whose offer rests; empty if `nobody` is
    /// available.
    fn unserved(&self, tenant: &TenantKey, queue: &QueueKey, nobody: bool) -> Vec<ConversationId> {
        let line = self.tenants.get(tenant).and_then(|desk| desk.queues.get(queue));
        let unserved = |id: &ConversationId| {
            self.cases.get(id).is_some_and(|case| {
                (case.rests || case.view.state == State::Waiting)
                    && !self.is_left_for_later(&case.view)
            })
        };
        match line {
            Some(line) if !nobody => line.iter().filter(unserved).collect(),
            _ => Vec::new(),
        }
    }

    fn rests(&self, id: ConversationId) -> bool {
        self.cases.get(&id).is_some_and(|case| case.rests)
    }

    /// Whether one of these agents has not been asked in this round.
    fn is_news_to(&self, id: ConversationId, candidates: &[Candidate]) -> bool {
        let asked = self.cases.get(&id).map(|case| &case.asked);
        candidates.iter().any(|one| asked.is_some_and(|asked| !asked.contains(&one.jid)))
    }

    pub(super) fn candidates(&self, tenant: &TenantKey, queue: &QueueKey) -> Vec<Candidate> {
        let Some(settings) = self.settings(tenant) else { return Vec::new() };
        let serving = settings.agents.iter().filter(|agent| agent.queues.contains(queue));
        serving
            .filter(|agent| self.is_free(&agent.jid))
            .filter_map(|agent| {
                let work = self.work.get(&(tenant.clone(), agent.jid.clone()));
                let load = work.map_or(0, |work| work.held.len() as u32);
                (load < agent.capacity).then(|| Candidate {
                    jid: agent.jid.clone(),
                    load,
                    capacity: agent.capacity,
                    asked_at: work.map(|work| work.asked_at).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Offers one conversation. Agents who failed it last are passed over, and those asked in this
    /// round as long as there are others.
    fn offer(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        strategy: Strategy,
        mut candidates: Vec<Candidate>,
    ) {
        let Some(case) = self.cases.get(&id) else { return };
        candidates.retain(|candidate| !case.shunned.contains(&candidate.jid));
        if self.is_news_to(id, &candidates) {
            candidates.retain(|candidate| !case.asked.contains(&candidate.jid));
        }
        let agents = choose(strategy, candidates);
        if !agents.is_empty() {
            self.offer_to(now, id, agents);
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
        let (tenant, queue) = (case.view.tenant.clone(), case.view.queue.clone());
        if self.is_news_to(id, &self.candidates(&tenant, &queue)) {
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
