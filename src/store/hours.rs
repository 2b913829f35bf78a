//! When tenants and their queues are open, as operators wrote it.
//!
//! Invariant: a change raises the revision of the tenant's link in its own transaction.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::codec::{json, parse, queue_key, tenant_key};
use super::entity::{queue, tenant};
use super::error::unavailable;
use super::sql_store::{SqlStore, begin, commit};
use super::{links, tenants};
use crate::chat::hours::ByHand;
use crate::chat::ids::{LinkDomain, QueueKey, TenantKey};
use crate::ports::directory::TenantHours;
use crate::ports::settings::OpeningHours;
use crate::ports::store_error::StoreError;

/// The hours of these tenants, with those of their queues that have any.
async fn hours_of(
    connection: &impl ConnectionTrait,
    tenants: Vec<tenant::Model>,
) -> Result<Vec<TenantHours>, StoreError> {
    let mut all = Vec::with_capacity(tenants.len());
    for model in tenants {
        let rows = queue::Entity::find()
            .filter(queue::Column::Tenant.eq(&model.slug))
            .order_by_asc(queue::Column::Slug)
            .all(connection)
            .await
            .map_err(unavailable)?;
        let mut found = TenantHours {
            tenant: tenant_key(&model.slug)?,
            hours: tenants::settings(&model)?.opening,
            queues: Vec::with_capacity(rows.len()),
            by_hand: Vec::new(),
        };
        for row in rows {
            let key = queue_key(&row.slug)?;
            if let Some(hand) = row.by_hand.as_deref().map(parse).transpose()? {
                found.by_hand.push((key.clone(), hand));
            }
            let hours = row.hours.as_deref().map(parse).transpose()?.unwrap_or_default();
            found.queues.push((key, hours));
        }
        all.push(found);
    }
    Ok(all)
}

/// Writes a document of a queue that exists.
async fn write(
    connection: &impl ConnectionTrait,
    (tenant, asked): (&TenantKey, &QueueKey),
    column: queue::Column,
    document: Option<String>,
) -> Result<(), StoreError> {
    // MySQL counts only rows that change, so whether it exists is asked for.
    let id = (tenant.to_string(), asked.to_string());
    if queue::Entity::find_by_id(id).one(connection).await.map_err(unavailable)?.is_none() {
        return Err(StoreError::Missing(format!("the queue {asked}")));
    }
    queue::Entity::update_many()
        .col_expr(column, Expr::value(document))
        .filter(queue::Column::Tenant.eq(tenant.as_str()))
        .filter(queue::Column::Slug.eq(asked.as_str()))
        .exec(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

impl SqlStore {
    /// See [`Directory::hours`](crate::ports::directory::Directory::hours).
    pub(super) async fn read_hours(
        &self,
        link: &LinkDomain,
    ) -> Result<Vec<TenantHours>, StoreError> {
        let Some(link) = links::find(&self.desk, link).await? else { return Ok(Vec::new()) };
        let found = tenant::Entity::find()
            .filter(tenant::Column::Link.eq(link.id))
            .order_by_asc(tenant::Column::Slug)
            .all(&self.desk)
            .await
            .map_err(unavailable)?;
        hours_of(&self.desk, found).await
    }

    /// See [`Directory::tenant_hours`](crate::ports::directory::Directory::tenant_hours).
    pub(super) async fn read_tenant_hours(
        &self,
        key: &TenantKey,
    ) -> Result<TenantHours, StoreError> {
        let found =
            tenant::Entity::find_by_id(key.as_str()).one(&self.read).await.map_err(unavailable)?;
        let found = hours_of(&self.read, found.into_iter().collect()).await?;
        found.into_iter().next().ok_or_else(|| tenants::missing(key))
    }

    /// See [`Directory::put_hours`](crate::ports::directory::Directory::put_hours).
    pub(super) async fn write_hours(
        &self,
        key: &TenantKey,
        queue: Option<&QueueKey>,
        hours: &OpeningHours,
    ) -> Result<(), StoreError> {
        let transaction = begin(&self.write).await?;
        let link = tenants::link_of(&transaction, key).await?;
        match queue {
            None => {
                let found = tenant::Entity::find_by_id(key.as_str()).one(&transaction).await;
                let model = found.map_err(unavailable)?.ok_or_else(|| tenants::missing(key))?;
                let mut settings = tenants::settings(&model)?;
                settings.opening = hours.clone();
                tenant::Entity::update_many()
                    .col_expr(tenant::Column::Settings, Expr::value(json(&settings)?))
                    .filter(tenant::Column::Slug.eq(key.as_str()))
                    .exec(&transaction)
                    .await
                    .map_err(unavailable)?;
            }
            Some(asked) => {
                let document =
                    (*hours != OpeningHours::default()).then(|| json(hours)).transpose()?;
                write(&transaction, (key, asked), queue::Column::Hours, document).await?;
            }
        }
        tenants::touch(&transaction, link).await?;
        commit(transaction).await
    }

    /// See [`Directory::put_by_hand`](crate::ports::directory::Directory::put_by_hand).
    pub(super) async fn write_by_hand(
        &self,
        key: &TenantKey,
        asked: &QueueKey,
        hand: Option<ByHand>,
    ) -> Result<(), StoreError> {
        let transaction = begin(&self.write).await?;
        let link = tenants::link_of(&transaction, key).await?;
        let document = hand.map(|hand| json(&hand)).transpose()?;
        write(&transaction, (key, asked), queue::Column::ByHand, document).await?;
        tenants::touch(&transaction, link).await?;
        commit(transaction).await
    }
}
