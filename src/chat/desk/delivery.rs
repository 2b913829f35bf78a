//! Undelivered messages for agents, and resending them.
//!
//! Only an agent's own client acknowledges what is sent to the agent, by its receipts (XEP-0184).
//! So nothing is sent to an agent who is offline, and when a client of theirs comes online,
//! everything unconfirmed in their conversations is sent (again), under the same stanza ids.
//!
//! Invariants: a customer's message is sent to the agent who has the conversation until a client of
//! theirs has confirmed it, also after the close; whatever is resent was written before the close.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::timer::Timer;
use super::{Desk, Owed};
use crate::chat::conversation::{Moved, OpenConversation};
use crate::chat::effect::{Backlog, Effect, ToAgentContent};
use crate::chat::event::{AgentContent, AgentInput};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Pos, Seq, Timestamp};
use crate::chat::model::State;
use crate::chat::presence::Clients;
use crate::chat::row::Row;
use crate::chat::snapshot::{OWED_MS, Owed as Stored};

/// Clients of an agent that come online within this time, in milliseconds, count as one arrival.
const TOGETHER_MS: i64 = 1_000;
/// How long the end of a conversation that could not be sent is kept, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60_000;

impl Desk {
    pub(super) fn is_here(&self, agent: &AgentJid) -> bool {
        self.clients.get(agent).is_some_and(Clients::is_here)
    }

    /// Sends a row to those of the agents who are online; the others get it when they come online.
    pub(super) fn deliver(
        &mut self,
        id: ConversationId,
        agents: &[AgentJid],
        row: &Arc<Row>,
        name: Option<&Arc<str>>,
    ) {
        for agent in agents {
            if self.is_here(agent) {
                if row.kind.answers().is_some() {
                    self.deliver_with_quote(id, agent, row, name);
                    continue;
                }
                let content =
                    ToAgentContent::Row { row: row.clone(), name: name.cloned(), quoted: None };
                self.send(id, agent, content);
                if crate::chaos::mutant("cursor-early")
                    && let Some(case) = self.any_case_mut(id)
                {
                    case.received(row.pos);
                }
            }
        }
    }

    /// Sends a row together with the one it replies to, which is read from the store.
    fn deliver_with_quote(
        &mut self,
        id: ConversationId,
        agent: &AgentJid,
        row: &Arc<Row>,
        name: Option<&Arc<str>>,
    ) {
        let Some(visitor) = self.visitors.get(&row.customer) else { return };
        self.gate.emit(Effect::Backlog(Backlog {
            agent: agent.clone(),
            from: visitor.customer.localpart.clone(),
            name: name.cloned(),
            conversation: id,
            after: Pos(row.pos.0.saturating_sub(1)),
            upto: row.pos,
            unconfirmed_above: None,
        }));
    }

    /// A client of the agent came online.
    pub(super) fn arrived(&mut self, now: Timestamp, agent: &AgentJid) {
        if let Some(clients) = self.clients.get(agent) {
            let at = now.max(clients.sent_again_until);
            self.timers.arm(at, Timer::SendAgain(agent.clone()));
        }
        for id in self.acquaintances.of(agent) {
            if let Some(case) = self.cases.get_mut(&id) {
                case.is_strange_to(agent);
            }
        }
        // Replies from this client say nothing about what was sent earlier.
        for id in self.all_held_by(agent) {
            if let Some(case) = self.cases.get_mut(&id) {
                case.unsent();
            }
        }
    }

    /// Resends to the agent everything unconfirmed in their conversations.
    pub(super) fn send_again(&mut self, now: Timestamp, agent: &AgentJid) {
        match self.clients.get_mut(agent) {
            Some(clients) if clients.is_here() && clients.sent_again_until <= now => {
                clients.sent_again_until = now.plus(TOGETHER_MS);
            }
            _ => return,
        }
        let mut owed: Vec<(Pos, ConversationId)> = self
            .owed
            .iter()
            .filter(|(_, owed)| owed.agents.contains(agent))
            .map(|(id, owed)| (owed.close.pos, *id))
            .collect();
        owed.sort_unstable();
        for (_, id) in owed {
            self.send_close_again(now, id, agent);
        }
        for id in self.all_held_by(agent) {
            self.send_case_again(now, id, agent);
        }
        self.tell_watched(agent);
    }

    /// The agent's conversations, of all their tenants.
    fn all_held_by(&self, agent: &AgentJid) -> Vec<ConversationId> {
        self.tenants_of(agent).flat_map(|tenant| self.held_by(tenant, agent)).collect()
    }

    fn send_case_again(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        let Some(case) = self.cases.get(&id) else { return };
        let customer = case.view.customer;
        match &case.view.state {
            State::Active { .. } if case.view.is_handed_to(agent) => {
                self.add_contact(customer, agent);
                self.show_transfer(id, agent);
            }
            State::Active { .. } if case.is_unconfirmed() => {
                self.add_contact(customer, agent);
                self.catch_up_unconfirmed(now, id, agent);
            }
            // The client of another agent may have confirmed it.
            State::Offered { agents, .. } if case.is_unconfirmed() || agents.len() > 1 => {
                self.propose(now, id, agent);
            }
            State::Active { .. } => self.add_contact(customer, agent),
            _ => {}
        }
    }

    /// Sends an agent all messages so far that no client of theirs has confirmed.
    pub(super) fn catch_up(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        if crate::chaos::mutant("requeue-forgets-backlog")
            && self.cases.get(&id).is_some_and(|case| !case.view.passed.is_empty())
        {
            return;
        }
        let known = self.cases.get(&id).map_or(Pos(0), OpenConversation::confirmed_pos);
        self.backlog(now, id, agent, known, None);
    }

    /// Sends the messages after a row to an agent who has everything up to it.
    pub(super) fn catch_up_after(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        upto: Pos,
    ) {
        if self.cases.get(&id).is_some_and(|case| case.has_news_after(upto)) {
            self.backlog(now, id, agent, upto, None);
        }
        if let Some(case) = self.cases.get_mut(&id) {
            case.sent_after(now, upto);
        }
    }

    /// Sends an agent the customer's messages that no client of theirs has confirmed.
    fn catch_up_unconfirmed(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        if let Some(case) = self.any_case(id) {
            self.backlog(now, id, agent, case.confirmed_pos(), Some(case.taken_in()));
        }
    }

    /// Sends all messages so far to an agent who does not have the conversation.
    pub(super) fn send_messages(&mut self, id: ConversationId, agent: &AgentJid) {
        self.emit_backlog(id, agent, Pos(0), None);
    }

    fn backlog(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        after: Pos,
        unconfirmed_above: Option<Seq>,
    ) {
        self.emit_backlog(id, agent, after, unconfirmed_above);
        if let Some(case) = self.any_case_mut(id) {
            case.sent_again(now);
        }
    }

    fn emit_backlog(
        &mut self,
        id: ConversationId,
        agent: &AgentJid,
        after: Pos,
        unconfirmed_above: Option<Seq>,
    ) {
        let Some(case) = self.any_case(id) else { return };
        let Some(visitor) = self.visitors.get(&case.view.customer) else { return };
        self.gate.emit(Effect::Backlog(Backlog {
            agent: agent.clone(),
            from: visitor.customer.localpart.clone(),
            name: visitor.name(),
            conversation: id,
            after,
            upto: self.gate.head(),
            unconfirmed_above,
        }));
    }

    /// The conversation is closed; its agents' clients must still confirm the last messages.
    pub(super) fn owe(
        &mut self,
        now: Timestamp,
        case: OpenConversation,
        agents: Vec<AgentJid>,
        close: Arc<Row>,
    ) {
        if agents.is_empty() {
            return;
        }
        let id = case.view.id;
        let sent = agents.iter().all(|agent| self.is_here(agent));
        if let Some(visitor) = self.visitors.get_mut(&case.view.customer) {
            visitor.owed.insert(id);
        }
        self.owed.insert(id, Owed { case, agents, close, sent });
        self.timers.arm(now.plus(OWED_MS), Timer::Owed(id));
    }

    /// As [`owe`](Self::owe), after a restart; what the server had accepted counts as sent.
    pub(super) fn owe_again(&mut self, now: Timestamp, stored: Stored, cursor: Pos) {
        let Stored { view, customer, close, messages } = stored;
        let id = customer.id;
        let agents = close.recipients.clone();
        let visitor = self.visitor(customer);
        visitor.contacts.extend(agents.iter().cloned());
        visitor.has_ended(&close, None);
        let mut case = OpenConversation::new(view);
        for (pos, seq) in messages {
            case.owe_confirmation(close.at, pos, seq);
        }
        let sent = close.pos <= cursor;
        self.owe(now, case, agents, close.clone());
        if let Some(owed) = self.owed.get_mut(&close.conversation) {
            owed.sent = sent;
        }
        self.customer_left(now, id);
    }

    fn send_close_again(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        let Some(owed) = self.owed.get_mut(&id) else { return };
        owed.sent = true;
        let close = owed.close.clone();
        if owed.case.unconfirmed_before(close.pos) {
            self.catch_up_unconfirmed(now, id, agent);
        }
        self.send(id, agent, ToAgentContent::Row { row: close, name: None, quoted: None });
    }

    /// Checks whether it has waited long enough.
    pub(super) fn forget_owed(&mut self, now: Timestamp, id: ConversationId) {
        let Some(owed) = self.owed.get(&id) else { return };
        if owed.sent || now.since(owed.close.at) >= KEPT_MS {
            self.settle_owed(now, id);
        } else {
            self.timers.arm(now.plus(OWED_MS), Timer::Owed(id));
        }
    }

    /// Nothing of a closed conversation is left to confirm.
    pub(super) fn settle_owed(&mut self, now: Timestamp, id: ConversationId) {
        self.write_marks(now, id);
        if let Some(owed) = self.owed.remove(&id)
            && let Some(visitor) = self.visitors.get_mut(&owed.case.view.customer)
        {
            visitor.owed.remove(&id);
        }
    }

    /// The agent no longer serves this link: nothing is pending for them.
    pub(super) fn owe_nothing_to(&mut self, now: Timestamp, agent: &AgentJid) {
        let mut settled = BTreeSet::new();
        for (id, owed) in &mut self.owed {
            owed.agents.retain(|other| other != agent);
            if owed.agents.is_empty() {
                settled.insert(*id);
            }
        }
        settled.into_iter().for_each(|id| self.settle_owed(now, id));
    }

    /// An open conversation, or a closed one that is not confirmed yet.
    pub(super) fn any_case(&self, id: ConversationId) -> Option<&OpenConversation> {
        self.cases.get(&id).or_else(|| self.owed.get(&id).map(|owed| &owed.case))
    }

    pub(super) fn any_case_mut(&mut self, id: ConversationId) -> Option<&mut OpenConversation> {
        match self.cases.get_mut(&id) {
            Some(case) => Some(case),
            None => self.owed.get_mut(&id).map(|owed| &mut owed.case),
        }
    }

    /// A client of the agent has confirmed the message made from a row.
    pub(super) fn confirmed(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
        pos: Pos,
        mark: impl FnOnce(&mut OpenConversation, bool) -> Moved,
    ) {
        let agent = &input.agent;
        let Some(id) = self.conversation_of(customer, agent, pos) else {
            return self.confirmed_by_asked(customer, input, pos);
        };
        let gives_receipts = self.gives_receipts(id, input);
        let Some(case) = self.any_case_mut(id) else { return };
        let moved = mark(case, gives_receipts);
        if moved == Moved::Nothing {
            return;
        }
        let is_settled = !case.view.is_open() && !case.is_unconfirmed();
        self.marks_moved(now, id, agent);
        if moved == Moved::Ticks {
            self.tell_ticks(id);
        }
        if is_settled {
            self.settle_owed(now, id);
        }
    }

    /// Notes what an agent has who is asked to take the conversation over.
    fn confirmed_by_asked(&mut self, customer: CustomerId, input: &AgentInput, pos: Pos) {
        let open = self.visitors.get(&customer).and_then(|visitor| visitor.open);
        let Some(case) = open.and_then(|id| self.cases.get_mut(&id)) else { return };
        if case.view.is_handed_to(&input.agent) {
            let shown = matches!(input.content, AgentContent::Displayed { .. });
            case.confirmed_by_asked(&input.agent, pos, shown);
        }
    }

    /// Whether the client that sent this gives receipts, so that a missing receipt means that
    /// something did not arrive. A desk that has just begun trusts what the previous one stored.
    pub(super) fn gives_receipts(&self, id: ConversationId, input: &AgentInput) -> bool {
        let confirmed_before = || self.any_case(id).is_some_and(|c| c.view.confirmed > Seq(0));
        match self.clients.get(&input.agent) {
            Some(clients) => clients.is_confirming(&input.resource, confirmed_before),
            None => confirmed_before(),
        }
    }

    /// The conversation with the customer that this row belongs to, if the agent has a part in it:
    /// one of the closed ones that they have not confirmed, else the open one.
    fn conversation_of(
        &self,
        customer: CustomerId,
        agent: &AgentJid,
        pos: Pos,
    ) -> Option<ConversationId> {
        let visitor = self.visitors.get(&customer)?;
        let closed = visitor.owed.iter().filter_map(|id| Some((*id, self.owed.get(id)?)));
        let of_it = closed
            .filter(|(_, owed)| pos <= owed.close.pos && owed.agents.contains(agent))
            .min_by_key(|(_, owed)| owed.close.pos);
        match of_it {
            Some((id, _)) => Some(id),
            None => visitor.open.filter(|id| self.cases.get(id).is_some_and(|c| c.reaches(agent))),
        }
    }
}
