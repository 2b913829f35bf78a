//! The pending transfer of a conversation, as a document.

use sea_orm_migration::prelude::*;

use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261202_000001_transfer"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("conversations", "transfer").await? {
            return Ok(());
        }
        let shape = Shape(manager.get_database_backend());
        let column = shape.text("transfer");
        manager.alter_table(Table::alter().table("conversations").add_column(column).take()).await
    }
}
