//! Injects faults according to the plan, and repairs them.
//!
//! Invariant: a fault locks its target until it is repaired, so that two faults never work on the
//! same target; a fault that must wait for the lock begins later.

use std::sync::Arc;
use std::time::Duration;

use couplet_kit::process::Faulty as _;
use tokio::sync::{MutexGuard, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Fault, Kind, When};
use crate::agent::Shown;
use crate::nodes::{Ended, GROUPS, Node, Nodes};
use crate::proxy::{Mode, Way};
use crate::record::{Affects, Record, What};
use crate::servers::{Server, Servers};

/// How long to wait for an owner to reach the point before another owner is tried.
const POINT: Duration = Duration::from_secs(5);
/// How long a node may take to stop in order.
const STOP: Duration = Duration::from_secs(30);
/// Service has recovered when this many acks and arrivals happen within [`PULSE`].
const SERVED: u64 = 20;
const PULSE: Duration = Duration::from_millis(700);
/// How long to wait for the service to recover.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long to wait for a connection that can be broken.
const SOMETHING: Duration = Duration::from_secs(15);
/// How long to wait for another owner.
const TAKEOVER: Duration = Duration::from_secs(20);
/// How long a node that wakes up is left alone.
const WAKES: Duration = Duration::from_millis(700);
/// The polling interval.
const LOOK: Duration = Duration::from_millis(2);
/// The delay that a slow connection adds to each piece.
const SLOW: Duration = Duration::from_millis(150);

/// Everything that can be broken.
#[derive(Debug)]
pub(crate) struct Injector {
    pub(crate) servers: Arc<Servers>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) ways_of_agents: Vec<Arc<Way>>,
    pub(crate) agents: Vec<watch::Sender<Shown>>,
    pub(crate) customers: usize,
    pub(crate) record: Record,
    /// No fault begins after this.
    pub(crate) until: Instant,
}

impl Injector {
    /// Executes the plan; returns when everything is repaired.
    pub(crate) async fn run(self: Arc<Self>, plan: Vec<Fault>) -> anyhow::Result<()> {
        let numbered = plan.into_iter().enumerate();
        let (timed, paced): (Vec<_>, Vec<_>) =
            numbered.partition(|(_, fault)| matches!(fault.when, When::At(_)));
        let mut tracks = JoinSet::new();
        tracks.spawn(self.clone().timed(timed));
        tracks.spawn(self.paced(paced));
        while let Some(done) = tracks.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Faults that begin at fixed times.
    async fn timed(self: Arc<Self>, plan: Vec<(usize, Fault)>) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut under_way = JoinSet::new();
        for (number, fault) in plan {
            let injector = self.clone();
            under_way.spawn(async move {
                if let When::At(at) = fault.when {
                    sleep_until(began + Duration::from_millis(at)).await;
                }
                injector.inject(number, fault).await
            });
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Faults that follow one another.
    async fn paced(self: Arc<Self>, plan: Vec<(usize, Fault)>) -> anyhow::Result<()> {
        let mut under_way = JoinSet::new();
        for (number, fault) in plan {
            match fault.when {
                When::Recovered(pause) => {
                    while let Some(done) = under_way.join_next().await {
                        done??;
                    }
                    self.until_served().await;
                    sleep(Duration::from_millis(pause)).await;
                }
                When::Upon(pause) | When::At(pause) => sleep(Duration::from_millis(pause)).await,
            }
            if Instant::now() >= self.until {
                break;
            }
            let injector = self.clone();
            under_way.spawn(async move { injector.inject(number, fault).await });
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Waits until customers get acks and agents get messages, both many times per second.
    async fn until_served(&self) {
        let waiting = async {
            loop {
                let (acks, arrivals) = self.record.pulse();
                sleep(PULSE).await;
                let (more, further) = self.record.pulse();
                if more >= acks + SERVED && further >= arrivals + SERVED {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(RECOVERY, waiting).await;
    }

    async fn inject(&self, number: usize, fault: Fault) -> anyhow::Result<()> {
        let lasts = Duration::from_millis(fault.lasts_ms);
        let dice = usize::try_from(fault.dice % 1_000_003).unwrap_or_default();
        match fault.kind {
            Kind::OwnerKill | Kind::OwnerFreezeShort | Kind::OwnerFreezeLong | Kind::OwnerStop => {
                let (node, _held) = self.owner().await;
                self.node(number, fault.kind, node, Affects::All, lasts).await
            }
            Kind::NodeKill => {
                let (node, _held) = self.bystander(dice).await;
                let customers = self.customers_of(node.number);
                self.node(number, fault.kind, node, customers, lasts).await
            }
            Kind::KillCommitAck | Kind::KillCommitSend | Kind::KillSendBarrier => {
                self.point(number, fault.kind, lasts).await
            }
            Kind::FreezeCommit => {
                self.freeze(number, fault.kind).await;
                Ok(())
            }
            Kind::DatabaseKill | Kind::DatabaseFreeze => {
                self.server(number, fault.kind, &self.servers.database, lasts).await
            }
            Kind::RedisKill | Kind::RedisFreeze => {
                self.server(number, fault.kind, &self.servers.redis, lasts).await
            }
            Kind::XmppKill | Kind::XmppFreeze => {
                self.server(number, fault.kind, &self.servers.xmpp, lasts).await
            }
            Kind::RedisFlush => {
                let _held = self.servers.redis.hurt.lock().await;
                self.begin(number, fault.kind, "Redis", Affects::All);
                let port = self.servers.redis.own.port().to_string();
                let mut flush = tokio::process::Command::new("redis-cli");
                flush.args(["-p", &port, "flushall"]).stdout(std::process::Stdio::null());
                let hit = flush.status().await?.success();
                self.end(number, hit);
                Ok(())
            }
            Kind::DatabaseCut | Kind::DatabaseSilent | Kind::DatabaseSlow => {
                let (node, _held) = self.owner().await;
                self.way(number, fault.kind, &[&node.database], &name(node), Affects::All, lasts)
                    .await;
                Ok(())
            }
            Kind::RedisCut => {
                let (node, _held) = self.bystander(dice).await;
                let customers = self.customers_of(node.number);
                self.way(number, fault.kind, &[&node.redis], &name(node), customers, lasts).await;
                Ok(())
            }
            Kind::StreamCut | Kind::StreamSilent | Kind::StreamSlow => {
                let (node, _held) = self.owner().await;
                self.way(number, fault.kind, &[&node.component], &name(node), Affects::All, lasts)
                    .await;
                Ok(())
            }
            Kind::CustomersCut | Kind::CustomersSilent | Kind::CustomersSlow => {
                let group = dice % GROUPS;
                let doors: Vec<&Way> =
                    self.nodes.0.iter().filter_map(|node| node.doors.get(group)).collect();
                let of = (0..self.customers).filter(|customer| customer % GROUPS == group);
                let affects = Affects::Customers(of.collect());
                let target = format!("group {group}");
                self.way(number, fault.kind, &doors, &target, affects, lasts).await;
                Ok(())
            }
            Kind::AgentCut | Kind::AgentSilent => {
                let agent = dice % self.agents.len().max(1);
                let Some(way) = self.ways_of_agents.get(agent) else { return Ok(()) };
                let (target, affects) = (format!("agent {agent}"), Affects::Agent(agent));
                self.way(number, fault.kind, &[way], &target, affects, lasts).await;
                Ok(())
            }
            Kind::AgentAway | Kind::AgentGone => {
                let agent = dice % self.agents.len().max(1);
                let Some(sender) = self.agents.get(agent) else { return Ok(()) };
                self.begin(number, fault.kind, &format!("agent {agent}"), Affects::Agent(agent));
                let away = fault.kind == Kind::AgentAway;
                sender.send_replace(if away { Shown::Away } else { Shown::Gone });
                sleep(lasts).await;
                sender.send_replace(Shown::Free);
                self.end(number, true);
                Ok(())
            }
        }
    }

    /// The locked node that has the stream. Waits for a node to have it, and for the lock; if the
    /// node has lost the stream by then, for the next one.
    async fn owner(&self) -> (&Node, MutexGuard<'_, ()>) {
        loop {
            if let Some(node) = self.nodes.owner() {
                let held = node.hurt.lock().await;
                if node.component.open() > 0 {
                    return (node, held);
                }
            }
            sleep(LOOK).await;
        }
    }

    /// A locked node that does not have the stream.
    async fn bystander(&self, dice: usize) -> (&Node, MutexGuard<'_, ()>) {
        loop {
            let others: Vec<&Node> =
                self.nodes.0.iter().filter(|node| node.component.open() == 0).collect();
            let all = self.nodes.0.len();
            // A single node is the only choice.
            let node = match others.get(dice % others.len().max(1)) {
                Some(node) => *node,
                None if all == 1 => return self.owner().await,
                None => continue,
            };
            let held = node.hurt.lock().await;
            if node.component.open() == 0 {
                return (node, held);
            }
        }
    }

    /// The customers whose last welcome came from a node.
    fn customers_of(&self, wanted: usize) -> Affects {
        let mut at = vec![None; self.customers];
        self.record.last_nodes(&mut at);
        let there = at.iter().enumerate().filter(|(_, node)| **node == Some(wanted));
        Affects::Customers(there.map(|(customer, _)| customer).collect())
    }

    async fn node(
        &self,
        number: usize,
        kind: Kind,
        node: &Node,
        affects: Affects,
        lasts: Duration,
    ) -> anyhow::Result<()> {
        self.begin(number, kind, &name(node), affects);
        let mut hit = true;
        match kind {
            Kind::OwnerFreezeShort | Kind::OwnerFreezeLong => {
                node.signal("STOP");
                sleep(lasts).await;
                node.signal("CONT");
            }
            Kind::OwnerStop => {
                node.signal("TERM");
                let ended = node.ended(STOP).await;
                hit = ended == Some(Ended::InOrder);
                if ended.is_none() {
                    node.signal("KILL");
                    node.ended(STOP).await;
                }
                node.start().await?;
            }
            _ => {
                node.signal("KILL");
                hit = node.ended(STOP).await.is_some();
                sleep(lasts).await;
                node.start().await?;
            }
        }
        self.end(number, hit);
        Ok(())
    }

    /// Arms owners until one dies at the point.
    async fn point(&self, number: usize, kind: Kind, lasts: Duration) -> anyhow::Result<()> {
        let Some(point) = kind.point() else { return Ok(()) };
        for _ in 0..12 {
            let (node, _held) = self.owner().await;
            node.arm(point).await;
            if let Some(ended) = node.ended(POINT).await {
                let hit = ended == Ended::AtPoint;
                self.begin(number, kind, &name(node), Affects::All);
                sleep(lasts).await;
                node.start().await?;
                self.end(number, hit);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets the owner freeze itself before a commit, and wakes it when another node has taken over
    /// and written little: what it writes then must be refused.
    async fn freeze(&self, number: usize, kind: Kind) {
        let Some(point) = kind.point() else { return };
        for _ in 0..12 {
            let (node, _held) = self.owner().await;
            node.arm(point).await;
            if until(POINT, || node.is_frozen()).await {
                self.begin(number, kind, &name(node), Affects::All);
                let others = || self.nodes.0.iter().filter(|other| other.number != node.number);
                let taken = || others().any(|other| other.component.open() > 0);
                let hit = until(TAKEOVER, taken).await;
                node.signal("CONT");
                self.end(number, hit);
                // Leave it the chance to do harm.
                sleep(WAKES).await;
                return;
            }
            // It no longer owns the link, or has nothing to write: try the next owner.
            node.arm("nothing").await;
            node.signal("CONT");
        }
    }

    async fn server(
        &self,
        number: usize,
        kind: Kind,
        server: &Server,
        lasts: Duration,
    ) -> anyhow::Result<()> {
        let _held = server.hurt.lock().await;
        self.begin(number, kind, "", Affects::All);
        if matches!(kind, Kind::DatabaseFreeze | Kind::RedisFreeze | Kind::XmppFreeze) {
            server.own.freeze();
            sleep(lasts).await;
            server.own.thaw();
        } else {
            server.own.kill();
            sleep(lasts).await;
            server.own.start_again().await?;
        }
        self.end(number, true);
        Ok(())
    }

    async fn way(
        &self,
        number: usize,
        kind: Kind,
        ways: &[&Way],
        target: &str,
        affects: Affects,
        lasts: Duration,
    ) {
        let there = || ways.iter().any(|way| way.open() > 0);
        until(SOMETHING, there).await;
        self.begin(number, kind, target, affects);
        let mode = match kind {
            Kind::DatabaseCut | Kind::RedisCut | Kind::StreamCut => Mode::Cut,
            Kind::CustomersCut | Kind::AgentCut => Mode::Cut,
            Kind::DatabaseSlow | Kind::StreamSlow | Kind::CustomersSlow => Mode::Delay(SLOW),
            _ => Mode::HalfOpen,
        };
        let hit = there();
        ways.iter().for_each(|way| way.set(mode));
        sleep(lasts).await;
        ways.iter().for_each(|way| way.set(Mode::Pass));
        self.end(number, hit);
    }

    fn begin(&self, fault: usize, kind: Kind, target: &str, affects: Affects) {
        self.record.put(What::Fault { fault, kind, target: target.to_owned(), affects });
    }

    fn end(&self, fault: usize, hit: bool) {
        self.record.put(What::Healed { fault, hit });
    }
}

/// Whether a condition became true within a time.
async fn until(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + patience;
    while !is_so() {
        if Instant::now() >= end {
            return false;
        }
        sleep(LOOK).await;
    }
    true
}

fn name(node: &Node) -> String {
    format!("node {}", node.number)
}
