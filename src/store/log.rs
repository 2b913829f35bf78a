//! The log of a link, as its owner uses it.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::append::{self, Fence};
use super::codec::{int, nat};
use super::entity::link;
use super::entity::log::{Column, Entity};
use super::error::unavailable;
use super::row_codec::rows_from;
use super::sql_store::SqlStore;
use super::{digests, links, lookup, undelivered};
use crate::chat::digest::{Digest, Past};
use crate::chat::ids::{
    ConversationId, CustomerId, Epoch, LinkDomain, Localpart, Pos, SessionId, Timestamp,
};
use crate::chat::model::Acked;
use crate::chat::row::{Append, CommandKey, Reference, Row};
use crate::chat::snapshot::Snapshot;
use crate::ports::store::Log;
use crate::ports::store_error::StoreError;

#[async_trait]
impl Log for SqlStore {
    async fn append(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        appends: &[Append],
    ) -> Result<(), StoreError> {
        if appends.is_empty() {
            return Ok(());
        }
        self.within(async {
            let id = self.link_id(link).await.map_err(StoreError::before_anything)?;
            let id = id.ok_or(StoreError::Fenced)?;
            let fence = Fence { id, link, epoch: int(epoch.0)?, server: &self.server };
            let fence = fence.torn_by_mutant(&self.owner).await?;
            let taken = self.pool.take().await;
            let mut connection = taken.map_err(StoreError::before_anything)?;
            let done = append::write(&mut connection, &self.append, fence, appends).await;
            self.pool.returned(connection, done)
        })
        .await
    }

    async fn move_cursor(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        cursor: Pos,
    ) -> Result<(), StoreError> {
        use link::Column;
        self.within(async {
            let moved = link::Entity::update_many()
                .col_expr(Column::CursorPos, Expr::value(int(cursor.0)?))
                .filter(Column::Domain.eq(link.as_str()))
                .filter(Column::Epoch.eq(int(epoch.0)?))
                .filter(Column::CursorPos.lt(int(cursor.0)?))
                .exec(&self.owner)
                .await
                .map_err(unavailable)?;
            if moved.rows_affected > 0 {
                return Ok(());
            }
            // Either the cursor is there already, or the link is not ours.
            match links::find(&self.owner, link).await? {
                Some(link) if nat(link.epoch)? == epoch.0 => Ok(()),
                _ => Err(StoreError::Fenced),
            }
        })
        .await
    }

    async fn snapshot(&self, link: &LinkDomain, now: Timestamp) -> Result<Snapshot, StoreError> {
        // Each query has its own time limit: the duration of all grows with the amount to restore.
        self.take_snapshot(link, now).await
    }

    async fn commands(
        &self,
        session: SessionId,
        limit: u32,
    ) -> Result<Vec<(CommandKey, Acked)>, StoreError> {
        self.within(lookup::commands(&self.desk, session, limit)).await
    }

    async fn command(&self, key: &CommandKey) -> Result<Option<Acked>, StoreError> {
        self.within(lookup::command(&self.desk, key)).await
    }

    async fn row(
        &self,
        link: &LinkDomain,
        conversation: ConversationId,
        pos: Pos,
    ) -> Result<Option<Arc<Row>>, StoreError> {
        self.within(async {
            let Some(link) = self.link_id(link).await? else { return Ok(None) };
            lookup::row(&self.desk, link, conversation, pos).await
        })
        .await
    }

    async fn rows(
        &self,
        conversation: ConversationId,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<Arc<Row>>, StoreError> {
        self.within(async {
            // No position is above what the database can store.
            let (after, upto) = (int(after.0).unwrap_or(i64::MAX), int(upto.0).unwrap_or(i64::MAX));
            let rows = Entity::find()
                .filter(Column::Conversation.eq(conversation.0))
                .filter(Column::Pos.gt(after))
                .filter(Column::Pos.lte(upto))
                .order_by_asc(Column::Pos)
                .limit(u64::from(limit))
                .all(&self.desk)
                .await
                .map_err(unavailable)?;
            rows_from(rows)
        })
        .await
    }

    async fn words(
        &self,
        conversation: ConversationId,
        reference: &Reference,
    ) -> Result<Option<Arc<Row>>, StoreError> {
        self.within(lookup::words(&self.desk, conversation, reference)).await
    }

    async fn past(&self, customer: CustomerId, limit: u32) -> Result<Vec<Past>, StoreError> {
        self.within(digests::past(&self.desk, customer, limit)).await
    }

    async fn digest(
        &self,
        customer: CustomerId,
        conversation: Option<ConversationId>,
    ) -> Result<Option<Digest>, StoreError> {
        self.within(digests::digest(&self.desk, customer, conversation)).await
    }

    async fn closings(&self, link: &LinkDomain) -> Result<Vec<ConversationId>, StoreError> {
        self.within(self.wanted_closed(link)).await
    }

    async fn notices(
        &self,
        link: &LinkDomain,
        after: Pos,
        upto: Pos,
        limit: u32,
    ) -> Result<Vec<(Localpart, Arc<Row>)>, StoreError> {
        self.within(async {
            let Some(link) = self.link_id(link).await? else { return Ok(Vec::new()) };
            undelivered::notices(&self.desk, link, (after, upto), limit).await
        })
        .await
    }
}

#[cfg(test)]
mod tests;
