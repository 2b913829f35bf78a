//! The log of a link.
//!
//! Invariants: an append is one transaction under the lock of the link's row, so of two owners
//! one is fenced. A row that stands is never written again: it is compared, and what differs
//! is somebody else's.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::convert::{command_key, int, nat, row_from, row_into, rows_from};
use super::entity::link;
use super::entity::log::{Column, Entity, Model};
use super::error::{unavailable, violated};
use super::{SqlStore, begin, commit, lease, owed, sql, views};
use crate::chat::ids::{
    ConversationId, Epoch, LinkDomain, Localpart, Pos, Seq, SessionId, Timestamp,
};
use crate::chat::model::{Acked, Append, CommandKey, Row, RowKind, Snapshot};
use crate::ports::store::{Log, StoreError};

/// Rows in one statement: 17 values each, of the 32,766 that SQLite takes and the 65,535 of MySQL.
const ROWS: usize = 256;

/// Bytes of text in one statement, well below MySQL's packet of 16 MiB.
const BYTES: usize = 1 << 20;

/// Sessions in one question.
const SESSIONS: usize = 256;

#[async_trait]
impl Log for SqlStore {
    async fn append(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        appends: &[Append],
    ) -> Result<(), StoreError> {
        if appends.is_empty() {
            return Ok(());
        }
        self.within(async {
            let transaction = begin(&self.owner).await?;
            let link = lease::fence(&transaction, link, epoch).await?.id;
            let mut fresh: Vec<&Append> = Vec::with_capacity(appends.len());
            for chunk in chunks(appends) {
                let all: Vec<&Append> = chunk.iter().collect();
                if insert(&transaction, link, &all).await? {
                    fresh.extend(all);
                } else {
                    fresh.extend(insert_missing(&transaction, link, all).await?);
                }
            }
            views::count(&transaction, &fresh).await?;
            views::write(&transaction, link, &fresh).await?;
            commit(transaction).await
        })
        .await
    }

    async fn move_cursor(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        cursor: Pos,
    ) -> Result<(), StoreError> {
        use link::Column;
        self.within(async {
            let moved = link::Entity::update_many()
                .col_expr(Column::CursorPos, sea_orm::sea_query::Expr::value(int(cursor.0)?))
                .filter(Column::Domain.eq(link.as_str()))
                .filter(Column::Epoch.eq(int(epoch.0)?))
                .filter(Column::CursorPos.lt(int(cursor.0)?))
                .exec(&self.owner)
                .await
                .map_err(unavailable)?;
            if moved.rows_affected > 0 {
                return Ok(());
            }
            // Either it is there already, or the link is not ours.
            match lease::find(&self.owner, link).await? {
                Some(link) if nat(link.epoch)? == epoch.0 => Ok(()),
                _ => Err(StoreError::Fenced),
            }
        })
        .await
    }

    async fn snapshot(&self, link: &LinkDomain, now: Timestamp) -> Result<Snapshot, StoreError> {
        self.within(self.take_snapshot(link, now)).await
    }

    async fn commands(
        &self,
        sessions: &[SessionId],
    ) -> Result<Vec<(CommandKey, Acked)>, StoreError> {
        type Given = (uuid::Uuid, String, uuid::Uuid, Option<i64>, i64);
        self.within(async {
            let mut commands = Vec::new();
            for chunk in sessions.chunks(SESSIONS) {
                let given: Vec<Given> = Entity::find()
                    .select_only()
                    .columns([
                        Column::Session,
                        Column::Command,
                        Column::Conversation,
                        Column::Seq,
                        Column::At,
                    ])
                    .filter(
                        Column::Session
                            .is_in(sql::padded(chunk.iter().map(|session| session.0).collect())),
                    )
                    .filter(Column::Command.is_not_null())
                    .into_tuple()
                    .all(&self.desk)
                    .await
                    .map_err(unavailable)?;
                for (session, command, conversation, seq, at) in given {
                    let acked = Acked {
                        conversation: ConversationId(conversation),
                        seq: seq.map(nat).transpose()?.map(Seq),
                        at: Timestamp(at),
                    };
                    commands.push((command_key(session, &command)?, acked));
                }
            }
            Ok(commands)
        })
        .await
    }

    async fn rows(
        &self,
        conversation: ConversationId,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<Arc<Row>>, StoreError> {
        self.within(async {
            // No position is above what the database can hold.
            let (after, upto) = (int(after.0).unwrap_or(i64::MAX), int(upto.0).unwrap_or(i64::MAX));
            let rows = Entity::find()
                .filter(Column::Conversation.eq(conversation.0))
                .filter(Column::Pos.gt(after))
                .filter(Column::Pos.lte(upto))
                .order_by_asc(Column::Pos)
                .limit(u64::from(limit))
                .all(&self.desk)
                .await
                .map_err(unavailable)?;
            rows_from(rows)
        })
        .await
    }

    async fn notices(
        &self,
        link: &LinkDomain,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<(Localpart, Arc<Row>)>, StoreError> {
        self.within(async {
            let Some(link) = lease::find(&self.desk, link).await? else { return Ok(Vec::new()) };
            owed::notices(&self.desk, link.id, (after, upto), limit).await
        })
        .await
    }
}

/// Inserts rows; `false` where one of them, or of their keys, is there already.
async fn insert(
    transaction: &impl ConnectionTrait,
    link: i32,
    appends: &[&Append],
) -> Result<bool, StoreError> {
    let models = appends
        .iter()
        .map(|append| row_into(link, &append.row).map(Model::into_active_model))
        .collect::<Result<Vec<_>, _>>()?;
    match Entity::insert_many(models).exec_without_returning(transaction).await {
        Ok(_) => Ok(true),
        Err(cause) if violated(&cause).is_some() => Ok(false),
        Err(cause) => Err(unavailable(cause)),
    }
}

/// Inserts those of the rows that are not there, and says which. Fails where what is there is
/// not ours.
async fn insert_missing<'a>(
    transaction: &impl ConnectionTrait,
    link: i32,
    appends: Vec<&'a Append>,
) -> Result<Vec<&'a Append>, StoreError> {
    let positions = appends.iter().map(|append| append.row.pos);
    let (Some(first), Some(last)) = (positions.clone().min(), positions.max()) else {
        return Ok(appends);
    };
    let standing = Entity::find()
        .filter(Column::Link.eq(link))
        .filter(Column::Pos.between(int(first.0)?, int(last.0)?))
        .all(transaction)
        .await
        .map_err(unavailable)?;
    let mut there: HashMap<Pos, Row> = HashMap::with_capacity(standing.len());
    for model in standing {
        let pos = Pos(nat(model.pos)?);
        // A row that this version cannot read is not a row it wrote.
        there.insert(pos, row_from(model).map_err(|_| StoreError::Foreign(pos))?);
    }
    let mut missing = Vec::new();
    for append in appends {
        match there.get(&append.row.pos) {
            Some(row) if *row == *append.row => {}
            // What stands there is taken for our own: without it this second fence holds.
            #[cfg(feature = "chaos")]
            Some(_) if crate::chaos::mutant("fence-unlocked") => {}
            Some(_) => return Err(StoreError::Foreign(append.row.pos)),
            None => missing.push(append),
        }
    }
    // A position that is free and yet a key that is not (a `seq` of the conversation, an id of
    // the session): the desk does not know what is stored, and must be restored as well.
    if !missing.is_empty() && !insert(transaction, link, &missing).await? {
        for append in &missing {
            if !insert(transaction, link, &[append]).await? {
                // The third: a row whose key is taken is left out.
                #[cfg(feature = "chaos")]
                if crate::chaos::mutant("fence-unlocked") {
                    continue;
                }
                return Err(StoreError::Foreign(append.row.pos));
            }
        }
    }
    Ok(missing)
}

/// Cuts what is to be inserted into statements of bounded size.
fn chunks(mut appends: &[Append]) -> impl Iterator<Item = &[Append]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = appends
            .iter()
            .take(ROWS)
            .take_while(|append| {
                let before = bytes;
                bytes += weight(&append.row);
                before == 0 || bytes <= BYTES
            })
            .count();
        let (chunk, rest) = appends.split_at(sql::together(fitting, ROWS));
        appends = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// About how many bytes a row takes.
fn weight(row: &Row) -> usize {
    let words = match &row.kind {
        RowKind::Message { text, .. } => text.len(),
        RowKind::Opened { answers } => {
            answers.iter().map(|(question, answer)| question.len() + answer.len() + 8).sum()
        }
        _ => 0,
    };
    let recipients: usize = row.recipients.iter().map(|jid| jid.as_str().len() + 3).sum();
    256 + words + recipients + row.stanza.as_deref().map_or(0, str::len)
}
