//! `couplet serve`: runs the gateway.

use crate::config::Config;

use super::{Backends, CliError};

pub(super) async fn run(config: &Config, backends: &dyn Backends) -> Result<(), CliError> {
    config.require_links()?;
    backends.serve().await.map_err(CliError::Backend)
}
