//! The latest notes of a conversation, by the stanzas that agents sent them in.
//!
//! Invariant: only the latest are kept; earlier ones are found in the store.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ids::{AgentJid, Pos};
use super::row::{Author, Row, RowKind};

/// How many notes are kept.
const NOTES_KEPT: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Notes {
    known: VecDeque<(AgentJid, Arc<str>, Pos)>,
    /// The last row with a note since this desk began.
    pub(super) last: Pos,
}

/// The author, the stanza and the note of a row that is a note, or a change of one.
pub(super) fn note_of(row: &Row) -> Option<(&AgentJid, &Arc<str>, Pos)> {
    let of = match &row.kind {
        RowKind::Note { .. } => row.pos,
        RowKind::NoteEdit { of, .. } => *of,
        _ => return None,
    };
    match (&row.author, &row.stanza) {
        (Author::Agent { jid, .. }, Some(stanza)) => Some((jid, stanza, of)),
        _ => None,
    }
}

impl Notes {
    /// A row was appended.
    pub(super) fn came(&mut self, row: &Row) {
        if row.kind.kind().is_note() {
            self.last = row.pos;
            self.insert(row);
        }
    }

    /// A row was added, or read from the store.
    pub(super) fn insert(&mut self, row: &Row) {
        let Some((agent, stanza, of)) = note_of(row) else { return };
        if self.find(agent, stanza).is_some() {
            self.known.retain(|(by, id, _)| by != agent || id != stanza);
        }
        if self.known.len() == NOTES_KEPT {
            self.known.pop_front();
        }
        self.known.push_back((agent.clone(), stanza.clone(), of));
    }

    /// The note that an agent sent in this stanza, or changed with it.
    pub(super) fn find(&self, agent: &AgentJid, stanza: &str) -> Option<Pos> {
        let is_it = |(by, id, _): &&(AgentJid, Arc<str>, Pos)| by == agent && **id == *stanza;
        self.known.iter().find(is_it).map(|(.., of)| *of)
    }
}
