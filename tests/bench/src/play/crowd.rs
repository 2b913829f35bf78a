//! Many customers: how fast they connect, what each costs while idle, what a message costs among
//! them, how they reconnect, and how a node starts with many open conversations.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Arguments, promise};
use crate::gateway::GATEWAY;
use crate::load::drive::Plan;
use crate::measure::{GENERATOR, Usage};
use crate::report::{Line, Report, say};
use crate::stage::{Ramp, Stage, Subject};
use crate::world::{Kind, World};

const WARM: f64 = 1.0;
/// Messages per second while the cost per message is measured with growing numbers. Needs ten
/// agents or more: an agent may send at most 50 per second.
const RATE: u64 = 400;
/// Customers who write while others are connected.
const TALKERS: usize = 100;
/// Connections being opened at once.
const AT_ONCE: usize = 2_000;
const OPENING: usize = 50;
/// Time to return freed memory and to write rosters.
const REST: Duration = Duration::from_secs(3);

type Memory = BTreeMap<&'static str, u64>;

pub(crate) fn run(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let plays = ["ramp", "idle", "growth", "storm", "restart"];
    if !plays.iter().any(|play| arguments.plays(play)) {
        return Ok(());
    }
    if arguments.measures("peer") && world.archive.is_some() {
        browsers(world, arguments, report)?;
    }
    // The cost of customers hardly depends on the XMPP server: a quick run measures it once.
    let again = arguments.server.is_none() && world.kind != Kind::Prosody;
    if arguments.measures("ours") && !(arguments.quick && again) {
        customers(world, arguments, report)?;
    }
    Ok(())
}

fn customers(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    say(&format!("{}: a crowd of customers", world.kind.name()));
    let mut stage = Stage::start(world, "crowd", arguments.agents, 1)?;
    // The first customers write, so that one-time allocations are done.
    let mut all = stage.customers(TALKERS, TALKERS)?.0;
    let ten = all.get(..10).unwrap_or_default().to_vec();
    stage.once(Subject::Ours, &ten, OPENING)?;
    grown(&mut stage, arguments, "conversations", (10, &ten), report)?;
    let talkers = all.clone();
    stage.once(Subject::Ours, all.get(10..).unwrap_or_default(), OPENING)?;
    grown(&mut stage, arguments, "conversations", (TALKERS, &talkers), report)?;
    stage.rest(REST)?;

    let (memory, redis) = (stage.meter(Subject::Ours).memory(), world.redis_bytes()?);
    let most = arguments.crowd();
    let (mut usage, mut ramps) = (Usage::default(), Vec::new());
    for point in [100, 1_000, 10_000, most].into_iter().filter(|point| *point <= most) {
        let more = point.saturating_sub(all.len());
        let before = stage.meter(Subject::Ours).read();
        let (new, ramp) = stage.customers(more, AT_ONCE)?;
        let used = stage.meter(Subject::Ours).read().since(&before);
        used.0.into_iter().for_each(|(name, us)| *usage.0.entry(name).or_default() += us);
        ramps.push(ramp);
        all.extend(new);
        grown(&mut stage, arguments, "customers", (point, &talkers), report)?;
    }
    ramped(world, Subject::Ours, &ramps, &usage, report)?;
    stage.rest(REST)?;
    let idle = (stage.meter(Subject::Ours).memory(), world.redis_bytes()?);
    let count = all.len() - TALKERS;
    weighed(world, "ours", count, ((&memory, redis), (&idle.0, idle.1)), report)?;

    for point in [1_000, 10_000.min(most)] {
        let open = all.get(..point).unwrap_or_default().to_vec();
        let new = open.get(if point == 1_000 { TALKERS } else { 1_000 }..).unwrap_or_default();
        stage.once(Subject::Ours, new, OPENING)?;
        grown(&mut stage, arguments, "conversations", (point, &open), report)?;
    }
    stage.rest(REST)?;
    let open = (stage.meter(Subject::Ours).memory(), world.redis_bytes()?);
    let count = 10_000.min(most) - TALKERS;
    let both = ((&idle.0, idle.1), (&open.0, open.1));
    weighed(world, "ours, per open conversation", count, both, report)?;

    storm(&mut stage, &mut all, arguments, report)?;
    promise(&stage, Subject::Ours, report)?;
    if arguments.plays("restart") {
        for run in 0..arguments.either(1, 3) {
            restart(&mut stage, &mut all, run, report)?;
        }
    }
    Ok(())
}

/// What a message costs now.
fn grown(
    stage: &mut Stage<'_>,
    arguments: &Arguments,
    of: &'static str,
    (point, voices): (usize, &[usize]),
    report: &mut Report,
) -> anyhow::Result<()> {
    if !arguments.plays("growth") {
        return Ok(());
    }
    // A quick run measures only the lowest and the highest point.
    let ends = [10, arguments.crowd(), 10_000];
    if arguments.quick && !ends.contains(&point) && (of, point) != ("customers", TALKERS) {
        return Ok(());
    }
    let times = (WARM, arguments.seconds());
    let stretch = stage.drive(Subject::Ours, voices, Plan::Open(RATE), times)?;
    let line = Line::new("growth", stage.world.kind.name(), of, 0).at(point as u64);
    report.put(line.stretch(&stretch))
}

fn ramped(
    world: &World,
    subject: Subject,
    ramps: &[Ramp],
    usage: &Usage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let count: usize = ramps.iter().map(|ramp| ramp.count).sum();
    let most: usize = ramps.iter().map(|ramp| ramp.most.0).sum();
    let seconds: f64 = ramps.iter().map(|ramp| ramp.most.1).sum();
    let failed: u64 = ramps.iter().map(|ramp| ramp.failed).sum();
    let each = |name: &str| usage.0.get(name).copied().unwrap_or_default() as f64 / count as f64;
    let mut line = Line::new("ramp", world.kind.name(), subject.name(), 0).at(count as u64);
    line = line.with("connects_per_s", most as f64 / seconds).with("failed", failed as f64);
    line = line.with("server_us_each", each(world.kind.name()));
    line = line.with("generator_share", usage.share(GENERATOR));
    if subject == Subject::Ours {
        if failed > 0 {
            report.broken(format!("{failed} of {count} connections were refused"));
        }
        line = line.with("gateway_us_each", each(GATEWAY)).with("mariadb_us_each", each("mariadb"));
    }
    report.put(line)
}

/// What each of a number of connections takes, from the memory before and after.
fn weighed(
    world: &World,
    subject: &'static str,
    count: usize,
    ((before, redis_before), (after, redis_after)): ((&Memory, u64), (&Memory, u64)),
    report: &mut Report,
) -> anyhow::Result<()> {
    let each = |name: &str| {
        let kib = |memory: &Memory| memory.get(name).copied().unwrap_or_default() as f64;
        (kib(after) - kib(before)) / count as f64
    };
    let mut line = Line::new("idle", world.kind.name(), subject, 0).at(count as u64);
    line = line.with("server_kib_each", each(world.kind.name()));
    if subject.starts_with("ours") {
        let redis = (redis_after as f64 - redis_before as f64) / 1_024.0 / count as f64;
        line = line.with("gateway_kib_each", each(GATEWAY)).with("redis_kib_each", redis);
    }
    report.put(line)
}

/// All connections are cut, and all customers reconnect at once.
fn storm(
    stage: &mut Stage<'_>,
    all: &mut Vec<usize>,
    arguments: &Arguments,
    report: &mut Report,
) -> anyhow::Result<()> {
    if !arguments.plays("storm") {
        return Ok(());
    }
    for run in 0..arguments.either(1, 3) {
        let memories = stage.drop_all(all);
        let count = memories.len();
        let meter = stage.meter(Subject::Ours);
        let before = meter.read();
        let (voices, ramp) = stage.returning(memories, count)?;
        let used = meter.read().since(&before);
        let each = |name| used.0.get(name).copied().unwrap_or_default() as f64 / count as f64;
        *all = voices;
        let line = Line::new("storm", stage.world.kind.name(), Subject::Ours.name(), run);
        let line = line.at(count as u64).with("seconds", ramp.seconds);
        let line =
            line.with("gateway_us_each", each(GATEWAY)).with("mariadb_us_each", each("mariadb"));
        report.put(line.with("failed", ramp.failed as f64))?;
        if ramp.failed > 0 {
            let troubles = &stage.engine.board.troubles;
            report.broken(format!("{} reconnections were refused: {troubles:?}", ramp.failed));
        }
        stage.rest(Duration::from_secs(1))?;
    }
    Ok(())
}

/// The node is stopped and started; one customer connects and writes.
fn restart(
    stage: &mut Stage<'_>,
    all: &mut Vec<usize>,
    run: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    let open = stage.world.sql(&format!(
        "SELECT COUNT(*) FROM {}.conversations WHERE open",
        crate::gateway::database(&stage.tag)
    ))?;
    let mut memories = stage.drop_all(all);
    stage.rest(Duration::from_secs(1))?;
    let Some(node) = stage.nodes.first_mut() else { return Ok(()) };
    node.stop()?;
    let begun = stage.engine.clock();
    let ready = node.start()?;
    let first = memories.drain(..1).collect();
    let (voices, _) = stage.returning(first, 1)?;
    let acked = stage.engine.board.counts.acked;
    for voice in &voices {
        let now = stage.engine.clock();
        stage.engine.say(*voice, now);
    }
    while stage.engine.board.counts.acked == acked {
        stage.engine.turn(Duration::from_millis(5))?;
        anyhow::ensure!(stage.engine.clock() < begun + 60_000_000_000, "no ack after the start");
    }
    let ack = (stage.engine.clock() - begun) as f64 / 1e9;
    let open = open.trim().parse()?;
    let line = Line::new("restart", stage.world.kind.name(), Subject::Ours.name(), run).at(open);
    report.put(line.with("ready_s", ready.as_secs_f64()).with("ack_s", ack))?;
    stage.rest(REST)?;
    memories.extend(stage.drop_all(&voices));
    *all = stage.returning(memories, AT_ONCE)?.0;
    Ok(())
}

/// The peer's browsers.
fn browsers(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    if !arguments.plays("ramp") && !arguments.plays("idle") {
        return Ok(());
    }
    say(&format!("{}: a crowd of browsers that speak XMPP", world.kind.name()));
    let mut stage = Stage::start(world, "browsers", arguments.agents, 0)?;
    let warm = stage.browsers(TALKERS, 50)?.0;
    stage.once(Subject::Peer, &warm, OPENING)?;
    stage.rest(REST)?;
    let meter = stage.meter(Subject::Peer);
    let (memory, usage) = (meter.memory(), meter.read());
    let count = arguments.either(1_000, 5_000);
    let (_, ramp) = stage.browsers(count, 100)?;
    let usage = meter.read().since(&usage);
    ramped(world, Subject::Peer, &[ramp], &usage, report)?;
    stage.rest(REST)?;
    weighed(world, "peer", count, ((&memory, 0), (&meter.memory(), 0)), report)
}
