//! Opens the connections to the database.
//!
//! Invariants: the pools are created here and not by sea-orm, whose trace spans would contain the
//! URL. A SQLite file has one connection that writes, so its writers queue fairly and never wait
//! for each other's locks; for another process's lock they do wait.

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

use super::batcher::Batcher;
use super::pool::{MARGIN, Pool, REFUSED, Reader, STALE};
use super::server::{LIFETIME, Server};
use super::session_insert::SessionInserts;
use super::session_lookup::{ByToken, OpenOf};
use super::{SqlStore, error, lease, log, seconds};
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

/// Connections of links' owners on MySQL, besides those for rows.
const OWNERS: u32 = 4;

/// Connections on MySQL for changes by customers and administrators.
const WRITERS: u32 = 4;

/// Connections to MySQL that may be opened at the same time, for each [`Pool`].
const OPENED: u32 = 8;

/// Prepared statements cached per connection.
const STATEMENTS: usize = 256;

/// MySQL ends a connection idle for this long, and releases its locks. For owners this happens
/// before their lease expires, so that the next owner does not wait for the locks.
pub(super) const SILENCE: Duration = Duration::from_secs(60);
const OWNERS_SILENCE: Duration = Duration::from_secs(5);

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
    fn parse(url: &SecretString) -> Result<Self, StoreError> {
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
    async fn probe(&self) -> Result<(), StoreError> {
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

impl SqlStore {
    /// Connects to `mysql://user:password@host/database` or `sqlite://file?mode=rwc`. Fails at
    /// once, with the reason, if the database is unreachable; a database that becomes unreachable
    /// later is reconnected automatically.
    pub async fn connect(url: &SecretString, options: Options) -> Result<Self, StoreError> {
        let store = Self::open(url, options)?;
        tokio::time::timeout(options.patience, store.url.probe()).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
                "the server of [database] url did not respond within {}",
                seconds(options.patience)
            )))
        })?;
        Ok(store)
    }

    /// Like [`SqlStore::connect`] without connecting: while the database is unreachable, each call
    /// fails. Must be called within the runtime.
    pub fn open(url: &SecretString, options: Options) -> Result<Self, StoreError> {
        let url = Url::parse(url)?;
        let Options { connections, patience } = options;
        let server = Arc::new(Server::default());
        let pool = |connections, silence| url.pool(connections, patience, silence, &server);
        let (read, write, owner, moment, pool) = match &url {
            Url::MySql(_) => {
                // Pools of their own, which are always empty, so opening a connection never waits
                // for another one's work.
                let kept = |silence, most| Pool::of(&pool(OPENED, silence), silence, most, &server);
                let all = pool(WRITERS, SILENCE);
                let owner = pool(OWNERS, OWNERS_SILENCE);
                let read = kept(SILENCE, Some(connections));
                (read, all, owner.clone(), owner, kept(OWNERS_SILENCE, None))
            }
            Url::Sqlite(_) => {
                let writer = pool(1, SILENCE);
                let readers = pool(connections.min(4), SILENCE);
                let kept = |pool| Pool::of(pool, SILENCE, None, &server);
                let (read, pool) = (kept(&readers), kept(&writer));
                (read, writer.clone(), writer, readers, pool)
            }
        };
        let reader = |pool| Reader { pool, patience };
        let (read, pool) = (reader(Arc::new(read)), Arc::new(pool));
        let desk = match &url {
            Url::MySql(_) => reader(pool.clone()),
            Url::Sqlite(_) => read.clone(),
        };
        let backend = owner.get_database_backend();
        let newcomers = SessionInserts::new(pool.clone(), backend);
        Ok(Self {
            newcomers: Batcher::receive(newcomers, patience),
            by_token: Batcher::receive(ByToken(read.clone()), patience),
            open_of: Batcher::receive(OpenOf(read.clone()), patience),
            read,
            write,
            owner,
            pool,
            desk,
            moment,
            append: Arc::new(log::Statements::new(backend)),
            renewal: lease::renewal_text(backend).into(),
            links: Arc::default(),
            server,
            options,
            url,
        })
    }

    /// Closes all connections; later calls fail.
    pub async fn close(&self) {
        for connection in [&self.write, &self.owner, &self.moment] {
            // Closing twice is not an error; other errors do not matter any more.
            let _ = connection.close_by_ref().await;
        }
        for pool in [&self.pool, &self.read.pool] {
            pool.close().await;
        }
    }
}
