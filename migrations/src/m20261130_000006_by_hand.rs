//! A queue that was closed or opened by hand, whatever its hours are: a JSON document, or null.

use sea_orm_migration::prelude::*;

use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261130_000006_by_hand"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("queues", "by_hand").await? {
            return Ok(());
        }
        let shape = Shape(manager.get_database_backend());
        let column = shape.text("by_hand");
        manager.alter_table(Table::alter().table("queues").add_column(column).take()).await
    }
}
