//! What is asked before a file comes in: how much came of one customer, and of a tenant, since when.

use sea_orm_migration::prelude::*;

use crate::shape::index;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261201_000003_file_quota"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Both with what is summed, so that the index alone answers.
        for (name, columns) in [
            ("ix_files_customer_day", ["customer", "created_at", "size"]),
            ("ix_files_tenant_day", ["tenant", "created_at", "size"]),
        ] {
            if !manager.has_index("files", name).await? {
                manager.create_index(index(name, &columns).table("files").take()).await?;
            }
        }
        Ok(())
    }
}
