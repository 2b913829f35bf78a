//! Indices for single rows of the log, and operators' requests to close conversations.
//!
//! A correction or retraction names the message by an id. Without an index of the ids, the whole
//! conversation would be read each time.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, index};

/// Characters of a stanza's id in the index: more than clients use, and few enough to be cheap for
/// every row.
const STANZA: u32 = 40;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20261201_000001_lookups"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let shape = Shape(manager.get_database_backend());
        let stanza =
            index("ix_log_stanza", &["conversation"]).col(("stanza", STANZA)).table("log").take();
        let latest = index("ix_conversations_latest", &["customer", "open", "opened_at"])
            .table("conversations")
            .take();
        for (table, name, index) in
            [("log", "ix_log_stanza", stanza), ("conversations", "ix_conversations_latest", latest)]
        {
            if !manager.has_index(table, name).await? {
                manager.create_index(index).await?;
            }
        }
        // Conversations that an operator wants closed; the row is removed once that is done.
        let closings = Table::create()
            .table("closings")
            .col(shape.uuid("conversation").not_null().primary_key())
            .col(ColumnDef::new("link").integer().not_null())
            .take();
        shape.create(manager, closings, vec![index("ix_closings_link", &["link"])]).await
    }
}
