//! Files of conversations, and each tenant's limits for them.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, index};

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261123_000003_files"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let shape = Shape(manager.get_database_backend());
        let files = Table::create()
            .table("files")
            .col(shape.uuid("id").not_null().primary_key())
            .col(shape.ascii("tenant", 32))
            .col(shape.uuid("customer").not_null())
            .col(ColumnDef::new("mark").binary_len(16).not_null())
            .col(shape.text("name").not_null())
            .col(shape.ascii("media_type", 127))
            .col(shape.number("size").not_null())
            .col(shape.number("created_at").not_null())
            // Null once a message has the file; from then on the file stays as long as the message.
            .col(shape.number("expires_at"))
            // The row of the log that has the file.
            .col(ColumnDef::new("link").integer())
            .col(shape.number("pos"))
            .take();
        let indices = vec![
            index("ix_files_expires", &["expires_at"]),
            index("ix_files_customer", &["customer", "expires_at"]),
            index("ix_files_row", &["link", "pos"]),
        ];
        shape.create(manager, files, indices).await?;
        for column in [shape.number("file_bytes"), shape.text("file_types")] {
            let name = column.get_column_name().to_string();
            if !manager.has_column("tenants", &name).await? {
                let table = Table::alter().table("tenants").add_column(column).take();
                manager.alter_table(table).await?;
            }
        }
        Ok(())
    }
}
