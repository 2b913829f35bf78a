//! How agents lose conversations: back to the queue, or to the others they are offered to.
//!
//! Invariant: a conversation keeps its place in the queue, and the agent who lost it is passed over
//! for as long as an offer lasts.

use std::collections::BTreeSet;

use super::row::NewRow;
use super::timer::Timer;
use super::{Desk, Visitor};
use crate::chat::effect::{CustomerNotice, ToAgentContent};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, TenantKey, Timestamp};
use crate::chat::model::State;
use crate::chat::row::{Author, RequeueReason, RowKind};
use crate::chat::settings::TenantSettings;

impl Desk {
    /// Takes a conversation from its agents and puts it back in its place in the queue.
    pub(super) fn requeue(&mut self, now: Timestamp, id: ConversationId, reason: RequeueReason) {
        self.end_transfer(now, id, RequeueReason::Withdrawn);
        let Some(case) = self.cases.get(&id) else { return };
        let here = case.audience().iter().filter(|agent| self.is_here(agent));
        let (here, head) = (here.cloned().collect(), self.gate.head());
        let Some(case) = self.cases.get_mut(&id) else { return };
        let (tenant, queue) = (case.view.tenant.clone(), case.view.queue.clone());
        let audience = case.audience().to_vec();
        let held_by = case.view.agent().cloned();
        let is_moved = reason == RequeueReason::Moved;
        if reason == RequeueReason::Silent {
            case.let_pass(here, head);
        }
        case.rests = false;
        case.view.state = State::Waiting;
        for agent in &audience {
            remember(&mut case.view.passed, agent);
            remember(&mut case.shunned, agent);
        }
        self.acquaintances.meet(id, &audience);
        case.begin_assignment();
        case.given_by = held_by.clone().filter(|_| reason == RequeueReason::Given);
        case.withheld = false;
        if held_by.is_some() {
            case.left_at = Some(now);
        }
        let view = case.view.clone();
        if let Some(agent) = &held_by {
            // The agent who gave it up knows, the agent of a moved one is told by another row, and a
            // silent one reads why.
            let is_news =
                !is_moved && !matches!(reason, RequeueReason::Given | RequeueReason::Unanswered);
            let left = NewRow {
                recipients: if is_news { audience.clone() } else { Vec::new() },
                ..NewRow::new(self.author(&tenant, agent), RowKind::Left).with_view()
            };
            if let Some(row) = self.append(now, id, left) {
                if is_news {
                    let content =
                        ToAgentContent::Row { row: row.clone(), name: None, quoted: None };
                    self.send(id, agent, content);
                }
                self.notify(&tenant, view.customer, CustomerNotice::Entry(row));
            }
        }
        for agent in &audience {
            let is_told = held_by.is_none() || is_moved || reason == RequeueReason::Unanswered;
            self.let_go(now, id, &tenant, agent, reason, is_told);
        }
        if let Some(line) = self.line(&tenant, &queue) {
            line.enter(&view);
        }
        self.count_in_line(now, view.customer);
        self.ask_again_later(now, id);
        self.stirred.insert((tenant.clone(), queue.clone()));
        if held_by.is_some() {
            self.tell_state(id);
        }
        self.positions_changed(now, &tenant, &queue);
    }

    /// Takes a conversation from one agent; if it is offered to others too, they may still respond.
    pub(super) fn withdraw(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        reason: RequeueReason,
    ) {
        if self.cases.get(&id).is_some_and(|case| case.view.is_handed_to(agent)) {
            return self.does_not_take(now, id, agent, reason, "".into());
        }
        let Some(case) = self.cases.get_mut(&id).filter(|case| case.reaches(agent)) else { return };
        match &mut case.view.state {
            State::Offered { agents, .. } if agents.len() > 1 => agents.retain(|a| a != agent),
            _ => return self.requeue(now, id, reason),
        }
        remember(&mut case.view.passed, agent);
        remember(&mut case.shunned, agent);
        // It was sent to the others too, who have not confirmed what this agent's client has.
        case.begin_assignment();
        if !case.withheld {
            case.sent_again(now);
        }
        let tenant = case.view.tenant.clone();
        self.let_go(now, id, &tenant, agent, reason, true);
    }

    /// Records that an agent no longer has the conversation, and notifies them if they were only
    /// offered it, or it was moved.
    fn let_go(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        tenant: &TenantKey,
        agent: &AgentJid,
        reason: RequeueReason,
        was_asked: bool,
    ) {
        let row = NewRow {
            recipients: was_asked.then(|| agent.clone()).into_iter().collect(),
            ..NewRow::new(Author::System, RowKind::Requeued { agent: agent.clone(), reason })
        };
        if let Some(row) = self.append(now, id, row.with_view()).filter(|_| was_asked) {
            self.send(id, agent, ToAgentContent::Row { row, name: None, quoted: None });
        }
        self.release(now, tenant, agent, id);
    }

    /// Agents who failed it are passed over for as long as an offer lasts.
    pub(super) fn ask_again_later(&mut self, now: Timestamp, id: ConversationId) {
        let Some(view) = self.cases.get(&id).map(|case| &case.view) else { return };
        let again = now.plus(self.offer_ms(&view.tenant, &view.queue));
        if let Some(case) = self.cases.get_mut(&id) {
            case.shunned_until = again;
        }
        self.timers.arm(again, Timer::AskAgain(id));
    }

    /// Agents who are not in the new settings lose their conversations and the customers in their
    /// rosters. The old settings, which have their names, still apply here.
    pub(super) fn dismiss_former_agents(&mut self, now: Timestamp, tenants: &[TenantSettings]) {
        let stays = |(tenant, agent): &(TenantKey, AgentJid)| {
            let settings = tenants.iter().find(|settings| settings.key == *tenant);
            settings.is_some_and(|s| s.agents.iter().any(|other| other.jid == *agent))
        };
        let former: BTreeSet<(TenantKey, AgentJid)> =
            self.agents().chain(self.work.keys().cloned()).filter(|key| !stays(key)).collect();
        for (tenant, agent) in former {
            for id in self.held_by(&tenant, &agent) {
                self.withdraw(now, id, &agent, RequeueReason::Removed);
            }
            let known_to = |visitor: &&Visitor| {
                visitor.customer.tenant == tenant && visitor.contacts.contains(&agent)
            };
            let customers: BTreeSet<CustomerId> = self
                .visitors
                .values()
                .filter(known_to)
                .map(|visitor| visitor.customer.id)
                .collect();
            for customer in customers {
                self.remove_contact(customer, &agent);
            }
            self.work.remove(&(tenant, agent.clone()));
            self.owe_nothing_to(now, &agent);
        }
    }
}

/// Puts an agent last in the list.
pub(super) fn remember(passed: &mut Vec<AgentJid>, agent: &AgentJid) {
    passed.retain(|other| other != agent);
    passed.push(agent.clone());
}
