//! A way to the conversations in which somebody spoke not long ago.
//!
//! Their customers may still stand in agents' contact lists. When a conversation began says nothing
//! of it: one that was left on Friday is closed on Monday.

use sea_orm_migration::prelude::*;

use crate::shape::index;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261201_000013_departing"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let name = "ix_conversations_active";
        if manager.has_index("conversations", name).await? {
            return Ok(());
        }
        manager
            .create_index(index(name, &["tenant", "active_at"]).table("conversations").take())
            .await
    }
}
