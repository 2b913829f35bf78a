//! The end of a conversation that nobody of those who talk has ended: it has as many rows as one may
//! have, or an operator wants it closed.
//!
//! Invariants: no conversation grows for ever, whoever goes on with it. What is said once one is full
//! begins another, with the same agent or at the same place in line; what is about words of before
//! still finds a tenth more of room in the full one, and none after that.

use super::Desk;
use super::lifecycle::{Beginning, Command};
use crate::chat::ids::{ConversationId, Timestamp};
use crate::chat::model::{Author, CloseReason};

impl Desk {
    /// The conversation to go on in: this one, or, where it is full, the fresh one.
    pub(super) fn go_on(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        fresh: ConversationId,
    ) -> ConversationId {
        let full = self.cases.get(&id).filter(|case| case.rows >= self.limits.rows);
        let Some((before, answers)) = full.map(|case| (case.view.clone(), case.answers.clone()))
        else {
            return id;
        };
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
        match agent {
            Some(agent) => self.assign(now, fresh, &agent),
            None => self.tell_state(fresh),
        }
        fresh
    }

    /// Whether not even what is about words of before has room.
    pub(super) fn is_overfull(&self, id: ConversationId) -> bool {
        let rows = self.cases.get(&id).map_or(0, |case| case.rows);
        rows >= self.limits.rows.saturating_add(self.limits.rows / 10)
    }

    /// An operator wants it closed; it may be closed by now.
    pub(super) fn close_asked(&mut self, now: Timestamp, id: ConversationId) {
        if self.cases.contains_key(&id) {
            self.close(now, id, Author::System, CloseReason::Operator, Command::default());
        }
    }
}
