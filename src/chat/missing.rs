//! What was looked up in the store for a conversation and does not exist there.
//!
//! Invariants: only the latest lookups are remembered; a row that comes later is no longer missing.

use std::collections::VecDeque;

use super::ids::Pos;
use super::row::{Reference, Row};

/// How many failed lookups of each kind are remembered.
const MISSING_KEPT: usize = 32;

/// What was looked up in this conversation and does not exist: messages referred to, and rows.
#[derive(Debug, Default)]
pub(super) struct Missing {
    words: VecDeque<Reference>,
    rows: VecDeque<Pos>,
}

impl Missing {
    pub(super) fn has_words(&self, reference: &Reference) -> bool {
        self.words.contains(reference)
    }

    pub(super) fn has_row(&self, pos: Pos) -> bool {
        self.rows.contains(&pos)
    }

    pub(super) fn put_words(&mut self, reference: Reference) {
        keep(&mut self.words, reference);
    }

    pub(super) fn put_row(&mut self, pos: Pos) {
        keep(&mut self.rows, pos);
    }

    /// A new row: what refers to it is no longer missing.
    pub(super) fn came(&mut self, row: &Row) {
        if self.words.is_empty() {
            return;
        }
        self.words.retain(|reference| match reference {
            // From any of the customer's sessions.
            Reference::Customer(key) => row.key.as_ref().is_none_or(|other| other.id != key.id),
            Reference::Agent { stanza, .. } => row.stanza.as_ref() != Some(stanza),
        });
    }
}

fn keep<T: PartialEq>(kept: &mut VecDeque<T>, one: T) {
    if kept.contains(&one) {
        return;
    }
    if kept.len() == MISSING_KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}
