//! When a queue is open, where that is not as its tenant's: a JSON document, or null.

use sea_orm_migration::prelude::*;

use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261130_000005_hours"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("queues", "hours").await? {
            return Ok(());
        }
        let shape = Shape(manager.get_database_backend());
        let column = shape.text("hours");
        manager.alter_table(Table::alter().table("queues").add_column(column).take()).await
    }
}
