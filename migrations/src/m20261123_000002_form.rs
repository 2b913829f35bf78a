//! The form that a tenant's customers fill in before the chat.

use sea_orm_migration::prelude::*;

use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261123_000002_form"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("tenants", "form").await? {
            return Ok(());
        }
        let shape = Shape(manager.get_database_backend());
        let column = shape.text("form");
        manager.alter_table(Table::alter().table("tenants").add_column(column).take()).await
    }
}
