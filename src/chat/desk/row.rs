//! How rows of the log are made.
//!
//! Invariant: a row has the next number of its link, and an entry the next one of its conversation.

use std::sync::Arc;

use super::Desk;
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, TenantKey, Timestamp};
use crate::chat::model::{Author, CommandKey, Row, RowKind};

impl Desk {
    /// Appends a row to a conversation and gives it back; `seen` rows are entries for the customer.
    pub(super) fn append(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        entry: NewRow,
    ) -> Option<Arc<Row>> {
        let pos = self.gate.next();
        let case = self.any_case_mut(case)?;
        if entry.changed {
            // Whatever was confirmed meanwhile goes with it.
            case.unwritten = None;
        }
        let view = &mut case.view;
        let seq = entry.seen.then(|| {
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
        case.rows += 1;
        if let RowKind::Files { files, .. } = &row.kind {
            self.shared.insert(now, files);
        }
        self.gate.append(row.clone(), changed);
        Some(row)
    }

    /// Appends a row that nobody sees as an entry to a conversation that has ended.
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

/// What is to be appended.
pub(super) struct NewRow {
    pub(super) author: Author,
    pub(super) kind: RowKind,
    /// Whether the customer sees it.
    pub(super) seen: bool,
    /// Whether the view changed in more than its head.
    pub(super) changed: bool,
    pub(super) key: Option<CommandKey>,
    pub(super) stanza: Option<Arc<str>>,
    pub(super) recipients: Vec<AgentJid>,
}

impl NewRow {
    /// A row that the customer sees.
    pub(super) fn seen(author: Author, kind: RowKind) -> Self {
        Self { seen: true, ..Self::hidden(author, kind) }
    }

    /// A row that the customer does not see.
    pub(super) fn hidden(author: Author, kind: RowKind) -> Self {
        Self {
            author,
            kind,
            seen: false,
            changed: false,
            key: None,
            stanza: None,
            recipients: Vec::new(),
        }
    }

    /// The view goes with it.
    pub(super) fn with_view(self) -> Self {
        Self { changed: true, ..self }
    }
}
