//! A customer.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub link: i32,
    pub localpart: String,
    pub name: Option<String>,
    /// Bytes, for they are compared to the last blank.
    pub subject: Option<Vec<u8>>,
    /// Kept by the transaction that appends the row of an opened conversation.
    pub conversations: i32,
    /// Whom this customer turned out to be, by signing in while a chat was open.
    pub same_as: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
