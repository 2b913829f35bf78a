//! Canned replies.
//!
//! Invariant: a tenant has at most [`REPLIES`]; the caller holds the lock of the tenant's row.

use std::collections::BTreeMap;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::entity::canned_reply::{ActiveModel, Column, Entity};
use super::error::{corrupt, unavailable};
use crate::chat::canned::REPLIES;
use crate::chat::ids::{ReplyKey, TenantKey};
use crate::chat::settings::CannedReply;
use crate::ports::store_error::StoreError;

/// Tenants per query.
const TENANTS: usize = 500;

/// The canned replies of tenants, by key.
pub(super) async fn of(
    connection: &impl ConnectionTrait,
    tenants: &[String],
) -> Result<BTreeMap<String, Vec<CannedReply>>, StoreError> {
    let mut found: BTreeMap<String, Vec<CannedReply>> = BTreeMap::new();
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
                ReplyKey::new(&row.slug).map_err(|_| corrupt("the reply's key", &row.slug))?;
            let reply = CannedReply { key, title: row.title.into(), text: row.text.into() };
            found.entry(row.tenant).or_default().push(reply);
        }
    }
    Ok(found)
}

pub(super) async fn put(
    transaction: &impl ConnectionTrait,
    tenant: &TenantKey,
    reply: &CannedReply,
) -> Result<(), StoreError> {
    let others = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Slug.ne(reply.key.as_str()))
        .count(transaction)
        .await
        .map_err(unavailable)?;
    if others >= REPLIES as u64 {
        return Err(StoreError::Refused(format!("a tenant has at most {REPLIES} canned replies")));
    }
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        slug: Set(reply.key.to_string()),
        title: Set(reply.title.to_string()),
        text: Set(reply.text.to_string()),
    };
    let anew = OnConflict::columns([Column::Tenant, Column::Slug])
        .update_columns([Column::Title, Column::Text])
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
    key: &ReplyKey,
) -> Result<(), StoreError> {
    let gone = Entity::delete_by_id((tenant.to_string(), key.to_string()))
        .exec(transaction)
        .await
        .map_err(unavailable)?;
    if gone.rows_affected == 0 {
        return Err(StoreError::Missing(format!("the canned reply {key}")));
    }
    Ok(())
}
