//! A conversation that an operator wants closed.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "closings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub conversation: Uuid,
    pub link: i32,
}

impl ActiveModelBehavior for ActiveModel {}
