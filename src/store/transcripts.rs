//! Reads for customers' sockets.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::codec::{int, nat};
use super::conversation_lookup::{one, with_customers};
use super::entity::conversation::{Column, Entity};
use super::entity::log::{Column as Entry, Entity as Log};
use super::error::unavailable;
use super::row_codec::rows_from;
use super::sql_store::SqlStore;
use crate::chat::ids::{ConversationId, CustomerId, Pos, Seq, TenantKey};
use crate::chat::model::{Conversation, Customer};
use crate::chat::row::Row;
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
