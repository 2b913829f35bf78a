//! Reads everything that a desk is restored from, however much is open.
//!
//! Invariants: no query reads more than a page, so each finishes long before its time limit, and
//! the owner renews its lease in between. The queries need not see the same moment: the caller owns
//! the link, and nobody else writes rows to it.

use std::cmp::max;
use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::codec::{int, nat};
use super::entity::conversation::{Column as View, Entity as Views};
use super::entity::log;
use super::error::unavailable;
use super::row_codec::AGENT;
use super::sql_store::SqlStore;
use super::{conversation_lookup, directory, links, ranges, restore, silence, sql, undelivered};
use crate::chat::ids::{ConversationId, LinkDomain, Pos, Timestamp};
use crate::chat::model::{Conversation, Customer, State};
use crate::chat::row::Kind;
use crate::chat::snapshot::{OWED_MS, REPEATS_MS, Snapshot};
use crate::ports::store_error::StoreError;

/// Open conversations per query.
const OPEN: usize = 500;
impl SqlStore {
    /// See [`Log::snapshot`](crate::ports::store::Log::snapshot).
    pub(super) async fn take_snapshot(
        &self,
        domain: &LinkDomain,
        now: Timestamp,
    ) -> Result<Snapshot, StoreError> {
        let desk = &self.desk;
        let Some(link) = links::find(desk, domain).await? else {
            return Ok(Snapshot::default());
        };
        let cursor = Pos(nat(link.cursor_pos)?);
        let head = ranges::head(desk, &link).await?;
        let recent = now.plus(-max(REPEATS_MS, OWED_MS));
        let recent = before(desk, link.id, head, recent).await?;
        let tenants = directory::settings(desk, link.id).await?;
        let open = open_ids(desk, link.id).await?;
        let conversations = conversations(desk, &open).await?;
        let views = || conversations.iter().map(|(view, _)| view);
        let offered: Vec<Uuid> =
            views().filter(|v| matches!(v.state, State::Offered { .. })).map(|v| v.id.0).collect();
        let said_by_customers =
            views().map(|view| (view.id, view.known_after(), view.head)).collect();
        let said_by_agents = Condition::all()
            .add(log::Column::At.gte(now.plus(-REPEATS_MS).0))
            .add(log::Column::Author.eq(AGENT))
            .add(log::Column::Kind.is_in(Kind::words(Kind::may_be_resent)))
            .add(log::Column::Stanza.is_not_null());
        let mut recall =
            restore::recall(desk, link.id, head, (open.as_slice(), tenants.as_slice()), now)
                .await?;
        recall.turns = silence::turns(desk, views(), &tenants).await?;
        Ok(Snapshot {
            head,
            cursor,
            recall,
            tenants,
            messages: ranges::messages(desk, said_by_customers).await?,
            rows: counts(desk, &open).await?,
            offers: offers(desk, &offered).await?,
            owed: undelivered::owed(desk, link.id, (recent, cursor, head), now).await?,
            agent_messages: restore::between(desk, link.id, (recent, head), &said_by_agents)
                .await?,
            conversations,
        })
    }
}

/// Splits a range of positions into pages: pairs of exclusive start and inclusive end.
/// The precision of [`before`], in rows.
const NEAR: u64 = 1_000;

/// A position up to which all rows were written before a time; it is usually the last such
/// position, within [`NEAR`] rows. Rows are written in the order of their positions, so a binary
/// search finds it, and the log needs no index by time. If the clock was set back, there may be
/// several such positions; for any of them, the rows above were written within the time that has
/// actually passed.
async fn before(
    connection: &impl ConnectionTrait,
    link: i32,
    head: Pos,
    moment: Timestamp,
) -> Result<Pos, StoreError> {
    let (mut before, mut after) = (0, head.0);
    while after.saturating_sub(before) > NEAR {
        let middle = before + (after - before) / 2;
        let found: Option<(i64, i64)> = log::Entity::find()
            .select_only()
            .columns([log::Column::Pos, log::Column::At])
            .filter(log::Column::Link.eq(link))
            .filter(log::Column::Pos.between(int(middle)?, int(after)?))
            .order_by_asc(log::Column::Pos)
            .limit(1)
            .into_tuple()
            .one(connection)
            .await
            .map_err(unavailable)?;
        match found {
            Some((pos, at)) if at < moment.0 => before = nat(pos)?,
            _ => after = middle,
        }
    }
    Ok(Pos(before))
}

/// The ids of the open conversations of a link.
async fn open_ids(connection: &impl ConnectionTrait, link: i32) -> Result<Vec<Uuid>, StoreError> {
    let mut ids: Vec<Uuid> = Vec::new();
    let mut last: Option<(String, Uuid)> = None;
    loop {
        let mut query = Views::find()
            .select_only()
            .columns([View::Tenant, View::Id])
            .filter(View::Link.eq(link))
            .filter(View::Open.eq(true))
            .order_by_asc(View::Tenant)
            .order_by_asc(View::Id)
            .limit(OPEN as u64);
        if let Some((tenant, id)) = last {
            let next = View::Tenant.eq(tenant.clone()).and(View::Id.gt(id));
            query = query.filter(View::Tenant.gt(tenant).or(next));
        }
        let page: Vec<(String, Uuid)> =
            query.into_tuple().all(connection).await.map_err(unavailable)?;
        ids.extend(page.iter().map(|(_, id)| *id));
        let full = page.len() == OPEN;
        last = page.into_iter().last();
        if !full {
            return Ok(ids);
        }
    }
}

/// These conversations with their customers, in the order in which they were opened.
async fn conversations(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<(Conversation, Customer)>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(OPEN) {
        let query = Views::find().filter(View::Id.is_in(sql::padded(chunk.to_vec())));
        found.extend(conversation_lookup::with_customers(connection, query).await?);
    }
    found.sort_by_key(|(view, _)| (view.opened_at, view.id));
    Ok(found)
}

/// The number of rows of each conversation.
async fn counts(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<(ConversationId, u64)>, StoreError> {
    let mut counts = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(ranges::TOGETHER) {
        let counted: Vec<(Uuid, i64)> = log::Entity::find()
            .select_only()
            .column(log::Column::Conversation)
            .column_as(Expr::col(log::Column::Pos).count(), "rows_of_it")
            .filter(log::Column::Conversation.is_in(sql::padded(chunk.to_vec())))
            .group_by(log::Column::Conversation)
            .into_tuple()
            .all(connection)
            .await
            .map_err(unavailable)?;
        for (conversation, rows) in counted {
            counts.push((ConversationId(conversation), nat(rows)?));
        }
    }
    counts.sort_unstable();
    Ok(counts)
}

/// The last offer in each of these conversations. Offers have no `seq`, so the index of entries
/// finds them without reading the messages.
async fn offers(
    connection: &impl ConnectionTrait,
    offered: &[Uuid],
) -> Result<Vec<(ConversationId, Pos, Timestamp)>, StoreError> {
    let mut last: HashMap<Uuid, (i64, i64)> = HashMap::new();
    for chunk in offered.chunks(ranges::TOGETHER) {
        let found: Vec<(Uuid, i64, i64)> = log::Entity::find()
            .select_only()
            .column(log::Column::Conversation)
            .column_as(Expr::col(log::Column::Pos).max(), "last_pos")
            .column_as(Expr::col(log::Column::At).max(), "last_at")
            .filter(log::Column::Conversation.is_in(sql::padded(chunk.to_vec())))
            .filter(log::Column::Seq.is_null())
            .filter(log::Column::Kind.eq(Kind::Offered.word()))
            .group_by(log::Column::Conversation)
            .into_tuple()
            .all(connection)
            .await
            .map_err(unavailable)?;
        last.extend(found.into_iter().map(|(conversation, pos, at)| (conversation, (pos, at))));
    }
    let mut offers = Vec::with_capacity(last.len());
    for (conversation, (pos, at)) in last {
        offers.push((ConversationId(conversation), Pos(nat(pos)?), Timestamp(at)));
    }
    offers.sort_unstable_by_key(|(_, pos, _)| *pos);
    Ok(offers)
}
