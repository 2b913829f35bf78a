//! The checker: faults under load, then a verdict on the delivery contract. See `docs/reliability.md`
//! for what is promised, and `tests/chaos.sh` for how it is started.
//!
//! | module | what it answers for |
//! |---|---|
//! | [`servers`] [`nodes`] | what is broken: private servers, real gateway processes |
//! | [`proxy`] | the ways between them |
//! | [`customer`] [`agent`] | the clients |
//! | [`faults`] | what happens when, and doing it |
//! | [`record`] [`transcript`] | what was seen, what is stored |
//! | [`judge`] | the verdict: pure |
//! | [`outage`] [`picture`] | what each fault cost, and a picture of it |
//! | [`run`] | one run, from the servers' start to the verdict |
//! | [`prove`] | that the checker can fail |

mod agent;
mod customer;
mod faults;
mod judge;
mod nodes;
mod outage;
mod phase;
mod picture;
mod prove;
mod proxy;
mod record;
mod run;
mod servers;
mod transcript;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// Faults under load, then a verdict on the delivery contract.
#[derive(Debug, Clone, Parser)]
#[command(name = "tests/chaos.sh")]
pub(crate) struct Arguments {
    /// How long the load lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What the faults are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The XMPP server.
    #[arg(long, value_enum, default_value = "prosody")]
    server: Xmpp,
    /// How many nodes.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// How many customers.
    #[arg(long, default_value_t = 40)]
    customers: usize,
    /// How many agents.
    #[arg(long, default_value_t = 8)]
    agents: usize,
    /// How many messages the run must see; by default what the length allows.
    #[arg(long)]
    messages: Option<usize>,
    /// Only faults whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// A fault that is built in, see `src/chaos.rs`: the run must find it.
    #[arg(long)]
    mutant: Option<String>,
    /// Runs every mutant and demands that each is caught.
    #[arg(long)]
    prove: bool,
    /// The gateway, built with the feature `chaos`.
    #[arg(long, default_value = "target/chaos/couplet")]
    program: PathBuf,
    /// Where runs are kept.
    #[arg(long, default_value = "target/chaos")]
    folder: PathBuf,
}

/// An XMPP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Xmpp {
    /// Prosody.
    Prosody,
    /// ejabberd.
    Ejabberd,
}

impl Xmpp {
    fn name(self) -> &'static str {
        match self {
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let working = async {
        if arguments.prove {
            prove::all(&arguments).await
        } else {
            run::run(&arguments).await.map(|verdict| verdict.violations.is_empty())
        }
    };
    // Whatever is dropped half-way takes its processes with it.
    let done = tokio::select! {
        done = working => done,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("chaos: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Tells the person at the terminal.
pub(crate) fn say(words: &str) {
    let _ = writeln!(std::io::stdout(), "{words}");
}
