//! Closes a conversation that neither side has ended: because it has the maximum number of rows, or
//! because an operator asked for it.
//!
//! Invariants: no conversation grows without limit. What is said in a full one begins another, with
//! the same agent or at the same place in the queue; edits, retractions and replies still go into
//! the full one, up to a tenth over the limit.

use super::Desk;
use super::lifecycle::{Beginning, Command};
use crate::chat::ids::{ConversationId, Timestamp};
use crate::chat::model::CloseReason;
use crate::chat::row::Author;

impl Desk {
    /// The conversation to continue in: this one or, if it is full, `fresh`, which is opened.
    pub(super) fn go_on(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        fresh: ConversationId,
    ) -> ConversationId {
        let full = self.cases.get(&id).filter(|case| case.rows >= self.limits.rows);
        let kept = full.map(|case| (case.view.clone(), case.answers.clone(), case.shunned.clone()));
        let Some((before, answers, shunned)) = kept else { return id };
        self.close(now, id, Author::System, CloseReason::Full, Command::default());
        let agent = before.agent().cloned();
        self.begin(
            now,
            Beginning {
                id: fresh,
                tenant: before.tenant.clone(),
                customer: before.customer,
                queue: before.queue.clone(),
                subject: before.subject.clone(),
                answers,
                key: None,
                author: Author::System,
                stanza: None,
                before: Some(before),
            },
        );
        // Whoever was asked earlier may have come back since.
        let fails = !shunned.is_empty();
        if let Some(case) = self.cases.get_mut(&fresh) {
            case.shunned = shunned;
        }
        if fails {
            self.ask_again_later(now, fresh);
        }
        match agent {
            Some(agent) => self.assign(now, fresh, &agent),
            None => self.tell_state(fresh),
        }
        fresh
    }

    /// Whether there is no room even for edits, retractions and replies.
    pub(super) fn is_overfull(&self, id: ConversationId) -> bool {
        let rows = self.cases.get(&id).map_or(0, |case| case.rows);
        rows >= self.limits.rows.saturating_add(self.limits.rows / 10)
    }

    /// An operator asked to close it; it may be closed already.
    pub(super) fn close_asked(&mut self, now: Timestamp, id: ConversationId) {
        if self.cases.contains_key(&id) {
            self.close(now, id, Author::System, CloseReason::Operator, Command::default());
        }
    }
}
