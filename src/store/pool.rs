//! Pools of connections for the most frequent reads and writes.
//!
//! Invariants: unlike sqlx's pools, these do not ask the server after each use whether the
//! connection still works, so a statement takes one round trip. A connection that failed, or whose
//! user was cancelled half-way, is not used again: the server rolls back what it had begun. Writers
//! never wait for a connection to MySQL: if none is free, another one is opened, so there are at
//! most as many as concurrent writers. The number of connections for customers' reads is fixed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::{self, Connection as _, MySqlPool, SqlitePool};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::{Connection, Opened, Value};
use super::error;
use super::server::Server;
use crate::ports::store_error::StoreError;

/// How long a server may refuse connections before that is reported.
pub(super) const REFUSED: Duration = Duration::from_millis(2_500);

/// A connection idle for this long is pinged before it is used.
pub(super) const STALE: Duration = Duration::from_secs(5);

/// A connection this close to the idle timeout is not used; a new one is opened.
pub(super) const MARGIN: Duration = Duration::from_secs(2);

/// Connections of one kind.
#[derive(Debug)]
pub(super) enum Pool {
    MySql(Kept),
    /// The pool of a file has few connections, and they never fail.
    Sqlite(SqlitePool),
}

#[derive(Debug)]
pub(super) struct Kept {
    /// Opens new connections with the right settings.
    pool: MySqlPool,
    /// The idle timeout of the server.
    silence: Duration,
    /// Free turns, if the number of connections is limited.
    turns: Option<Semaphore>,
    /// Free connections, the most recently used last, each with the time of its last use.
    free: Mutex<Vec<(Instant, Opened)>>,
    server: Arc<Server>,
}

impl Pool {
    /// Connections opened like those of `pool`; at most `most` at a time, if given.
    pub(super) fn of(
        pool: &DatabaseConnection,
        silence: Duration,
        most: Option<u32>,
        server: &Arc<Server>,
    ) -> Self {
        match pool.get_database_backend() {
            DbBackend::Sqlite => Self::Sqlite(pool.get_sqlite_connection_pool().clone()),
            _ => Self::MySql(Kept {
                pool: pool.get_mysql_connection_pool().clone(),
                silence,
                turns: most.map(|most| Semaphore::new(most as usize)),
                free: Mutex::default(),
                server: server.clone(),
            }),
        }
    }

    /// Takes a connection to write with; to be passed to [`Self::returned`].
    pub(super) async fn take(&self) -> Result<Connection, StoreError> {
        self.take_any().await.map_err(|cause| error::driver(&cause))
    }

    async fn take_any(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Self::MySql(kept) => kept.take().await.map(Connection::MySql),
            Self::Sqlite(pool) => pool.acquire().await.map(Connection::Sqlite),
        }
    }

    /// Puts a connection back after its work, with the result of the work; returns the result.
    pub(super) fn returned<T>(
        &self,
        connection: Connection,
        done: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let failed = match &done {
            Ok(_) => None,
            Err(StoreError::ReadOnly(_)) => {
                self.only_reads();
                Some(true)
            }
            Err(cause) => Some(cause.is_passing()),
        };
        self.give_back(connection, failed);
        done
    }

    /// Puts a connection back: `failed` is none after success, `Some(true)` if the server may have
    /// failed.
    fn give_back(&self, connection: Connection, failed: Option<bool>) {
        if let (Self::MySql(kept), Connection::MySql(opened)) = (self, connection) {
            match failed {
                None => kept.keep(opened),
                // If the server broke one connection, it usually broke all.
                Some(true) => kept.free().clear(),
                Some(false) => {}
            }
        }
    }

    fn only_reads(&self) {
        if let Self::MySql(kept) = self {
            kept.server.only_reads();
        }
    }

    /// Closes the free connections, and opens no more.
    pub(super) async fn close(&self) {
        let Self::MySql(kept) = self else { return };
        kept.pool.close().await;
        let all = std::mem::take(&mut *kept.free());
        for (_, opened) in all {
            // Errors do not matter any more.
            let _ = opened.connection.close().await;
        }
    }
}

impl Kept {
    fn free(&self) -> MutexGuard<'_, Vec<(Instant, Opened)>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Result<Opened, sqlx::Error> {
        loop {
            let last = self.free().pop();
            match last {
                Some((since, mut opened)) if self.may_use(since, &opened) => {
                    if since.elapsed() < STALE || opened.connection.ping().await.is_ok() {
                        return Ok(opened);
                    }
                }
                Some(_) => {}
                None => {
                    // Taken before the connection is opened, so that it counts as older than it is.
                    let at = Instant::now();
                    // Out of sqlx's pool for good.
                    let connection = self.pool.acquire().await?.detach();
                    return Ok(Opened { connection, at });
                }
            }
        }
    }

    /// False if the server is about to end the connection, or if it leads to a read-only server.
    fn may_use(&self, since: Instant, opened: &Opened) -> bool {
        since.elapsed() + MARGIN < self.silence && self.server.trusts(opened.at)
    }

    fn keep(&self, opened: Opened) {
        if !self.server.trusts(opened.at) {
            tokio::spawn(opened.connection.close());
            return;
        }
        let mut free = self.free();
        free.push((Instant::now(), opened));
        // A connection that was not needed for this long is superfluous.
        if free.first().is_some_and(|(since, _)| since.elapsed() > self.silence / 2) {
            let (_, spare) = free.remove(0);
            drop(free);
            tokio::spawn(spare.connection.close());
        }
    }
}

/// Connections for queries of the object mapper. The caller may be cancelled (a socket closes at
/// any moment): the query is completed nevertheless, and the connection kept.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) pool: Arc<Pool>,
    /// How long a response may take; a connection that gives none is not used again.
    pub(super) patience: Duration,
}

impl Reader {
    async fn ask(&self, question: Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        let asked = tokio::time::timeout(self.patience, ask(self.pool.clone(), question));
        match tokio::spawn(asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(sqlx::Error::PoolTimedOut),
            Err(_) => Err(sqlx::Error::WorkerCrashed),
        }
    }
}

async fn ask(pool: Arc<Pool>, question: Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
    let _turn = match &*pool {
        Pool::MySql(Kept { turns: Some(turns), .. }) => {
            let turn = tokio::time::timeout(REFUSED, turns.acquire()).await;
            turn.map_err(|_| sqlx::Error::PoolTimedOut)?.ok()
        }
        _ => None,
    };
    let given = question.values.as_ref().map_or(&[][..], |values| &values.0);
    let values = given.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    let mut connection = pool.take_any().await?;
    let answer = connection.line().ask(question.sql.as_str().into(), &values).await;
    let failed = match &answer {
        Ok(_) => None,
        Err(cause) => {
            if matches!(error::driver(cause), StoreError::ReadOnly(_)) {
                pool.only_reads();
            }
            Some(cause.as_database_error().is_none())
        }
    };
    pool.give_back(connection, failed);
    answer
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match &*self.pool {
            Pool::MySql(_) => DbBackend::MySql,
            Pool::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn query_all_raw(&self, question: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let answer = self.ask(question).await;
        answer.map_err(|cause| DbErr::Query(RuntimeErr::SqlxError(cause.into())))
    }

    async fn query_one_raw(&self, question: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(question).await?.into_iter().next())
    }

    async fn execute_raw(&self, _: Statement) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("these connections are for queries only".to_owned()))
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("these connections are for queries only".to_owned()))
    }
}

/// Converts a parameter of a query; only these kinds occur.
fn value(given: &sea_orm::Value) -> Result<Value<'_>, sqlx::Error> {
    use sea_orm::Value as Given;
    Ok(match given {
        Given::Bool(given) => Value::Int(given.map(i64::from)),
        Given::Int(given) => Value::Int(given.map(i64::from)),
        Given::BigInt(given) => Value::Int(*given),
        // The value of a LIMIT.
        Given::BigUnsigned(given) => {
            Value::Int(given.map(|given| i64::try_from(given).unwrap_or(i64::MAX)))
        }
        Given::String(given) => given.as_deref().into(),
        Given::Bytes(given) => given.as_deref().into(),
        Given::Uuid(given) => Value::Bytes(given.as_ref().map(|given| given.as_bytes().as_slice())),
        other => {
            return Err(sqlx::Error::Encode(format!("not a parameter of a query: {other}").into()));
        }
    })
}
