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
    /// Binary, so that trailing spaces count in comparisons.
    pub subject: Option<Vec<u8>>,
    /// The number of conversations; raised by the transaction that appends the row that opens one.
    pub conversations: i32,
    /// The customer whom this one turned out to be, by signing in while a chat was open.
    pub same_as: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
