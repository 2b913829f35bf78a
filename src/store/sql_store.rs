//! What all operations share: the connections, the prepared statements and the time limit. The
//! operations themselves are `impl` blocks in the files of this folder.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use super::append;
use super::batcher::Batcher;
use super::error;
use super::links::Links;
use super::pool::{Pool, Reader};
use super::server::Server;
use super::session_insert::SessionInserts;
use super::session_lookup::{ByToken, OpenOf};
use super::url::Url;
use crate::ports::store_error::StoreError;

/// How the database is used.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connections for reads. Writes and the owners' work have a few of their own.
    pub connections: u32,
    /// How long an operation may take before the database counts as unavailable.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 8, patience: Duration::from_secs(10) }
    }
}

#[derive(Debug, Clone)]
pub struct SqlStore {
    /// For reads of customers' sockets.
    pub(super) read: Reader,
    /// For writes of customers and administrators.
    pub(super) write: DatabaseConnection,
    /// For occasional writes of links' owners, which never queue behind customers.
    pub(super) owner: DatabaseConnection,
    /// For the most frequent writes: rows, leases, new sessions.
    pub(super) pool: Arc<Pool>,
    /// For reads of links' owners.
    pub(super) desk: Reader,
    /// For several queries that must see the same moment.
    pub(super) moment: DatabaseConnection,
    /// The statements of an append.
    pub(super) append: Arc<append::Statements>,
    /// The statement that renews a lease.
    pub(super) renewal: Arc<str>,
    pub(super) links: Arc<Links>,
    pub(super) server: Arc<Server>,
    pub(super) newcomers: Batcher<SessionInserts>,
    pub(super) by_token: Batcher<ByToken>,
    pub(super) open_of: Batcher<OpenOf>,
    pub(super) options: Options,
    pub(super) url: Url,
}

impl SqlStore {
    /// Bounds the duration of an operation by [`Options::patience`].
    pub(super) async fn within<T>(
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
            Err(_) => Err(error::late(self.options.patience)),
        }
    }
}

/// Begins a transaction that writes. SQLite takes its write lock at once, so that the transaction
/// cannot fail half-way for lack of it.
pub(super) async fn begin(
    connection: &DatabaseConnection,
) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    connection.begin_with_options(options).await.map_err(error::unavailable)
}

pub(super) async fn commit(transaction: DatabaseTransaction) -> Result<(), StoreError> {
    transaction.commit().await.map_err(|cause| error::unavailable(cause).of_commit())
}
