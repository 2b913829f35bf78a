//! What agents' clients have confirmed: told at once, written a moment later.
//!
//! A steady conversation brings a receipt with each message. Were each written by itself it would
//! be a third of all rows, and the only ones that change a view. A tick stays true whatever is
//! stored: so it waits for nothing, and the marks of a conversation are written once a second, or
//! with its next row that carries the view.
//!
//! Invariants: what was confirmed is written within [`MARKS_MS`], at once where it was the last that
//! was owed of a closed conversation, and in an orderly stop. A desk that dies before that sends
//! again, under the same ids, what its store does not know to be confirmed.

use super::Desk;
use super::row::NewRow;
use super::timer::Timer;
use crate::chat::effect::CustomerNotice;
use crate::chat::ids::{AgentJid, ConversationId, Seq, Timestamp};
use crate::chat::model::RowKind;

/// How long what was confirmed may be unwritten, in milliseconds.
pub(super) const MARKS_MS: i64 = 1_000;
/// Marks of the same moment are written together, in milliseconds: then most commits have none.
const GRID_MS: i64 = 100;

impl Desk {
    /// The agent's client has confirmed something that is in the view now.
    pub(super) fn marks_moved(&mut self, now: Timestamp, id: ConversationId, agent: &AgentJid) {
        let Some(case) = self.any_case_mut(id) else { return };
        if case.unwritten.replace(agent.clone()).is_none() {
            let at = Timestamp((now.0 + MARKS_MS) / GRID_MS * GRID_MS);
            self.timers.arm(at, Timer::Marks(id));
        }
    }

    /// Writes down what is confirmed, where that is not done.
    pub(super) fn write_marks(&mut self, now: Timestamp, id: ConversationId) {
        let Some(case) = self.any_case_mut(id) else { return };
        let Some(agent) = case.unwritten.take() else { return };
        let view = &case.view;
        let kind = RowKind::Marked { delivered: view.delivered, read: view.read };
        let tenant = view.tenant.clone();
        let author = self.author(&tenant, &agent);
        self.append(now, id, NewRow::hidden(author, kind).with_view());
    }

    /// The same of all conversations.
    pub(super) fn write_all_marks(&mut self, now: Timestamp) {
        let owed = self.owed.iter().map(|(id, owed)| (id, &owed.case));
        let all = self.cases.iter().chain(owed);
        let mut unwritten: Vec<ConversationId> =
            all.filter(|(_, case)| case.unwritten.is_some()).map(|(id, _)| *id).collect();
        unwritten.sort_unstable();
        unwritten.into_iter().for_each(|id| self.write_marks(now, id));
    }

    /// Tells the customer how far his words have come, where there is anything to tell.
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
