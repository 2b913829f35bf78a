//! The database, through sea-orm: MySQL, MariaDB, SQLite.
//!
//! Invariants: `Ok` means committed. Every write of a link's owner first locks the link's row and
//! compares its epoch, in the same statement if possible. No query scans a table; each has an
//! index, and each index has a query. No error text contains a part of the database's URL.
//!
//! Two columns are stored less often than they change, and completed on reading: a conversation's
//! `head` and `active_at` are written with its view and brought up to date from the log
//! ([`transcripts`]), so that a message costs one row and nothing else.
//!
//! The log and the conversations have no foreign keys, on purpose: an append must never fail
//! because a tenant was just removed.

mod batcher;
mod closings;
mod codec;
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
mod ranges;
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

use crate::ports::store_error::StoreError;
use batcher::Batcher;
use lease::Links;
use pool::{Pool, Reader};
use server::Server;
use session_insert::SessionInserts;
use session_lookup::{ByToken, OpenOf};

pub use connect::Options;

#[derive(Debug, Clone)]
pub struct SqlStore {
    /// For reads of customers' sockets.
    read: Reader,
    /// For writes of customers and administrators.
    write: DatabaseConnection,
    /// For occasional writes of links' owners, which never queue behind customers.
    owner: DatabaseConnection,
    /// For the most frequent writes: rows, leases, new sessions.
    pool: Arc<Pool>,
    /// For reads of links' owners.
    desk: Reader,
    /// For several queries that must see the same moment.
    moment: DatabaseConnection,
    /// The statements of an append.
    append: Arc<log::Statements>,
    /// The statement that renews a lease.
    renewal: Arc<str>,
    links: Arc<Links>,
    server: Arc<Server>,
    newcomers: Batcher<SessionInserts>,
    by_token: Batcher<ByToken>,
    open_of: Batcher<OpenOf>,
    options: Options,
    url: connect::Url,
}

impl SqlStore {
    /// Bounds the duration of an operation by [`Options::patience`].
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
                "no response within {}",
                seconds(self.options.patience)
            ))),
        }
    }
}

/// Begins a transaction that writes. SQLite takes its write lock at once, so that the transaction
/// cannot fail half-way for lack of it.
async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    connection.begin_with_options(options).await.map_err(error::unavailable)
}

async fn commit(transaction: DatabaseTransaction) -> Result<(), StoreError> {
    transaction.commit().await.map_err(|cause| error::unavailable(cause).of_commit())
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}
