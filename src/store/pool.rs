//! Connections that are kept, for what is written and read most.
//!
//! Invariants: a pool asks the server after each use whether its connection still stands; these do
//! not, so a statement is one round trip. A connection that failed, or whose user went away in the
//! middle, is not used again: the server rolls back what it had begun. Those who write wait for no
//! connection of MySQL: where none is free another is opened, and there are no more than writers at
//! a time. Of those that answer customers there is a fixed number.

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

use super::connect::{MARGIN, REFUSED, STALE};
use super::connection::{Connection, Opened, Value};
use super::error;
use super::server::Server;
use crate::ports::store::StoreError;

/// All of one kind.
#[derive(Debug)]
pub(super) enum Pool {
    MySql(Kept),
    /// The pool of a file has few connections, and they never fail.
    Sqlite(SqlitePool),
}

/// Connections of MySQL.
#[derive(Debug)]
pub(super) struct Kept {
    /// Where they come from: it opens them as they are to be.
    pool: MySqlPool,
    /// How long the server lets them be silent.
    silence: Duration,
    /// Where there may be so many: the turns that are left.
    turns: Option<Semaphore>,
    /// Those nobody has, the one used last at the end, each with the time when it was.
    free: Mutex<Vec<(Instant, Opened)>>,
    server: Arc<Server>,
}

impl Pool {
    /// Connections like those of a pool; `most` at a time where there may not be more.
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

    /// Takes one to write through; to be given to [`Self::settle`].
    pub(super) async fn take(&self) -> Result<Connection, StoreError> {
        self.take_any().await.map_err(|cause| error::driver(&cause))
    }

    async fn take_any(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Self::MySql(kept) => kept.take().await.map(Connection::MySql),
            Self::Sqlite(pool) => pool.acquire().await.map(Connection::Sqlite),
        }
    }

    /// Keeps what did its work.
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

    /// Gives one back: it did its work, or failed, perhaps because the server did.
    fn give_back(&self, connection: Connection, failed: Option<bool>) {
        if let (Self::MySql(kept), Connection::MySql(opened)) = (self, connection) {
            match failed {
                None => kept.keep(opened),
                // Where the server failed one, it has mostly failed all.
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

    /// Closes those that nobody has, and opens no more.
    pub(super) async fn close(&self) {
        let Self::MySql(kept) = self else { return };
        kept.pool.close().await;
        let all = std::mem::take(&mut *kept.free());
        for (_, opened) in all {
            // There is nobody left to tell of an error.
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
                    // Before it is asked for, so that it counts as older than it is.
                    let at = Instant::now();
                    // Out of the pool for good.
                    let connection = self.pool.acquire().await?.detach();
                    return Ok(Opened { connection, at });
                }
            }
        }
    }

    /// Not where the server is about to end it, or where it leads to a server that only reads.
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
        // One that nobody has needed for so long is one too many.
        if free.first().is_some_and(|(since, _)| since.elapsed() > self.silence / 2) {
            let (_, spare) = free.remove(0);
            drop(free);
            tokio::spawn(spare.connection.close());
        }
    }
}

/// Those that answer questions, as the object mapper asks them. Whoever asked may go away (a socket
/// does at any moment): the answer is waited for all the same, and the connection kept.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) pool: Arc<Pool>,
    /// How long an answer is waited for; a connection that gives none is not used again.
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
        Err(DbErr::Custom("these connections answer questions".to_owned()))
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("these connections answer questions".to_owned()))
    }
}

/// A value of a question; there are few kinds of them.
fn value(given: &sea_orm::Value) -> Result<Value<'_>, sqlx::Error> {
    use sea_orm::Value as Given;
    Ok(match given {
        Given::Bool(given) => Value::Int(given.map(i64::from)),
        Given::Int(given) => Value::Int(given.map(i64::from)),
        Given::BigInt(given) => Value::Int(*given),
        // Of a limit.
        Given::BigUnsigned(given) => {
            Value::Int(given.map(|given| i64::try_from(given).unwrap_or(i64::MAX)))
        }
        Given::String(given) => given.as_deref().into(),
        Given::Bytes(given) => given.as_deref().into(),
        Given::Uuid(given) => Value::Bytes(given.as_ref().map(|given| given.as_bytes().as_slice())),
        other => {
            return Err(sqlx::Error::Encode(format!("no value of a question: {other}").into()));
        }
    })
}
