//! Customers and agents in conversation: at full speed, and at a rate.
//!
//! All subjects run side by side and take turns, so that disturbances of the machine affect all
//! alike; a ratio is of two periods that followed each other.

use anyhow::bail;

use super::{Arguments, promise};
use crate::echo;
use crate::load::drive::{Plan, Stretch};
use crate::load::echo::Echo;
use crate::load::floor::Form;
use crate::measure::{Meter, Process};
use crate::report::{Line, Report, say};
use crate::stage::{Stage, Subject};
use crate::world::{BARE, FLOOR, World};

/// Seconds of warm-up before each period.
const WARM: f64 = 1.0;
/// Messages in flight while conversations are opened.
const OPENING: usize = 50;
/// Customers' messages per second; agents send as many.
pub(crate) const RATES: [u64; 3] = [200, 500, 1_000];

pub(crate) fn run(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let (saturate, pace) = (arguments.plays("saturate"), arguments.plays("pace"));
    if !saturate && !pace {
        return Ok(());
    }
    say(&format!("{}: customers and agents talk", world.kind.name()));
    let mut stage = Stage::start(world, "talk", arguments.agents, 1)?;
    let subjects = gather(&mut stage, arguments)?;
    let server = world.kind.name();
    for run in 0..arguments.repeats() {
        // Each subject is the first once, because the one before may have an effect.
        let turn = || subjects.iter().cycle().skip(run).take(subjects.len());
        if saturate {
            let plan = Plan::Closed(arguments.window);
            let mut seen: Vec<(Subject, Stretch)> = Vec::new();
            for (subject, voices) in turn() {
                let times = (WARM, arguments.seconds());
                let stretch = stage.drive(*subject, voices, plan, times)?;
                let line = Line::new("saturate", server, subject.name(), run).stretch(&stretch);
                report.put(line)?;
                seen.push((*subject, stretch));
            }
            pairs(server, run, &seen, report)?;
        }
        if pace && run < arguments.either(1, 3) {
            for rate in RATES {
                let mut seen = Vec::new();
                for (subject, voices) in turn() {
                    let times = (WARM, arguments.seconds());
                    let stretch = stage.drive(*subject, voices, Plan::Open(rate), times)?;
                    let line = Line::new("pace", server, subject.name(), run).at(rate);
                    report.put(line.stretch(&stretch))?;
                    seen.push((*subject, stretch));
                }
                added(server, (rate, run), &seen, report)?;
            }
        }
    }
    for (subject, _) in &subjects {
        promise(&stage, *subject, report)?;
    }
    Ok(())
}

/// Connects all subjects, each with a first round trip.
fn gather(
    stage: &mut Stage<'_>,
    arguments: &Arguments,
) -> anyhow::Result<Vec<(Subject, Vec<usize>)>> {
    let count = arguments.customers;
    let mut subjects = Vec::new();
    if arguments.measures("ours") {
        let (voices, ramp) = stage.customers(count, 100)?;
        if ramp.failed > 0 {
            let troubles = &stage.engine.board.troubles;
            bail!("{} of {count} customers were not welcomed: {troubles:?}", ramp.failed);
        }
        subjects.push((Subject::Ours, voices));
    }
    if arguments.measures("floor") {
        subjects.push((Subject::Floor, stage.floor(Form::Full, FLOOR, count)?));
        subjects.push((Subject::Bare, stage.floor(Form::Bare, BARE, count)?));
    }
    if stage.world.archive.is_some() {
        subjects.push((Subject::Peer, stage.browsers(count, 50)?.0));
    }
    for (subject, voices) in &subjects {
        stage.once(*subject, voices, OPENING)?;
    }
    Ok(subjects)
}

/// The ratio of ours to each other subject in the same turn.
fn pairs(
    server: &'static str,
    run: usize,
    seen: &[(Subject, Stretch)],
    report: &mut Report,
) -> anyhow::Result<()> {
    let ours = seen.iter().find(|(subject, _)| *subject == Subject::Ours);
    let Some((_, ours)) = ours else { return Ok(()) };
    for (subject, other) in seen.iter().filter(|(subject, _)| *subject != Subject::Ours) {
        let line = Line::new("pairs", server, subject.name(), run);
        report.put(line.with("ratio", ours.rate() / other.rate().max(1e-9)))?;
    }
    Ok(())
}

/// What ours takes longer than the floor in the same turn.
fn added(
    server: &'static str,
    (rate, run): (u64, usize),
    seen: &[(Subject, Stretch)],
    report: &mut Report,
) -> anyhow::Result<()> {
    let of = |wanted| seen.iter().find(|(subject, _)| *subject == wanted);
    let (Some((_, ours)), Some((_, floor))) = (of(Subject::Ours), of(Subject::Floor)) else {
        return Ok(());
    };
    let mut line = Line::new("added", server, Subject::Ours.name(), run).at(rate);
    for (name, quantile) in [("p50_ms", 0.5), ("p99_ms", 0.99)] {
        let ms = |stretch: &Stretch| stretch.trips.value_at_quantile(quantile) as f64 / 1e3;
        line = line.with(name, ms(ours) - ms(floor));
    }
    report.put(line)
}

/// A bare echo with the WebSocket library of the gateway: the cost of a socket by itself.
pub(crate) fn echo(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let plays = ["saturate", "pace", "ramp", "idle"];
    if !arguments.measures("echo") || !plays.iter().any(|play| arguments.plays(play)) {
        return Ok(());
    }
    say("a bare echo server");
    let server = echo::Server::start()?;
    let process = Process { name: "echo", pid: server.pid() };
    let meter = Meter::of(vec![process]);
    let mut engine = crate::load::engine::Engine::new()?;
    let before = meter.memory();
    let (mut voices, begun) = (Vec::new(), engine.clock());
    let count = arguments.crowd();
    while engine.board.counts.greeted < count as u64 {
        let greeted = usize::try_from(engine.board.counts.greeted)?;
        while voices.len() < count && voices.len() < greeted + 500 {
            let voice = engine.board.voice(engine.next_connection());
            engine.open(server.port, Box::new(Echo::new(voice)))?;
            voices.push(voice);
        }
        engine.turn(std::time::Duration::from_millis(20))?;
    }
    let name = Subject::Echo.name();
    let seconds = (engine.clock() - begun) as f64 / 1e9;
    let memory = meter.memory();
    if arguments.plays("ramp") {
        let line = Line::new("ramp", "–", name, 0).at(count as u64);
        report.put(line.with("connects_per_s", count as f64 / seconds))?;
    }
    if arguments.plays("idle") {
        let kib = |memory: &std::collections::BTreeMap<_, u64>| memory.get("echo").copied();
        let more =
            kib(&memory).unwrap_or_default().saturating_sub(kib(&before).unwrap_or_default());
        let line = Line::new("idle", "–", name, 0).at(count as u64);
        report.put(line.with("echo_kib_each", more as f64 / count as f64))?;
    }
    let talkers = voices.get(..arguments.customers.min(count)).unwrap_or_default();
    let times = (WARM, arguments.seconds());
    let plans = [
        ("saturate", None, Plan::Closed(arguments.window)),
        ("pace", Some(1_000), Plan::Open(1_000)),
    ];
    for (play, point, plan) in plans {
        if arguments.plays(play) {
            let stretch =
                crate::load::drive::drive(&mut engine, (talkers, 0), plan, times, &meter)?;
            let mut line = Line::new(play, "–", name, 0).stretch(&stretch);
            line.point = point;
            report.put(line)?;
        }
    }
    Ok(())
}
