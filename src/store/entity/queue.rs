//! A queue of a tenant.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queues")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub slug: String,
    pub name: String,
    pub strategy: String,
    pub offer_ms: i64,
    /// A JSON document; null where the tenant's hours count.
    pub hours: Option<String>,
    /// A JSON document, if it was closed or opened by hand.
    pub by_hand: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
