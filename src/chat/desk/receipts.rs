//! What agents' clients have confirmed: shown to the customer at once, stored a moment later.
//!
//! In a steady conversation every message brings a receipt. If each were stored separately, they
//! would be a third of all rows, and the only ones that change the view. A tick is true whatever is
//! stored, so it waits for nothing, and the marks of a conversation are stored once a second, or
//! with its next row that carries the view.
//!
//! Invariants: what was confirmed is stored within [`MARKS_MS`]; at once if it was the last pending
//! confirmation of a closed conversation, and on an orderly stop. A desk that dies earlier resends,
//! under the same ids, what its store does not know to be confirmed.

use super::Desk;
use super::row::NewRow;
use super::timer::Timer;
use crate::chat::effect::CustomerNotice;
use crate::chat::ids::{AgentJid, ConversationId, Seq, Timestamp};
use crate::chat::row::RowKind;

/// How long a confirmation may stay unstored, in milliseconds.
pub(super) const MARKS_MS: i64 = 1_000;
/// Marks due within the same interval are stored together, so that most commits have none.
/// Milliseconds.
const GRID_MS: i64 = 100;

impl Desk {
    /// The agent's client has confirmed something; the view has been updated.
    pub(super) fn marks_moved(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        let Some(case) = self.any_case_mut(id) else { return };
        if case.unwritten.replace(agent.clone()).is_none() {
            let at = Timestamp((now.0 + MARKS_MS) / GRID_MS * GRID_MS);
            self.timers.arm(at, Timer::Marks(id));
        }
    }

    /// Stores the marks of a conversation if they have changed.
    pub(super) fn write_marks(&mut self, now: Timestamp, id: ConversationId) {
        let Some(case) = self.any_case_mut(id) else { return };
        let Some(agent) = case.unwritten.take() else { return };
        let view = &case.view;
        let kind = RowKind::Marked { delivered: view.delivered, read: view.read };
        let tenant = view.tenant.clone();
        let author = self.author(&tenant, &agent);
        self.append(now, id, NewRow::new(author, kind).with_view());
    }

    /// The same for all conversations.
    pub(super) fn write_all_marks(&mut self, now: Timestamp) {
        let owed = self.owed.iter().map(|(id, owed)| (id, &owed.case));
        let all = self.cases.iter().chain(owed);
        let mut unwritten: Vec<ConversationId> =
            all.filter(|(_, case)| case.unwritten.is_some()).map(|(id, _)| *id).collect();
        unwritten.sort_unstable();
        unwritten.into_iter().for_each(|id| self.write_marks(now, id));
    }

    /// Tells the customer how far their messages have been delivered, if any have.
    pub(super) fn tell_ticks(&mut self, id: ConversationId) {
        let Some(view) = self.any_case(id).map(|case| &case.view) else { return };
        let (delivered, read) = (view.delivered, view.read);
        if delivered > Seq(0) {
            let (tenant, customer) = (view.tenant.clone(), view.customer);
            let notice = CustomerNotice::Receipt { conversation: id, delivered, read };
            self.notify(&tenant, customer, notice);
        }
    }
}
