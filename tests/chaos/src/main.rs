//! The checker: faults under load, then a verdict on the delivery contract. See
//! `docs/reliability.md` for the contract, and `tests/chaos.sh` for how to start it.
//!
//! | module | purpose |
//! |---|---|
//! | [`servers`] [`nodes`] | what is broken: private servers, real gateway processes |
//! | [`proxy`] | the connections between them |
//! | [`customer`] [`agent`] | the clients |
//! | [`faults`] | the plan of the faults, and their injection |
//! | [`record`] [`transcript`] | what was seen, what is stored |
//! | [`judge`] | the verdict: pure |
//! | [`outage`] [`picture`] | what each fault cost, and a picture of it |
//! | [`run`] | one run, from the servers' start to the verdict |
//! | [`prove`] | the proof that the checker can fail |

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

/// Injects faults under load, then checks the delivery contract.
#[derive(Debug, Clone, Parser)]
#[command(name = "tests/chaos.sh")]
pub(crate) struct Arguments {
    /// Duration of the load, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed of the plan of faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The XMPP server.
    #[arg(long, value_enum, default_value = "prosody")]
    server: Xmpp,
    /// Number of nodes.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Number of customers.
    #[arg(long, default_value_t = 40)]
    customers: usize,
    /// Number of agents.
    #[arg(long, default_value_t = 8)]
    agents: usize,
    /// The least number of messages; by default derived from the duration.
    #[arg(long)]
    messages: Option<usize>,
    /// Only faults whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// A bug to switch on, see `src/chaos.rs`: the run must detect it.
    #[arg(long)]
    mutant: Option<String>,
    /// Runs every mutant and requires that each is detected.
    #[arg(long)]
    prove: bool,
    /// The gateway, built with the feature `chaos`.
    #[arg(long, default_value = "target/chaos/couplet")]
    program: PathBuf,
    /// Folder for the runs.
    #[arg(long, default_value = "target/chaos")]
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Xmpp {
    Prosody,
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
    // Dropping the rest ends its processes.
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

pub(crate) fn say(words: &str) {
    let _ = writeln!(std::io::stdout(), "{words}");
}
