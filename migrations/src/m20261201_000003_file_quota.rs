//! Indices for the quotas of files: bytes received from a customer, and from a tenant, since a
//! time.

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
        // Both contain the summed column, so the index alone answers the query.
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
