//! Ways to single rows of the log, and what operators ask owners of links for.
//!
//! Who corrects or takes back what they said names it by an id; without an index of those the whole
//! conversation would be read each time.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, index};

/// So many characters of a stanza's id are in the index: more than clients make, and few enough for
/// every row to pay for.
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
        // Conversations that an operator wants closed; a row goes once that is done.
        let closings = Table::create()
            .table("closings")
            .col(shape.uuid("conversation").not_null().primary_key())
            .col(ColumnDef::new("link").integer().not_null())
            .take();
        shape.create(manager, closings, vec![index("ix_closings_link", &["link"])]).await
    }
}
