//! Connecting to the database, migrations, and their error texts.

use couplet::ports::directory::{Directory, Tenant};
use couplet::ports::store::Log;
use couplet::ports::store_error::StoreError;
use couplet::store::{Options, SqlStore};
use couplet_migrations::{Migrator, MigratorTrait as _};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

use super::fixture::*;
use crate::support::db::{Backend, Db, server};

suite!(migrated_again, rows_of_another_version, values_that_are_too_long);

async fn migrated_again(db: &Db) {
    db.store.ready().await.expect("ready");
    acme(&db.store).await;
    db.store.migrate().await.expect("nothing to do");
    db.store.ready().await.expect("still ready");
    assert_eq!(db.store.tenants().await.expect("read").len(), 1);
    db.tamper("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m99999999_1_new', 1)")
        .await;
    db.store.migrate().await.expect("a newer schema is left alone");
    db.store.ready().await.expect("and works");
}

async fn rows_of_another_version(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1)]).await.expect("stored");
    db.tamper("UPDATE log SET kind = 'hologram'").await;
    let read = db.store.rows(conversation_id(1), 0.into_pos(), 9.into_pos(), 9).await;
    assert_eq!(read, Err(StoreError::Corrupt("the kind of row hologram".to_owned())));
    db.tamper("UPDATE conversations SET state = 'sleeping'").await;
    let read = db.store.snapshot(&link(), T0).await;
    assert_eq!(read, Err(StoreError::Corrupt("the state sleeping".to_owned())));
}

trait IntoPos {
    fn into_pos(self) -> couplet::chat::ids::Pos;
}

impl IntoPos for u64 {
    fn into_pos(self) -> couplet::chat::ids::Pos {
        couplet::chat::ids::Pos(self)
    }
}

async fn values_that_are_too_long(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut append = opened(1, 1);
    std::sync::Arc::make_mut(&mut append.row).pos = couplet::chat::ids::Pos(u64::MAX);
    let refused = db.store.append(&link(), epoch, &[append]).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}

/// The error texts of connecting and of the readiness check.
async fn complaint(url: &str) -> String {
    let options = Options { connections: 1, patience: Duration::from_secs(3) };
    let ready = match SqlStore::connect(&SecretString::from(url), options).await {
        Ok(store) => {
            let ready = store.ready().await;
            store.close().await;
            ready
        }
        Err(cause) => Err(cause),
    };
    match ready {
        Err(StoreError::Unavailable(text) | StoreError::Declined(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn holds(text: &str, word: &str) {
    assert!(text.contains(word), "{text:?} does not mention {word:?}");
}

fn keeps(text: &str, url: &Url) {
    for secret in [url.as_str(), url.username(), url.password().unwrap_or("-no password-"), "pa55"]
    {
        assert!(!text.contains(secret), "{text:?} gives {secret:?} away");
    }
}

#[tokio::test]
async fn complaints_of_mysql() {
    let db = Db::bare(Backend::Mysql).await;
    let good = Url::parse(db.url.expose_secret()).expect("an address");
    let text = complaint(good.as_str()).await;
    holds(&text, "couplet migrate");
    keeps(&text, &good);

    let mut wrong = good.clone();
    wrong.set_password(Some("pa55-wrong")).expect("a password");
    let text = complaint(wrong.as_str()).await;
    holds(&text, "user and password");
    keeps(&text, &wrong);

    let mut closed = wrong.clone();
    closed.set_port(Some(1)).expect("a port");
    let text = complaint(closed.as_str()).await;
    holds(&text, "is the server running");
    keeps(&text, &closed);

    let mut nowhere = wrong.clone();
    nowhere.set_host(Some("db.invalid")).expect("a host");
    keeps(&complaint(nowhere.as_str()).await, &nowhere);

    let mut missing = good.clone();
    missing.set_path("couplet_that_is_not_there");
    let text = complaint(missing.as_str()).await;
    holds(&text, "create it");
    keeps(&text, &missing);

    let mut none = server();
    none.set_password(Some("pa55-none")).expect("a password");
    let text = complaint(none.as_str()).await;
    holds(&text, "names no database");
    keeps(&text, &none);
    db.remove().await;
}

#[tokio::test]
async fn complaints_of_sqlite() {
    let db = Db::bare(Backend::Sqlite).await;
    holds(&complaint(db.url.expose_secret()).await, "couplet migrate");
    holds(&complaint("sqlite:///nonexistent/folder/couplet.db?mode=rwc").await, "folder");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prose.db");
    std::fs::write(&file, "It was a dark and stormy night. ".repeat(100)).expect("written");
    holds(&complaint(&format!("sqlite://{}", file.display())).await, "not a SQLite database");
    db.remove().await;
}

#[tokio::test]
async fn complaints_of_addresses() {
    for bad in ["", "pa55", "postgres://u:pa55@h/d", "mysql://u:pa55@h:port/d", "sqlite://x?y=pa55"]
    {
        let text = complaint(bad).await;
        holds(&text, "[database] url");
        assert!(!text.contains("pa55"), "{text:?}");
    }
}

/// Several nodes start on an empty database at once.
async fn migrate_at_once(backend: Backend) {
    let db = Db::bare(backend).await;
    let nodes = [db.another().await, db.another().await, db.another().await];
    let (a, b, c) = tokio::join!(nodes[0].migrate(), nodes[1].migrate(), nodes[2].migrate());
    for done in [a, b, c] {
        done.expect("one did it, the others waited");
    }
    for node in nodes {
        node.ready().await.expect("ready");
        node.close().await;
    }
    db.remove().await;
}

#[tokio::test]
async fn nodes_migrate_sqlite_at_once() {
    migrate_at_once(Backend::Sqlite).await;
}

#[tokio::test]
async fn nodes_migrate_mysql_at_once() {
    migrate_at_once(Backend::Mysql).await;
}

/// A database of the previous version, with rows in it.
async fn rows_of_the_previous_version(backend: Backend) {
    let db = Db::bare(backend).await;
    let connection = sea_orm::Database::connect(db.url.expose_secret()).await.expect("it is there");
    Migrator::up(&connection, Some(1)).await.expect("the first step");
    connection.close().await.expect("closed");
    holds(&complaint(db.url.expose_secret()).await, "couplet migrate");
    db.tamper(
        "INSERT INTO links \
         (id, domain, epoch, lease_until, stands, cursor_pos, floor_pos, revision) \
         VALUES (7, 'chat.example.org', 1, 0, 0, 0, 0, 3)",
    )
    .await;
    for key in ["acme", "bolt"] {
        db.tamper(&format!(
            "INSERT INTO tenants (slug, name, link, origins, origin_required, idle_close_ms) \
             VALUES ('{key}', 'Grüße 🏢', 7, '[\"https://www.{key}.example\"]', 1, 60000)"
        ))
        .await;
    }
    // Interrupted half-way, and started again.
    db.store.migrate().await.expect("the next step");
    for step in ["form", "lookups"] {
        db.tamper(&format!("DELETE FROM seaql_migrations WHERE version LIKE '%{step}'")).await;
    }
    db.store.migrate().await.expect("the same again");
    let tenants = db.store.tenants().await.expect("read");
    assert_eq!(tenants.len(), 2);
    for tenant in &tenants {
        assert_eq!((&*tenant.settings.name, tenant.settings.idle_close_ms), ("Grüße 🏢", 60_000));
        assert_eq!(tenant.settings.form, []);
    }
    let fresh = Tenant { key: key("full"), ..tenant("acme") };
    db.store.add_tenant(&fresh).await.expect("a form can be kept");
    let found = db.store.tenant(&key("full")).await.expect("read").expect("there");
    assert_eq!(found.settings, fresh.settings);
    // The previous version keeps running beside it: the rows it writes have no form.
    db.tamper(
        "INSERT INTO tenants (slug, name, link, origins, origin_required, idle_close_ms) \
         VALUES ('old', 'Old', 7, '[]', 0, 60000)",
    )
    .await;
    assert_eq!(db.store.tenants().await.expect("read").len(), 4);
    db.remove().await;
}

#[tokio::test]
async fn rows_of_the_previous_version_sqlite() {
    rows_of_the_previous_version(Backend::Sqlite).await;
}

#[tokio::test]
async fn rows_of_the_previous_version_mysql() {
    rows_of_the_previous_version(Backend::Mysql).await;
}

/// A table is removed while a store is in use, as by a restored backup.
#[tokio::test]
async fn a_schema_lost_while_in_use() {
    let db = Db::new(Backend::Mysql).await;
    db.tamper("DROP TABLE canned_replies, macros, agent_queues, agents, queues, tenants").await;
    match db.store.tenants().await {
        Err(StoreError::Unavailable(text) | StoreError::Declined(text)) => {
            holds(&text, "couplet migrate")
        }
        other => panic!("{other:?}"),
    }
    db.remove().await;
}
