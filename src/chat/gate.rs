//! The desk's hold on the log: it numbers rows, and keeps back what rests on a row until the row
//! is stored.
//!
//! Invariants: `pos` is dense; effects leave in the order in which they were emitted; an effect
//! emitted after a row leaves only once that row is stored.

use std::collections::VecDeque;
use std::sync::Arc;

use super::effect::Effect;
use super::ids::Pos;
use super::model::{Append, Conversation, Row};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate {
    head: Pos,
    stored: Pos,
    held: VecDeque<(Pos, Effect)>,
    out: Vec<Effect>,
}

impl Gate {
    /// Goes on after the last row of the store.
    pub(super) fn after(head: Pos) -> Self {
        Self { head, stored: head, ..Self::default() }
    }

    /// The number that the next row gets.
    pub(super) fn next(&self) -> Pos {
        self.head.next()
    }

    /// The last number given.
    pub(super) fn head(&self) -> Pos {
        self.head
    }

    /// Hands a row, numbered with [`next`](Self::next), to the store.
    pub(super) fn append(&mut self, row: Arc<Row>, view: Option<Arc<Conversation>>) {
        debug_assert_eq!(row.pos, self.next());
        self.head = row.pos;
        self.out.push(Effect::Append(Append { row, view }));
    }

    /// Lets an effect out once every row before it is stored.
    pub(super) fn emit(&mut self, effect: Effect) {
        if self.is_settled() {
            self.out.push(effect);
        } else {
            self.held.push_back((self.head, effect));
        }
    }

    /// Everything up to here is stored.
    pub(super) fn stored(&mut self, upto: Pos) {
        self.stored = self.stored.max(upto.min(self.head));
        while let Some((_, effect)) = self.held.pop_front_if(|(after, _)| *after <= upto) {
            self.out.push(effect);
        }
    }

    /// Whether every row is stored.
    pub(super) fn is_settled(&self) -> bool {
        self.stored == self.head
    }

    /// What may leave now.
    pub(super) fn drain_into(&mut self, effects: &mut Vec<Effect>) {
        effects.append(&mut self.out);
    }
}
