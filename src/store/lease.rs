//! Ownership of links.
//!
//! Invariants: only the database's clock counts. The epoch rises with each acquisition and each
//! release, so that writes of an earlier owner that are still under way fail.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, QueryTrait,
};

use super::codec::{int, nat};
use super::entity::link::{Column, Entity, Model};
use super::error::{driver, unavailable};
use super::links;
use super::sql_store::{SqlStore, begin, commit};
use super::{sql, statements};
use crate::chat::ids::{Epoch, LinkDomain, NodeId};
use crate::ports::store::{Lease, Leases, LinkOwner};
use crate::ports::store_error::StoreError;

/// Shortens a lease that lasts longer than `ttl`, which happens if the database's clock was set
/// back. From now on it lasts as long as one renewed just now: a dead owner does not block the link
/// for as long as the clock was set back, and a living owner renews in time. Needs no lock: a lease
/// renewed in the meantime is not changed.
async fn shorten(
    connection: &impl ConnectionTrait,
    held: &Model,
    ttl: Duration,
) -> Result<(), StoreError> {
    let until = sql::now(connection.get_database_backend()).add(millis(ttl));
    Entity::update_many()
        .col_expr(Column::LeaseUntil, until)
        .filter(Column::Id.eq(held.id))
        .filter(Column::LeaseUntil.eq(held.lease_until))
        .exec(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The row of a link, and the database's time.
async fn look(
    connection: &impl ConnectionTrait,
    link: &LinkDomain,
    lock: Option<LockType>,
) -> Result<(Model, i64), StoreError> {
    let mut query = Entity::find().filter(Column::Domain.eq(link.as_str())).into_query();
    if let Some(lock) = lock {
        query.lock(lock);
    }
    query.expr_as(sql::now(connection.get_database_backend()), "now");
    let row = connection.query_one(&query).await.map_err(unavailable)?;
    let row = row.ok_or_else(|| StoreError::Missing(format!("the link {link}")))?;
    let now = row.try_get("", "now").map_err(unavailable)?;
    Ok((Model::from_query_result(&row, "").map_err(unavailable)?, now))
}

/// The other node that holds the link, and for how long.
fn held(
    (link, now): &(Model, i64),
    node: NodeId,
) -> Result<Option<(NodeId, Duration)>, StoreError> {
    let by = link.node.filter(|by| *by != node.0 && link.lease_until > *now);
    by.map(|by| Ok((NodeId(by), Duration::from_millis(nat(link.lease_until - now)?)))).transpose()
}

/// The statement that renews a lease. Parameters: the extension in milliseconds, whether the stream
/// is connected, the domain, the epoch.
pub(super) fn renewal_text(backend: DbBackend) -> String {
    let renewal = Query::update()
        .table(Entity)
        .value(Column::LeaseUntil, sql::now(backend).add(0))
        .value(Column::Stands, false)
        .and_where(Expr::col(Column::Domain).eq(""))
        .and_where(Expr::col(Column::Epoch).eq(0))
        .and_where(Expr::col(Column::Node).is_not_null())
        .take();
    statements::text(backend, &renewal)
}

impl SqlStore {
    /// The id of a link; none if no node ever asked for the link.
    pub(super) async fn link_id(&self, link: &LinkDomain) -> Result<Option<i32>, StoreError> {
        if let Some(id) = self.links.get(link) {
            return Ok(Some(id));
        }
        let found = links::find(&self.desk, link).await?.map(|found| found.id);
        if let Some(id) = found {
            self.links.put(link, id);
        }
        Ok(found)
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}

#[async_trait]
impl Leases for SqlStore {
    async fn acquire(
        &self,
        link: &LinkDomain,
        node: NodeId,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.within(async {
            // Outside of the transaction: otherwise two nodes that both lock the missing row would
            // block each other's insert.
            links::ensure(&self.owner, link).await?;
            // A node that finds the lease held takes no lock, which would delay the owner's writes,
            // and wait for a dead owner's transaction.
            let found = look(&self.owner, link, None).await?;
            if let Some((by, remaining)) = held(&found, node)? {
                if remaining > ttl {
                    shorten(&self.owner, &found.0, ttl).await?;
                }
                return Ok(Lease::Held { by, remaining: remaining.min(ttl) });
            }
            let transaction = begin(&self.owner).await?;
            let found = look(&transaction, link, Some(LockType::Update)).await?;
            if let Some((by, remaining)) = held(&found, node)? {
                return Ok(Lease::Held { by, remaining: remaining.min(ttl) });
            }
            let (held, now) = found;
            // An owner that did not release the link certainly had it at its last renewal.
            let silent = held.node.map(|_| {
                let renewed = held.lease_until.saturating_sub(millis(ttl));
                Duration::from_millis(u64::try_from(now.saturating_sub(renewed)).unwrap_or(0))
            });
            let epoch = held.epoch.saturating_add(1);
            let until = sql::now(transaction.get_database_backend()).add(millis(ttl));
            Entity::update_many()
                .col_expr(Column::Node, Expr::value(Some(node.0)))
                .col_expr(Column::Epoch, Expr::value(epoch))
                .col_expr(Column::LeaseUntil, until)
                .col_expr(Column::Stands, Expr::value(false))
                .filter(Column::Id.eq(held.id))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
            commit(transaction).await?;
            self.links.put(link, held.id);
            Ok(Lease::Granted { epoch: Epoch(nat(epoch)?), silent })
        })
        .await
    }

    async fn renew(
        &self,
        link: &LinkDomain,
        epoch: Epoch,
        ttl: Duration,
        stands: bool,
    ) -> Result<(), StoreError> {
        self.within(async {
            let epoch = int(epoch.0)?;
            let values = [millis(ttl).into(), stands.into(), link.as_str().into(), epoch.into()];
            let mut connection = self.pool.take().await?;
            let renewed = connection.line().execute(self.renewal.clone(), &values).await;
            let renewed = renewed.map_err(|cause| driver(&cause));
            match self.pool.returned(connection, renewed)? {
                0 => Err(StoreError::Fenced),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn release(&self, link: &LinkDomain, epoch: Epoch) -> Result<(), StoreError> {
        self.within(async {
            let released = Entity::update_many()
                .col_expr(Column::Node, Expr::value(Option::<uuid::Uuid>::None))
                .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1))
                .col_expr(Column::LeaseUntil, Expr::value(0_i64))
                .filter(Column::Domain.eq(link.as_str()))
                .filter(Column::Epoch.eq(int(epoch.0)?))
                .exec(&self.owner)
                .await
                .map_err(unavailable)?;
            if released.rows_affected == 0 { Err(StoreError::Fenced) } else { Ok(()) }
        })
        .await
    }

    async fn owner(&self, link: &LinkDomain) -> Result<Option<LinkOwner>, StoreError> {
        self.within(async {
            let now = sql::now(self.read.get_database_backend());
            let query = Entity::find()
                .select_only()
                .columns([Column::Node, Column::Stands])
                .filter(Column::Domain.eq(link.as_str()))
                .filter(Expr::col(Column::LeaseUntil).gt(now));
            let held: Option<(Option<uuid::Uuid>, bool)> =
                query.into_tuple().one(&self.read).await.map_err(unavailable)?;
            let owner = |(node, stands): (Option<uuid::Uuid>, bool)| {
                Some(LinkOwner { node: NodeId(node?), stands })
            };
            Ok(held.and_then(owner))
        })
        .await
    }
}
