//! How tenants route their customers.
//!
//! Invariant: a change raises the revision of the tenant's link in its own transaction.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::codec::json;
use super::entity::tenant;
use super::error::unavailable;
use super::sql_store::{SqlStore, begin, commit};
use super::tenants;
use crate::chat::ids::TenantKey;
use crate::ports::routing::Routing;
use crate::ports::store_error::StoreError;

impl SqlStore {
    /// See [`Directory::put_routing`](crate::ports::directory::Directory::put_routing).
    pub(super) async fn write_routing(
        &self,
        key: &TenantKey,
        routing: &Routing,
    ) -> Result<(), StoreError> {
        let transaction = begin(&self.write).await?;
        let link = tenants::link_of(&transaction, key).await?;
        let found = tenant::Entity::find_by_id(key.as_str()).one(&transaction).await;
        let model = found.map_err(unavailable)?.ok_or_else(|| tenants::missing(key))?;
        let mut settings = tenants::settings(&model)?;
        settings.routing = routing.clone();
        tenant::Entity::update_many()
            .col_expr(tenant::Column::Settings, Expr::value(json(&settings)?))
            .filter(tenant::Column::Slug.eq(key.as_str()))
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        tenants::touch(&transaction, link).await?;
        commit(transaction).await
    }
}
