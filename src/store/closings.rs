//! Conversations that operators want closed. The command line inserts, the owner of the link reads:
//! so it does not matter which node that is, or whether it runs at that moment.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::closing::{ActiveModel, Column, Entity};
use super::entity::conversation;
use super::error::unavailable;
use super::sql;
use super::sql_store::SqlStore;
use crate::chat::ids::{ConversationId, LinkDomain, TenantKey};
use crate::ports::directory::Requests;
use crate::ports::store_error::StoreError;

/// Requests read at once; the rest is read the next time.
const MOST: u64 = 100;

#[async_trait]
impl Requests for SqlStore {
    async fn ask_to_close(
        &self,
        tenant: &TenantKey,
        conversation: ConversationId,
    ) -> Result<(), StoreError> {
        self.within(async {
            let found = conversation::Entity::find_by_id(conversation.0)
                .one(&self.read)
                .await
                .map_err(unavailable)?;
            let of_it = found.filter(|found| found.tenant == tenant.as_str());
            let of_it = of_it
                .ok_or_else(|| StoreError::Missing(format!("the conversation {conversation}")))?;
            let wish = ActiveModel { conversation: Set(conversation.0), link: Set(of_it.link) };
            Entity::insert(wish)
                .on_conflict(
                    OnConflict::column(Column::Conversation).update_column(Column::Link).to_owned(),
                )
                .exec_without_returning(&self.write)
                .await
                .map_err(unavailable)
                .map(drop)
        })
        .await
    }
}

impl SqlStore {
    /// See [`Log::closings`](crate::ports::store::Log::closings).
    pub(super) async fn wanted_closed(
        &self,
        link: &LinkDomain,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let Some(link) = self.link_id(link).await? else { return Ok(Vec::new()) };
        let wanted: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Conversation)
            .filter(Column::Link.eq(link))
            .order_by_asc(Column::Conversation)
            .limit(MOST)
            .into_tuple()
            .all(&self.desk)
            .await
            .map_err(unavailable)?;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let open: Vec<Uuid> = conversation::Entity::find()
            .select_only()
            .column(conversation::Column::Id)
            .filter(conversation::Column::Id.is_in(sql::padded(wanted.clone())))
            .filter(conversation::Column::Open.eq(true))
            .into_tuple()
            .all(&self.desk)
            .await
            .map_err(unavailable)?;
        let done: Vec<Uuid> = wanted.into_iter().filter(|id| !open.contains(id)).collect();
        if !done.is_empty() {
            Entity::delete_many()
                .filter(Column::Conversation.is_in(done))
                .exec(&self.owner)
                .await
                .map_err(unavailable)?;
        }
        Ok(open.into_iter().map(ConversationId).collect())
    }
}
