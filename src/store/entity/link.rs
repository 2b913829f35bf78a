//! A link: its owner, and the cursor of its stream.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "links")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub domain: String,
    /// The owner; null if the lease was released.
    pub node: Option<Uuid>,
    pub epoch: i64,
    /// By the database's clock.
    pub lease_until: i64,
    /// Whether the owner's stream was connected at the last renewal.
    pub stands: bool,
    pub cursor_pos: i64,
    /// Rows up to this position may have been removed; their positions are never reused.
    pub floor_pos: i64,
    pub revision: i64,
}

impl ActiveModelBehavior for ActiveModel {}
