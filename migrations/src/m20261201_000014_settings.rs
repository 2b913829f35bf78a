//! A tenant's settings as one document. Null where the version before wrote the tenant: then its
//! columns count.

use sea_orm_migration::prelude::*;

use crate::shape::Shape;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261201_000014_settings"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_column("tenants", "settings").await? {
            return Ok(());
        }
        let shape = Shape(manager.get_database_backend());
        let column = shape.text("settings");
        manager.alter_table(Table::alter().table("tenants").add_column(column).take()).await
    }
}
