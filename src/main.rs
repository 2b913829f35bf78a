//! The binary: reads the arguments and the settings, starts the log, runs the command. Exit codes:
//! 0 for success, 1 for a failure (the reason is on standard error), 2 for wrong arguments.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use couplet::app::App;
use couplet::cli::{self, Cli, CliError, Command};
use couplet::config::{Config, Format, Log};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if nobody_reads(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // If writing to standard error fails as well, the exit code alone reports the failure.
            let _ = writeln!(io::stderr(), "couplet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let config = Config::load(cli.config.as_deref())?;
    log(&config.log, matches!(cli.command, Command::Serve))?;
    couplet::chaos::listen();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the worker threads")?;
    let done = runtime.block_on(async {
        let mut out = io::BufWriter::new(io::stdout());
        let done = cli::run(cli, &config, &App::new(config.clone()), &mut out).await;
        out.flush().map_err(CliError::Output).and(done).map_err(Into::into)
    });
    // Do not wait for work that still hangs, such as a name server that does not respond.
    runtime.shutdown_background();
    done
}

/// The log goes to standard error. `serve` logs at the configured level; other commands print their
/// own output and log warnings and errors only.
fn log(log: &Log, serving: bool) -> anyhow::Result<()> {
    let level = if serving { log.level.as_str() } else { "warn" };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(level)?)
        .with_writer(io::stderr)
        // A line that cannot be written, because the disk is full, is left out. By default it would
        // be reported on standard error too, which panics if that fails.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match log.format {
        Format::Text => lines.finish().try_init()?,
        Format::Json => lines.json().with_current_span(false).finish().try_init()?,
    }
    Ok(())
}

/// Whether the reader closed the pipe early, as in `couplet transcript export … | head`.
fn nobody_reads(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CliError::Output(cause))
        if cause.kind() == io::ErrorKind::BrokenPipe)
}
