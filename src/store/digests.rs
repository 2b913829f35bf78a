//! Reads what agents are told about a customer's conversations.
//!
//! Invariant: what is read is bounded, however long the conversations are: the log is read only at
//! their beginnings and ends, and a customer's conversations through an index in their order.

use std::sync::Arc;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::codec::{int, parse_close, queue_key};
use super::conversations::parse_tags;
use super::entity::conversation::{Column as View, Entity as Views, Model};
use super::entity::log::{Column as Entry, Entity as Log};
use super::error::unavailable;
use super::row_codec::{CUSTOMER, answers_from, rows_from};
use crate::chat::digest::{self, Digest, LATEST, Past, SEARCHED};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Timestamp};
use crate::chat::row::{Answers, Kind, Row, RowKind};
use crate::ports::store_error::StoreError;

/// How many rows at the end of a conversation are searched for its rating.
const AT_THE_END: u64 = 16;
/// How many forms that the customer filled in are read.
const FORMS: u64 = 32;

/// See [`Log::past`](crate::ports::store::Log::past).
pub(super) async fn past(
    connection: &impl ConnectionTrait,
    customer: CustomerId,
    limit: u32,
) -> Result<Vec<Past>, StoreError> {
    let models = Views::find()
        .filter(View::Customer.eq(customer.0))
        .filter(View::Open.eq(false))
        .order_by_desc(View::OpenedAt)
        .limit(u64::from(limit))
        .all(connection)
        .await
        .map_err(unavailable)?;
    let mut past = Vec::with_capacity(models.len());
    for model in models {
        past.push(one(connection, model).await?);
    }
    Ok(past)
}

/// See [`Log::digest`](crate::ports::store::Log::digest).
pub(super) async fn digest(
    connection: &impl ConnectionTrait,
    customer: CustomerId,
    conversation: Option<ConversationId>,
) -> Result<Option<Digest>, StoreError> {
    let mut query = Views::find().filter(View::Customer.eq(customer.0));
    query = match conversation {
        Some(id) => query.filter(View::Id.eq(id.0)),
        None => query.order_by_desc(View::Open).order_by_desc(View::OpenedAt).limit(1),
    };
    let Some(model) = query.one(connection).await.map_err(unavailable)? else { return Ok(None) };
    let id = ConversationId(model.id);
    Ok(Some(Digest {
        past: one(connection, model).await?,
        answers: answers(connection, id).await?,
        last: digest::last_said(last(connection, id).await?),
        notes: notes(connection, id).await?,
    }))
}

async fn one(connection: &impl ConnectionTrait, model: Model) -> Result<Past, StoreError> {
    let id = ConversationId(model.id);
    let ended = model.reason.as_deref().filter(|_| !model.open).map(parse_close).transpose()?;
    Ok(Past {
        opened_at: Timestamp(model.opened_at),
        queue: queue_key(&model.queue)?,
        agent: model.served_by.as_deref().map(AgentJid::normalised),
        ended,
        rating: if ended.is_some() { rating(connection, id).await? } else { None },
        first: first(connection, id).await?,
        tags: parse_tags(model.tags.as_deref())?,
    })
}

/// The last rating. It comes after the close, so it is among the last rows.
async fn rating(
    connection: &impl ConnectionTrait,
    id: ConversationId,
) -> Result<Option<u8>, StoreError> {
    let rows = Log::find()
        .filter(Entry::Conversation.eq(id.0))
        .order_by_desc(Entry::Pos)
        .limit(AT_THE_END)
        .all(connection)
        .await
        .map_err(unavailable)?;
    let rated = rows.into_iter().filter(|row| row.kind == Kind::Rated.word()).take(1).collect();
    let score = |row: &Arc<Row>| match &row.kind {
        RowKind::Rated { score, .. } => Some(*score),
        _ => None,
    };
    Ok(rows_from(rated)?.first().and_then(score))
}

/// The customer's first message, if it is among the first entries.
async fn first(
    connection: &impl ConnectionTrait,
    id: ConversationId,
) -> Result<Option<Arc<str>>, StoreError> {
    let rows = Log::find()
        .filter(Entry::Conversation.eq(id.0))
        .filter(Entry::Seq.between(1, int(SEARCHED)?))
        .order_by_asc(Entry::Seq)
        .all(connection)
        .await
        .map_err(unavailable)?;
    let said = rows.into_iter().filter(|row| {
        let is_message = [Kind::Message.word(), Kind::Files.word()].contains(&&*row.kind);
        row.author == CUSTOMER && is_message && row.text.as_deref().is_some_and(|t| !t.is_empty())
    });
    let first = rows_from(said.take(1).collect())?;
    Ok(first.first().and_then(|row| row.kind.words().cloned()))
}

/// The last entries, in order.
async fn last(
    connection: &impl ConnectionTrait,
    id: ConversationId,
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut rows = Log::find()
        .filter(Entry::Conversation.eq(id.0))
        .filter(Entry::Seq.is_not_null())
        .order_by_desc(Entry::Seq)
        .limit(SEARCHED)
        .all(connection)
        .await
        .map_err(unavailable)?;
    rows.reverse();
    rows_from(rows)
}

/// The last notes that were not deleted, in order. Rows without a `seq` are found through the index
/// of entries, and are few.
async fn notes(
    connection: &impl ConnectionTrait,
    id: ConversationId,
) -> Result<Vec<Arc<Row>>, StoreError> {
    let mut rows = Log::find()
        .filter(Entry::Conversation.eq(id.0))
        .filter(Entry::Seq.is_null())
        .filter(Entry::Kind.eq(Kind::Note.word()))
        .filter(Entry::Text.ne(""))
        .order_by_desc(Entry::Pos)
        .limit(LATEST as u64)
        .all(connection)
        .await
        .map_err(unavailable)?;
    rows.reverse();
    rows_from(rows)
}

/// What the customer filled in, each time.
async fn answers(
    connection: &impl ConnectionTrait,
    id: ConversationId,
) -> Result<Vec<Answers>, StoreError> {
    let given: Vec<String> = Log::find()
        .select_only()
        .column(Entry::Details)
        .filter(Entry::Conversation.eq(id.0))
        .filter(Entry::Seq.is_null())
        .filter(Entry::Kind.eq(Kind::Opened.word()))
        .filter(Entry::Details.is_not_null())
        .order_by_asc(Entry::Pos)
        .limit(FORMS)
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    given.iter().map(|details| answers_from(details)).collect()
}
