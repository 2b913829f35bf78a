//! The first schema.
//!
//! The log and the conversations have no foreign keys: an append must never fail because a tenant
//! was just removed.

use sea_orm_migration::prelude::*;

use crate::shape::{Shape, falls_with, index, primary, unique};

/// The longest bare JID, in characters: an InnoDB index fits this beside two keys.
const JID: u32 = 700;

#[derive(Debug)]
pub(crate) struct Step;

impl MigrationName for Step {
    fn name(&self) -> &str {
        "m20260101_000001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let shape = Shape(manager.get_database_backend());
        links(shape, manager).await?;
        directory(shape, manager).await?;
        people(shape, manager).await?;
        conversations(shape, manager).await?;
        log(shape, manager).await
    }
}

/// One row per link: its owner, and the cursor of its stream.
async fn links(shape: Shape, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("links")
        // A numeric id keeps a domain of up to 253 bytes out of the indices of the log.
        .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
        .col(shape.ascii("domain", 253))
        .col(shape.uuid("node"))
        .col(shape.number("epoch").not_null())
        .col(shape.number("lease_until").not_null())
        .col(ColumnDef::new("stands").boolean().not_null())
        .col(shape.number("cursor_pos").not_null())
        // Rows up to this position may have been removed; their positions are never reused.
        .col(shape.number("floor_pos").not_null())
        .col(shape.number("revision").not_null())
        .take();
    shape.create(manager, table, vec![unique("uq_links_domain", &["domain"])]).await
}

async fn directory(shape: Shape, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let tenants = Table::create()
        .table("tenants")
        .col(shape.ascii("slug", 32).primary_key())
        .col(shape.text("name").not_null())
        .col(ColumnDef::new("link").integer().not_null())
        .col(shape.text("origins").not_null())
        .col(ColumnDef::new("origin_required").boolean().not_null())
        .col(shape.text("color"))
        .col(shape.text("locale"))
        .col(shape.text("identity_secret"))
        .col(shape.number("idle_close_ms").not_null())
        .foreign_key(
            ForeignKey::create().name("fk_tenants_link").from("tenants", "link").to("links", "id"),
        )
        .take();
    shape.create(manager, tenants, vec![index("ix_tenants_link", &["link"])]).await?;

    let queues = Table::create()
        .table("queues")
        .col(shape.ascii("tenant", 32))
        .col(shape.ascii("slug", 32))
        .col(shape.text("name").not_null())
        .col(shape.ascii("strategy", 16))
        .col(shape.number("offer_ms").not_null())
        .primary_key(&mut primary(&["tenant", "slug"]))
        .foreign_key(&mut falls_with(
            "fk_queues_tenant",
            ("queues", &["tenant"]),
            ("tenants", &["slug"]),
        ))
        .take();
    shape.create(manager, queues, Vec::new()).await?;

    let agents = Table::create()
        .table("agents")
        .col(shape.ascii("tenant", 32))
        .col(shape.words("jid", JID).not_null())
        .col(shape.text("name").not_null())
        .col(ColumnDef::new("capacity").integer().not_null())
        .col(shape.ascii("role", 16))
        .primary_key(&mut primary(&["tenant", "jid"]))
        .foreign_key(&mut falls_with(
            "fk_agents_tenant",
            ("agents", &["tenant"]),
            ("tenants", &["slug"]),
        ))
        .take();
    shape.create(manager, agents, Vec::new()).await?;

    let agent_queues = Table::create()
        .table("agent_queues")
        .col(shape.ascii("tenant", 32))
        .col(shape.words("agent", JID).not_null())
        .col(shape.ascii("queue", 32))
        .primary_key(&mut primary(&["tenant", "agent", "queue"]))
        .foreign_key(&mut falls_with(
            "fk_agent_queues_agent",
            ("agent_queues", &["tenant", "agent"]),
            ("agents", &["tenant", "jid"]),
        ))
        .foreign_key(&mut falls_with(
            "fk_agent_queues_queue",
            ("agent_queues", &["tenant", "queue"]),
            ("queues", &["tenant", "slug"]),
        ))
        .take();
    shape
        .create(manager, agent_queues, vec![index("ix_agent_queues_queue", &["tenant", "queue"])])
        .await
}

async fn people(shape: Shape, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let customers = Table::create()
        .table("customers")
        .col(shape.uuid("id").not_null().primary_key())
        .col(shape.ascii("tenant", 32))
        .col(ColumnDef::new("link").integer().not_null())
        .col(shape.ascii("localpart", 32))
        .col(shape.text("name"))
        // Binary, since MySQL ignores trailing spaces when it compares text.
        .col(ColumnDef::new("subject").var_binary(1020))
        .col(ColumnDef::new("conversations").integer().not_null())
        .take();
    let indices = vec![
        unique("uq_customers_localpart", &["link", "localpart"]),
        unique("uq_customers_subject", &["tenant", "subject"]),
    ];
    shape.create(manager, customers, indices).await?;

    let sessions = Table::create()
        .table("sessions")
        .col(shape.uuid("id").not_null().primary_key())
        .col(shape.ascii("tenant", 32))
        .col(shape.uuid("customer").not_null())
        .col(ColumnDef::new("token").binary_len(32).not_null())
        .col(ColumnDef::new("previous").binary_len(32))
        .col(shape.number("previous_until"))
        .col(shape.number("expires_at").not_null())
        .col(ColumnDef::new("subject").var_binary(1020))
        .col(shape.number("created_at").not_null())
        .foreign_key(&mut falls_with(
            "fk_sessions_customer",
            ("sessions", &["customer"]),
            ("customers", &["id"]),
        ))
        .take();
    let indices = vec![
        unique("uq_sessions_token", &["token"]),
        index("ix_sessions_previous", &["previous"]),
        index("ix_sessions_customer", &["customer"]),
    ];
    shape.create(manager, sessions, indices).await
}

/// Conversations, with their offers and agents.
async fn conversations(shape: Shape, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("conversations")
        .col(shape.uuid("id").not_null().primary_key())
        .col(ColumnDef::new("link").integer().not_null())
        .col(shape.ascii("tenant", 32))
        .col(shape.uuid("customer").not_null())
        .col(shape.ascii("queue", 32))
        .col(shape.text("subject"))
        .col(shape.ascii("state", 16))
        .col(ColumnDef::new("open").boolean().not_null())
        .col(shape.ascii_or_null("reason", 16))
        .col(shape.words("agent", JID))
        .col(shape.text("asked"))
        .col(shape.number("asked_until"))
        .col(shape.text("passed"))
        .col(shape.words("served_by", JID))
        .col(shape.number("opened_at").not_null())
        .col(shape.number("waiting_since").not_null())
        .col(ColumnDef::new("priority").integer().not_null())
        .col(shape.number("active_at").not_null())
        .col(shape.number("head").not_null())
        .col(shape.number("delivered").not_null())
        // `read` is a reserved word of MySQL.
        .col(shape.number("read_upto").not_null())
        .col(shape.number("confirmed").not_null())
        .take();
    let indices = vec![
        index("ix_conversations_open", &["link", "open", "tenant"]),
        index("ix_conversations_tenant", &["tenant", "opened_at", "id"]),
        index("ix_conversations_customer", &["customer"]),
    ];
    shape.create(manager, table, indices).await
}

/// The log of all links. Each index is a cost for every message.
async fn log(shape: Shape, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("log")
        .col(ColumnDef::new("link").integer().not_null())
        .col(shape.number("pos").not_null())
        .col(shape.uuid("conversation").not_null())
        .col(shape.ascii("tenant", 32))
        .col(shape.uuid("customer").not_null())
        .col(shape.number("seq"))
        .col(shape.number("at").not_null())
        .col(shape.ascii("kind", 16))
        .col(shape.ascii("author", 16))
        .col(shape.words("author_jid", JID))
        .col(shape.text("author_name"))
        .col(shape.uuid("session"))
        .col(shape.ascii_or_null("command", 64))
        .col(shape.text("stanza"))
        .col(shape.text("text"))
        .col(shape.text("details"))
        .col(shape.text("recipients"))
        .primary_key(&mut primary(&["link", "pos"]))
        .take();
    let indices = vec![
        unique("uq_log_seq", &["conversation", "seq"]),
        unique("uq_log_command", &["session", "command"]),
        index("ix_log_conversation", &["conversation", "pos"]),
    ];
    shape.create(manager, table, indices).await
}
