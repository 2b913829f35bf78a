//! The desk's access to the log: numbers the rows, and holds back effects that depend on a row
//! until the row is stored.
//!
//! Invariants: `pos` is dense; effects leave in the order in which they were emitted; an effect
//! emitted after a row leaves only once that row is stored. The exception is the notice that
//! nothing can be stored ([`Gate::emit_at_once`]), which cannot wait for storage to work again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::{CustomerNotice, Effect};
use super::ids::{ConversationId, Pos};
use super::model::Conversation;
use super::row::{Append, Row};

#[derive(Debug, Default)]
pub(super) struct Gate {
    head: Pos,
    stored: Pos,
    held: VecDeque<(Pos, Effect)>,
    out: Vec<Effect>,
}

impl Gate {
    /// Continues after the last row in the store.
    pub(super) fn after(head: Pos) -> Self {
        Self { head, stored: head, ..Self::default() }
    }

    pub(super) fn next(&self) -> Pos {
        self.head.next()
    }

    /// The last number assigned.
    pub(super) fn head(&self) -> Pos {
        self.head
    }

    pub(super) fn last_stored(&self) -> Pos {
        self.stored
    }

    /// Passes a row, numbered with [`next`](Self::next), to the store.
    pub(super) fn append(&mut self, row: Arc<Row>, view: Option<Arc<Conversation>>) {
        debug_assert_eq!(row.pos, self.next());
        self.head = row.pos;
        self.out.push(Effect::Append(Append { row, view }));
    }

    /// Releases an effect once every row before it is stored.
    pub(super) fn emit(&mut self, effect: Effect) {
        if self.is_settled() || crate::chaos::mutant("ack-before-commit") {
            self.out.push(effect);
        } else {
            self.held.push_back((self.head, effect));
        }
    }

    /// Releases an effect that depends on no row, ahead of everything held back.
    pub(super) fn emit_at_once(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    pub(super) fn stored(&mut self, upto: Pos) {
        self.stored = self.stored.max(upto.min(self.head));
        while let Some((_, effect)) = self.held.pop_front_if(|(after, _)| *after <= upto) {
            self.out.push(effect);
        }
    }

    /// The entries of a conversation that are not stored yet, latest first.
    pub(super) fn waiting(
        &self,
        conversation: ConversationId,
    ) -> impl Iterator<Item = &Arc<Row>> + Clone {
        self.held.iter().rev().filter_map(move |(_, effect)| match effect {
            Effect::Notify { notice: CustomerNotice::Entry(row), .. }
                if row.conversation == conversation =>
            {
                Some(row)
            }
            _ => None,
        })
    }

    pub(super) fn is_settled(&self) -> bool {
        self.stored == self.head
    }

    /// Moves the released effects to `effects`.
    pub(super) fn drain_into(&mut self, effects: &mut Vec<Effect>) {
        effects.append(&mut self.out);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{CustomerId, Seq, TenantKey, Timestamp};
    use crate::chat::row::{Author, RowKind};

    fn append(gate: &mut Gate) {
        let row = Row {
            pos: gate.next(),
            tenant: TenantKey::new("acme").unwrap(),
            conversation: ConversationId(Uuid::nil()),
            customer: CustomerId(Uuid::nil()),
            seq: None,
            at: Timestamp(0),
            author: Author::System,
            key: None,
            stanza: None,
            kind: RowKind::Offered,
            recipients: Vec::new(),
        };
        gate.append(Arc::new(row), None);
    }

    fn receipt(gate: &mut Gate, number: u64) {
        gate.emit(Effect::Notify {
            tenant: TenantKey::new("acme").unwrap(),
            customer: CustomerId(Uuid::nil()),
            notice: CustomerNotice::Receipt {
                conversation: ConversationId(Uuid::nil()),
                delivered: Seq(number),
                read: Seq(0),
            },
        });
    }

    /// What was released: a row as its negative number.
    fn left(gate: &mut Gate) -> Vec<i64> {
        let mut effects = Vec::new();
        gate.drain_into(&mut effects);
        let number = |effect: &Effect| match effect {
            Effect::Append(append) => -(append.row.pos.0 as i64),
            Effect::Notify { notice: CustomerNotice::Receipt { delivered, .. }, .. } => {
                delivered.0 as i64
            }
            other => panic!("{other:?}"),
        };
        effects.iter().map(number).collect()
    }

    #[test]
    fn what_follows_a_row_waits_until_it_is_stored() {
        let mut gate = Gate::after(Pos(7));
        receipt(&mut gate, 1);
        append(&mut gate);
        receipt(&mut gate, 2);
        append(&mut gate);
        receipt(&mut gate, 3);
        assert_eq!(left(&mut gate), [1, -8, -9]);
        gate.stored(Pos(8));
        receipt(&mut gate, 4);
        assert_eq!(left(&mut gate), [2]);
        gate.stored(Pos(8));
        assert_eq!(left(&mut gate), [0; 0]);
        gate.stored(Pos(9));
        assert!(gate.is_settled());
        receipt(&mut gate, 5);
        assert_eq!(left(&mut gate), [3, 4, 5], "in their order");
    }
}
