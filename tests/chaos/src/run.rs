//! One run: servers, nodes, clients, faults, quiet, verdict.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use crate::agent::{Agent, Shown};
use crate::customer::Customer;
use crate::faults::{Fault, Injector, plan};
use crate::judge::{Class, Demands, Verdict, Violation, judge};
use crate::nodes::Nodes;
use crate::phase::{Phase, Phases};
use crate::proxy::Way;
use crate::record::{Event, Record, Tally, What};
use crate::servers::Servers;
use crate::{Arguments, outage, picture, say, transcript};

/// How long clients may take to finish once everything is repaired.
const SETTLE: Duration = Duration::from_secs(75);
/// The same with a mutant, which may prevent it for ever.
const SETTLE_MUTANT: Duration = Duration::from_secs(35);
/// The interval of the status line.
const STATUS: Duration = Duration::from_secs(5);

/// Runs once, writes the record, and prints the verdict.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let folder = folder(arguments)?;
    let mutant = arguments.mutant.as_deref();
    say(&format!(
        "chaos: seed {}, {} s, {}, {} nodes{}: {}",
        arguments.seed,
        arguments.seconds,
        arguments.server.name(),
        arguments.nodes,
        mutant.map(|mutant| format!(", mutant {mutant}")).unwrap_or_default(),
        folder.display()
    ));
    let servers = Arc::new(Servers::start(arguments.server.name(), &folder).await?);
    let program = std::path::absolute(&arguments.program)?;
    let nodes = Nodes::start(
        arguments.nodes.max(1),
        arguments.agents.max(1),
        &servers,
        &folder,
        &program,
        mutant,
    )
    .await?;
    let record = Record::begin(&folder.join("record.jsonl"))?;
    let load = Load::begin(arguments, servers, Arc::new(nodes), record).await?;
    let (events, verdict) = load.carry_out(arguments).await?;
    tell(arguments, &folder, &events, &verdict)?;
    Ok(verdict)
}

fn folder(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    let server = arguments.server.name();
    let mut name = format!("{server}-{}s-{}", arguments.seconds, arguments.seed);
    if let Some(mutant) = &arguments.mutant {
        name = format!("{mutant}-{name}");
    }
    let folder = arguments.folder.join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    Ok(std::path::absolute(folder)?)
}

/// The running clients.
struct Load {
    servers: Arc<Servers>,
    nodes: Arc<Nodes>,
    record: Record,
    phases: Phases,
    phase: watch::Sender<Phase>,
    clients: JoinSet<()>,
    injector: Arc<Injector>,
}

impl Load {
    async fn begin(
        arguments: &Arguments,
        servers: Arc<Servers>,
        nodes: Arc<Nodes>,
        record: Record,
    ) -> anyhow::Result<Self> {
        let (phases, phase) = Phases::new();
        let mut clients = JoinSet::new();
        let chance = |stream: usize| {
            let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
            random.set_stream(1 + stream as u64);
            random
        };
        let (mut ways_of_agents, mut agents) = (Vec::new(), Vec::new());
        for number in 0..arguments.agents.max(1) {
            let way = Arc::new(Way::to(servers.xmpp.own.xmpp().c2s).await?);
            let (shown, shows) = watch::channel(Shown::Free);
            ways_of_agents.push(way.clone());
            agents.push(shown);
            let random = chance(crate::agent::FIRST + number);
            let agent = Agent::new(number, way, record.clone(), phases.clone(), random, shows);
            clients.spawn(agent.run());
        }
        for number in 0..arguments.customers.max(1) {
            let random = chance(number);
            let (nodes, record, phases) = (nodes.clone(), record.clone(), phases.clone());
            clients.spawn(Customer::new(number, nodes, record, phases, random).run());
        }
        let injector = Arc::new(Injector {
            servers: servers.clone(),
            nodes: nodes.clone(),
            ways_of_agents,
            agents,
            customers: arguments.customers.max(1),
            record: record.clone(),
            until: Instant::now() + Duration::from_secs(arguments.seconds),
        });
        Ok(Self { servers, nodes, record, phases, phase, clients, injector })
    }

    async fn carry_out(mut self, arguments: &Arguments) -> anyhow::Result<(Vec<Event>, Verdict)> {
        let plan = chosen(arguments);
        let demands = demands(arguments, &plan);
        let began = Instant::now();
        let end = began + Duration::from_secs(arguments.seconds);
        let status = tokio::spawn(status(self.record.clone(), self.phases.clone()));
        let injecting = tokio::spawn(self.injector.clone().run(plan));
        sleep_until(end).await;
        injecting.await??;
        self.record.put(What::Quiet);
        self.phase.send_replace(Phase::Quiet);
        self.nodes.until_ready(SETTLE).await?;
        let stored = self.servers.database_url();
        let verdict = self.settle(arguments, &demands, &stored).await?;
        self.phase.send_replace(Phase::Over);
        while self.clients.join_next().await.is_some() {}
        status.abort();
        Ok((self.record.events(), verdict))
    }

    /// Waits until the clients have nothing left to do and nothing is missing that may still
    /// arrive.
    async fn settle(
        &self,
        arguments: &Arguments,
        demands: &Demands,
        stored: &str,
    ) -> anyhow::Result<Verdict> {
        let all = arguments.customers.max(1) + arguments.agents.max(1);
        let patience = if arguments.mutant.is_some() { SETTLE_MUTANT } else { SETTLE };
        let until = Instant::now() + patience;
        // By then the agents' last messages have been sent.
        sleep(Duration::from_secs(3)).await;
        loop {
            let settled = self.phases.count();
            let late = Instant::now() >= until;
            if settled == all || late {
                let events = self.record.events();
                let rows = transcript::read(stored).await?;
                let mut verdict = judge(&events, &rows, self.record.began_ms(), Some(demands));
                let quiet = settled == all && !verdict.may_heal();
                if quiet || late {
                    if settled < all {
                        let what = format!("{} of {all} clients", all - settled);
                        verdict.violations.push(Violation { class: Class::Unsettled, what });
                    }
                    return Ok(verdict);
                }
                sleep(Duration::from_secs(2)).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

fn chosen(arguments: &Arguments) -> Vec<Fault> {
    let wanted = |fault: &Fault| {
        let name = fault.kind.to_string();
        arguments.only.as_deref().is_none_or(|only| only.split(',').any(|part| name.contains(part)))
    };
    let mut plan = plan(arguments.seed, arguments.seconds);
    plan.retain(wanted);
    plan
}

/// By default a run must carry 112 messages per second, and one of less than ten minutes, whose
/// faults overlap, 25.
fn demands(arguments: &Arguments, plan: &[Fault]) -> Demands {
    let a_second = if arguments.seconds >= 600 { 112 } else { 25 };
    let seconds = usize::try_from(arguments.seconds).unwrap_or(usize::MAX);
    let messages = arguments.messages.unwrap_or(a_second * seconds);
    let mut faults: Vec<_> = plan.iter().map(|fault| (fault.kind, 1)).collect();
    faults.sort_unstable();
    faults.dedup();
    // Half an hour: two hundred faults, sixty of them kills.
    let long = if arguments.only.is_none() && arguments.seconds >= 600 { seconds } else { 0 };
    Demands { messages, faults, all_faults: long / 9, kills: long / 30 }
}

/// Prints a line every few seconds.
async fn status(record: Record, phases: Phases) {
    let (mut seen, mut tally, mut before) = (0, Tally::default(), 0);
    let mut pace = interval(STATUS);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        record.tally(&mut seen, &mut tally);
        let messages = tally.acks + tally.ticks;
        say(&format!(
            "{:6.0} s  {:?}: {messages} messages, {} a second, {} faults",
            record.now() as f64 / 1e6,
            phases.now(),
            (messages - before) as u64 / STATUS.as_secs(),
            tally.faults
        ));
        before = messages;
    }
}

/// Writes and prints the results.
fn tell(
    arguments: &Arguments,
    folder: &Path,
    events: &[Event],
    verdict: &Verdict,
) -> anyhow::Result<()> {
    let costs = outage::costs(events);
    let mut again = format!(
        "tests/chaos.sh --seconds {} --seed {} --server {} --nodes {}",
        arguments.seconds,
        arguments.seed,
        arguments.server.name(),
        arguments.nodes
    );
    if let Some(mutant) = &arguments.mutant {
        again.push_str(&format!(" --mutant {mutant}"));
    }
    let faults = events.iter().filter(|event| matches!(event.what, What::Fault { .. })).count();
    let kills = events
        .iter()
        .filter(|event| matches!(event.what, What::Fault { kind, .. } if kind.kills_node()))
        .count();
    let told = json!({
        "repeat": again,
        "faults": faults,
        "kills": kills,
        "counts": verdict.counts,
        "violations": verdict.violations,
        "costs": costs,
    });
    std::fs::write(folder.join("verdict.json"), serde_json::to_string_pretty(&told)?)?;
    let table = outage::table(&costs);
    std::fs::write(folder.join("costs.md"), &table)?;
    std::fs::write(folder.join("timeline.svg"), picture::draw(events, &again))?;
    say(&format!("\n{table}"));
    say(&format!("{faults} faults, of which {kills} killed a node"));
    say(&serde_json::to_string(&verdict.counts)?);
    for (class, count) in verdict.classes() {
        say(&format!("VIOLATION {class:?}: {count}"));
        let some = verdict.violations.iter().filter(|violation| violation.class == class).take(3);
        some.for_each(|violation| say(&format!("  {}", violation.what)));
    }
    let judged = if verdict.violations.is_empty() { "held" } else { "BROKEN" };
    say(&format!("the contract: {judged}\nresults: {}\nrepeat with: {again}", folder.display()));
    Ok(())
}
