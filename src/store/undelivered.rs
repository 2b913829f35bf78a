//! What the loss of a stream may have swallowed: closed conversations whose end no client of the
//! agents has confirmed, and notices to agents.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::codec::int;
use super::entity::{conversation, customer, log};
use super::error::{corrupt, unavailable};
use super::row_codec::{row_from, rows_from};
use super::{conversation_lookup, ranges, sql};
use crate::chat::ids::{ConversationId, Localpart, Pos, Seq, Timestamp};
use crate::chat::row::{Kind, Row};
use crate::chat::snapshot::{OWED_MS, Owed};
use crate::ports::store_error::StoreError;

/// Conversations per query.
const TOGETHER: usize = 256;

/// See [`Snapshot::owed`](crate::chat::snapshot::Snapshot::owed). Rows up to `recent` are too old to
/// be resent.
pub(super) async fn owed(
    connection: &impl ConnectionTrait,
    link: i32,
    (recent, cursor, head): (Pos, Pos, Pos),
    now: Timestamp,
) -> Result<Vec<Owed>, StoreError> {
    let late = Condition::any()
        .add(log::Column::At.gte(now.plus(-OWED_MS).0))
        .add(log::Column::Pos.gt(int(cursor.0)?));
    let mut closes = Vec::new();
    for (after, upto) in ranges::pages(recent.min(cursor), head) {
        let found = log::Entity::find()
            .join(
                JoinType::InnerJoin,
                log::Entity::belongs_to(conversation::Entity)
                    .from(log::Column::Conversation)
                    .to(conversation::Column::Id)
                    .into(),
            )
            .filter(log::Column::Link.eq(link))
            .filter(log::Column::Pos.gt(int(after.0)?))
            .filter(log::Column::Pos.lte(int(upto.0)?))
            .filter(late.clone())
            .filter(log::Column::Kind.eq(Kind::Closed.word()))
            .filter(log::Column::Recipients.is_not_null())
            .filter(
                Expr::col((conversation::Entity, conversation::Column::Confirmed))
                    .lt(Expr::col((log::Entity, log::Column::Seq))),
            )
            .order_by_asc(log::Column::Pos)
            .all(connection)
            .await
            .map_err(unavailable)?;
        closes.extend(rows_from(found)?);
    }
    let mut owed = Vec::with_capacity(closes.len());
    for chunk in closes.chunks(TOGETHER) {
        owed.extend(complete(connection, chunk).await?);
    }
    Ok(owed)
}

async fn complete(
    connection: &impl ConnectionTrait,
    closes: &[Arc<Row>],
) -> Result<Vec<Owed>, StoreError> {
    let ids = || sql::padded(closes.iter().map(|close| close.conversation.0).collect());
    let query = conversation::Entity::find().filter(conversation::Column::Id.is_in(ids()));
    let mut views: HashMap<_, _> = conversation_lookup::with_customers(connection, query)
        .await?
        .into_iter()
        .map(|(view, customer)| (view.id, (view, customer)))
        .collect();
    let wanted = views.values().map(|(view, _)| (view.id, view.known_after(), view.head));
    let said = ranges::messages(connection, wanted.collect()).await?;
    let mut messages: HashMap<ConversationId, Vec<(Pos, Seq)>> = HashMap::new();
    for (conversation, pos, seq) in said {
        messages.entry(conversation).or_default().push((pos, seq));
    }
    let owed = closes.iter().filter_map(|close| {
        let (view, customer) = views.remove(&close.conversation)?;
        let mut messages = messages.remove(&close.conversation).unwrap_or_default();
        messages.push((close.pos, close.seq?));
        Some(Owed { view, customer, close: close.clone(), messages })
    });
    Ok(owed.collect())
}

/// See [`Log::notices`](crate::ports::store::Log::notices).
pub(super) async fn notices(
    connection: &impl ConnectionTrait,
    link: i32,
    (after, upto): (Pos, Pos),
    limit: u32,
) -> Result<Vec<(Localpart, Arc<Row>)>, StoreError> {
    let (after, upto) = (int(after.0).unwrap_or(i64::MAX), int(upto.0).unwrap_or(i64::MAX));
    let rows = log::Entity::find()
        .filter(log::Column::Link.eq(link))
        .filter(log::Column::Pos.gt(after))
        .filter(log::Column::Pos.lte(upto))
        .filter(log::Column::Kind.is_in(Kind::words(Kind::is_notice)))
        .filter(log::Column::Recipients.is_not_null())
        .order_by_asc(log::Column::Pos)
        .limit(u64::from(limit))
        .all(connection)
        .await
        .map_err(unavailable)?;
    let customers: Vec<uuid::Uuid> = rows.iter().map(|row| row.customer).collect();
    let found: Vec<(uuid::Uuid, String)> = customer::Entity::find()
        .select_only()
        .columns([customer::Column::Id, customer::Column::Localpart])
        .filter(customer::Column::Id.is_in(sql::padded(customers)))
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    let addresses: HashMap<uuid::Uuid, String> = found.into_iter().collect();
    let mut notices = Vec::with_capacity(rows.len());
    for row in rows {
        // A customer who was removed has no chat any more.
        let Some(address) = addresses.get(&row.customer) else { continue };
        let localpart =
            Localpart::new(address).map_err(|_| corrupt("the customer's address", address))?;
        notices.push((localpart, Arc::new(row_from(row)?)));
    }
    Ok(notices)
}
