//! A link: who owns it, and how far its stream has come.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "links")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub domain: String,
    /// The owner; none where it was given up.
    pub node: Option<Uuid>,
    pub epoch: i64,
    /// On the clock of the database.
    pub lease_until: i64,
    /// Whether the owner's stream stood at the last renewal.
    pub stands: bool,
    pub cursor_pos: i64,
    /// Rows up to here may have been removed; their positions are never given again.
    pub floor_pos: i64,
    pub revision: i64,
}

impl ActiveModelBehavior for ActiveModel {}
