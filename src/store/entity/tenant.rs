//! A tenant.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub slug: String,
    pub name: String,
    pub link: i32,
    /// A JSON array.
    pub origins: String,
    pub origin_required: bool,
    pub color: Option<String>,
    pub locale: Option<String>,
    pub identity_secret: Option<String>,
    pub idle_close_ms: i64,
    /// A JSON array; null if the tenant has no form.
    pub form: Option<String>,
    /// Null if the gateway's setting applies.
    pub file_bytes: Option<i64>,
    /// A JSON array; null if the gateway's setting applies.
    pub file_types: Option<String>,
    /// All of the settings, as JSON. The columns before are for the version before, which knows no
    /// document; they count where this is null.
    pub settings: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
