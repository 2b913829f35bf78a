//! The benchmark: what a message costs, how long it takes and how many go through, compared with
//! the alternative and with what the XMPP server itself allows. See `docs/benchmarks.md` for the
//! results, and `tests/bench.sh` for how to start it.
//!
//! | module | purpose |
//! |---|---|
//! | [`world`] [`gateway`] [`echo`] | what is measured: private servers, real processes of the
//! gateway |
//! | [`load`] | the load generator, and the reasons for its design |
//! | [`wire`] | protocols, as bytes |
//! | [`measure`] | CPU and memory of processes |
//! | [`stage`] | fresh nodes, available agents, all connections |
//! | [`play`] | what is measured, in which order |
//! | [`report`] | JSON lines, tables, pictures |
//!
//! The subjects: *ours*, the gateway; the *floor*, a raw component in the gateway's place, which
//! sends the same stanzas (and the *bare floor*, which sends half of them and guarantees nothing);
//! the *peer*, browsers that speak XMPP to a server with an archive; a *bare echo* over WebSocket.

mod echo;
mod gateway;
mod load;
mod measure;
mod play;
mod report;
mod stage;
mod wire;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use crate::play::{Arguments, crowd, nodes, store, talk};
use crate::report::{Report, say};
use crate::world::{Kind, World};

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("echo") => echo::serve().map(|()| true),
        _ => run(&Arguments::parse()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the selected measurements; returns whether every guarantee was kept.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let mut report = Report::new(&arguments.folder, arguments.json.as_deref())?;
    let ran = servers(arguments, &mut report);
    report.note(format!("{:.0} s in all.", begun.elapsed().as_secs_f64()));
    // What was measured before an error is reported, too.
    report.finish(arguments.publish && ran.is_ok())?;
    ran?;
    Ok(report.broken.is_empty())
}

fn servers(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let kinds = arguments.server.map_or(vec![Kind::Prosody, Kind::Ejabberd], |kind| vec![kind]);
    for kind in kinds {
        say(&format!("{}: starting servers", kind.name()));
        let run = arguments.folder.join("run");
        let with_peer = arguments.measures("peer");
        let world = World::start(kind, with_peer, &run, &arguments.program)?;
        let durability = world.durability()?;
        let settings = durability.iter().map(|(name, value)| format!("{name} {value}"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        report.note(format!("Database beside {}: {settings}.", kind.name()));
        crowd::run(&world, arguments, report)?;
        talk::run(&world, arguments, report)?;
        if !arguments.quick || !arguments.only.is_empty() {
            nodes::run(&world, arguments, report)?;
        }
        store::run(&world, arguments, report)?;
    }
    talk::echo(arguments, report)
}
