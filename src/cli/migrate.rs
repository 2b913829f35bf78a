//! `couplet migrate`: brings the schema up to this version.

use serde::Serialize;

use super::backends::Backends;
use super::error::CliError;
use super::output::Output;

#[derive(Serialize)]
struct Migrated {
    schema: &'static str,
}

pub(super) async fn run(backends: &dyn Backends, out: &mut Output<'_>) -> Result<(), CliError> {
    backends.migrate().await.map_err(CliError::Backend)?;
    let done = Migrated { schema: "current" };
    Ok(out.one(&done, |done| format!("the schema is {}", done.schema))?)
}
