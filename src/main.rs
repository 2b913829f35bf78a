//! Arguments and exit codes: 0 done, 1 failed (and said why), 2 asked for wrongly.

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
            // Where even this cannot be written, the code alone tells.
            let _ = writeln!(io::stderr(), "couplet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let config = Config::load(cli.config.as_deref())?;
    log(&config.log, matches!(cli.command, Command::Serve))?;
    #[cfg(feature = "chaos")]
    couplet::chaos::listen();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads cannot be started")?;
    let done = runtime.block_on(async {
        let mut out = io::BufWriter::new(io::stdout());
        let done = cli::run(cli, &config, &App::new(config.clone()), &mut out).await;
        out.flush().map_err(CliError::Output).and(done).map_err(Into::into)
    });
    // What still hangs (a name server that does not answer) is not waited for.
    runtime.shutdown_background();
    done
}

/// The log goes to standard error. The gateway logs as configured; a command of the shell says
/// what it has to say itself, and logs what is wrong besides.
fn log(log: &Log, serving: bool) -> anyhow::Result<()> {
    let level = if serving { log.level.as_str() } else { "warn" };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(level)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match log.format {
        Format::Text => lines.finish().try_init()?,
        Format::Json => lines.json().finish().try_init()?,
    }
    Ok(())
}

/// `couplet transcript export … | head`: whoever reads has seen enough.
fn nobody_reads(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(CliError::Output(cause))
        if cause.kind() == io::ErrorKind::BrokenPipe)
}
