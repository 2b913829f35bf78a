//! A file of a conversation, or one that waits for its message.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "files")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant: String,
    pub customer: Uuid,
    /// The key that signs links to the file.
    pub mark: Vec<u8>,
    pub name: String,
    pub media_type: String,
    pub size: i64,
    pub created_at: i64,
    /// Null once a message has the file.
    pub expires_at: Option<i64>,
    pub link: Option<i32>,
    pub pos: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
