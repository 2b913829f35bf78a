//! A conversation, as its last view was written: `head` and `active_at` are completed from the log.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub link: i32,
    pub tenant: String,
    pub customer: Uuid,
    pub queue: String,
    pub subject: Option<String>,
    pub state: String,
    pub open: bool,
    pub reason: Option<String>,
    /// The agent who has the conversation.
    pub agent: Option<String>,
    /// The agents who have the offer: a JSON array.
    pub asked: Option<String>,
    pub asked_until: Option<i64>,
    /// The agents who let an offer pass: a JSON array.
    pub passed: Option<String>,
    /// The last agent; stays when the conversation is closed or requeued.
    pub served_by: Option<String>,
    pub opened_at: i64,
    pub waiting_since: i64,
    pub priority: i32,
    pub active_at: i64,
    pub head: i64,
    pub delivered: i64,
    pub read_upto: i64,
    pub confirmed: i64,
    /// The pending transfer: a JSON object.
    pub transfer: Option<String>,
    /// A JSON array; null if it has none.
    pub tags: Option<String>,
    #[sea_orm(belongs_to, from = "customer", to = "id")]
    pub with: BelongsTo<super::customer::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
