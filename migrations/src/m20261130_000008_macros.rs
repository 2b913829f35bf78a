//! Macros of tenants.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, falls_with, primary};

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261130_000008_macros"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let shape = Shape(manager.get_database_backend());
        let macros = Table::create()
            .table("macros")
            .col(shape.ascii("tenant", 32))
            .col(shape.ascii("slug", 32))
            .col(shape.text("title").not_null())
            .col(shape.text("steps").not_null())
            .primary_key(&mut primary(&["tenant", "slug"]))
            .foreign_key(&mut falls_with(
                "fk_macros_tenant",
                ("macros", &["tenant"]),
                ("tenants", &["slug"]),
            ))
            .take();
        shape.create(manager, macros, Vec::new()).await
    }
}
