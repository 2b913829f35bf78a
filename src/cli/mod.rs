//! The operator's command line: the arguments, and one file per subcommand.
//!
//! Invariants: results go to standard output, everything else to standard error. A subcommand uses
//! ports only; [`Backends`] opens the adapters, and only those that the subcommand needs. An error
//! says what is wrong and how to fix it, in a line or two.

mod agent;
mod args;
mod backends;
mod by_hand;
mod canned;
mod check;
mod conversation;
mod error;
mod hours;
mod known;
mod macros;
mod migrate;
mod output;
mod queue;
mod routing;
mod serve;
mod tag;
mod tenant;
#[cfg(test)]
mod tests;
mod times;
mod transcript;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::ports::store::Store;

pub use backends::Backends;
pub use error::{CliError, Failure};

use output::Output;

/// Customer-service chat that agents answer from any XMPP client.
#[derive(Debug, Parser)]
#[command(name = "couplet", version)]
pub struct Cli {
    /// The configuration file; default couplet.toml, if it exists
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway until it receives SIGTERM or SIGINT
    Serve,
    /// Bring the database's schema up to this version
    Migrate,
    /// Check the database, the cache, the file storage and every link, and report how to fix what
    /// fails
    Check,
    /// The businesses that are served
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// The queues of a tenant
    #[command(subcommand)]
    Queue(queue::Command),
    /// The agents of a tenant
    #[command(subcommand)]
    Agent(agent::Command),
    /// The canned replies of a tenant
    #[command(subcommand)]
    Canned(canned::Command),
    /// The tags that agents put to conversations
    #[command(subcommand)]
    Tag(tag::Command),
    /// When tenants and queues are open
    #[command(subcommand)]
    Hours(hours::Command),
    /// How a tenant's customers are routed to agents
    #[command(subcommand)]
    Routing(routing::Command),
    /// The macros of a tenant
    #[command(subcommand)]
    Macro(macros::Command),
    /// Conversations
    #[command(subcommand)]
    Conversation(conversation::Command),
    /// Transcripts of conversations
    #[command(subcommand)]
    Transcript(transcript::Command),
}

/// Runs the subcommand.
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
        Command::Queue(command) => {
            queue::run(command, backends.now(), &*store(backends).await?, &mut out).await
        }
        Command::Agent(command) => {
            agent::run(command, config, &*store(backends).await?, &mut out).await
        }
        Command::Canned(command) => canned::run(command, &*store(backends).await?, &mut out).await,
        Command::Tag(command) => tag::run(command, &*store(backends).await?, &mut out).await,
        Command::Hours(command) => {
            hours::run(command, backends.now(), &*store(backends).await?, &mut out).await
        }
        Command::Routing(command) => {
            routing::run(command, &*store(backends).await?, &mut out).await
        }
        Command::Macro(command) => macros::run(command, &*store(backends).await?, &mut out).await,
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
