//! A session of a customer.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub customer: Uuid,
    pub token: Vec<u8>,
    pub previous: Option<Vec<u8>>,
    pub previous_until: Option<i64>,
    pub expires_at: i64,
    pub subject: Option<Vec<u8>>,
    pub created_at: i64,
    pub salt: Option<Vec<u8>>,
    #[sea_orm(belongs_to, from = "customer", to = "id")]
    pub whose: BelongsTo<super::customer::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
