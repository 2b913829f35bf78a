//! One database connection, and statements through it, with borrowed values.
//!
//! Invariant: a statement is one round trip.

use std::borrow::Cow;
use std::sync::Arc;

use sea_orm::QueryResult;
use sea_orm::sqlx::mysql::MySqlArguments;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::sqlite::SqliteArguments;
use sea_orm::sqlx::{
    self, Arguments, AssertSqlSafe, Encode, MySql, MySqlConnection, Sqlite, SqliteConnection,
    Transaction, Type,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::error;
use crate::ports::store_error::StoreError;

/// A value of a statement, bound to a `?`.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    Int(Option<i64>),
    Text(Option<Cow<'v, str>>),
    Bytes(Option<&'v [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Self::Text(value.map(Cow::from))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(Cow::from))
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'v> From<Option<&'v [u8]>> for Value<'v> {
    fn from(value: Option<&'v [u8]>) -> Self {
        Self::Bytes(value)
    }
}

impl<'v> From<&'v Uuid> for Value<'v> {
    fn from(value: &'v Uuid) -> Self {
        Self::Bytes(Some(value.as_bytes()))
    }
}

impl Value<'_> {
    /// The approximate size in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Int(_) => 8,
            Self::Text(text) => text.as_deref().map_or(0, str::len) + 3,
            Self::Bytes(bytes) => bytes.map_or(0, <[u8]>::len) + 3,
        }
    }
}

/// Binds the values in the driver's form.
fn bind<'v, A>(values: &'v [Value<'_>]) -> Result<A, sqlx::Error>
where
    A: Arguments,
    Option<i64>: Encode<'v, A::Database> + Type<A::Database>,
    Option<&'v str>: Encode<'v, A::Database> + Type<A::Database>,
    Option<&'v [u8]>: Encode<'v, A::Database> + Type<A::Database>,
{
    let mut bound = A::default();
    bound.reserve(values.len(), values.iter().map(Value::size).sum());
    for value in values {
        match value {
            Value::Int(number) => bound.add(*number),
            Value::Text(text) => bound.add(text.as_deref()),
            Value::Bytes(bytes) => bound.add(*bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(bound)
}

/// What executes a statement: a connection or a transaction.
#[derive(Debug)]
pub(super) enum Line<'l> {
    MySql(&'l mut MySqlConnection),
    Sqlite(&'l mut SqliteConnection),
}

impl Line<'_> {
    /// Executes a statement; any error of the database is translated.
    pub(super) async fn run(
        &mut self,
        text: &Arc<str>,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        self.execute(text.clone(), values).await.map_err(|cause| error::driver(&cause))
    }

    /// Executes a statement; returns the number of affected rows.
    pub(super) async fn execute(
        &mut self,
        text: Arc<str>,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        let text = AssertSqlSafe(text);
        match self {
            Self::MySql(line) => {
                let query = sqlx::query_with::<MySql, _>(text, bind::<MySqlArguments>(values)?);
                query.execute(&mut **line).await.map(|done| done.rows_affected())
            }
            Self::Sqlite(line) => {
                let query = sqlx::query_with::<Sqlite, _>(text, bind::<SqliteArguments>(values)?);
                query.execute(&mut **line).await.map(|done| done.rows_affected())
            }
        }
    }

    /// Runs a query.
    pub(super) async fn ask(
        &mut self,
        text: Arc<str>,
        values: &[Value<'_>],
    ) -> Result<Vec<QueryResult>, sqlx::Error> {
        let text = AssertSqlSafe(text);
        match self {
            Self::MySql(line) => {
                let query = sqlx::query_with::<MySql, _>(text, bind::<MySqlArguments>(values)?);
                let rows = query.fetch_all(&mut **line).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
            Self::Sqlite(line) => {
                let query = sqlx::query_with::<Sqlite, _>(text, bind::<SqliteArguments>(values)?);
                let rows = query.fetch_all(&mut **line).await?;
                Ok(rows.into_iter().map(QueryResult::from).collect())
            }
        }
    }
}

/// A connection to MySQL, and when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: MySqlConnection,
    pub(super) at: Instant,
}

#[derive(Debug)]
pub(super) enum Connection {
    MySql(Opened),
    Sqlite(PoolConnection<Sqlite>),
}

impl Connection {
    /// For a single statement, which is a transaction by itself.
    pub(super) fn line(&mut self) -> Line<'_> {
        match self {
            Self::MySql(opened) => Line::MySql(&mut opened.connection),
            Self::Sqlite(connection) => Line::Sqlite(connection),
        }
    }

    /// Begins a transaction. SQLite takes its write lock at once, so that the transaction cannot
    /// fail half-way for lack of it.
    pub(super) async fn begin(&mut self) -> Result<Work<'_>, StoreError> {
        match self {
            Self::MySql(opened) => {
                sqlx::Connection::begin(&mut opened.connection).await.map(Work::MySql)
            }
            Self::Sqlite(connection) => {
                sqlx::Connection::begin_with(&mut **connection, "BEGIN IMMEDIATE")
                    .await
                    .map(Work::Sqlite)
            }
        }
        .map_err(|cause| error::driver(&cause))
    }
}

/// A transaction; rolled back if it is dropped.
#[derive(Debug)]
pub(super) enum Work<'h> {
    MySql(Transaction<'h, MySql>),
    Sqlite(Transaction<'h, Sqlite>),
}

impl Work<'_> {
    pub(super) fn line(&mut self) -> Line<'_> {
        match self {
            Self::MySql(work) => Line::MySql(work),
            Self::Sqlite(work) => Line::Sqlite(work),
        }
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::MySql(work) => work.commit().await,
            Self::Sqlite(work) => work.commit().await,
        }
        .map_err(|cause| error::driver(&cause).of_commit())
    }

    /// Rolls back at once, so that the connection can be used again.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::MySql(work) => work.rollback().await,
            Self::Sqlite(work) => work.rollback().await,
        }
        .map_err(|cause| error::driver(&cause))
    }
}
