//! A row of a link's log.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub link: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub pos: i64,
    pub conversation: Uuid,
    pub tenant: String,
    pub customer: Uuid,
    pub seq: Option<i64>,
    pub at: i64,
    pub kind: String,
    pub author: String,
    pub author_jid: Option<String>,
    pub author_name: Option<String>,
    pub session: Option<Uuid>,
    pub command: Option<String>,
    pub stanza: Option<String>,
    pub text: Option<String>,
    /// Data of the row's kind: a JSON object.
    pub details: Option<String>,
    /// A JSON array.
    pub recipients: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
