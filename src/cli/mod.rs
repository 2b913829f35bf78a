//! The operator's shell: the arguments, and one file a subcommand.
//!
//! Invariants: what is asked for goes to standard output, everything else to standard error. A
//! subcommand knows ports alone; [`Backends`] opens what stands behind them, and only what the
//! subcommand needs. A failure says what is wrong and what to do, in a line or two.

mod agent;
mod args;
mod check;
mod conversation;
mod error;
mod migrate;
mod output;
mod queue;
mod serve;
mod tenant;
#[cfg(test)]
mod tests;
mod transcript;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use clap::{Parser, Subcommand};

use crate::config::{Config, Link};
use crate::ports::cache::Cache;
use crate::ports::store::Store;

pub use error::{CliError, Failure};

use output::Output;

/// Customer-service chat that agents answer from any XMPP client.
#[derive(Debug, Parser)]
#[command(name = "couplet", version)]
pub struct Cli {
    /// The configuration file; without it couplet.toml, where that is there
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway until it is told to stop
    Serve,
    /// Bring the database's schema up to this version
    Migrate,
    /// Try the database, the cache and every link, and say what is wrong and how to mend it
    Check,
    /// The businesses served
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// The queues of a tenant
    #[command(subcommand)]
    Queue(queue::Command),
    /// The agents of a tenant
    #[command(subcommand)]
    Agent(agent::Command),
    /// Conversations
    #[command(subcommand)]
    Conversation(conversation::Command),
    /// What was said
    #[command(subcommand)]
    Transcript(transcript::Command),
}

/// What stands behind the ports, opened when a subcommand needs it.
#[async_trait]
pub trait Backends: Send + Sync {
    /// The database. Its schema may be of another version; [`Backends::migrate`] mends that.
    async fn store(&self) -> Result<Arc<dyn Store>, Failure>;
    /// The cache.
    async fn cache(&self) -> Result<Arc<dyn Cache>, Failure>;
    /// Writes a file where files lie, and takes it away.
    async fn files(&self) -> Result<(), Failure>;
    /// Brings the database's schema up to this version.
    async fn migrate(&self) -> Result<(), Failure>;
    /// Connects to a link's server, proves the secret, and leaves.
    async fn probe(&self, link: &Link) -> Result<(), Failure>;
    /// Runs the gateway until it is told to stop.
    async fn serve(&self) -> Result<(), Failure>;
}

/// Does what the arguments say.
pub async fn run(
    cli: Cli,
    config: &Config,
    backends: &dyn Backends,
    to: &mut (dyn Write + Send),
) -> Result<(), CliError> {
    let mut out = Output::new(to, cli.json);
    match cli.command {
        Command::Serve => serve::run(config, backends).await,
        Command::Migrate => migrate::run(backends, &mut out).await,
        Command::Check => check::run(config, backends, &mut out).await,
        Command::Tenant(command) => {
            tenant::run(command, config, &*store(backends).await?, &mut out).await
        }
        Command::Queue(command) => queue::run(command, &*store(backends).await?, &mut out).await,
        Command::Agent(command) => {
            agent::run(command, config, &*store(backends).await?, &mut out).await
        }
        Command::Conversation(command) => {
            conversation::run(command, &*store(backends).await?, &mut out).await
        }
        Command::Transcript(command) => {
            transcript::run(command, &*store(backends).await?, &mut out).await
        }
    }
}

async fn store(backends: &dyn Backends) -> Result<Arc<dyn Store>, CliError> {
    backends.store().await.map_err(CliError::Backend)
}
