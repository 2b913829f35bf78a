//! All that a desk is restored from, in as many questions however much is open.

use std::cmp::max;

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};

use super::convert::{AGENT, CLOSED, CUSTOMER, LINKED, OFFERED, OPENED, SAID, int, nat, rows_from};
use super::entity::{conversation, log};
use super::error::unavailable;
use super::{SqlStore, directory, lease, owed, recall, transcripts};
use crate::chat::ids::{ConversationId, LinkDomain, Pos, Seq, Timestamp};
use crate::chat::model::{OWED_MS, REPEATS_MS, Snapshot};
use crate::ports::store::StoreError;

impl SqlStore {
    /// See [`Log::snapshot`](crate::ports::store::Log::snapshot).
    pub(super) async fn take_snapshot(
        &self,
        domain: &LinkDomain,
        now: Timestamp,
    ) -> Result<Snapshot, StoreError> {
        // One transaction: all questions see the same moment.
        let moment = self.moment.begin().await.map_err(unavailable)?;
        let Some(link) = lease::find(&moment, domain).await? else {
            return Ok(Snapshot::default());
        };
        let cursor = Pos(nat(link.cursor_pos)?);
        let head = head(&moment, &link).await?;
        let recent = now.plus(-max(REPEATS_MS, OWED_MS));
        let recent = before(&moment, link.id, head, recent).await?;
        let tenants = directory::settings(&moment, link.id).await?;
        Ok(Snapshot {
            head,
            cursor,
            recall: recall::take(&moment, link.id, head, &tenants, now).await?,
            tenants,
            conversations: transcripts::open_with_customers(&moment, link.id).await?,
            messages: messages(&moment, link.id).await?,
            offers: offers(&moment, link.id).await?,
            owed: owed::owed(&moment, link.id, (recent, cursor), now).await?,
            agent_messages: rows_from(
                log::Entity::find()
                    .filter(log::Column::Link.eq(link.id))
                    .filter(log::Column::Pos.gt(int(recent.0)?))
                    .filter(log::Column::At.gte(now.plus(-REPEATS_MS).0))
                    .filter(log::Column::Author.eq(AGENT))
                    .filter(
                        log::Column::Kind.is_in(SAID.into_iter().chain([LINKED, OPENED, CLOSED])),
                    )
                    .filter(log::Column::Stanza.is_not_null())
                    .order_by_asc(log::Column::Pos)
                    .all(&moment)
                    .await
                    .map_err(unavailable)?,
            )?,
        })
    }
}

/// The last position given on a link.
pub(super) async fn head(
    connection: &impl ConnectionTrait,
    link: &super::entity::link::Model,
) -> Result<Pos, StoreError> {
    let last: Option<i64> = log::Entity::find()
        .select_only()
        .column(log::Column::Pos)
        .filter(log::Column::Link.eq(link.id))
        .order_by_desc(log::Column::Pos)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await
        .map_err(unavailable)?;
    nat(max(max(last.unwrap_or_default(), link.floor_pos), link.cursor_pos)).map(Pos)
}

/// How near [`before`] comes, in rows.
const NEAR: u64 = 1_000;

/// A position, mostly the last by far, up to which all rows were written before a moment. Rows are
/// written in the order of their positions, so it is found by halves, and a log needs no index by
/// time. Where the clock was set back there may be several such places: what is above any of them
/// was written within as much time as has passed.
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

/// The rows of the open conversations of a link.
pub(super) fn of_open(link: i32) -> SelectStatement {
    let (row, view) = (log::Entity, conversation::Entity);
    let of_it =
        Expr::col((row, log::Column::Conversation)).equals((view, conversation::Column::Id));
    Query::select()
        .from(view)
        .inner_join(row, of_it)
        .and_where(Expr::col((view, conversation::Column::Link)).eq(link))
        .and_where(Expr::col((view, conversation::Column::Open)).eq(true))
        .take()
}

/// Every customer message of the open conversations, in order of `pos`.
async fn messages(
    connection: &impl ConnectionTrait,
    link: i32,
) -> Result<Vec<(ConversationId, Pos, Seq)>, StoreError> {
    let row = log::Entity;
    let query = of_open(link)
        .columns([
            (row, log::Column::Conversation),
            (row, log::Column::Pos),
            (row, log::Column::Seq),
        ])
        .and_where(Expr::col((row, log::Column::Author)).eq(CUSTOMER))
        .and_where(Expr::col((row, log::Column::Kind)).is_in(SAID))
        .order_by((row, log::Column::Pos), sea_orm::sea_query::Order::Asc)
        .take();
    let rows = connection.query_all(&query).await.map_err(unavailable)?;
    rows.iter()
        .map(|row| {
            let conversation = row.try_get("", "conversation").map_err(unavailable)?;
            let pos = nat(row.try_get("", "pos").map_err(unavailable)?)?;
            let seq = nat(row.try_get("", "seq").map_err(unavailable)?)?;
            Ok((ConversationId(conversation), Pos(pos), Seq(seq)))
        })
        .collect()
}

/// The last offer of each conversation that is offered.
async fn offers(
    connection: &impl ConnectionTrait,
    link: i32,
) -> Result<Vec<(ConversationId, Pos, Timestamp)>, StoreError> {
    let (row, view) = (log::Entity, conversation::Entity);
    let query = of_open(link)
        .column((row, log::Column::Conversation))
        .expr_as(Expr::col((row, log::Column::Pos)).max(), "pos")
        .expr_as(Expr::col((row, log::Column::At)).max(), "at")
        .and_where(Expr::col((view, conversation::Column::State)).eq("offered"))
        .and_where(Expr::col((row, log::Column::Kind)).eq(OFFERED))
        .group_by_col((row, log::Column::Conversation))
        .take();
    let rows = connection.query_all(&query).await.map_err(unavailable)?;
    rows.iter()
        .map(|row| {
            let conversation = row.try_get("", "conversation").map_err(unavailable)?;
            let pos = nat(row.try_get("", "pos").map_err(unavailable)?)?;
            let at = row.try_get("", "at").map_err(unavailable)?;
            Ok((ConversationId(conversation), Pos(pos), Timestamp(at)))
        })
        .collect()
}
