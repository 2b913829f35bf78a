//! `couplet serve`: runs the gateway.

use crate::config::Config;

use super::backends::Backends;
use super::error::CliError;

pub(super) async fn run(config: &Config, backends: &dyn Backends) -> Result<(), CliError> {
    config.require_links()?;
    backends.serve().await.map_err(CliError::Backend)
}
