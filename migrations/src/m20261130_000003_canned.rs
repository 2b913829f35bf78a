//! Canned replies of tenants.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, falls_with, primary};

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261130_000003_canned"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let shape = Shape(manager.get_database_backend());
        let replies = Table::create()
            .table("canned_replies")
            .col(shape.ascii("tenant", 32))
            .col(shape.ascii("slug", 32))
            .col(shape.text("title").not_null())
            .col(shape.text("text").not_null())
            .primary_key(&mut primary(&["tenant", "slug"]))
            .foreign_key(&mut falls_with(
                "fk_canned_replies_tenant",
                ("canned_replies", &["tenant"]),
                ("tenants", &["slug"]),
            ))
            .take();
        shape.create(manager, replies, Vec::new()).await
    }
}
