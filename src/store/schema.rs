//! Migrates the schema, and checks whether it is current.
//!
//! Invariant: of several nodes that start at once, one migrates and the others wait for it.

use std::collections::BTreeSet;
use std::time::Duration;

use couplet_migrations::{Migrator, MigratorTrait};
use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};

use super::error;
use super::sql_store::{SqlStore, begin, commit};
use super::url::{SILENCE, Url};
use crate::ports::store_error::StoreError;

/// How long to wait for a migration by another node, in seconds.
const TURN: u32 = 600;

impl SqlStore {
    /// Brings the schema up to this version. A newer schema is left as it is, since the previous
    /// version works on it.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // A connection of its own: it holds the lock, which is released with it.
        let connection = self.url.pool(1, self.options.patience, SILENCE, &self.server);
        let done = match &self.url {
            Url::MySql(_) => migrate_mysql(&connection).await,
            Url::Sqlite(_) => migrate_sqlite(&connection).await,
        };
        let _ = connection.close().await;
        done
    }

    /// Whether the database responds and has all migrations of this version.
    pub(super) async fn check_schema(&self) -> Result<(), StoreError> {
        if pending(&self.read).await?.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Declined(error::MISSING_SCHEMA.to_owned()))
        }
    }
}

async fn migrate_mysql(connection: &DatabaseConnection) -> Result<(), StoreError> {
    // The lock belongs to the whole server, so it is named after the database, hashed because a
    // name has at most 64 characters. The query builder does not have these functions.
    let backend = connection.get_database_backend();
    let lock = Statement::from_string(
        backend,
        format!(
            "SELECT GET_LOCK(CONCAT('couplet ', LEFT(SHA2(DATABASE(), 256), 40)), {TURN}) AS got"
        ),
    );
    let got: Option<i64> = connection
        .query_one_raw(lock)
        .await
        .and_then(|row| row.map(|row| row.try_get("", "got")).transpose())
        .map_err(error::unavailable)?
        .flatten();
    if got != Some(1) {
        return Err(StoreError::Unavailable(format!(
            "another node has been migrating the schema for {}",
            error::seconds(Duration::from_secs(TURN.into()))
        )));
    }
    if pending(connection).await?.is_empty() {
        return Ok(());
    }
    Migrator::up(connection, None).await.map_err(error::unavailable)
}

async fn migrate_sqlite(connection: &DatabaseConnection) -> Result<(), StoreError> {
    let transaction = begin(connection).await?;
    if !pending(&transaction).await?.is_empty() {
        Migrator::up(&transaction, None).await.map_err(error::unavailable)?;
    }
    commit(transaction).await
}

/// The migrations of this version that the database does not have.
async fn pending(connection: &impl ConnectionTrait) -> Result<Vec<String>, StoreError> {
    let query = Query::select().column("version").from("seaql_migrations").take();
    let seen: BTreeSet<String> = match connection.query_all(&query).await {
        Ok(rows) => rows
            .iter()
            .map(|row| row.try_get("", "version"))
            .collect::<Result<_, DbErr>>()
            .map_err(error::unavailable)?,
        Err(cause) => match error::unavailable(cause) {
            StoreError::Declined(text) if text == error::MISSING_SCHEMA => BTreeSet::new(),
            other => return Err(other),
        },
    };
    Ok(Migrator::migrations()
        .iter()
        .map(|step| step.name().to_owned())
        .filter(|name| !seen.contains(name))
        .collect())
}
