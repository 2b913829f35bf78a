//! Looks up the tenant that an operator named.

use super::error::CliError;
use crate::chat::ids::TenantKey;
use crate::ports::directory::Tenant;
use crate::ports::store::Store;

/// The tenant, or an error if it does not exist.
pub(super) async fn tenant(key: &TenantKey, store: &dyn Store) -> Result<Tenant, CliError> {
    store.tenant(key).await?.ok_or_else(|| {
        CliError::refused(
            format!("there is no tenant {key}"),
            format!("see which there are: couplet tenant list; add it: couplet tenant add {key} …"),
        )
    })
}
