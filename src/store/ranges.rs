//! Ranges of the log, read page by page, for a restore and for what is sent again after it.
//!
//! Invariant: no query examines more than a page.

use std::cmp::{max, min};

use sea_orm::sea_query::ExprTrait;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::codec::{int, nat};
use super::entity::{link, log};
use super::error::unavailable;
use super::row_codec::CUSTOMER;
use super::sql;
use crate::chat::ids::{ConversationId, Pos, Seq};
use crate::chat::row::Kind;
use crate::ports::store_error::StoreError;

/// Conversations per query of their rows.
pub(super) const TOGETHER: usize = 64;
/// Entries or rows of the log examined by one query.
const PAGE: u64 = 5_000;

/// The pages of the positions between two.
pub(super) fn pages(after: Pos, upto: Pos) -> impl Iterator<Item = (Pos, Pos)> {
    let firsts = (after.0..upto.0).step_by(PAGE as usize);
    firsts.map(move |from| (Pos(from), Pos(min(upto.0, from + PAGE))))
}

/// The last position assigned on a link.
pub(super) async fn head(
    connection: &impl ConnectionTrait,
    link: &link::Model,
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

/// Customers' messages in ranges of entries of conversations; in order of `pos`. Entries are dense,
/// so the number that a query examines is known in advance.
pub(super) async fn messages(
    connection: &impl ConnectionTrait,
    wanted: Vec<(ConversationId, Seq, Seq)>,
) -> Result<Vec<(ConversationId, Pos, Seq)>, StoreError> {
    let mut found = Vec::new();
    let (mut page, mut entries) = (Vec::with_capacity(TOGETHER), 0);
    for (conversation, Seq(mut after), Seq(upto)) in wanted {
        while after < upto {
            let to = min(upto, after + PAGE - entries);
            page.push((conversation, after, to));
            entries += to - after;
            after = to;
            if entries == PAGE || page.len() == TOGETHER {
                found.extend(said(connection, &page).await?);
                page.clear();
                entries = 0;
            }
        }
    }
    if !page.is_empty() {
        found.extend(said(connection, &page).await?);
    }
    found.sort_unstable_by_key(|(_, pos, _)| *pos);
    Ok(found)
}

/// One page of [`messages`].
async fn said(
    connection: &impl ConnectionTrait,
    page: &[(ConversationId, u64, u64)],
) -> Result<Vec<(ConversationId, Pos, Seq)>, StoreError> {
    let mut any = Condition::any();
    for (conversation, after, upto) in sql::padded(page.to_vec()) {
        let of_it = log::Column::Conversation
            .eq(conversation.0)
            .and(log::Column::Seq.gt(int(after)?))
            .and(log::Column::Seq.lte(int(upto)?));
        any = any.add(of_it);
    }
    let rows: Vec<(Uuid, i64, i64)> = log::Entity::find()
        .select_only()
        .columns([log::Column::Conversation, log::Column::Pos, log::Column::Seq])
        .filter(any)
        .filter(log::Column::Author.eq(CUSTOMER))
        .filter(log::Column::Kind.is_in(Kind::words(Kind::is_said)))
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    rows.into_iter()
        .map(|(conversation, pos, seq)| {
            Ok((ConversationId(conversation), Pos(nat(pos)?), Seq(nat(seq)?)))
        })
        .collect()
}
