//! The content of the database at the end, read directly.

use anyhow::Context as _;
use sea_orm::{ConnectionTrait as _, Database, DbBackend, QueryResult, Statement};
use uuid::Uuid;

use crate::record::Case;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) pos: u64,
    pub(crate) case: Case,
    pub(crate) customer: Case,
    pub(crate) seq: Option<u64>,
    /// Epoch milliseconds.
    pub(crate) at: i64,
    pub(crate) kind: String,
    pub(crate) author: String,
    /// The number of the agent who wrote it, if one did.
    pub(crate) agent: Option<usize>,
    pub(crate) text: Option<String>,
}

/// Creates the database.
pub(crate) async fn create(url: &str) -> anyhow::Result<()> {
    let (server, name) = url.rsplit_once('/').context("the address names no database")?;
    let connection = Database::connect(format!("{server}/")).await?;
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    connection.close().await?;
    Ok(())
}

/// Reads the whole log.
pub(crate) async fn read(url: &str) -> anyhow::Result<Vec<Row>> {
    let connection = Database::connect(url).await?;
    let query = "SELECT pos, conversation, customer, seq, at, kind, author, author_jid, text \
                 FROM log ORDER BY pos";
    let statement = Statement::from_string(DbBackend::MySql, query);
    let rows = connection.query_all_raw(statement).await?;
    connection.close().await?;
    rows.iter().map(row).collect()
}

fn row(row: &QueryResult) -> anyhow::Result<Row> {
    let number = |name| -> anyhow::Result<i64> { Ok(row.try_get("", name)?) };
    let id = |name| -> anyhow::Result<Case> {
        let id: Uuid = row.try_get("", name)?;
        Ok(Case(id.as_u128()))
    };
    let seq: Option<i64> = row.try_get("", "seq")?;
    let jid: Option<String> = row.try_get("", "author_jid")?;
    Ok(Row {
        pos: u64::try_from(number("pos")?)?,
        case: id("conversation")?,
        customer: id("customer")?,
        seq: seq.map(u64::try_from).transpose()?,
        at: number("at")?,
        kind: row.try_get("", "kind")?,
        author: row.try_get("", "author")?,
        agent: jid.and_then(|jid| jid.split('@').next()?.strip_prefix('a')?.parse().ok()),
        text: row.try_get("", "text")?,
    })
}
