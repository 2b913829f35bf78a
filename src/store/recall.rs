//! What a restored desk knows besides the open conversations.
//!
//! Invariant: each question is bounded, by what is open or by how far it looks back, however long
//! the log is.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::convert::{
    CLOSED, FILES, JOINED, LINKED, OFFERED, OPENED, REQUEUED, UNFETCHED, answers_from,
    customer_from, int, row_from, rows_from,
};
use super::entity::conversation::{Column as View, Entity as Views};
use super::entity::log::{Column as Entry, Entity as Log};
use super::entity::{customer, log};
use super::error::unavailable;
use super::snapshot;
use crate::chat::ids::{AgentJid, ConversationId, Pos, Timestamp};
use crate::chat::model::{Answers, Departing, Recall, Row, RowKind, TenantSettings};
use crate::ports::store::StoreError;

/// How many rows at the end of the log are looked through for how conversations changed hands.
const MOVES_WITHIN: u64 = 20_000;
/// The kinds of row by which they do.
const MOVES: [&str; 4] = [OFFERED, JOINED, REQUEUED, CLOSED];
/// How far back conversations are looked at whose customers may still stand in contact lists, in
/// milliseconds: they stay a day after the close.
const DEPARTING_MS: i64 = 48 * 60 * 60_000;
/// How many of them at most.
const DEPARTING: u64 = 20_000;
/// Customers in one question.
const TOGETHER: usize = 256;

/// All of it.
pub(super) async fn take(
    connection: &impl ConnectionTrait,
    link: i32,
    head: Pos,
    tenants: &[TenantSettings],
    now: Timestamp,
) -> Result<Recall, StoreError> {
    let served: Vec<(Uuid, Option<String>)> = Views::find()
        .select_only()
        .columns([View::Id, View::ServedBy])
        .filter(View::Link.eq(link))
        .filter(View::Open.eq(true))
        .filter(View::ServedBy.is_not_null())
        .order_by_asc(View::Id)
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    let served = served
        .into_iter()
        .filter_map(|(id, by)| Some((ConversationId(id), AgentJid::normalised(&by?))))
        .collect();
    let moves = Log::find()
        .filter(Entry::Link.eq(link))
        .filter(Entry::Pos.gt(int(head.0.saturating_sub(MOVES_WITHIN))?))
        .filter(Entry::Kind.is_in(MOVES))
        .order_by_asc(Entry::Pos)
        .all(connection)
        .await
        .map_err(unavailable)?;
    Ok(Recall {
        answers: answers(connection, link).await?,
        served,
        links: links(connection, link).await?,
        moves: rows_from(moves)?,
        departing: departing(connection, tenants, now).await?,
    })
}

/// The rows of the open conversations with answers, in order. Rows that begin one have no `seq`:
/// the index of entries leads to them, past all that was said.
async fn answers(
    connection: &impl ConnectionTrait,
    link: i32,
) -> Result<Vec<(ConversationId, Answers)>, StoreError> {
    let query = snapshot::of_open(link)
        .columns([Entry::Conversation, Entry::Details].map(|column| (Log, column)))
        .and_where(Expr::col((Log, Entry::Seq)).is_null())
        .and_where(Expr::col((Log, Entry::Kind)).eq(OPENED))
        .and_where(Expr::col((Log, Entry::Details)).is_not_null())
        .order_by((Log, Entry::Pos), Order::Asc)
        .take();
    let rows = connection.query_all(&query).await.map_err(unavailable)?;
    rows.iter()
        .map(|row| {
            let id = row.try_get("", "conversation").map_err(unavailable)?;
            let details: String = row.try_get("", "details").map_err(unavailable)?;
            Ok((ConversationId(id), answers_from(&details)?))
        })
        .collect()
}

/// Agents' links in the open conversations that nothing came of. They have no `seq`, and are few.
async fn links(connection: &impl ConnectionTrait, link: i32) -> Result<Vec<Arc<Row>>, StoreError> {
    let query = snapshot::of_open(link)
        .columns(Entry::iter().map(|column| (Log, column)))
        .and_where(Expr::col((Log, Entry::Seq)).is_null())
        .and_where(Expr::col((Log, Entry::Kind)).is_in([LINKED, UNFETCHED]))
        .order_by((Log, Entry::Pos), Order::Asc)
        .take();
    let mut rows = Vec::new();
    for row in &connection.query_all(&query).await.map_err(unavailable)? {
        let model = log::Model::from_query_result(row, "").map_err(unavailable)?;
        rows.push(Arc::new(row_from(model)?));
    }
    let conversations: BTreeSet<Uuid> = rows.iter().map(|row| row.conversation.0).collect();
    let conversations: Vec<Uuid> = conversations.into_iter().collect();
    let mut done = BTreeSet::new();
    for chunk in conversations.chunks(TOGETHER) {
        let files = Log::find()
            .filter(Entry::Conversation.is_in(super::sql::padded(chunk.to_vec())))
            .filter(Entry::Kind.eq(FILES))
            .all(connection)
            .await
            .map_err(unavailable)?;
        rows.extend(rows_from(files)?);
    }
    for row in &rows {
        match &row.kind {
            RowKind::Files { of, .. } => done.extend(*of),
            RowKind::Unfetched { of, .. } => done.extend([*of]),
            _ => {}
        }
    }
    rows.retain(|row| matches!(row.kind, RowKind::Linked { .. }) && !done.contains(&row.pos));
    Ok(rows)
}

/// The customers whose conversation was closed while agents had them in their lists.
async fn departing(
    connection: &impl ConnectionTrait,
    tenants: &[TenantSettings],
    now: Timestamp,
) -> Result<Vec<Departing>, StoreError> {
    let keys: Vec<&str> = tenants.iter().map(|tenant| tenant.key.as_str()).collect();
    let mut query = Query::select();
    query
        .columns(Entry::iter().map(|column| (Log, column)))
        .column((Views, View::ServedBy))
        .from(Views)
        .inner_join(Log, Expr::col((Log, Entry::Conversation)).equals((Views, View::Id)))
        .and_where(Expr::col((Views, View::Tenant)).is_in(keys))
        .and_where(Expr::col((Views, View::OpenedAt)).gte(now.plus(-DEPARTING_MS).0))
        .and_where(Expr::col((Views, View::Open)).eq(false))
        .and_where(Expr::col((Log, Entry::Seq)).equals((Views, View::Head)))
        .and_where(Expr::col((Log, Entry::Kind)).eq(CLOSED))
        .and_where(Expr::col((Log, Entry::Recipients)).is_not_null())
        .order_by((Views, View::OpenedAt), Order::Desc)
        .limit(DEPARTING);
    let rows = connection.query_all(&query).await.map_err(unavailable)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let closed = row_from(log::Model::from_query_result(row, "").map_err(unavailable)?)?;
        let served_by: Option<String> = row.try_get("", "served_by").map_err(unavailable)?;
        found.push((closed, served_by));
    }
    let ids: Vec<Uuid> = found.iter().map(|(closed, _)| closed.customer.0).collect();
    let mut customers = std::collections::HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(TOGETHER) {
        let there = customer::Entity::find()
            .filter(customer::Column::Id.is_in(super::sql::padded(chunk.to_vec())))
            .all(connection)
            .await
            .map_err(unavailable)?;
        for model in there {
            customers.insert(model.id, customer_from(model)?);
        }
    }
    let departing = found.into_iter().rev().filter_map(|(closed, served_by)| {
        // One whose customer was removed is left out.
        let customer = customers.get(&closed.customer.0)?.clone();
        let served_by = served_by.as_deref().map(AgentJid::normalised);
        Some(Departing { customer, closed: closed.into(), served_by })
    });
    Ok(departing.collect())
}
