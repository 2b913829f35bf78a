//! One database connection, and statements through it, their values bound as they are.
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
use crate::ports::store::StoreError;

/// One value of a statement, in the place of a `?`.
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
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Int(_) => 8,
            Self::Text(text) => text.as_deref().map_or(0, str::len) + 3,
            Self::Bytes(bytes) => bytes.map_or(0, <[u8]>::len) + 3,
        }
    }
}

/// The values as the driver takes them.
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

/// What a statement goes through.
#[derive(Debug)]
pub(super) enum Line<'l> {
    MySql(&'l mut MySqlConnection),
    Sqlite(&'l mut SqliteConnection),
}

impl Line<'_> {
    /// Does what the text says, where no refusal of the database's means anything of its own.
    pub(super) async fn run(
        &mut self,
        text: &Arc<str>,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        self.execute(text.clone(), values).await.map_err(|cause| error::driver(&cause))
    }

    /// Does what the text says; how many rows it met.
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

    /// The rows that the text asks for.
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

/// A connection of MySQL, and since when there is it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: MySqlConnection,
    pub(super) at: Instant,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Connection {
    MySql(Opened),
    Sqlite(PoolConnection<Sqlite>),
}

impl Connection {
    /// For one statement that is a transaction by itself.
    pub(super) fn line(&mut self) -> Line<'_> {
        match self {
            Self::MySql(opened) => Line::MySql(&mut opened.connection),
            Self::Sqlite(connection) => Line::Sqlite(connection),
        }
    }

    /// For several that are one together. SQLite takes its one write lock at once, so that it
    /// never finds out half-way that it cannot have it.
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

/// A transaction; rolled back where it is not committed.
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

    /// Takes it back at once, where the connection is used again.
    pub(super) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::MySql(work) => work.rollback().await,
            Self::Sqlite(work) => work.rollback().await,
        }
        .map_err(|cause| error::driver(&cause))
    }
}
