//! Writes rows to the log, with all that belongs to their transaction.
//!
//! Invariants: an append is one transaction. Each of its statements that inserts rows locks the
//! link's row and compares the epoch itself, so a node that no longer owns the link is fenced off;
//! an append of rows alone is a single statement. A stored row is never overwritten: it is compared
//! with ours, and a different one was written by somebody else.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{DbBackend, FromQueryResult, Iterable};

use super::codec::{int, nat};
use super::connection::{Connection, Line, Value};
use super::entity::link;
use super::entity::log::{Column, Entity, Model};
use super::error::{driver, is_null, is_taken, unavailable};
use super::row_codec::{row_from, row_into};
use super::server::Server;
use super::statements::{self, Many};
use super::{conversations, edits, links, message_files};
use crate::chaos;
use crate::chat::ids::{LinkDomain, Pos};
use crate::chat::row::{Append, Row, RowKind};
use crate::ports::store_error::StoreError;

/// The condition of a write: the node still owns the link with this epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fence<'f> {
    pub(super) id: i32,
    pub(super) link: &'f LinkDomain,
    pub(super) epoch: i64,
    /// Limits the size of statements.
    pub(super) server: &'f Server,
}

impl Fence<'_> {
    /// Mutant: a fence that lets every owner pass.
    pub(super) async fn torn_by_mutant(
        self,
        connection: &impl sea_orm::ConnectionTrait,
    ) -> Result<Self, StoreError> {
        if !chaos::mutant("fence-unlocked") {
            return Ok(self);
        }
        let link = links::find(connection, self.link).await?.ok_or(StoreError::Fenced)?;
        Ok(Self { epoch: link.epoch, ..self })
    }
}

/// The statements of an append, for one kind of database.
#[derive(Debug)]
pub(super) struct Statements {
    /// Inserts rows under the fence. An ordinary commit is one such statement, and so a transaction
    /// by itself.
    pub(super) rows: Many,
    /// Reads the rows between two positions.
    standing: Arc<str>,
    edits: edits::Statements,
    files: message_files::Statements,
    pub(super) views: conversations::Statements,
}

impl Statements {
    pub(super) fn new(backend: DbBackend) -> Self {
        Self {
            rows: Many::new(backend, 64, insert_text),
            standing: standing_text(backend).into(),
            edits: edits::Statements::new(backend),
            files: message_files::Statements::new(backend),
            views: conversations::Statements::new(backend),
        }
    }
}

/// The statement that inserts rows. The first row's link comes from a subquery under a lock that is
/// held until the commit. If the epoch differs, the subquery returns null, which the column does
/// not allow, and nothing is inserted.
fn insert_text(backend: DbBackend, rows: usize) -> String {
    let fence = Query::select()
        .column(link::Column::Id)
        .from(link::Entity)
        .and_where(Expr::col(link::Column::Id).eq(0))
        .and_where(Expr::col(link::Column::Domain).eq(""))
        .and_where(Expr::col(link::Column::Epoch).eq(0))
        .lock(LockType::Update)
        .take();
    let mut insert = Query::insert().into_table(Entity).columns(Column::iter()).take();
    for row in 0..rows {
        let first = match row {
            0 => Expr::SubQuery(None, Box::new(fence.clone().into())),
            _ => Expr::value(0),
        };
        let rest = Column::iter().skip(1).map(|_| Expr::value(0));
        insert.values_panic(iter::once(first).chain(rest));
    }
    statements::text(backend, &insert)
}

fn standing_text(backend: DbBackend) -> String {
    let standing = Query::select()
        .columns(Column::iter())
        .from(Entity)
        .and_where(Expr::col(Column::Link).eq(0))
        .and_where(Expr::col(Column::Pos).between(0, 0))
        .take();
    statements::text(backend, &standing)
}

/// Writes rows and views: in one statement if possible, otherwise in one transaction.
pub(super) async fn write(
    connection: &mut Connection,
    texts: &Statements,
    fence: Fence<'_>,
    appends: &[Append],
) -> Result<(), StoreError> {
    let all: Vec<&Append> = appends.iter().collect();
    let most = fence.server.statement();
    let parts: Vec<&[&Append]> = chunks(&texts.rows, &all, most).collect();
    if let [only] = parts.as_slice()
        && only.iter().all(|append| is_row_alone(append))
        && insert(&mut connection.line(), texts, fence, only).await?
    {
        return Ok(());
    }
    let mut work = connection.begin().await?;
    let line = &mut work.line();
    let mut fresh: Vec<&Append> = Vec::with_capacity(all.len());
    for part in parts {
        if insert(line, texts, fence, part).await? {
            fresh.extend(part);
        } else {
            fresh.extend(insert_missing(line, texts, fence, part).await?);
        }
    }
    edits::write(line, &texts.edits, fence.id, &fresh).await?;
    message_files::write(line, &texts.files, fence.id, &fresh).await?;
    conversations::count(line, &texts.views, &fresh).await?;
    conversations::write(line, &texts.views, fence.id, &fresh, most).await?;
    work.commit().await
}

/// Whether nothing but the row has to be written.
fn is_row_alone(append: &Append) -> bool {
    let kind = &append.row.kind;
    append.view.is_none() && kind.rewrites().is_none() && !matches!(kind, RowKind::Files { .. })
}

/// Inserts rows; `false` if a row with the same position or key already exists.
async fn insert(
    line: &mut Line<'_>,
    texts: &Statements,
    fence: Fence<'_>,
    appends: &[&Append],
) -> Result<bool, StoreError> {
    let mut values = Vec::with_capacity(2 + appends.len() * Column::iter().len());
    for append in appends {
        values.push(fence.id.into());
        if values.len() == 1 {
            values.push(fence.link.as_str().into());
            values.push(fence.epoch.into());
        }
        row_into(&append.row, &mut values)?;
    }
    if !fence.server.fits(values.iter().map(Value::size).sum()) {
        return Err(StoreError::TooLarge(
            "a row is larger than the server's max_allowed_packet: raise it".to_owned(),
        ));
    }
    match line.execute(texts.rows.text(appends.len()), &values).await {
        Ok(_) => Ok(true),
        Err(cause) if is_taken(&cause) => Ok(false),
        // The fence's subquery returned null.
        Err(cause) if is_null(&cause) => Err(StoreError::Fenced),
        Err(cause) => Err(driver(&cause)),
    }
}

/// Inserts the rows that are missing, and returns them. Fails if an existing row is not ours. The
/// fence has already been passed.
async fn insert_missing<'a>(
    line: &mut Line<'_>,
    texts: &Statements,
    fence: Fence<'_>,
    appends: &[&'a Append],
) -> Result<Vec<&'a Append>, StoreError> {
    let positions = appends.iter().map(|append| append.row.pos);
    let (Some(first), Some(last)) = (positions.clone().min(), positions.max()) else {
        return Ok(Vec::new());
    };
    let between = [fence.id.into(), int(first.0)?.into(), int(last.0)?.into()];
    let standing = line.ask(texts.standing.clone(), &between).await;
    let mut there: HashMap<Pos, Row> = HashMap::new();
    for row in standing.map_err(|cause| driver(&cause))? {
        let model = Model::from_query_result(&row, "").map_err(unavailable)?;
        let pos = Pos(nat(model.pos)?);
        // A row that this version cannot read was not written by it.
        there.insert(pos, row_from(model).map_err(|_| StoreError::Foreign(pos))?);
    }
    let mut missing = Vec::new();
    for append in appends {
        match there.get(&append.row.pos) {
            Some(row) if edits::stands(row, &append.row, appends) => {}
            // Mutant: takes the existing row for our own, since otherwise this check would fence as
            // well.
            Some(_) if chaos::mutant("fence-unlocked") => {}
            Some(_) => return Err(StoreError::Foreign(append.row.pos)),
            None => missing.push(*append),
        }
    }
    // The position is free but a key is taken (a `seq` of the conversation, an id of the session):
    // the desk's state differs from the database, so it must be restored as well.
    for part in chunks(&texts.rows, &missing, fence.server.statement()) {
        if !insert(line, texts, fence, part).await? {
            for append in part {
                if !insert(line, texts, fence, &[append]).await? {
                    // Mutant: leaves out a row whose key is taken.
                    if chaos::mutant("fence-unlocked") {
                        continue;
                    }
                    return Err(StoreError::Foreign(append.row.pos));
                }
            }
        }
    }
    Ok(missing)
}

/// Splits rows into statements of bounded size.
fn chunks<'c, 'a>(
    texts: &Many,
    mut appends: &'c [&'a Append],
    most: usize,
) -> impl Iterator<Item = &'c [&'a Append]> {
    iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = appends
            .iter()
            .take(statements::MOST)
            .take_while(|append| {
                let before = bytes;
                bytes += weight(&append.row);
                before == 0 || bytes <= most
            })
            .count();
        let (chunk, rest) = appends.split_at(texts.fitting(fitting));
        appends = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The approximate size of a row in bytes.
fn weight(row: &Row) -> usize {
    let words = match &row.kind {
        kind if kind.words().is_some() => {
            // Labels of answers are few and short.
            kind.words().map_or(0, |text| text.len())
        }
        RowKind::Rated { comment, .. } => comment.as_deref().map_or(0, str::len),
        RowKind::Opened { answers } => {
            answers.iter().map(|(question, answer)| question.len() + answer.len() + 8).sum()
        }
        _ => 0,
    };
    let recipients: usize = row.recipients.iter().map(|jid| jid.as_str().len() + 3).sum();
    256 + words + recipients + row.stanza.as_deref().map_or(0, str::len)
}
