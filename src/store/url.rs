//! The address of the database, and how connections to it are set up.
//!
//! Invariants: the pools are created here and not by sea-orm, whose trace spans would contain the
//! URL. No error contains a part of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, Database, Executor, Row as _};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::error;
use super::pool::{MARGIN, REFUSED, STALE};
use super::server::{LIFETIME, Server};
use crate::ports::store_error::StoreError;

/// Prepared statements cached per connection.
const STATEMENTS: usize = 256;

/// MySQL ends a connection idle for this long, and releases its locks. For owners this happens
/// before their lease expires, so that the next owner does not wait for the locks.
pub(super) const SILENCE: Duration = Duration::from_secs(60);
pub(super) const OWNERS_SILENCE: Duration = Duration::from_secs(5);

/// The address of the database. It contains the password, so `Debug` hides it.
#[derive(Clone)]
pub(super) enum Url {
    MySql(Box<MySqlConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MySql(_) => "MySql",
            Self::Sqlite(_) => "Sqlite",
        })
    }
}

impl Url {
    pub(super) fn parse(url: &SecretString) -> Result<Self, StoreError> {
        let url = url.expose_secret();
        if url.starts_with("mysql://") || url.starts_with("mariadb://") {
            let options = MySqlConnectOptions::from_str(url).map_err(|_| {
                StoreError::Unavailable(
                    "[database] url is not understood: it is mysql://user:password@host/database, \
                     characters like @ : / in a password written %40 %3A %2F"
                        .to_owned(),
                )
            })?;
            if options.get_database().is_none_or(str::is_empty) {
                return Err(StoreError::Unavailable(
                    "[database] url names no database: mysql://user:password@host/database"
                        .to_owned(),
                ));
            }
            Ok(Self::MySql(Box::new(
                options
                    .charset("utf8mb4")
                    // More than there are texts; see `statements`.
                    .statement_cache_capacity(STATEMENTS)
                    .disable_statement_logging(),
            )))
        } else if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url).map_err(|_| {
                StoreError::Unavailable(
                    "[database] url is not understood: it is sqlite://couplet.db?mode=rwc"
                        .to_owned(),
                )
            })?;
            Ok(Self::Sqlite(Box::new(
                options
                    .journal_mode(SqliteJournalMode::Wal)
                    // With less, a commit could be lost in a power failure.
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(5))
                    .disable_statement_logging(),
            )))
        } else {
            Err(StoreError::Unavailable(
                "[database] url begins with neither mysql:// nor sqlite://".to_owned(),
            ))
        }
    }

    /// A new pool.
    pub(super) fn pool(
        &self,
        connections: u32,
        patience: Duration,
        silence: Duration,
        server: &Arc<Server>,
    ) -> DatabaseConnection {
        match self {
            Self::MySql(options) => {
                let (learns, decides) = (server.clone(), server.clone());
                MySqlPoolOptions::from(sized(connections, patience.min(REFUSED)))
                    .max_lifetime(LIFETIME)
                    .after_connect(move |connection, _| {
                        let server = learns.clone();
                        Box::pin(async move {
                            // Strict mode: otherwise the server truncates values that are too long.
                            // Lock timeout: otherwise a forgotten lock is waited for 50 s. Idle
                            // timeout: otherwise the locks of a node that was frozen or lost power
                            // in a transaction stay for 8 h.
                            let seconds = silence.as_secs();
                            let settings = format!(
                                "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
                             SESSION innodb_lock_wait_timeout = 5, SESSION wait_timeout = {seconds}"
                            );
                            connection.execute(AssertSqlSafe(settings)).await?;
                            let packet =
                                connection.fetch_one("SELECT @@max_allowed_packet").await?;
                            server.accepts(packet.try_get(0)?);
                            Ok(())
                        })
                    })
                    .test_before_acquire(false)
                    .before_acquire(move |connection, about| {
                        let trusted = Instant::now()
                            .checked_sub(about.age)
                            .is_some_and(|opened| decides.trusts(opened));
                        Box::pin(async move {
                            if !trusted || about.idle_for + MARGIN >= silence {
                                return Ok(false);
                            }
                            if about.idle_for >= STALE {
                                connection.ping().await?;
                            }
                            Ok(true)
                        })
                    })
                    .connect_lazy_with(options.as_ref().clone())
                    .into()
            }
            Self::Sqlite(options) => SqlitePoolOptions::from(sized(connections, patience))
                .test_before_acquire(false)
                .before_acquire(|connection, _| {
                    Box::pin(async move {
                        // SQLite itself ends a transaction whose commit found the disk full. The
                        // driver still counts it as open, and later reports commits that commit
                        // nothing.
                        if connection.is_in_transaction() {
                            // A pending rollback is carried out before the ping returns.
                            connection.ping().await?;
                        }
                        Ok(!connection.is_in_transaction())
                    })
                })
                .max_lifetime(None)
                .idle_timeout(None)
                .connect_lazy_with(options.as_ref().clone())
                .into(),
        }
    }

    /// Connects once to find out why it fails: a pool would only report a timeout.
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        let closed = match self {
            Self::MySql(options) => match options.connect().await {
                Ok(connection) => connection.close().await,
                Err(cause) => Err(cause),
            },
            Self::Sqlite(options) => match options.connect().await {
                Ok(connection) => connection.close().await,
                Err(cause) => Err(cause),
            },
        };
        closed.map_err(|cause| error::driver(&cause))
    }
}

fn sized<D: Database>(connections: u32, patience: Duration) -> PoolOptions<D> {
    PoolOptions::new().max_connections(connections).acquire_timeout(patience)
}
