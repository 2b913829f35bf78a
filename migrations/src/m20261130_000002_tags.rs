//! The tags of a conversation, as a JSON array. Null where it has none, and where the version before
//! wrote it.

use sea_orm_migration::prelude::*;

use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261130_000002_tags"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("conversations", "tags").await? {
            return Ok(());
        }
        let column = Shape(manager.get_database_backend()).text("tags");
        manager.alter_table(Table::alter().table("conversations").add_column(column).take()).await
    }
}
