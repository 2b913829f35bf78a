//! Reminds customers and agents who say nothing, and takes conversations from silent agents.
//!
//! Invariants: an agent is reminded, and loses a conversation, only while a client of theirs is
//! online: whoever is gone cannot answer, and [`comings`](super::comings) sees to that. What is due
//! follows from the rows and the settings, so a restored desk goes on.

use super::Desk;
use super::lifecycle::LEAST_IDLE_MS;
use super::row::NewRow;
use super::timer::Timer;
use crate::chat::effect::{CustomerNotice, ToAgentContent};
use crate::chat::ids::{ConversationId, Timestamp};
use crate::chat::patience::Patience;
use crate::chat::row::{Author, RequeueReason, RowKind};
use crate::chat::silence::Due;

impl Desk {
    /// Sets the timer for what is due next if nobody says anything.
    pub(super) fn await_word(&mut self, not_before: Timestamp, id: ConversationId) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let Some(desk) = self.tenants.get(&case.view.tenant) else { return };
        let patience = desk.settings.patience;
        if patience == Patience::default() || case.view.agent().is_none() {
            return;
        }
        let Some(at) = case.silence.next_at(patience).map(|at| at.max(not_before)) else { return };
        if case.silence.armed.is_none_or(|armed| at < armed) {
            case.silence.armed = Some(at);
            self.timers.arm(at, Timer::Silence(id));
        }
    }

    /// Nobody may have said anything for too long.
    pub(super) fn break_silence(&mut self, now: Timestamp, id: ConversationId) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.silence.armed = None;
        let (silence, customer) = (case.silence, case.view.customer);
        let Some(agent) = case.view.agent().cloned() else { return };
        let tenant = case.view.tenant.clone();
        let Some(patience) = self.tenants.get(&tenant).map(|desk| desk.settings.patience) else {
            return;
        };
        let due = silence.due(now, patience);
        match due {
            Some(Due::RemindAgent | Due::Requeue) if !self.is_here(&agent) => {
                return self.await_word(now.plus(LEAST_IDLE_MS), id);
            }
            Some(Due::Requeue) => return self.requeue(now, id, RequeueReason::Unanswered),
            Some(Due::RemindAgent) => {
                let kind = RowKind::Prompted { waited_ms: silence.waited(now) };
                let row =
                    NewRow { recipients: vec![agent.clone()], ..NewRow::new(Author::System, kind) };
                if let Some(row) = self.append(now, id, row) {
                    let content = ToAgentContent::Row { row, name: None, quoted: None };
                    self.send(id, &agent, content);
                }
            }
            Some(Due::RemindCustomer) => {
                let row = NewRow::new(Author::System, RowKind::Reminded);
                if let Some(row) = self.append(now, id, row) {
                    self.notify(&tenant, customer, CustomerNotice::Entry(row));
                }
            }
            None => {}
        }
        self.await_word(now.plus(1), id);
    }
}
