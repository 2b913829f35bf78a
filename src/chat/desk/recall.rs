//! What a restored desk knows besides the open conversations.
//!
//! Invariant: nothing here decides who has what; it only lets the desk continue as if nothing had
//! happened: earlier answers, whose turn it is, who failed whom, which errors come late, and which
//! customers are still to leave the rosters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Desk;
use super::timer::Timer;
use crate::chat::answers;
use crate::chat::conversation::OpenConversation;
use crate::chat::ids::{AgentJid, ConversationId, Timestamp};
use crate::chat::model::{Conversation, Customer, State};
use crate::chat::row::{RequeueReason, Row, RowKind};
use crate::chat::snapshot::{CONTACT_STAYS_MS, Departing, Recall};

/// Nobody leaves the rosters before the stream has had time to connect, in milliseconds.
const SETTLES_MS: i64 = 60_000;

impl Desk {
    /// Adds this to a desk that has its open conversations.
    pub(super) fn recall(&mut self, now: Timestamp, recall: Recall) {
        for (id, given) in recall.answers {
            if let Some(case) = self.cases.get_mut(&id) {
                answers::merge(&mut case.answers, given);
            }
        }
        for (id, agent) in recall.served {
            let customer = self.cases.get_mut(&id).map(|case| {
                case.served_by.get_or_insert_with(|| agent.clone());
                case.view.customer
            });
            if let Some(visitor) = customer.and_then(|id| self.visitors.get_mut(&id)) {
                visitor.last_agent.get_or_insert(agent);
            }
        }
        self.watch_again(&recall.watched);
        for link in recall.links {
            self.fetch(link);
        }
        self.replay(now, &recall.moves);
        for (id, at, turn) in recall.turns {
            if let Some(case) = self.cases.get_mut(&id) {
                case.silence.note(at.min(now), turn);
            }
        }
        // Agents, and who is online, are to be heard from first.
        let held: Vec<ConversationId> = self.cases.keys().copied().collect();
        held.into_iter().for_each(|id| self.await_word(now.plus(SETTLES_MS), id));
        for departing in recall.departing {
            self.departing(now, departing);
        }
    }

    /// Replays the rows by which conversations changed hands.
    fn replay(&mut self, now: Timestamp, moves: &[Arc<Row>]) {
        let mut failed: BTreeMap<ConversationId, Vec<AgentJid>> = BTreeMap::new();
        let mut served: BTreeSet<ConversationId> = BTreeSet::new();
        for row in moves {
            let at = row.at.min(now);
            match &row.kind {
                RowKind::Offered => {
                    self.were_asked(at, row);
                    failed.remove(&row.conversation);
                    let gave = |case: &mut OpenConversation| {
                        case.given_by.take_if(|giver| row.recipients.contains(giver));
                    };
                    self.cases.get_mut(&row.conversation).map(gave);
                }
                RowKind::Handing { .. } => self.were_asked(at, row),
                RowKind::HandedBack { agent, .. } => {
                    self.past.insert(at, row.customer, agent, row.pos);
                }
                RowKind::Requeued { agent, reason } => {
                    if let (RequeueReason::Given, Some(case)) =
                        (reason, self.cases.get_mut(&row.conversation))
                    {
                        case.given_by = Some(agent.clone());
                    }
                    self.past.insert(at, row.customer, agent, row.pos);
                    failed.entry(row.conversation).or_default().push(agent.clone());
                    if let (true, Some(case)) =
                        (served.remove(&row.conversation), self.cases.get_mut(&row.conversation))
                    {
                        case.left_at = Some(at);
                    }
                }
                // Agents who lost it to another, or had it to the end.
                RowKind::Joined | RowKind::Closed { .. } | RowKind::Transferred { .. } => {
                    for agent in &row.recipients {
                        self.past.insert(at, row.customer, agent, row.pos);
                    }
                    if let Some(case) = self.cases.get_mut(&row.conversation) {
                        case.given_by = None;
                    }
                    failed.remove(&row.conversation);
                    served.insert(row.conversation);
                }
                _ => {}
            }
        }
        for (id, agents) in failed {
            if let Some(case) = self.cases.get_mut(&id)
                && case.view.state == State::Waiting
            {
                for agent in &agents {
                    super::requeue::remember(&mut case.shunned, agent);
                }
                self.acquaintances.meet(id, &agents);
            }
        }
    }

    /// These agents had their turn.
    fn were_asked(&mut self, at: Timestamp, row: &Row) {
        for agent in &row.recipients {
            if self.agent_of(&row.tenant, agent).is_some() {
                let key = (row.tenant.clone(), agent.clone());
                self.work.entry(key).or_default().asked_at = at;
            }
        }
    }

    /// A customer who leaves the rosters a day after the close. If the close was a moment ago,
    /// their sockets on other nodes may not have been notified.
    fn departing(&mut self, now: Timestamp, departing: Departing) {
        let Departing { customer, closed, served_by } = departing;
        let serves = |agent: &&AgentJid| self.agent_of(&customer.tenant, agent).is_some();
        let lists: Vec<AgentJid> = closed.recipients.iter().filter(serves).cloned().collect();
        let Customer { id, .. } = customer;
        let visitor = self.visitor(customer);
        visitor.contacts.extend(lists);
        visitor.has_ended(&closed, served_by.clone());
        visitor.last_agent = visitor.last_agent.take().or(served_by);
        if visitor.open.is_none() {
            let settled = now.plus(SETTLES_MS);
            let at = closed.at.min(now).plus(CONTACT_STAYS_MS).max(settled);
            self.timers.arm(at, Timer::Leave(id));
            for (first, _) in self.stay_until(id, at) {
                self.stay_until(first, settled);
                self.timers.arm(settled, Timer::Leave(first));
            }
        }
    }
}

/// Moments in the future, after the clock was set back, become the present: so no offer and no
/// silence lasts as long as the step. Waiting customers keep their order, behind all who came
/// before the step and ahead of all who come now.
pub(super) fn not_ahead(now: Timestamp, conversations: &mut [(Conversation, Customer)]) {
    let mut ahead: Vec<&mut Conversation> = Vec::new();
    for (view, _) in conversations {
        view.active_at = view.active_at.min(now);
        if view.waiting_since > now {
            ahead.push(view);
        }
    }
    ahead.sort_by_key(|view| (view.waiting_since, view.id));
    for (behind, view) in ahead.into_iter().rev().enumerate() {
        view.waiting_since = now.plus(-i64::try_from(behind).unwrap_or(i64::MAX));
    }
}
