//! Derivation of a session's next token, and customers who turned out to be known ones.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, index};

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261201_000006_sessions"
    }
}

const SAME_AS: &str = "ix_customers_same_as";

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let shape = Shape(manager.get_database_backend());
        // Null in rows that the previous version wrote, which knows neither column.
        let columns = [
            // The current token is derived from this and the previous token; see the edge's tokens.
            ("sessions", ColumnDef::new("salt").binary_len(32).take()),
            // The customer whom this one turned out to be, by signing in while a chat was open.
            ("customers", shape.uuid("same_as")),
        ];
        for (table, column) in columns {
            let name = column.get_column_name().to_string();
            if !manager.has_column(table, &name).await? {
                let table = Table::alter().table(table).add_column(column).take();
                manager.alter_table(table).await?;
            }
        }
        if !manager.has_index("customers", SAME_AS).await? {
            let index = index(SAME_AS, &["same_as"]).table("customers").take();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
