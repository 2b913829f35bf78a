//! The database through sea-orm: MySQL, MariaDB, SQLite.
//!
//! Invariants: `Ok` means committed. Every write of a link's owner locks the link's row and
//! compares its epoch before anything else, in the same statement where it can. No query walks a
//! table; each has an index, and each index has a query.
//! No error text holds a part of the database's URL.
//!
//! Two things are kept less often than they change, and completed by whoever reads:
//! a conversation's `head` and `active_at` are stored with its views and brought up to date
//! from the log ([`transcripts`]), so that a message costs one row and nothing else.
//!
//! What is deliberately absent: foreign keys from the log and the conversations. An append never
//! fails because a tenant was removed a moment ago.

mod batcher;
mod closings;
mod connect;
mod connection;
mod conversations;
mod directory;
mod edits;
mod entity;
mod error;
mod files;
mod identities;
mod lease;
mod log;
mod lookup;
mod pool;
mod restore;
mod row_codec;
mod schema;
mod server;
mod session_insert;
mod session_lookup;
mod sessions;
mod snapshot;
mod sql;
mod statements;
mod tenants;
mod transcripts;
mod undelivered;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use crate::ports::store::StoreError;
use batcher::Batcher;
use lease::Links;
use pool::{Pool, Reader};
use server::Server;
use session_insert::SessionInserts;
use session_lookup::{ByToken, OpenOf};
use statements::Statements;

pub use connect::Options;

/// The database.
#[derive(Debug, Clone)]
pub struct SqlStore {
    /// Answers customers.
    read: Reader,
    /// Takes writes of anybody.
    write: DatabaseConnection,
    /// Takes what owners of links write now and then, which never stands in line behind customers,
    owner: DatabaseConnection,
    /// and what is written most: rows, leases, new sessions.
    pool: Arc<Pool>,
    /// Answers owners,
    desk: Reader,
    /// and whoever has several questions about one moment.
    moment: DatabaseConnection,
    texts: Arc<Statements>,
    links: Arc<Links>,
    server: Arc<Server>,
    newcomers: Batcher<SessionInserts>,
    by_token: Batcher<ByToken>,
    open_of: Batcher<OpenOf>,
    options: Options,
    url: connect::Url,
}

impl SqlStore {
    /// Bounds the time anything may take.
    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = tokio::time::timeout(self.options.patience, work).await;
        match done {
            Ok(Err(error @ StoreError::ReadOnly(_))) => {
                self.server.only_reads();
                Err(error)
            }
            Ok(done) => done,
            Err(_) => Err(StoreError::Unavailable(format!(
                "it did not answer within {}",
                seconds(self.options.patience)
            ))),
        }
    }
}

/// Begins a transaction that writes: SQLite takes its one write lock at once, so that it never
/// finds out half-way that it cannot have it.
async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    connection.begin_with_options(options).await.map_err(error::unavailable)
}

/// Commits.
async fn commit(transaction: DatabaseTransaction) -> Result<(), StoreError> {
    transaction.commit().await.map_err(|cause| error::unavailable(cause).of_commit())
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}
