//! Inserts new sessions and new customers, combined if they are concurrent.
//!
//! Invariant: a session that cannot be stored (its token, or its customer's address, is taken) does
//! not prevent the others: then all are stored one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{DbBackend, DbErr, Iterable, QueryResult};
use uuid::Uuid;

use super::batcher::Together;
use super::connection::{Line, Value};
use super::entity::{customer, session, tenant};
use super::error::{driver, is_taken, unavailable};
use super::pool::Pool;
use super::sql::padded;
use super::statements::{self, Many};
use crate::chat::ids::Timestamp;
use crate::ports::store::Session;
use crate::ports::store_error::StoreError;

/// The result for one session of a group.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    Stored,
    /// A key in the group is taken: store this session alone.
    Apart,
    /// The tenant does not exist.
    Homeless,
}

/// A new session, and the present time.
type Newcomer = (Session, Timestamp);

#[derive(Debug)]
pub(super) struct SessionInserts {
    pool: Arc<Pool>,
    texts: Statements,
}

#[derive(Debug)]
pub(super) struct Statements {
    /// Reads the links of tenants.
    tenants: Many,
    /// Reads which customers exist.
    known: Many,
    pub(super) customers: Many,
    pub(super) sessions: Many,
}

impl Statements {
    pub(super) fn new(backend: DbBackend) -> Self {
        let many = |exact, write| Many::new(backend, exact, write);
        Self {
            tenants: many(1, tenants_text),
            known: many(1, known_text),
            customers: many(16, customers_text),
            sessions: many(16, sessions_text),
        }
    }
}

impl Together for SessionInserts {
    type Ask = Newcomer;
    type Answer = Told;

    async fn answer(&self, group: &[Newcomer]) -> Result<Vec<Told>, StoreError> {
        match self.store(group).await {
            Err(StoreError::Refused(_)) => Ok(vec![Told::Apart; group.len()]),
            told => told,
        }
    }
}

impl SessionInserts {
    pub(super) fn new(pool: Arc<Pool>, backend: DbBackend) -> Self {
        Self { pool, texts: Statements::new(backend) }
    }

    /// Stores a group in one transaction, except sessions whose tenant does not exist.
    async fn store(&self, group: &[Newcomer]) -> Result<Vec<Told>, StoreError> {
        let mut connection = self.pool.take().await?;
        let done = async {
            let mut work = connection.begin().await?;
            let line = &mut work.line();
            let links = links(line, &self.texts, group).await?;
            let housed = |comer: &&Newcomer| links.contains_key(tenant_of(comer));
            let guests: Vec<&Newcomer> = group.iter().filter(housed).collect();
            let stored = guests.is_empty() || insert(line, &self.texts, &links, &guests).await?;
            let told = match stored {
                true => work.commit().await.map(|()| Told::Stored),
                false => work.rollback().await.map(|()| Told::Apart),
            }?;
            let tell = |comer| if housed(&comer) { told } else { Told::Homeless };
            Ok(group.iter().map(tell).collect())
        }
        .await;
        self.pool.returned(connection, done)
    }
}

fn tenant_of((session, _): &Newcomer) -> &str {
    session.customer.tenant.as_str()
}

fn tenants_text(backend: DbBackend, tenants: usize) -> String {
    let select = Query::select()
        .columns([tenant::Column::Slug, tenant::Column::Link])
        .from(tenant::Entity)
        .and_where(Expr::col(tenant::Column::Slug).is_in(vec![""; tenants]))
        .take();
    statements::text(backend, &select)
}

/// The links of the tenants of a group.
async fn links(
    line: &mut Line<'_>,
    texts: &Statements,
    group: &[Newcomer],
) -> Result<BTreeMap<String, i32>, StoreError> {
    let slugs: BTreeSet<&str> = group.iter().map(tenant_of).collect();
    let slugs = padded(slugs.into_iter().map(Value::from).collect());
    let rows = line.ask(texts.tenants.text(slugs.len()), &slugs).await;
    let rows = rows.map_err(|cause| driver(&cause))?;
    let link = |row: &QueryResult| Ok((row.try_get("", "slug")?, row.try_get("", "link")?));
    rows.iter().map(link).collect::<Result<_, DbErr>>().map_err(unavailable)
}

fn known_text(backend: DbBackend, customers: usize) -> String {
    let select = Query::select()
        .columns([customer::Column::Id, customer::Column::Tenant])
        .from(customer::Entity)
        .and_where(Expr::col(customer::Column::Id).is_in(vec![0; customers]))
        .take();
    statements::text(backend, &select)
}

fn customers_text(backend: DbBackend, rows: usize) -> String {
    let mut insert =
        Query::insert().into_table(customer::Entity).columns(customer::Column::iter()).take();
    for _ in 0..rows {
        insert.values_panic(customer::Column::iter().map(|_| Expr::value(0)));
    }
    statements::text(backend, &insert)
}

fn sessions_text(backend: DbBackend, rows: usize) -> String {
    let mut insert =
        Query::insert().into_table(session::Entity).columns(session::Column::iter()).take();
    for _ in 0..rows {
        insert.values_panic(session::Column::iter().map(|_| Expr::value(0)));
    }
    statements::text(backend, &insert)
}

/// Inserts a group; `false` if a key of any of them is taken.
async fn insert(
    line: &mut Line<'_>,
    texts: &Statements,
    links: &BTreeMap<String, i32>,
    group: &[&Newcomer],
) -> Result<bool, StoreError> {
    let mut fresh: BTreeMap<Uuid, &Newcomer> = BTreeMap::new();
    for comer in group {
        fresh.entry(comer.0.customer.id.0).or_insert(comer);
    }
    let ids = padded(fresh.keys().map(Value::from).collect());
    let there = line.ask(texts.known.text(ids.len()), &ids).await;
    for row in there.map_err(|cause| driver(&cause))? {
        let id: Uuid = row.try_get("", "id").map_err(unavailable)?;
        let tenant: String = row.try_get("", "tenant").map_err(unavailable)?;
        if fresh.remove(&id).is_some_and(|comer| tenant_of(comer) != tenant) {
            return Ok(false);
        }
    }
    let mut customers: Vec<[Value<'_>; 8]> = Vec::with_capacity(fresh.len());
    for comer in fresh.values() {
        let (Session { customer, subject, .. }, _) = comer;
        let link = links.get(tenant_of(comer)).copied().unwrap_or_default();
        customers.push([
            (&customer.id.0).into(),
            customer.tenant.as_str().into(),
            link.into(),
            customer.localpart.as_str().into(),
            customer.name.as_deref().into(),
            subject.as_deref().map(str::as_bytes).into(),
            // Only an append raises it.
            0_i64.into(),
            None::<&[u8]>.into(),
        ]);
    }
    let sessions: Vec<_> = group.iter().map(|comer| columns(comer)).collect();
    Ok(insert_all(line, &texts.customers, &customers).await?
        && insert_all(line, &texts.sessions, &sessions).await?)
}

/// The values of a session's row, in the order of the columns.
fn columns((session, now): &Newcomer) -> [Value<'_>; 10] {
    let Session { id, customer, token, previous, salt, expires_at, subject, .. } = session;
    let until = previous.as_ref().and_then(|(_, until)| until.map(|until| until.0));
    [
        (&id.0).into(),
        customer.tenant.as_str().into(),
        (&customer.id.0).into(),
        token.as_slice().into(),
        previous.as_ref().map(|(token, _)| token.as_slice()).into(),
        until.into(),
        expires_at.0.into(),
        subject.as_deref().map(str::as_bytes).into(),
        now.0.into(),
        salt.as_ref().map(<[u8; 32]>::as_slice).into(),
    ]
}

/// Inserts rows; `false` if a key of any of them is taken.
async fn insert_all<const COLUMNS: usize>(
    line: &mut Line<'_>,
    texts: &Many,
    mut rows: &[[Value<'_>; COLUMNS]],
) -> Result<bool, StoreError> {
    while !rows.is_empty() {
        let (chunk, rest) = rows.split_at(texts.fitting(rows.len()));
        rows = rest;
        match line.execute(texts.text(chunk.len()), chunk.as_flattened()).await {
            Ok(_) => {}
            Err(cause) if is_taken(&cause) => return Ok(false),
            Err(cause) => return Err(driver(&cause)),
        }
    }
    Ok(true)
}
