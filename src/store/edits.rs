//! Edits and retractions: rows that change the text of earlier rows.
//!
//! Invariants: the text is changed by the transaction that inserts the row, and by no other. After
//! a retraction no text is left, neither the original nor an edit.

use std::sync::Arc;

use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::codec::int;
use super::connection::Line;
use super::entity::log::{Column, Entity};
use super::row_codec::{note_details, target_details};
use super::statements;
use crate::chat::ids::Pos;
use crate::chat::row::{Append, Kind, Row, RowKind};
use crate::ports::store_error::StoreError;

#[derive(Debug)]
pub(super) struct Statements {
    /// Replaces a row's text.
    change: Arc<str>,
    /// Clears the text of all edits of a row.
    blank: Arc<str>,
    /// Clears a message's files.
    bare: Arc<str>,
}

impl Statements {
    pub(super) fn new(backend: DbBackend) -> Self {
        Self {
            change: change_text(backend).into(),
            blank: blank_text(backend).into(),
            bare: bare_text(backend).into(),
        }
    }
}

fn change_text(backend: DbBackend) -> String {
    let change = Query::update()
        .table(Entity)
        .value(Column::Text, Expr::value(""))
        .and_where(Expr::col(Column::Link).eq(0))
        .and_where(Expr::col(Column::Pos).eq(0))
        .take();
    statements::text(backend, &change)
}

fn blank_text(backend: DbBackend) -> String {
    let blank = Query::update()
        .table(Entity)
        .value(Column::Text, Expr::value(""))
        .and_where(Expr::col(Column::Conversation).eq(0))
        .and_where(Expr::col(Column::Kind).eq(""))
        .and_where(Expr::col(Column::Details).eq(""))
        .take();
    statements::text(backend, &blank)
}

fn bare_text(backend: DbBackend) -> String {
    let bare = Query::update()
        .table(Entity)
        .value(Column::Details, Expr::value(Option::<String>::None))
        .and_where(Expr::col(Column::Link).eq(0))
        .and_where(Expr::col(Column::Pos).eq(0))
        .and_where(Expr::col(Column::Kind).eq(""))
        .take();
    statements::text(backend, &bare)
}

/// Applies the edits and retractions among these newly inserted rows.
pub(super) async fn write(
    line: &mut Line<'_>,
    texts: &Statements,
    link: i32,
    appends: &[&Append],
) -> Result<(), StoreError> {
    for append in appends {
        let row = &append.row;
        let Some((of, words)) = row.kind.rewrites() else { continue };
        let values = [words.into(), link.into(), int(of.0)?.into()];
        line.run(&texts.change, &values).await?;
        if let (RowKind::NoteEdit { .. }, true) = (&row.kind, words.is_empty()) {
            let details = note_details(of)?;
            let values = [
                "".into(),
                (&row.conversation.0).into(),
                Kind::NoteEdit.word().into(),
                details.as_str().into(),
            ];
            line.run(&texts.blank, &values).await?;
        }
        if let (Some((target, _)), true) = (row.kind.changes(), words.is_empty()) {
            let details = target_details(target)?;
            let values = [
                "".into(),
                (&row.conversation.0).into(),
                Kind::Edit.word().into(),
                details.as_str().into(),
            ];
            line.run(&texts.blank, &values).await?;
            let values = [
                None::<&str>.into(),
                link.into(),
                int(target.pos.0)?.into(),
                Kind::Files.word().into(),
            ];
            line.run(&texts.bare, &values).await?;
        }
    }
    Ok(())
}

/// Whether a stored row is ours, allowing for a later row of ours that changed its text.
pub(super) fn stands(standing: &Row, ours: &Row, appends: &[&Append]) -> bool {
    let changed = |pos| {
        let changes = |append: &&Append| match append.row.kind.rewrites() {
            Some((of, _)) => of == pos || own_target(ours) == Some(of),
            None => false,
        };
        appends.iter().any(changes)
    };
    if standing == ours {
        return true;
    }
    if !changed(ours.pos) {
        return false;
    }
    let mut unchanged = standing.clone();
    unchanged.kind = match (&standing.kind, &ours.kind) {
        (RowKind::Message { reply_to, .. }, RowKind::Message { text, .. }) => {
            RowKind::Message { text: text.clone(), reply_to: *reply_to }
        }
        // Of a retracted message nothing is left to compare.
        (RowKind::Files { .. }, RowKind::Files { .. }) => ours.kind.clone(),
        (RowKind::Edit { target, .. }, RowKind::Edit { text, .. }) => {
            RowKind::Edit { target: *target, text: text.clone() }
        }
        (RowKind::Note { .. }, RowKind::Note { .. }) => ours.kind.clone(),
        (RowKind::NoteEdit { of, .. }, RowKind::NoteEdit { text, .. }) => {
            RowKind::NoteEdit { of: *of, text: text.clone() }
        }
        (kind, _) => kind.clone(),
    };
    unchanged == *ours
}

fn own_target(row: &Row) -> Option<Pos> {
    row.kind.rewrites().map(|(of, _)| of)
}
