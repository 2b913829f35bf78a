//! Asking agents, and taking back what they do not answer.

use std::sync::Arc;

use super::Desk;
use super::row::NewRow;
use super::timer::Timer;
use crate::chat::effect::Line;
use crate::chat::event::Availability;
use crate::chat::ids::{AgentJid, ConversationId, Localpart, Pos, QueueKey, TenantKey, Timestamp};
use crate::chat::model::{Author, RequeueReason, RowKind, State, Strategy};
use crate::chat::presence::Clients;
use crate::chat::routing::{Candidate, choose};

/// How often those who wait hear of their place, in milliseconds.
const POSITIONS_MS: i64 = 1_000;
/// No offer is shorter, in milliseconds, whatever the settings say.
const LEAST_MS: i64 = 1_000;

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

    /// Something changed for the agent: the queues he serves may have something for him.
    pub(super) fn stir_queues_of(&mut self, tenant: &TenantKey, agent: &AgentJid) {
        if let Some(settings) = self.agent_of(tenant, agent) {
            let queues = settings.queues.clone();
            self.stirred.extend(queues.into_iter().map(|queue| (tenant.clone(), queue)));
        }
    }

    /// Offers what can be offered, in the order of each line.
    pub(super) fn offer_stirred(&mut self, now: Timestamp) {
        while let Some((tenant, queue)) = self.stirred.pop_first() {
            let Some(settings) = self.settings(&tenant) else { continue };
            let Some(strategy) =
                settings.queues.iter().find(|q| q.key == queue).map(|q| q.strategy)
            else {
                continue;
            };
            let mut candidates = self.candidates(&tenant, &queue);
            for id in self.waiting(&tenant, &queue, candidates.is_empty()) {
                self.offer(now, id, strategy, candidates);
                candidates = self.candidates(&tenant, &queue);
                if candidates.is_empty() {
                    break;
                }
            }
        }
    }

    /// Those in line about whom nobody is asked; none where `nobody` could be.
    fn waiting(&self, tenant: &TenantKey, queue: &QueueKey, nobody: bool) -> Vec<ConversationId> {
        let line = self.tenants.get(tenant).and_then(|desk| desk.lines.get(queue));
        let waits = |id: &ConversationId| {
            self.cases.get(id).is_some_and(|case| case.view.state == State::Waiting)
        };
        match line {
            Some(line) if !nobody => line.iter().filter(waits).collect(),
            _ => Vec::new(),
        }
    }

    fn candidates(&self, tenant: &TenantKey, queue: &QueueKey) -> Vec<Candidate> {
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

    /// Offers one conversation; whoever failed it last is passed over.
    fn offer(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        strategy: Strategy,
        mut candidates: Vec<Candidate>,
    ) {
        let Some(case) = self.cases.get(&id) else { return };
        let view = &case.view;
        candidates.retain(|candidate| !case.shunned.contains(&candidate.jid));
        let agents = choose(strategy, candidates);
        if agents.is_empty() {
            return;
        }
        let tenant = view.tenant.clone();
        let until = now.plus(self.offer_ms(&tenant, &view.queue));
        if let Some(case) = self.cases.get_mut(&id) {
            case.begin_assignment();
            case.shunned.clear();
            case.view.state = State::Offered { agents: agents.clone(), until };
        }
        self.timers.arm(until, Timer::Offer(id));
        let row = NewRow {
            recipients: agents.clone(),
            ..NewRow::hidden(Author::System, RowKind::Offered).with_view()
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
            self.propose(now, id, agent);
        }
    }

    /// Shows an agent who is asked the customer, and all that was said so far.
    pub(super) fn propose(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        let Some(case) = self.cases.get(&id) else { return };
        let Some((pos, at)) = case.offered else { return };
        let withheld = case.withheld;
        let view = case.view.clone();
        self.add_contact(view.customer, agent);
        let Some(visitor) = self.visitors.get(&view.customer) else { return };
        let line = Line::Waiting {
            pos,
            at,
            name: visitor.customer.name.clone(),
            queue: self.queue_name(&view.tenant, &view.queue),
            waited_ms: now.since(view.waiting_since),
            page: visitor.page.clone(),
            conversations: visitor.customer.conversations,
            subject: view.subject.clone(),
        };
        self.say(id, agent, line);
        if !withheld {
            self.catch_up(now, id, agent);
        }
    }

    /// The offer's time is over: others are asked, where there are any; else it stands.
    pub(super) fn offer_ran_out(&mut self, now: Timestamp, id: ConversationId) {
        let Some(case) = self.cases.get(&id) else { return };
        let State::Offered { agents, until } = case.view.state.clone() else { return };
        if until > now {
            return;
        }
        let (tenant, queue) = (case.view.tenant.clone(), case.view.queue.clone());
        let others = self.candidates(&tenant, &queue).iter().any(|c| !agents.contains(&c.jid));
        if others {
            self.requeue(now, id, RequeueReason::Silent);
        } else {
            let until = now.plus(self.offer_ms(&tenant, &queue));
            if let Some(case) = self.cases.get_mut(&id) {
                case.view.state = State::Offered { agents, until };
            }
            self.timers.arm(until, Timer::Offer(id));
        }
    }

    /// Nobody else has come: whoever failed the customer last may be asked again.
    pub(super) fn ask_again(&mut self, now: Timestamp, id: ConversationId) {
        if let Some(case) = self.cases.get_mut(&id)
            && case.view.state == State::Waiting
            && case.shunned_until <= now
        {
            case.shunned.clear();
            self.stirred.insert((case.view.tenant.clone(), case.view.queue.clone()));
        }
    }

    pub(super) fn presence(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        resource: &Arc<str>,
        availability: Availability,
    ) {
        let Some(clients) = self.clients.get_mut(agent) else { return };
        let was = clients.availability();
        let came = clients.hear(now, resource, availability);
        let is = clients.availability();
        if let Some(at) = clients.gone_at() {
            self.timers.arm(at, Timer::Gone(agent.clone()));
        }
        if came {
            self.tell_interruption(now, agent);
            self.arrived(now, agent);
        }
        if was == is {
            return;
        }
        let tenants: Vec<TenantKey> = self.tenants_of(agent).cloned().collect();
        for tenant in &tenants {
            if is == Some(Availability::Gone) {
                self.withdraw_offers(now, tenant, agent);
            }
            if is == Some(Availability::Free) {
                self.forgive(tenant, agent);
                self.stir_queues_of(tenant, agent);
            }
        }
    }

    /// An agent who has just come (back) is asked like any other.
    fn forgive(&mut self, tenant: &TenantKey, agent: &AgentJid) {
        for case in self.cases.values_mut() {
            if case.view.tenant == *tenant && case.view.state == State::Waiting {
                case.shunned.retain(|shunned| shunned != agent);
            }
        }
    }

    fn withdraw_offers(&mut self, now: Timestamp, tenant: &TenantKey, agent: &AgentJid) {
        for id in self.held_by(tenant, agent) {
            if self.cases.get(&id).is_some_and(|case| case.view.agent().is_none()) {
                self.withdraw(now, id, agent, RequeueReason::Gone);
            }
        }
    }

    pub(super) fn held_by(&self, tenant: &TenantKey, agent: &AgentJid) -> Vec<ConversationId> {
        let key = (tenant.clone(), agent.clone());
        self.work.get(&key).map(|work| work.held.iter().copied().collect()).unwrap_or_default()
    }

    /// The grace is over, or he is an agent no more: everything the agent held goes back to the
    /// head of its queue.
    pub(super) fn take_back_if_gone(&mut self, now: Timestamp, agent: &AgentJid) {
        let gone = self.clients.get(agent).and_then(Clients::gone_at).is_some_and(|at| at <= now);
        let tenants: Vec<TenantKey> = self.tenants.keys().cloned().collect();
        for tenant in tenants {
            let reason = match self.agent_of(&tenant, agent) {
                None => RequeueReason::Removed,
                Some(_) if gone => RequeueReason::Gone,
                Some(_) => continue,
            };
            for id in self.held_by(&tenant, agent) {
                self.withdraw(now, id, agent, reason);
            }
        }
    }

    /// The server could not deliver to the agent: the customer goes back to the head of the queue,
    /// but for a bounce so late that the agent's client has the message by now, or that it may
    /// be about an assignment that is over.
    pub(super) fn bounced(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        customer: &Localpart,
        pos: Pos,
    ) {
        let open = self
            .addresses
            .get(customer)
            .and_then(|id| self.visitors.get(id))
            .and_then(|visitor| visitor.open);
        let customer = self.addresses.get(customer).copied();
        let late = customer.is_some_and(|customer| self.ended.covers(now, customer, agent, pos));
        if let Some(id) = open
            && !late
            && self.cases.get(&id).is_some_and(|case| case.was_sent(pos) && !case.is_confirmed(pos))
        {
            self.withdraw(now, id, agent, RequeueReason::Bounced);
        }
    }

    pub(super) fn positions_changed(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        queue: &QueueKey,
    ) {
        // On a grid, so that many changes within a second are told once.
        let at = Timestamp((now.0 / POSITIONS_MS + 1) * POSITIONS_MS);
        self.timers.arm(at, Timer::Positions(tenant.clone(), queue.clone()));
    }

    /// Tells those who are here and whose place has changed.
    pub(super) fn tell_positions(&mut self, tenant: &TenantKey, queue: &QueueKey) {
        let Some(line) = self.line(tenant, queue) else { return };
        let in_line: Vec<ConversationId> = line.iter().collect();
        for (index, id) in in_line.into_iter().enumerate() {
            let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let moved = self
                .cases
                .get(&id)
                .is_some_and(|case| case.told != Some(position) && self.online(case.view.customer));
            if moved {
                self.tell_place(id, position);
            }
        }
    }
}
