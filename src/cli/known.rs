//! Looks up the tenant and the queue that an operator named.

use super::error::CliError;
use crate::chat::ids::{QueueKey, TenantKey};
use crate::chat::settings::QueueSettings;
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

/// The error for an unknown queue.
pub(super) fn no_queue(tenant: &TenantKey, key: &QueueKey, queues: &[QueueSettings]) -> CliError {
    let known: Vec<&str> = queues.iter().map(|queue| queue.key.as_str()).collect();
    CliError::refused(
        format!("{tenant} has no queue {key}; it has {}", known.join(", ")),
        format!("add it: couplet queue add --tenant {tenant} {key} --name …"),
    )
}
