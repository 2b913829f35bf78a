//! Reads for customers' sockets.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Select,
};
use uuid::Uuid;

use super::codec::{customer_from, int, nat};
use super::entity::conversation::{Column, Entity, Model};
use super::entity::customer;
use super::entity::log::{Column as Entry, Entity as Log};
use super::error::unavailable;
use super::row_codec::rows_from;
use super::{SqlStore, conversations};
use crate::chat::ids::{ConversationId, CustomerId, Pos, Seq, TenantKey};
use crate::chat::model::{Conversation, Customer};
use crate::chat::row::{Kind, Row};
use crate::ports::store::{PAGE_BYTES, Page, Transcripts};
use crate::ports::store_error::StoreError;

#[async_trait]
impl Transcripts for SqlStore {
    async fn entries_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<Arc<Row>>, StoreError> {
        self.within(async {
            let rows = Log::find()
                .filter(Entry::Conversation.eq(conversation.0))
                // No entry is above what the database can store.
                .filter(Entry::Seq.gt(int(after.0).unwrap_or(i64::MAX)))
                .order_by_asc(Entry::Seq)
                .limit(u64::from(limit))
                .all(&self.read)
                .await
                .map_err(unavailable)?;
            rows_from(rows)
        })
        .await
    }

    async fn page_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let after = int(after.0).unwrap_or(i64::MAX);
        let entries = Log::find()
            .filter(Entry::Conversation.eq(conversation.0))
            .filter(Entry::Seq.gt(after))
            .order_by_asc(Entry::Seq)
            .limit(u64::from(limit));
        self.within(self.page(conversation, entries, limit)).await
    }

    async fn page_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let before = before.and_then(|seq| int(seq.0).ok()).unwrap_or(i64::MAX);
        let entries = Log::find()
            .filter(Entry::Conversation.eq(conversation.0))
            .filter(Entry::Seq.lt(before))
            .order_by_desc(Entry::Seq)
            .limit(u64::from(limit));
        self.within(self.page(conversation, entries, limit)).await
    }

    async fn latest(&self, customer: CustomerId) -> Result<Option<Conversation>, StoreError> {
        self.within(async {
            let query = Entity::find()
                .filter(Column::Customer.eq(customer.0))
                .order_by_desc(Column::Open)
                .order_by_desc(Column::OpenedAt)
                .limit(1);
            one(&self.read, query).await
        })
        .await
    }

    async fn open_conversation(
        &self,
        customer: CustomerId,
    ) -> Result<Option<Conversation>, StoreError> {
        self.within(async { self.open_of.ask(customer).await? }).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.within(one(&self.read, Entity::find().filter(Column::Id.eq(id.0)))).await
    }

    async fn begins(&self, id: ConversationId) -> Result<Option<Pos>, StoreError> {
        self.within(async {
            let first: Option<i64> = Log::find()
                .select_only()
                .column(Entry::Pos)
                .filter(Entry::Conversation.eq(id.0))
                .order_by_asc(Entry::Pos)
                .limit(1)
                .into_tuple()
                .one(&self.read)
                .await
                .map_err(unavailable)?;
            first.map(|pos| nat(pos).map(Pos)).transpose()
        })
        .await
    }

    async fn conversations(
        &self,
        tenant: &TenantKey,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<Vec<(Conversation, Customer)>, StoreError> {
        self.within(async {
            let mut query = Entity::find()
                .filter(Column::Tenant.eq(tenant.as_str()))
                .order_by_asc(Column::OpenedAt)
                .order_by_asc(Column::Id)
                .limit(u64::from(limit));
            if let Some(id) = after {
                let opened: Option<i64> = Entity::find()
                    .select_only()
                    .column(Column::OpenedAt)
                    .filter(Column::Id.eq(id.0))
                    .filter(Column::Tenant.eq(tenant.as_str()))
                    .into_tuple()
                    .one(&self.read)
                    .await
                    .map_err(unavailable)?;
                let opened =
                    opened.ok_or_else(|| StoreError::Missing(format!("the conversation {id}")))?;
                // The second condition implies the first, which lets the index start there.
                query = query.filter(Column::OpenedAt.gte(opened)).filter(
                    Condition::any().add(Column::OpenedAt.gt(opened)).add(Column::Id.gt(id.0)),
                );
            }
            with_customers(&self.read, query).await
        })
        .await
    }
}

impl SqlStore {
    /// The first of these entries that fit into a page. Their sizes are read first: the texts of a
    /// hundred entries take up to 3 MB, and what does not fit need not be read.
    async fn page(
        &self,
        conversation: ConversationId,
        entries: Select<Log>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        let bytes = |column: Entry| {
            let length = Func::cust("OCTET_LENGTH").arg(Expr::col(column));
            Expr::expr(Func::coalesce([Expr::expr(length), Expr::value(0)]))
        };
        let sizes: Vec<(i64, i64)> = entries
            .select_only()
            .column(Entry::Seq)
            .column_as(bytes(Entry::Text).add(bytes(Entry::Details)), "bytes")
            .into_tuple()
            .all(&self.read)
            .await
            .map_err(unavailable)?;
        let fitting = fitting(&sizes);
        let more = fitting < sizes.len() || sizes.len() == limit as usize;
        let taken = sizes.get(..fitting).unwrap_or_default();
        let (Some((one, _)), Some((other, _))) = (taken.first(), taken.last()) else {
            return Ok(Page::default());
        };
        let rows = Log::find()
            .filter(Entry::Conversation.eq(conversation.0))
            .filter(Entry::Seq.between(std::cmp::min(*one, *other), std::cmp::max(*one, *other)))
            .order_by_asc(Entry::Seq)
            .all(&self.read)
            .await
            .map_err(unavailable)?;
        Ok(Page { rows: rows_from(rows)?, more })
    }
}

/// How many of these entries fit into a page.
fn fitting(sizes: &[(i64, i64)]) -> usize {
    let mut room = PAGE_BYTES;
    let fits = |(_, bytes): &&(i64, i64)| {
        let bytes = u64::try_from(*bytes).unwrap_or_default();
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    };
    sizes.iter().take_while(fits).count().max(1).min(sizes.len())
}

/// The open conversations of customers, each with its customer's id; in no order.
pub(super) async fn open_of(
    connection: &impl ConnectionTrait,
    customers: Vec<Uuid>,
) -> Result<impl Iterator<Item = (Uuid, Result<Conversation, StoreError>)>, StoreError> {
    let query = Entity::find()
        .filter(Column::Customer.is_in(customers))
        .filter(Column::Open.eq(true))
        .into_query();
    let rows = connection.query_all(&completed(query)).await.map_err(unavailable)?;
    let with_customer = |row: QueryResult| {
        row.try_get("", "customer").map(|customer| (customer, complete(&row, "")))
    };
    rows.into_iter()
        .map(with_customer)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unavailable)
        .map(Vec::into_iter)
}

async fn one(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
) -> Result<Option<Conversation>, StoreError> {
    let query = completed(query.into_query());
    let row = connection.query_one(&query).await.map_err(unavailable)?;
    row.map(|row| complete(&row, "")).transpose()
}

/// Conversations with their customers; left out if the customer was removed.
pub(super) async fn with_customers(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
) -> Result<Vec<(Conversation, Customer)>, StoreError> {
    let query = completed(query.find_also_related(customer::Entity).into_query());
    let rows = connection.query_all(&query).await.map_err(unavailable)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let with = customer::Model::from_query_result_optional(row, "B_").map_err(unavailable)?;
        if let Some(with) = with {
            found.push((complete(row, "A_")?, customer_from(with)?));
        }
    }
    Ok(found)
}

/// Adds the columns that the view does not have: the last entry's `seq`, and the time of the last
/// message.
fn completed(mut query: SelectStatement) -> SelectStatement {
    // Not MAX(seq), for which MariaDB would read all entries of the conversation.
    let last = |column: Entry| {
        Query::select()
            .column((Log, column))
            .from(Log)
            .and_where(Expr::col((Log, Entry::Conversation)).equals((Entity, Column::Id)))
            .and_where(Expr::col((Log, Entry::Seq)).is_not_null())
            .order_by((Log, Entry::Seq), Order::Desc)
            .limit(1)
            .take()
    };
    let last_seq = last(Entry::Seq);
    let last_word = last(Entry::At)
        .and_where(Expr::col((Log, Entry::Kind)).is_in(Kind::words(Kind::is_said)))
        .take();
    query.expr_as(Expr::SubQuery(None, Box::new(last_seq.into())), "last_seq");
    query.expr_as(Expr::SubQuery(None, Box::new(last_word.into())), "last_word");
    query
}

fn complete(row: &QueryResult, prefix: &str) -> Result<Conversation, StoreError> {
    let model = Model::from_query_result(row, prefix).map_err(unavailable)?;
    let last_seq = row.try_get("", "last_seq").map_err(unavailable)?;
    let last_word = row.try_get("", "last_word").map_err(unavailable)?;
    conversations::from(model, last_seq, last_word)
}
