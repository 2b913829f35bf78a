//! Single rows of the log that the desk needs before it can process a command.
//!
//! Invariant: an index answers each query, at a cost that does not grow with the log, the
//! conversation or the session: the desk waits for the result.

use std::sync::Arc;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter, QuerySelect,
    QueryTrait,
};
use uuid::Uuid;

use super::codec::{int, nat};
use super::entity::log::{Column, Entity, Model};
use super::entity::{conversation, session};
use super::error::unavailable;
use super::row_codec::{AGENT, CUSTOMER, command_key, row_from, rows_from};
use crate::chat::ids::{AgentJid, ConversationId, Pos, Seq, SessionId, Timestamp};
use crate::chat::model::Acked;
use crate::chat::row::{CommandKey, Kind, Reference, Row};
use crate::ports::store_error::StoreError;

/// How many other sessions of a customer are searched, the newest first.
const SESSIONS: u64 = 64;

/// See [`Log::commands`](crate::ports::store::Log::commands).
pub(super) async fn commands(
    connection: &impl ConnectionTrait,
    session: SessionId,
    limit: u32,
) -> Result<Vec<(CommandKey, Acked)>, StoreError> {
    given(connection, Column::Command.is_not_null(), session, limit).await
}

/// See [`Log::command`](crate::ports::store::Log::command).
pub(super) async fn command(
    connection: &impl ConnectionTrait,
    key: &CommandKey,
) -> Result<Option<Acked>, StoreError> {
    let named = Column::Command.eq(key.id.as_str());
    let found = given(connection, named, key.session, 1).await?;
    Ok(found.into_iter().next().map(|(_, acked)| acked))
}

async fn given(
    connection: &impl ConnectionTrait,
    which: Expr,
    session: SessionId,
    limit: u32,
) -> Result<Vec<(CommandKey, Acked)>, StoreError> {
    let rows: Vec<(String, Uuid, Option<i64>, i64)> = Entity::find()
        .select_only()
        .columns([Column::Command, Column::Conversation, Column::Seq, Column::At])
        .filter(Column::Session.eq(session.0))
        .filter(which)
        .limit(u64::from(limit))
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    rows.into_iter()
        .map(|(command, conversation, seq, at)| {
            let acked = Acked {
                conversation: ConversationId(conversation),
                seq: seq.map(nat).transpose()?.map(Seq),
                at: Timestamp(at),
            };
            Ok((command_key(session.0, &command)?, acked))
        })
        .collect()
}

/// See [`Log::row`](crate::ports::store::Log::row).
pub(super) async fn row(
    connection: &impl ConnectionTrait,
    link: i32,
    conversation: ConversationId,
    pos: Pos,
) -> Result<Option<Arc<Row>>, StoreError> {
    // No position is above what the database can store.
    let Ok(pos) = int(pos.0) else { return Ok(None) };
    let found = Entity::find_by_id((link, pos)).one(connection).await.map_err(unavailable)?;
    let of_it = found.filter(|row| row.conversation == conversation.0);
    Ok(of_it.map(row_from).transpose()?.map(Arc::new))
}

/// See [`Log::words`](crate::ports::store::Log::words).
pub(super) async fn words(
    connection: &impl ConnectionTrait,
    conversation: ConversationId,
    reference: &Reference,
) -> Result<Option<Arc<Row>>, StoreError> {
    match reference {
        Reference::Agent { jid, stanza } => {
            agents_words(connection, conversation, jid, stanza).await
        }
        Reference::Customer(key) => {
            let own = Entity::find()
                .filter(Column::Session.eq(key.session.0))
                .filter(Column::Command.eq(key.id.as_str()))
                .one(connection)
                .await
                .map_err(unavailable)?;
            let changeable = |row: &Model| {
                row.conversation == conversation.0
                    && row.author == CUSTOMER
                    && Kind::from_word(&row.kind).is_some_and(Kind::is_editable)
            };
            match own.filter(changeable) {
                Some(own) => Ok(Some(Arc::new(row_from(own)?))),
                None => words_elsewhere(connection, conversation, key).await,
            }
        }
    }
}

/// An agent's message with this stanza id: the latest, if a client uses an id several times.
async fn agents_words(
    connection: &impl ConnectionTrait,
    conversation: ConversationId,
    jid: &AgentJid,
    stanza: &str,
) -> Result<Option<Arc<Row>>, StoreError> {
    let mut query = Entity::find()
        .filter(Column::Conversation.eq(conversation.0))
        .filter(Column::Stanza.eq(stanza))
        .filter(Column::Author.eq(AGENT))
        .filter(Column::AuthorJid.eq(jid.as_str()))
        .filter(Column::Kind.is_in(Kind::words(Kind::is_referred_to)))
        .limit(1)
        .into_query();
    // Sorted by a sum, so that the optimizer does not choose an index in this order instead of the
    // one on the stanza id.
    query.order_by_expr(Expr::col(Column::Pos).add(0), Order::Desc);
    first(connection, &query).await
}

/// A customer's message with this id from another of their sessions.
async fn words_elsewhere(
    connection: &impl ConnectionTrait,
    conversation: ConversationId,
    key: &CommandKey,
) -> Result<Option<Arc<Row>>, StoreError> {
    let customer = Query::select()
        .column(conversation::Column::Customer)
        .from(conversation::Entity)
        .and_where(Expr::col(conversation::Column::Id).eq(conversation.0))
        .take();
    let sessions = Query::select()
        .column(session::Column::Id)
        .from(session::Entity)
        .and_where(
            Expr::col(session::Column::Customer)
                .eq(Expr::SubQuery(None, Box::new(customer.into()))),
        )
        .order_by(session::Column::Id, Order::Desc)
        .limit(SESSIONS)
        .take();
    let of_customer = Alias::new("of_customer");
    let query = Query::select()
        .columns(Column::iter().map(|column| (Entity, column)))
        .from_subquery(sessions, of_customer.clone())
        .inner_join(
            Entity,
            Expr::col((Entity, Column::Session)).equals((of_customer, session::Column::Id)),
        )
        .and_where(Expr::col((Entity, Column::Command)).eq(key.id.as_str()))
        .and_where(Expr::col((Entity, Column::Conversation)).eq(conversation.0))
        .and_where(Expr::col((Entity, Column::Author)).eq(CUSTOMER))
        .and_where(Expr::col((Entity, Column::Kind)).is_in(Kind::words(Kind::is_editable)))
        .order_by_expr(Expr::col((Entity, Column::Pos)).add(0), Order::Desc)
        .limit(1)
        .take();
    first(connection, &query).await
}

async fn first(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
) -> Result<Option<Arc<Row>>, StoreError> {
    let rows = connection.query_all(query).await.map_err(unavailable)?;
    let models = rows.iter().map(|row| Model::from_query_result(row, "").map_err(unavailable));
    Ok(rows_from(models.collect::<Result<_, _>>()?)?.into_iter().next())
}
