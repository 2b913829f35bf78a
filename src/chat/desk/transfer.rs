//! Hands conversations over: an agent asks others to take one, and has it until they do.
//!
//! Invariants: a conversation has one owner at every moment of a transfer; what is asked of an
//! agent counts as their work; whoever was asked and does not take it is told so, and so is the
//! agent who keeps it.

use std::sync::Arc;

use super::Desk;
use super::order::TRANSFER;
use super::requeue::remember;
use super::row::NewRow;
use super::targets::{self, Target};
use super::timer::Timer;
use crate::chat::effect::{CustomerNotice, ToAgentContent};
use crate::chat::event::{AgentInput, Availability};
use crate::chat::handed::Handed;
use crate::chat::ids::{AgentJid, ConversationId, QueueKey, TenantKey, Timestamp};
use crate::chat::model::Transfer;
use crate::chat::notice::Notice;
use crate::chat::presence::Clients;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::{Author, RequeueReason, Row, RowKind};

/// How a conversation is handed over: the words before the name.
#[derive(Debug, Clone, Copy, Default)]
struct Manner {
    /// It is given up at once.
    now: bool,
    /// Also to agents who are away or have no room, and to a queue that is closed.
    anyway: bool,
}

impl Manner {
    fn of(mut text: &str) -> (Self, &str) {
        let mut manner = Self::default();
        loop {
            let text_ = text.trim_start();
            let (word, rest) = text_.split_once(char::is_whitespace).unwrap_or((text_, ""));
            match word.to_lowercase().as_str() {
                "now" if !manner.now => manner.now = true,
                "anyway" if !manner.anyway => manner.anyway = true,
                _ => return (manner, text_),
            }
            text = rest;
        }
    }
}

impl Desk {
    /// Carries out `!transfer` for the agent who has the conversation.
    pub(super) fn transfer(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        text: &str,
    ) -> Result<(), AgentRefusal> {
        let Some(view) = self.cases.get(&id).map(|case| &case.view) else {
            return Err(AgentRefusal::NotFound);
        };
        let (tenant, customer) = (view.tenant.clone(), view.customer);
        let Some(settings) = self.settings(&tenant) else { return Err(AgentRefusal::NotFound) };
        let (manner, rest) = Manner::of(text);
        let (target, note) = targets::target(&settings, rest)?;
        let (queue, agents) = match target {
            Target::Agent(to) => {
                self.may_be_asked(&tenant, input, &to, manner)?;
                (None, vec![to])
            }
            Target::Queue(queue) => {
                let closed = self.closed(now, &tenant, &queue);
                if let Some(closed) = closed.as_ref().filter(|_| !manner.anyway) {
                    let word = if manner.now { "now anyway" } else { "anyway" };
                    return Err(impossible(format!(
                        "Not transferred: {closed}. To do it all the same: !transfer {word} #{queue}"
                    )));
                }
                let agents = self.fit_for(&tenant, &queue, std::slice::from_ref(&input.agent));
                if agents.is_empty() && !manner.now {
                    let name = self.queue_name(&tenant, &queue);
                    let word = if closed.is_some() { "now anyway" } else { "now" };
                    return Err(impossible(format!(
                        "Not transferred: nobody in {name} is free. \
                         To put the customer in line there: !transfer {word} #{queue}"
                    )));
                }
                (Some(queue), agents)
            }
        };
        self.end_transfer(now, id, RequeueReason::Withdrawn);
        if manner.now {
            self.give_up(now, id, input, queue, agents, note);
            self.ordered(now, customer, input, TRANSFER);
            self.reply(input, Notice::Done { text: "Passed on".into() });
            return Ok(());
        }
        let names = agents.iter().map(|jid| self.agent_name(&tenant, jid));
        let names = names.collect::<Vec<_>>().join(", ");
        let transfer = Transfer { queue, agents, tried: Vec::new(), until: now };
        self.ask_to_take(now, id, transfer, note, input.stanza.clone());
        self.ordered(now, customer, input, TRANSFER);
        let text = format!("Asked {names}. You keep the conversation until they answer");
        self.reply(input, Notice::Done { text: text.into() });
        Ok(())
    }

    /// Whether an agent can be asked to take a conversation over; otherwise why not.
    fn may_be_asked(
        &self,
        tenant: &TenantKey,
        input: &AgentInput,
        to: &AgentJid,
        manner: Manner,
    ) -> Result<(), AgentRefusal> {
        if *to == input.agent {
            return Err(impossible("Not transferred: this conversation is yours already".into()));
        }
        let Some(agent) = self.agent_of(tenant, to) else { return Err(AgentRefusal::NotFound) };
        let load = self.held_by(tenant, to).len();
        let is_full = u32::try_from(load).unwrap_or(u32::MAX) >= agent.capacity;
        let state = match self.clients.get(to).and_then(Clients::availability) {
            None | Some(Availability::Gone) => {
                return Err(impossible(format!("Not transferred: {} is offline", agent.name)));
            }
            Some(Availability::Free) if self.is_sent_away(tenant, to) => {
                "is set to away".to_owned()
            }
            Some(Availability::Free) if is_full => {
                format!("has {load} of {} chats", agent.capacity)
            }
            Some(Availability::Free) => return Ok(()),
            Some(Availability::Away) => "is away".to_owned(),
            Some(Availability::Busy) => "is busy".to_owned(),
        };
        if manner.anyway {
            return Ok(());
        }
        let name = &agent.name;
        Err(impossible(format!(
            "Not transferred: {name} {state}. To ask all the same: !transfer anyway {name}"
        )))
    }

    /// The agents of a queue who are asked next: free, with room, and none of these.
    fn fit_for(&self, tenant: &TenantKey, queue: &QueueKey, not: &[AgentJid]) -> Vec<AgentJid> {
        self.free_in(tenant, queue).choose(|agent| !not.contains(agent))
    }

    /// Asks the agents named in the transfer to take the conversation.
    fn ask_to_take(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        transfer: Transfer,
        note: Arc<str>,
        stanza: Option<Arc<str>>,
    ) {
        let Some(case) = self.cases.get(&id) else { return };
        let Some(giver) = case.view.agent().cloned() else { return };
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        let queue = transfer.queue.clone().unwrap_or_else(|| case.view.queue.clone());
        let until = now.plus(self.offer_ms(&tenant, &queue));
        let agents = transfer.agents.clone();
        if let Some(case) = self.cases.get_mut(&id) {
            case.view.transfer = Some(Box::new(Transfer { until, ..transfer }));
        }
        let name = self.visitors.get(&customer).and_then(super::Visitor::name);
        let row = NewRow {
            recipients: agents.clone(),
            stanza,
            ..NewRow::new(self.author(&tenant, &giver), RowKind::Handing { note, customer: name })
        };
        let Some(row) = self.append(now, id, row.with_view()) else { return };
        if let Some(case) = self.cases.get_mut(&id) {
            case.handed = Some(Box::new(Handed::new(row, case.is_long())));
        }
        self.timers.arm(until, Timer::Transfer(id));
        for agent in &agents {
            let work = self.work.entry((tenant.clone(), agent.clone())).or_default();
            work.held.insert(id);
            work.asked_at = now;
            self.add_contact(customer, agent);
            self.show_transfer(id, agent);
        }
    }

    /// Shows the conversation to an agent who is asked to take it over.
    pub(super) fn show_transfer(&mut self, id: ConversationId, agent: &AgentJid) {
        let handed = self.cases.get(&id).and_then(|case| case.handed.as_ref());
        let Some((row, withheld)) = handed.map(|handed| (handed.row.clone(), handed.withheld))
        else {
            return;
        };
        self.send(id, agent, ToAgentContent::Row { row, name: None, quoted: None });
        if !withheld {
            self.send_messages(id, agent);
        }
    }

    /// An agent who is asked to take the conversation does not take it: others of the queue are
    /// asked or, if there are none, the agent who has it keeps it.
    pub(super) fn does_not_take(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        reason: RequeueReason,
        why: Arc<str>,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let (tenant, giver) = (case.view.tenant.clone(), case.view.agent().cloned());
        let Some(transfer) = &mut case.view.transfer else { return };
        transfer.agents.retain(|other| other != agent);
        transfer.tried.push(agent.clone());
        let others_are_asked = !transfer.agents.is_empty();
        let transfer = transfer.clone();
        let note = case.handed.as_ref().map(|handed| handed.note()).unwrap_or_default();
        let mut next = Vec::new();
        if !others_are_asked {
            case.view.transfer = None;
            case.handed = None;
            if let (Some(queue), Some(giver)) = (&transfer.queue, &giver)
                && reason != RequeueReason::Withdrawn
            {
                let not: Vec<_> = transfer.tried.iter().chain([giver]).cloned().collect();
                next = self.fit_for(&tenant, queue, &not);
            }
        }
        let ends = !others_are_asked && next.is_empty() && reason != RequeueReason::Withdrawn;
        let told = giver.filter(|_| ends);
        let kind = RowKind::HandedBack { agent: agent.clone(), reason, why };
        let row = NewRow {
            recipients: [agent.clone()].into_iter().chain(told).collect(),
            ..NewRow::new(Author::System, kind)
        };
        let Some(row) = self.append(now, id, row.with_view()) else { return };
        for recipient in &row.recipients {
            self.tell_row(id, recipient, &row);
        }
        self.release(now, &tenant, agent, id);
        if !next.is_empty() {
            self.ask_to_take(now, id, Transfer { agents: next, ..*transfer }, note, None);
        }
    }

    /// Ends a pending transfer, if there is one: whoever was asked is told.
    pub(super) fn end_transfer(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        reason: RequeueReason,
    ) {
        let transfer = self.cases.get(&id).and_then(|case| case.view.transfer.clone());
        for agent in transfer.map(|transfer| transfer.agents).unwrap_or_default() {
            self.does_not_take(now, id, &agent, reason, "".into());
        }
    }

    /// Whether the time to take it is over.
    pub(super) fn transfer_ran_out(&mut self, now: Timestamp, id: ConversationId) {
        let transfer = self.cases.get(&id).and_then(|case| case.view.transfer.clone());
        let Some(transfer) = transfer.filter(|transfer| transfer.until <= now) else { return };
        for agent in transfer.agents {
            self.does_not_take(now, id, &agent, RequeueReason::Silent, "".into());
        }
    }

    /// An agent takes over a conversation that another has: they enter and the other leaves in one
    /// row.
    pub(super) fn take_over(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        agent: &AgentJid,
        stanza: Option<Arc<str>>,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let Some(giver) = case.view.agent().filter(|holder| *holder != agent).cloned() else {
            return;
        };
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        let transfer = case.view.transfer.take();
        let handed = case.handed.take();
        if let Some(queue) = transfer.as_ref().and_then(|transfer| transfer.queue.clone()) {
            case.view.queue = queue;
        }
        case.pass_to(agent, handed.as_deref());
        let asked = transfer.map(|transfer| transfer.agents).unwrap_or_default();
        let was_asked = asked.contains(agent);
        let others = asked.into_iter().filter(|other| other != agent);
        let losers: Vec<AgentJid> = [giver.clone()].into_iter().chain(others).collect();
        for loser in &losers {
            remember(&mut case.view.passed, loser);
        }
        let row = NewRow {
            stanza,
            recipients: losers.clone(),
            ..NewRow::new(self.author(&tenant, agent), RowKind::Transferred { from: giver })
        };
        let Some(row) = self.append(now, id, row.with_view()) else { return };
        self.work.entry((tenant.clone(), agent.clone())).or_default().held.insert(id);
        for loser in &losers {
            self.tell_row(id, loser, &row);
            self.release(now, &tenant, loser, id);
        }
        if let Some(visitor) = self.visitors.get_mut(&customer) {
            visitor.last_agent = Some(agent.clone());
        }
        if !was_asked {
            self.add_contact(customer, agent);
        }
        match handed.filter(|handed| was_asked && !handed.withheld) {
            Some(handed) => self.catch_up_after(now, id, agent, handed.row.pos),
            None => self.catch_up(now, id, agent),
        }
        self.notify(&tenant, customer, CustomerNotice::Entry(row));
        self.tell_state(id);
    }

    /// The agent gives the conversation up at once: to another, or to a queue.
    fn give_up(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        queue: Option<QueueKey>,
        agents: Vec<AgentJid>,
        note: Arc<str>,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let tenant = case.view.tenant.clone();
        let to_agent = queue.is_none();
        if let Some(queue) = queue {
            case.view.queue = queue;
        }
        if !note.is_empty() {
            let author = self.author(&tenant, &input.agent);
            self.append(now, id, NewRow::new(author, RowKind::Note { text: note }));
        }
        self.requeue(now, id, RequeueReason::Given);
        if to_agent {
            self.offer_to(now, id, agents);
        }
    }

    /// Sends a row to one agent.
    fn tell_row(&mut self, id: ConversationId, agent: &AgentJid, row: &Arc<Row>) {
        self.send(id, agent, ToAgentContent::Row { row: row.clone(), name: None, quoted: None });
    }
}

fn impossible(text: String) -> AgentRefusal {
    AgentRefusal::Impossible { text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manner_comes_before_the_name() {
        let table = [
            ("bob now or never", (false, false), "bob now or never"),
            ("now bob now", (true, false), "bob now"),
            ("Anyway  now\nbob", (true, true), "bob"),
            ("now now bob", (true, false), "now bob"),
            ("", (false, false), ""),
        ];
        for (text, (now, anyway), rest) in table {
            let (manner, left) = Manner::of(text);
            assert_eq!((manner.now, manner.anyway, left), (now, anyway, rest), "{text}");
        }
    }
}
