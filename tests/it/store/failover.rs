//! A server that becomes read-only, and one that accepts only small packets. Both on a MariaDB of
//! the test's own, because the settings apply to the whole server.

use std::collections::BTreeSet;
use std::time::Duration;

use couplet::chat::ids::{Epoch, LinkDomain, Pos};
use couplet::ports::directory::Directory;
use couplet::ports::store::{Leases, Log, Sessions, Transcripts};
use couplet::ports::store_error::StoreError;
use couplet::store::{Options, SqlStore};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use super::fixture::*;
use couplet_kit::servers::OwnServer;

/// A server, its administrator, and the URL of a user to whom `read_only` applies.
async fn a_server() -> (OwnServer, DatabaseConnection, String) {
    let own = OwnServer::start("mariadb").await.unwrap();
    let root = Database::connect(own.url("mysql://root@", "/mysql")).await.expect("it is there");
    for statement in [
        "CREATE DATABASE couplet",
        "CREATE USER couplet@'127.0.0.1' IDENTIFIED BY 'hush'",
        "GRANT ALL ON couplet.* TO couplet@'127.0.0.1'",
    ] {
        root.execute_unprepared(statement).await.expect("the administrator may do this");
    }
    let url = own.url("mysql://couplet:hush@", "/couplet");
    (own, root, url)
}

async fn connect(url: &str) -> SqlStore {
    let store = SqlStore::connect(&url.into(), Options::default()).await.expect("it is there");
    store.migrate().await.expect("a fresh database takes the schema");
    store
}

/// The ids of the store's connections on the server.
async fn connections(root: &DatabaseConnection) -> BTreeSet<u64> {
    let asked = "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'couplet'";
    let statement = Statement::from_string(root.get_database_backend(), asked);
    let rows = root.query_all_raw(statement).await.expect("an answer");
    let id = |row: sea_orm::QueryResult| row.try_get::<i64>("", "id").expect("a number");
    rows.into_iter().map(|row| id(row).unsigned_abs()).collect()
}

/// Uses each kind of connection.
async fn use_all(store: &SqlStore, epoch: Epoch, number: u64) -> Result<(), StoreError> {
    let other = LinkDomain::new(&format!("c{number}.example.org")).expect("a domain");
    store.append(&link(), epoch, &[said(number, 1, number - 1, "Hello")]).await?;
    store.renew(&link(), epoch, MINUTE, true).await?;
    store.acquire(&other, node(1), MINUTE).await?;
    store.add_tenant(&tenant(&format!("t{number}"))).await?;
    let customer = customer(u128::from(number) + 10);
    store.create_session(&session(u8::try_from(number).expect("small"), &customer), T0).await?;
    store.conversation(conversation_id(1)).await?;
    store.tenants().await?;
    store.snapshot(&link(), T0).await.map(drop)
}

#[tokio::test]
async fn a_read_only_server_is_left() {
    let (_own, root, url) = a_server().await;
    let store = connect(&url).await;
    let epoch = acme(&store).await;
    store.append(&link(), epoch, &[opened(1, 1)]).await.expect("it writes");
    for number in 2..=3 {
        use_all(&store, epoch, number).await.expect("all works");
    }
    let before = connections(&root).await;
    assert!(before.len() >= 4, "{before:?}");

    root.execute_unprepared("SET GLOBAL read_only = 1").await.expect("set");
    let refused = store.append(&link(), epoch, &[said(4, 1, 3, "Hello")]).await;
    assert!(matches!(&refused, Err(StoreError::ReadOnly(_))), "{refused:?}");
    let renewed = store.renew(&link(), epoch, MINUTE, true).await;
    assert!(matches!(&renewed, Err(StoreError::ReadOnly(_))), "{renewed:?}");
    // Reads move to a new connection as well: an old one would read stale data.
    store.conversation(conversation_id(1)).await.expect("read");
    store.tenants().await.expect("read");
    store.snapshot(&link(), T0).await.expect("read");

    root.execute_unprepared("SET GLOBAL read_only = 0").await.expect("set");
    for number in 4..=6 {
        use_all(&store, epoch, number).await.expect("all works again");
    }
    // The server notices the end of a connection a moment later.
    let gone = async {
        loop {
            let left: Vec<u64> = connections(&root).await.intersection(&before).copied().collect();
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let all_gone = tokio::time::timeout(Duration::from_secs(10), gone).await;
    let left = connections(&root).await;
    assert!(all_gone.is_ok(), "of {before:?} there are still some among {left:?}");
    let rows = store.rows(conversation_id(1), Pos(0), Pos(100), 100).await.expect("read");
    assert_eq!(rows.len(), 6, "nothing is missing");
    store.close().await;
    root.close().await.expect("closed");
}

#[tokio::test]
async fn batches_fit_into_what_the_server_accepts() {
    let (_own, root, url) = a_server().await;
    root.execute_unprepared("SET GLOBAL max_allowed_packet = 65536").await.expect("set");
    let store = connect(&url).await;
    let epoch = acme(&store).await;
    let mut batch = vec![opened(1, 1)];
    // 1.2 MB: in one statement unless limited.
    for pos in 2..=300 {
        batch.push(said(pos, 1, pos - 1, &"€".repeat(1_400)));
    }
    store.append(&link(), epoch, &batch).await.expect("in parts");
    let stored = store.rows(conversation_id(1), Pos(0), Pos(1_000), 1_000).await.expect("read");
    assert_eq!(stored, rows(&batch));

    // A row that cannot be split is refused before it is sent: the server would close the
    // connection.
    let long = store.append(&link(), epoch, &[said(301, 1, 300, &"€".repeat(30_000))]).await;
    assert!(matches!(&long, Err(StoreError::TooLarge(_))), "{long:?}");
    store.append(&link(), epoch, &[said(301, 1, 300, "Short")]).await.expect("the next is taken");
    store.close().await;
    root.close().await.expect("closed");
}
