//! Who owns a link.
//!
//! Invariants: time is the database's alone. The epoch rises with each grant and each release,
//! so what an owner of before still has under way fails.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, QueryTrait,
};

use super::convert::{int, nat};
use super::entity::link::{ActiveModel, Column, Entity, Model};
use super::error::unavailable;
use super::{SqlStore, begin, commit, sql};
use crate::chat::ids::{Epoch, LinkDomain, NodeId};
use crate::ports::store::{Lease, Leases, LinkOwner, StoreError};

/// The row of a link; none where it was never asked for.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    domain: &LinkDomain,
) -> Result<Option<Model>, StoreError> {
    Entity::find()
        .filter(Column::Domain.eq(domain.as_str()))
        .one(connection)
        .await
        .map_err(unavailable)
}

/// The row of a link, locked to the end of the transaction.
pub(super) async fn lock(
    transaction: &impl ConnectionTrait,
    domain: &LinkDomain,
) -> Result<Option<Model>, StoreError> {
    Entity::find()
        .filter(Column::Domain.eq(domain.as_str()))
        .lock(LockType::Update)
        .one(transaction)
        .await
        .map_err(unavailable)
}

/// The row of a link, locked to the end of the transaction, where this is its epoch.
pub(super) async fn fence(
    transaction: &impl ConnectionTrait,
    domain: &LinkDomain,
    epoch: Epoch,
) -> Result<Model, StoreError> {
    #[cfg(feature = "chaos")]
    if crate::chaos::mutant("fence-unlocked") {
        return find(transaction, domain).await?.ok_or(StoreError::Fenced);
    }
    let link = lock(transaction, domain).await?.ok_or(StoreError::Fenced)?;
    if nat(link.epoch)? == epoch.0 { Ok(link) } else { Err(StoreError::Fenced) }
}

/// The row of a link, made where there is none.
pub(super) async fn ensure(
    connection: &impl ConnectionTrait,
    domain: &LinkDomain,
) -> Result<Model, StoreError> {
    if let Some(link) = find(connection, domain).await? {
        return Ok(link);
    }
    let fresh = ActiveModel {
        domain: Set(domain.to_string()),
        node: Set(None),
        epoch: Set(0),
        lease_until: Set(0),
        stands: Set(false),
        cursor_pos: Set(0),
        floor_pos: Set(0),
        revision: Set(0),
        ..ActiveModel::default()
    };
    // Another node may do the same at this moment: then its row stays.
    Entity::insert(fresh)
        .on_conflict(OnConflict::column(Column::Domain).update_column(Column::Domain).to_owned())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable)?;
    find(connection, domain).await?.ok_or_else(|| StoreError::Missing(format!("the link {domain}")))
}

/// A lease that holds for longer than any is given for: the database's clock was set back. From
/// here on it holds as long as one that was renewed just now, so a dead owner keeps nobody out
/// for as long as the step was, and a living one renews it before anybody may have it. Needs no
/// lock: one that was renewed meanwhile is left as it is.
async fn shorten(
    connection: &impl ConnectionTrait,
    held: &Model,
    ttl: Duration,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::LeaseUntil, sql::now(connection).add(millis(ttl)))
        .filter(Column::Id.eq(held.id))
        .filter(Column::LeaseUntil.eq(held.lease_until))
        .exec(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The row of a link, and the time of the database.
async fn look(
    connection: &impl ConnectionTrait,
    link: &LinkDomain,
    lock: Option<LockType>,
) -> Result<(Model, i64), StoreError> {
    let mut query = Entity::find().filter(Column::Domain.eq(link.as_str())).into_query();
    if let Some(lock) = lock {
        query.lock(lock);
    }
    query.expr_as(sql::now(connection), "now");
    let row = connection.query_one(&query).await.map_err(unavailable)?;
    let row = row.ok_or_else(|| StoreError::Missing(format!("the link {link}")))?;
    let now = row.try_get("", "now").map_err(unavailable)?;
    Ok((Model::from_query_result(&row, "").map_err(unavailable)?, now))
}

/// By whom else the link is held, and how long yet.
fn held(
    (link, now): &(Model, i64),
    node: NodeId,
) -> Result<Option<(NodeId, Duration)>, StoreError> {
    let by = link.node.filter(|by| *by != node.0 && link.lease_until > *now);
    by.map(|by| Ok((NodeId(by), Duration::from_millis(nat(link.lease_until - now)?)))).transpose()
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
            // Not inside the transaction: a lock on a row that is not there yet keeps two nodes
            // from making it.
            ensure(&self.owner, link).await?;
            // Whoever only knocks takes no lock: it would stand in the way of the owner's writes,
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
            // Whoever did not give it up had it for certain when he last renewed it.
            let silent = held.node.map(|_| {
                let renewed = held.lease_until.saturating_sub(millis(ttl));
                Duration::from_millis(u64::try_from(now.saturating_sub(renewed)).unwrap_or(0))
            });
            let epoch = held.epoch.saturating_add(1);
            Entity::update_many()
                .col_expr(Column::Node, Expr::value(Some(node.0)))
                .col_expr(Column::Epoch, Expr::value(epoch))
                .col_expr(Column::LeaseUntil, sql::now(&transaction).add(millis(ttl)))
                .col_expr(Column::Stands, Expr::value(false))
                .filter(Column::Id.eq(held.id))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
            commit(transaction).await?;
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
            let renewed = Entity::update_many()
                .col_expr(Column::LeaseUntil, sql::now(&self.owner).add(millis(ttl)))
                .col_expr(Column::Stands, Expr::value(stands))
                .filter(Column::Domain.eq(link.as_str()))
                .filter(Column::Epoch.eq(int(epoch.0)?))
                .filter(Column::Node.is_not_null())
                .exec(&self.owner)
                .await
                .map_err(unavailable)?;
            if renewed.rows_affected == 0 { Err(StoreError::Fenced) } else { Ok(()) }
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
            let query = Entity::find()
                .select_only()
                .columns([Column::Node, Column::Stands])
                .filter(Column::Domain.eq(link.as_str()))
                .filter(Expr::col(Column::LeaseUntil).gt(sql::now(&self.read)));
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
