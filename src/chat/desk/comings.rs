//! Agents come online and leave, as their presence and bounced messages tell.
//!
//! Invariants: only presence makes an agent available for offers; when they leave, what they are
//! offered goes on to others at once, what they have after the grace period; a message that bounces
//! from one client takes nothing from an agent who is online with another.

use std::sync::Arc;

use super::Desk;
use super::timer::Timer;
use crate::chat::event::{AgentContent, AgentInput, Availability};
use crate::chat::ids::{AgentJid, ConversationId, Localpart, Pos, TenantKey, Timestamp};
use crate::chat::model::State;
use crate::chat::presence::TOGETHER_MS;
use crate::chat::row::RequeueReason;

impl Desk {
    /// An agent who writes before their presence has come is online, though offers need a presence.
    /// A receipt or typing does not count: an invisible client sends them too.
    pub(super) fn speaks(&mut self, now: Timestamp, input: &AgentInput) {
        let head = self.gate.head();
        let Some(clients) = self.clients.get_mut(&input.agent) else { return };
        let speaks = input.content.is_spoken();
        if matches!(input.content, AgentContent::Received { .. }) {
            clients.confirms(&input.resource);
        }
        let was_due = clients.gone_at();
        let came = clients.hear_from(now, head, &input.resource, speaks);
        if let Some(at) = clients.gone_at().filter(|_| clients.gone_at() != was_due) {
            self.timers.arm(at, Timer::Gone(input.agent.clone()));
        }
        if came {
            self.tell_interruption(now, &input.agent);
            self.arrived(now, &input.agent);
            // Before their message changes what they have.
            self.send_again(now, &input.agent);
        }
    }

    pub(super) fn presence(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        resource: &Arc<str>,
        availability: Availability,
    ) {
        let head = self.gate.head();
        let Some(clients) = self.clients.get_mut(agent) else { return };
        let was = clients.availability();
        let returns = clients.would_return(now);
        let came = clients.hear(now, head, resource, availability);
        if came {
            self.tell_interruption(now, agent);
            self.arrived(now, agent);
        }
        self.moved(now, agent, was, returns);
    }

    /// A client has not responded since then: it counts as offline until it is heard from again.
    pub(super) fn lost(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        resource: &Arc<str>,
        since: Timestamp,
    ) {
        let Some(clients) = self.clients.get_mut(agent) else { return };
        let was = clients.availability();
        clients.lose(now, since, resource);
        self.moved(now, agent, was, false);
    }

    fn moved(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        was: Option<Availability>,
        returns: bool,
    ) {
        let Some(clients) = self.clients.get(agent) else { return };
        let is = clients.availability();
        if let Some(at) = clients.gone_at() {
            self.timers.arm(at, Timer::Gone(agent.clone()));
        }
        if was == is {
            return;
        }
        let tenants: Vec<TenantKey> = self.tenants_of(agent).cloned().collect();
        for tenant in &tenants {
            self.staff_changed(now, tenant, agent);
            if is == Some(Availability::Gone) {
                self.withdraw_offers(now, tenant, agent);
            }
            if is == Some(Availability::Free) {
                self.forgive(tenant, agent, returns);
                self.stir_queues_of(tenant, agent);
            }
        }
    }

    /// An agent who just came online, or became free of another customer, can be asked like any
    /// other; `anew` even if they were asked in this round.
    pub(super) fn forgive(&mut self, tenant: &TenantKey, agent: &AgentJid, anew: bool) {
        for id in self.acquaintances.of(agent) {
            let Some(case) = self.cases.get_mut(&id).filter(|case| case.view.tenant == *tenant)
            else {
                continue;
            };
            if case.view.state == State::Waiting {
                case.shunned.retain(|shunned| shunned != agent);
            }
            if anew && !case.reaches(agent) {
                case.asked.retain(|asked| asked != agent);
            }
            if !case.remembers(agent) {
                self.acquaintances.forget(id, agent);
            }
        }
    }

    fn withdraw_offers(&mut self, now: Timestamp, tenant: &TenantKey, agent: &AgentJid) {
        for id in self.held_by(tenant, agent) {
            if self.cases.get(&id).is_some_and(|case| case.view.agent() != Some(agent)) {
                self.withdraw(now, id, agent, RequeueReason::Gone);
            }
        }
    }

    pub(super) fn held_by(&self, tenant: &TenantKey, agent: &AgentJid) -> Vec<ConversationId> {
        let key = (tenant.clone(), agent.clone());
        self.work.get(&key).map(|work| work.held.iter().copied().collect()).unwrap_or_default()
    }

    /// The grace period is over, or they are no longer an agent: everything they have returns to
    /// the head of its queue.
    pub(super) fn take_back_if_gone(&mut self, now: Timestamp, agent: &AgentJid) {
        let gone = self.clients.get_mut(agent).is_some_and(|clients| clients.is_gone(now));
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

    /// The server could not deliver to the agent: the customer returns to the head of the queue.
    /// Not if the bounce may be from a past assignment, nor if a client of the agent has confirmed
    /// the message meanwhile. If another client of the agent is online, the message is resent to
    /// that one.
    pub(super) fn bounced(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        customer: &Localpart,
        pos: Pos,
    ) {
        let Some(customer) = self.addresses.get(customer).copied() else { return };
        if self.past.covers(now, customer, agent, pos) {
            return;
        }
        let Some(id) = self.visitors.get(&customer).and_then(|visitor| visitor.open) else {
            return;
        };
        let Some(case) = self.cases.get_mut(&id) else { return };
        if !case.reaches(agent) || !case.was_sent(pos) || case.is_confirmed(pos) {
            return;
        }
        let clients = self.clients.get_mut(agent);
        let outlived =
            clients.and_then(|all| all.outlive(now, pos).then_some(all.sent_again_until));
        match outlived {
            Some(at) => {
                case.unsent();
                let at = at.max(now.plus(TOGETHER_MS));
                self.timers.arm(at, Timer::SendAgain(agent.clone()));
            }
            None => self.withdraw(now, id, agent, RequeueReason::Bounced),
        }
    }
}
