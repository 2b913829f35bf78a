//! Which files belong to which messages: written with the messages' rows.
//!
//! Invariants: a file stops expiring only by the transaction that inserts its message, and expires
//! again by the one that retracts it. A message cannot take a file that another message has.

use std::sync::Arc;

use sea_orm::DbBackend;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::codec::int;
use super::connection::Line;
use super::entity::file::{Column, Entity};
use super::statements;
use crate::chat::row::{Append, RowKind};
use crate::ports::store_error::StoreError;

#[derive(Debug)]
pub(super) struct Statements {
    /// Assigns a file to a row; from then on it does not expire.
    take: Arc<str>,
    /// Makes the files of a row expire.
    release: Arc<str>,
}

impl Statements {
    pub(super) fn new(backend: DbBackend) -> Self {
        Self { take: take_text(backend).into(), release: release_text(backend).into() }
    }
}

fn take_text(backend: DbBackend) -> String {
    let take = Query::update()
        .table(Entity)
        .value(Column::ExpiresAt, Expr::value(Option::<i64>::None))
        .value(Column::Link, Expr::value(0))
        .value(Column::Pos, Expr::value(0))
        .and_where(Expr::col(Column::Id).eq(0))
        .and_where(Expr::col(Column::Pos).is_null())
        .take();
    statements::text(backend, &take)
}

fn release_text(backend: DbBackend) -> String {
    let release = Query::update()
        .table(Entity)
        .value(Column::ExpiresAt, Expr::value(0))
        .and_where(Expr::col(Column::Link).eq(0))
        .and_where(Expr::col(Column::Pos).eq(0))
        .take();
    statements::text(backend, &release)
}

/// Assigns files to the newly inserted rows that name them, and makes the files of retracted
/// messages expire.
pub(super) async fn write(
    line: &mut Line<'_>,
    texts: &Statements,
    link: i32,
    appends: &[&Append],
) -> Result<(), StoreError> {
    for append in appends {
        let row = &append.row;
        match &row.kind {
            RowKind::Files { files, .. } => {
                for file in files.iter() {
                    let values = [
                        None::<i64>.into(),
                        link.into(),
                        int(row.pos.0)?.into(),
                        (&file.id.0).into(),
                    ];
                    if line.run(&texts.take, &values).await? == 0 {
                        // The row is stored nevertheless, since its position was assigned before
                        // this could be known. Retracting it does not affect the message that has
                        // the file.
                        let pos = row.pos.0;
                        tracing::warn!(file = %file.id, pos, "the file already belongs to another message");
                    }
                }
            }
            RowKind::Retract { target } => {
                let values = [0_i64.into(), link.into(), int(target.pos.0)?.into()];
                line.run(&texts.release, &values).await?;
            }
            _ => {}
        }
    }
    Ok(())
}
