//! An index for conversations by the time of their last message.
//!
//! Customers of recent ones may still be in agents' contact lists. The opening time does not help:
//! a conversation that was left on Friday is closed on Monday.

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
