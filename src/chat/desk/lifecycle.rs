//! How conversations begin, are served, and end.

use std::sync::Arc;

use super::Desk;
use super::requeue::remember;
use super::row::NewRow;
use super::timer::Timer;
use crate::chat::answers;
use crate::chat::conversation::OpenConversation;
use crate::chat::effect::{CustomerNotice, CustomerState, Phase, ToAgentContent};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, QueueKey, Seq, TenantKey, Timestamp};
use crate::chat::model::{CloseReason, Conversation, State};
use crate::chat::row::{Author, CommandKey, RequeueReason, Row, RowKind};
use crate::chat::settings::TenantSettings;

/// A silence shorter than this, in milliseconds, closes no conversation, whatever the settings say.
pub(super) const LEAST_IDLE_MS: i64 = 60_000;

/// How long a message waits for an agent if the customer left an address and went offline, in
/// milliseconds.
const LEFT_MS: i64 = 14 * 24 * 60 * 60_000;

/// The properties of a new conversation.
pub(super) struct Beginning {
    pub(super) id: ConversationId,
    pub(super) tenant: TenantKey,
    pub(super) customer: CustomerId,
    pub(super) queue: QueueKey,
    pub(super) subject: Option<Arc<str>>,
    pub(super) answers: Vec<(Arc<str>, Arc<str>)>,
    /// The command that began it, if it did nothing else.
    pub(super) key: Option<CommandKey>,
    pub(super) author: Author,
    /// The id of the agent's stanza that began it.
    pub(super) stanza: Option<Arc<str>>,
    /// The conversation that it continues, whose place in the queue it keeps.
    pub(super) before: Option<Conversation>,
}

/// The command that ended a conversation, if there was one.
#[derive(Default)]
pub(super) struct Command {
    pub(super) key: Option<CommandKey>,
    /// The id of the agent's stanza.
    pub(super) stanza: Option<Arc<str>>,
}

impl Desk {
    /// Begins a conversation, at its place in the queue.
    pub(super) fn begin(&mut self, now: Timestamp, beginning: Beginning) {
        let Beginning {
            id,
            tenant,
            customer,
            queue,
            subject,
            answers,
            key,
            author,
            stanza,
            before,
        } = beginning;
        let place = before.map(|b| (b.waiting_since, b.priority, b.passed, b.tags));
        let (waiting_since, priority, passed, tags) =
            place.unwrap_or_else(|| (now, 0, Vec::new(), Vec::new()));
        let view = Conversation {
            id,
            tenant: tenant.clone(),
            customer,
            queue: queue.clone(),
            subject,
            state: State::Waiting,
            opened_at: now,
            waiting_since,
            priority,
            tags,
            active_at: now,
            head: Seq(0),
            delivered: Seq(0),
            read: Seq(0),
            confirmed: Seq(0),
            passed,
            transfer: None,
        };
        self.arm_idle(now, &view);
        if let Some(line) = self.line(&tenant, &queue) {
            line.enter(&view);
        }
        let mut case = OpenConversation::new(view);
        let answers = answers::merge(&mut case.answers, answers);
        self.acquaintances.meet(id, &case.asked);
        self.cases.insert(id, case);
        self.stays(customer);
        if let Some(visitor) = self.visitors.get_mut(&customer) {
            visitor.open = Some(id);
            visitor.customer.conversations += 1;
        }
        let row = NewRow::new(author, RowKind::Opened { answers });
        self.append(now, id, NewRow { key, stanza, ..row.with_view() });
        self.call_from_home(customer);
        self.stirred.insert((tenant, queue));
    }

    /// An agent takes a conversation that is waiting, offered, or handed over to them.
    pub(super) fn assign(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        self.stop_watching(now, id, agent);
        let Some(case) = self.cases.get_mut(&id) else { return };
        if case.view.agent().is_some() {
            return self.take_over(now, id, agent, None);
        }
        let (tenant, queue) = (case.view.tenant.clone(), case.view.queue.clone());
        let asked = case.audience().to_vec();
        let was_alone = asked.as_slice() == std::slice::from_ref(agent);
        let was_asked = asked.contains(agent);
        let before = case.view.clone();
        case.view.state = State::Active { agent: agent.clone() };
        case.begin_service(agent, was_alone);
        self.acquaintances.forget_all(id);
        let withheld = std::mem::take(&mut case.withheld);
        if !was_alone && was_asked {
            case.sent_again(now);
        }
        let losers: Vec<AgentJid> = asked.into_iter().filter(|a| a != agent).collect();
        for loser in &losers {
            remember(&mut case.view.passed, loser);
        }
        if let Some(line) = self.line(&tenant, &queue) {
            line.leave(&before);
            line.served(now);
        }
        let author = self.author(&tenant, agent);
        let joined = NewRow {
            recipients: losers.clone(),
            ..NewRow::new(author, RowKind::Joined).with_view()
        };
        let Some(joined) = self.append(now, id, joined) else { return };
        self.work.entry((tenant.clone(), agent.clone())).or_default().held.insert(id);
        for loser in &losers {
            self.send(
                id,
                loser,
                ToAgentContent::Row { row: joined.clone(), name: None, quoted: None },
            );
            self.release(now, &tenant, loser, id);
        }
        if let Some(visitor) = self.visitors.get_mut(&before.customer) {
            visitor.last_agent = Some(agent.clone());
        }
        if !was_asked {
            self.add_contact(before.customer, agent);
        }
        if !was_asked || withheld {
            self.catch_up(now, id, agent);
        }
        self.notify(&tenant, before.customer, CustomerNotice::Entry(joined));
        self.tell_state(id);
        self.positions_changed(now, &tenant, &queue);
    }

    pub(super) fn close(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        author: Author,
        reason: CloseReason,
        by: Command,
    ) -> Option<Arc<Row>> {
        let case = self.cases.get_mut(&id)?;
        let (links, is_handed) = (std::mem::take(&mut case.links), case.view.transfer.is_some());
        self.drop_links(now, links);
        if is_handed {
            self.end_transfer(now, id, RequeueReason::Withdrawn);
        }
        let case = self.cases.get_mut(&id)?;
        let (tenant, queue) = (case.view.tenant.clone(), case.view.queue.clone());
        let audience = case.audience().to_vec();
        let before = case.view.clone();
        let served_by = case.served_by.clone();
        case.view.state = State::Closed { reason };
        if let Some(line) = self.line(&tenant, &queue) {
            line.leave(&before);
        }
        let row = NewRow {
            key: by.key,
            stanza: by.stanza,
            recipients: audience.clone(),
            ..NewRow::new(author, RowKind::Closed { reason }).with_view()
        };
        let row = self.append(now, id, row)?;
        self.notify(&tenant, before.customer, CustomerNotice::Entry(row.clone()));
        self.watches.end(now, id, before.customer);
        self.tell_state(id);
        self.deliver(id, &audience, &row, None);
        for agent in &audience {
            self.release(now, &tenant, agent, id);
        }
        if let Some(agent) = before.agent() {
            self.forgive(&tenant, agent, true);
        }
        if let Some(visitor) = self.visitors.get_mut(&before.customer) {
            visitor.open = None;
            visitor.has_ended(&row, served_by);
        }
        self.show_contact(before.customer);
        self.customer_left(now, before.customer);
        let case = self.cases.remove(&id);
        self.acquaintances.forget_all(id);
        // If its messages were withheld, there is nothing left to confirm.
        if let (Some(mut case), Some(seq)) = (case.filter(|case| !case.withheld), row.seq) {
            case.owe_confirmation(now, row.pos, seq);
            self.owe(now, case, audience, row.clone());
        }
        self.positions_changed(now, &tenant, &queue);
        Some(row)
    }

    /// The agent has nothing more to do with the conversation.
    pub(super) fn release(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        agent: &AgentJid,
        id: ConversationId,
    ) {
        if let Some(work) = self.work.get_mut(&(tenant.clone(), agent.clone())) {
            work.held.remove(&id);
        }
        if let Some(case) = self.cases.get(&id) {
            let customer = case.view.customer;
            self.past.insert(now, customer, agent, self.gate.head());
            if case.view.is_open() {
                self.remove_contact(customer, agent);
            }
        }
        self.stir_queues_of(tenant, agent);
    }

    /// Tells the customer the state of their conversation.
    pub(super) fn tell_state(&mut self, id: ConversationId) {
        let Some(view) = self.cases.get(&id).map(|case| &case.view) else { return };
        let phase = match &view.state {
            State::Waiting | State::Offered { .. } => {
                let place = self.place(view);
                return self.tell_place(id, place);
            }
            State::Active { agent } => {
                Phase::Active { agent: self.agent_name(&view.tenant, agent) }
            }
            State::Closed { reason } => Phase::Closed { reason: *reason },
        };
        self.tell_phase(id, phase);
    }

    pub(super) fn tell_phase(&mut self, id: ConversationId, phase: Phase) {
        let Some(view) = self.cases.get(&id).map(|case| &case.view) else { return };
        let (tenant, customer) = (view.tenant.clone(), view.customer);
        let state = CustomerState { conversation: id, queue: view.queue.clone(), phase };
        self.notify(&tenant, customer, CustomerNotice::State(state));
    }

    /// When it has been idle for too long; none if that is never, or the tenant is not served here.
    fn idle_at(&self, view: &Conversation) -> Option<Timestamp> {
        let settings = self.settings(&view.tenant).filter(|settings| settings.idle_close_ms > 0)?;
        Some(self.silent_since(view).plus(settings.idle_close_ms.max(LEAST_IDLE_MS)))
    }

    /// Sets the timer for that, but not before the edges have had time to report who is online.
    pub(super) fn arm_idle(&mut self, not_before: Timestamp, view: &Conversation) {
        if let Some(at) = self.idle_at(view) {
            self.timers.arm(at.max(not_before), Timer::Idle(view.id));
        }
    }

    /// Closes an idle conversation; but customers who wait online stay in the queue, and those who
    /// left an address stay for some days.
    fn close_if_idle(&mut self, now: Timestamp, id: ConversationId) {
        let Some(view) = self.cases.get(&id).map(|case| case.view.clone()) else { return };
        let Some(due) = self.idle_at(&view) else { return };
        let left_word = now.since(self.silent_since(&view)) < LEFT_MS
            && self.cases.get(&id).is_some_and(|case| case.left_address());
        let patient = view.agent().is_none() && (left_word || self.online(view.customer));
        if due > now {
            self.timers.arm(due, Timer::Idle(id));
        } else if patient {
            let silence = due.since(self.silent_since(&view));
            self.timers.arm(now.plus(silence), Timer::Idle(id));
        } else {
            self.close(now, id, Author::System, CloseReason::Idle, Command::default());
        }
    }

    pub(super) fn run_timers(&mut self, now: Timestamp) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Offer(id) => {
                    self.offer_ran_out(now, id);
                    // An agent who is asked now is not available for the next expired offer.
                    self.offer_stirred(now);
                }
                Timer::Transfer(id) => self.transfer_ran_out(now, id),
                Timer::Unsure(by) => self.decide(now, &by),
                Timer::AskAgain(id) => self.ask_again(now, id),
                Timer::Idle(id) => self.close_if_idle(now, id),
                Timer::Silence(id) => self.break_silence(now, id),
                Timer::Gone(agent) => self.take_back_if_gone(now, &agent),
                Timer::SendAgain(agent) => self.send_again(now, &agent),
                Timer::Marks(id) => self.write_marks(now, id),
                Timer::Owed(id) => self.forget_owed(now, id),
                Timer::Away(customer) => self.show_contact(customer),
                Timer::Leave(customer) => self.leave(now, customer),
                Timer::Positions(tenant, queue) => self.tell_positions(&tenant, &queue),
                Timer::Place(customer) => self.count_in_line(now, customer),
                Timer::Hours(tenant, queue) => self.turn_of_hours(now, &tenant, &queue),
                Timer::Back(tenant, agent) => self.is_back(now, &tenant, &agent),
            }
        }
    }

    /// Puts every waiting conversation into its queue, according to the current settings.
    pub(super) fn line_up(&mut self, now: Timestamp) {
        let mut open: Vec<ConversationId> = self.cases.keys().copied().collect();
        open.sort_unstable();
        for id in open {
            let Some(mut view) = self.cases.get(&id).map(|case| case.view.clone()) else {
                continue;
            };
            self.fall_back_to_default_queue(&mut view);
            self.arm_idle(now.plus(LEAST_IDLE_MS), &view);
            self.await_word(now.plus(LEAST_IDLE_MS), id);
            if view.agent().is_none()
                && let Some(line) = self.line(&view.tenant, &view.queue)
            {
                line.enter(&view);
                self.positions_changed(now, &view.tenant, &view.queue);
                self.count_in_line_once_known(now, view.customer);
            }
            if let Some(case) = self.cases.get_mut(&id) {
                case.view.queue = view.queue;
            }
        }
    }

    /// A conversation whose queue no longer exists is served by the default queue.
    pub(super) fn fall_back_to_default_queue(&self, view: &mut Conversation) {
        let served = |s: &TenantSettings| s.queues.iter().any(|queue| queue.key == view.queue);
        if !self.settings(&view.tenant).is_some_and(|settings| served(&settings)) {
            view.queue = QueueKey::default_queue();
        }
    }
}
