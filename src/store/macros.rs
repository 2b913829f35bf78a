//! Macros.
//!
//! Invariant: a tenant has at most [`MACROS`]; the caller holds the lock of the tenant's row.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::entity::macros::{ActiveModel, Column, Entity};
use super::error::{corrupt, unavailable};
use crate::chat::ids::{MacroKey, TenantKey};
use crate::chat::macros::MACROS;
use crate::chat::settings::Macro;
use crate::ports::store_error::StoreError;

/// Tenants per query.
const TENANTS: usize = 500;

/// The macros of tenants, by key.
pub(super) async fn of(
    connection: &impl ConnectionTrait,
    tenants: &[String],
) -> Result<BTreeMap<String, Vec<Macro>>, StoreError> {
    let mut found: BTreeMap<String, Vec<Macro>> = BTreeMap::new();
    for chunk in tenants.chunks(TENANTS) {
        let rows = Entity::find()
            .filter(Column::Tenant.is_in(chunk))
            .order_by_asc(Column::Tenant)
            .order_by_asc(Column::Slug)
            .all(connection)
            .await
            .map_err(unavailable)?;
        for row in rows {
            let key =
                MacroKey::new(&row.slug).map_err(|_| corrupt("the macro's key", &row.slug))?;
            let steps = row.steps.lines().map(Arc::from).collect();
            let one = Macro { key, title: row.title.into(), steps };
            found.entry(row.tenant).or_default().push(one);
        }
    }
    Ok(found)
}

pub(super) async fn put(
    transaction: &impl ConnectionTrait,
    tenant: &TenantKey,
    one: &Macro,
) -> Result<(), StoreError> {
    let others = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Slug.ne(one.key.as_str()))
        .count(transaction)
        .await
        .map_err(unavailable)?;
    if others >= MACROS as u64 {
        return Err(StoreError::Refused(format!("a tenant has at most {MACROS} macros")));
    }
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        slug: Set(one.key.to_string()),
        title: Set(one.title.to_string()),
        steps: Set(one.steps.join("\n")),
    };
    let anew = OnConflict::columns([Column::Tenant, Column::Slug])
        .update_columns([Column::Title, Column::Steps])
        .to_owned();
    Entity::insert(row)
        .on_conflict(anew)
        .exec_without_returning(transaction)
        .await
        .map_err(unavailable)
        .map(drop)
}

pub(super) async fn remove(
    transaction: &impl ConnectionTrait,
    tenant: &TenantKey,
    key: &MacroKey,
) -> Result<(), StoreError> {
    let gone = Entity::delete_by_id((tenant.to_string(), key.to_string()))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if gone.rows_affected == 0 {
        return Err(StoreError::Missing(format!("the macro {key}")));
    }
    Ok(())
}
