//! What a restored desk needs besides the open conversations.
//!
//! Invariant: each query is bounded, by the number of open conversations or by how far it looks
//! back, however long the log is.

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::codec::{customer_from, int, nat};
use super::entity::conversation::{Column as View, Entity as Views};
use super::entity::log::{Column as Entry, Entity as Log};
use super::entity::{customer, log};
use super::error::unavailable;
use super::row_codec::{answers_from, row_from, rows_from};
use super::{ranges, sql};
use crate::chat::ids::{AgentJid, ConversationId, Pos, Timestamp};
use crate::chat::row::{Answers, Kind, Row, RowKind};
use crate::chat::settings::TenantSettings;
use crate::chat::snapshot::{CONTACT_STAYS_MS, Departing, Recall};
use crate::ports::store_error::StoreError;

/// How many rows at the end of the log are searched for changes of conversations' agents.
const MOVES_WITHIN: u64 = 20_000;
/// How far back to look for conversations whose customers may still be in contact lists, in
/// milliseconds from the last message: a contact stays this long after the close, and the
/// conversation may have been open without a message for at most as long.
const DEPARTING_MS: i64 = 2 * CONTACT_STAYS_MS;
/// The most of them.
const DEPARTING: u64 = 20_000;
/// Customers per query.
const TOGETHER: usize = 256;

/// Rows with answers per query. If a conversation has more (an earlier version wrote one for every
/// `start`), only the first ones are read.
const ANSWERS: u64 = 256;

pub(super) async fn recall(
    connection: &impl ConnectionTrait,
    link: i32,
    head: Pos,
    (open, tenants): (&[Uuid], &[TenantSettings]),
    now: Timestamp,
) -> Result<Recall, StoreError> {
    let after = Pos(head.0.saturating_sub(MOVES_WITHIN));
    let moves = Condition::all().add(Entry::Kind.is_in(Kind::words(Kind::changes_hands)));
    Ok(Recall {
        answers: answers(connection, open).await?,
        served: served(connection, open).await?,
        watched: watched(connection, open).await?,
        overrides: overrides(connection, link, tenants).await?,
        links: links(connection, open).await?,
        moves: between(connection, link, (after, head), &moves).await?,
        turns: Vec::new(),
        departing: departing(connection, tenants, now).await?,
    })
}

/// The rows of a log between two positions, page by page.
pub(super) async fn between(
    connection: &impl ConnectionTrait,
    link: i32,
    (after, upto): (Pos, Pos),
    which: &Condition,
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut found = Vec::new();
    for (after, upto) in ranges::pages(after, upto) {
        let page = Log::find()
            .filter(Entry::Link.eq(link))
            .filter(Entry::Pos.gt(int(after.0)?))
            .filter(Entry::Pos.lte(int(upto.0)?))
            .filter(which.clone())
            .order_by_asc(Entry::Pos)
            .all(connection)
            .await
            .map_err(unavailable)?;
        found.extend(rows_from(page)?);
    }
    Ok(found)
}

/// The last agent of each of these conversations.
async fn served(
    connection: &impl ConnectionTrait,
    open: &[Uuid],
) -> Result<Vec<(ConversationId, AgentJid)>, StoreError> {
    let mut served = Vec::new();
    for chunk in open.chunks(TOGETHER) {
        let found: Vec<(Uuid, Option<String>)> = Views::find()
            .select_only()
            .columns([View::Id, View::ServedBy])
            .filter(View::Id.is_in(sql::padded(chunk.to_vec())))
            .filter(View::ServedBy.is_not_null())
            .into_tuple()
            .all(connection)
            .await
            .map_err(unavailable)?;
        let by = |(id, by): (Uuid, Option<String>)| {
            Some((ConversationId(id), AgentJid::normalised(&by?)))
        };
        served.extend(found.into_iter().filter_map(by));
    }
    served.sort_unstable_by_key(|(id, _)| *id);
    Ok(served)
}

/// The rows with answers in these conversations, in order. Rows that open a conversation have no
/// `seq`, so the index of entries finds them without reading the messages, and the query sorts in
/// the order of that index.
async fn answers(
    connection: &impl ConnectionTrait,
    open: &[Uuid],
) -> Result<Vec<(ConversationId, Answers)>, StoreError> {
    let mut sorted = open.to_vec();
    sorted.sort_unstable();
    let mut found: Vec<(Pos, ConversationId, Answers)> = Vec::new();
    for chunk in sorted.chunks(ranges::TOGETHER) {
        let mut chunk = chunk.to_vec();
        while !chunk.is_empty() {
            let rows: Vec<(Uuid, i64, String)> = Log::find()
                .select_only()
                .columns([Entry::Conversation, Entry::Pos, Entry::Details])
                .filter(Entry::Conversation.is_in(sql::padded(chunk.clone())))
                .filter(Entry::Seq.is_null())
                .filter(Entry::Kind.eq(Kind::Opened.word()))
                .filter(Entry::Details.is_not_null())
                .order_by_asc(Entry::Conversation)
                .order_by_asc(Entry::Seq)
                .order_by_asc(Entry::Link)
                .order_by_asc(Entry::Pos)
                .limit(ANSWERS)
                .into_tuple()
                .all(connection)
                .await
                .map_err(unavailable)?;
            let full = rows.len() as u64 == ANSWERS;
            let last = rows.last().map(|(id, ..)| *id);
            for (id, pos, details) in rows {
                found.push((Pos(nat(pos)?), ConversationId(id), answers_from(&details)?));
            }
            chunk.retain(|id| full && last.is_some_and(|last| *id > last));
        }
    }
    found.sort_unstable_by_key(|(pos, ..)| *pos);
    Ok(found.into_iter().map(|(_, id, answers)| (id, answers)).collect())
}

/// The rows by which supervisors began and ended to watch these conversations. They have no `seq`,
/// and are few.
async fn watched(
    connection: &impl ConnectionTrait,
    open: &[Uuid],
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut rows = Vec::new();
    for chunk in open.chunks(ranges::TOGETHER) {
        let found = Log::find()
            .filter(Entry::Conversation.is_in(sql::padded(chunk.to_vec())))
            .filter(Entry::Seq.is_null())
            .filter(Entry::Kind.eq(Kind::Watched.word()))
            .all(connection)
            .await
            .map_err(unavailable)?;
        rows.extend(rows_from(found)?);
    }
    rows.sort_unstable_by_key(|row| row.pos);
    Ok(rows)
}

/// What supervisors set for agents: the latest row of each tenant. These rows belong to no conversation, so the index of
/// conversations finds them, and they are as few as what supervisors set.
async fn overrides(
    connection: &impl ConnectionTrait,
    link: i32,
    tenants: &[TenantSettings],
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut rows = Vec::new();
    for tenant in tenants {
        let last = Log::find()
            .filter(Entry::Conversation.eq(Uuid::nil()))
            .filter(Entry::Link.eq(link))
            .filter(Entry::Tenant.eq(tenant.key.as_str()))
            .filter(Entry::Kind.eq(Kind::Overrides.word()))
            .order_by_desc(Entry::Pos)
            .limit(1)
            .one(connection)
            .await
            .map_err(unavailable)?;
        if let Some(last) = last {
            rows.push(Arc::new(row_from(last)?));
        }
    }
    Ok(rows)
}

/// Agents' links to files in these conversations that have neither been fetched nor failed. They
/// have no `seq`, and are few.
async fn links(
    connection: &impl ConnectionTrait,
    open: &[Uuid],
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut rows = Vec::new();
    for chunk in open.chunks(ranges::TOGETHER) {
        let found = Log::find()
            .filter(Entry::Conversation.is_in(sql::padded(chunk.to_vec())))
            .filter(Entry::Seq.is_null())
            .filter(Entry::Kind.is_in([Kind::Linked.word(), Kind::Unfetched.word()]))
            .all(connection)
            .await
            .map_err(unavailable)?;
        rows.extend(rows_from(found)?);
    }
    let conversations: BTreeSet<Uuid> = rows.iter().map(|row| row.conversation.0).collect();
    let conversations: Vec<Uuid> = conversations.into_iter().collect();
    let mut done = BTreeSet::new();
    for chunk in conversations.chunks(ranges::TOGETHER) {
        let files = Log::find()
            .filter(Entry::Conversation.is_in(sql::padded(chunk.to_vec())))
            .filter(Entry::Kind.eq(Kind::Files.word()))
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
    rows.sort_unstable_by_key(|row| row.pos);
    Ok(rows)
}

/// Customers of closed conversations who may still be in agents' contact lists.
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
        .and_where(Expr::col((Views, View::ActiveAt)).gte(now.plus(-DEPARTING_MS).0))
        .and_where(Expr::col((Views, View::Open)).eq(false))
        .and_where(Expr::col((Log, Entry::Seq)).equals((Views, View::Head)))
        .and_where(Expr::col((Log, Entry::Kind)).eq(Kind::Closed.word()))
        .and_where(Expr::col((Log, Entry::Recipients)).is_not_null())
        .order_by((Views, View::ActiveAt), Order::Desc)
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
            .filter(customer::Column::Id.is_in(sql::padded(chunk.to_vec())))
            .all(connection)
            .await
            .map_err(unavailable)?;
        for model in there {
            customers.insert(model.id, customer_from(model)?);
        }
    }
    let departing = found.into_iter().rev().filter_map(|(closed, served_by)| {
        // Left out if the customer was removed.
        let customer = customers.get(&closed.customer.0)?.clone();
        let served_by = served_by.as_deref().map(AgentJid::normalised);
        Some(Departing { customer, closed: closed.into(), served_by })
    });
    Ok(departing.collect())
}
