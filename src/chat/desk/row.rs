//! Makes the rows of the log.
//!
//! Invariant: a row gets the next number of its link, an entry the next number of its conversation.

use std::sync::Arc;

use super::Desk;
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, TenantKey, Timestamp};
use crate::chat::row::{Author, CommandKey, Row, RowKind};
use crate::chat::silence::Turn;

impl Desk {
    /// Appends a row to a conversation and returns it.
    pub(super) fn append(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        entry: NewRow,
    ) -> Option<Arc<Row>> {
        let pos = self.gate.next();
        let case = self.any_case_mut(case)?;
        if entry.changed {
            // The marks confirmed so far are stored with it.
            case.unwritten = None;
        }
        let view = &mut case.view;
        let seq = entry.kind.kind().is_entry().then(|| {
            view.head = view.head.next();
            view.head
        });
        let row = Arc::new(Row {
            pos,
            tenant: view.tenant.clone(),
            conversation: view.id,
            customer: view.customer,
            seq,
            at: now,
            author: entry.author,
            key: entry.key,
            stanza: entry.stanza,
            recipients: entry.recipients,
            kind: entry.kind,
        });
        let changed = entry.changed.then(|| Arc::new(view.clone()));
        case.missing.came(&row);
        case.notes.came(&row);
        case.rows += 1;
        let turn = Turn::of(row.kind.kind(), &row.author);
        if let Some(turn) = turn {
            case.silence.note(now, turn);
        }
        if let RowKind::Files { files, .. } = &row.kind {
            self.shared.insert(now, files);
        }
        self.gate.append(row.clone(), changed);
        self.overheard(&row);
        if turn.is_some() {
            self.await_word(now.plus(1), row.conversation);
        }
        Some(row)
    }

    /// Appends a row, without an entry for the customer, to a conversation that has ended.
    pub(super) fn append_to(
        &mut self,
        now: Timestamp,
        (tenant, customer, conversation): (&TenantKey, CustomerId, ConversationId),
        entry: NewRow,
    ) -> Arc<Row> {
        let row = Arc::new(Row {
            pos: self.gate.next(),
            tenant: tenant.clone(),
            conversation,
            customer,
            seq: None,
            at: now,
            author: entry.author,
            key: entry.key,
            stanza: entry.stanza,
            recipients: entry.recipients,
            kind: entry.kind,
        });
        self.gate.append(row.clone(), None);
        row
    }
}

pub(super) struct NewRow {
    pub(super) author: Author,
    pub(super) kind: RowKind,
    /// Whether the view has changed in more than its head.
    pub(super) changed: bool,
    pub(super) key: Option<CommandKey>,
    pub(super) stanza: Option<Arc<str>>,
    pub(super) recipients: Vec<AgentJid>,
}

impl NewRow {
    pub(super) fn new(author: Author, kind: RowKind) -> Self {
        Self { author, kind, changed: false, key: None, stanza: None, recipients: Vec::new() }
    }

    /// Stores the view with the row.
    pub(super) fn with_view(self) -> Self {
        Self { changed: true, ..self }
    }
}
