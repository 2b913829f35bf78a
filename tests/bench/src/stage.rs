//! A stage: fresh nodes on a fresh database, available agents, and all connections.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use couplet_kit::servers::Xmpp;

use crate::gateway::{self, Node};
use crate::load::agent::Agent;
use crate::load::board::Counts;
use crate::load::customer::{Customer, Memory};
use crate::load::drive::{self, Plan, Stretch};
use crate::load::engine::Engine;
use crate::load::floor::{Floor, Form};
use crate::load::{Role, login, peer::Peer};
use crate::measure::{Meter, Process};
use crate::world::{HOST, OURS, World, process};

/// The connection rate is measured for this percentage of the customers, so that the last
/// stragglers do not count.
const MOST: usize = 95;
/// Gives up waiting for welcomes when none has come for this long.
const WELCOME_NS: u64 = 30_000_000_000;

/// The subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Ours,
    Floor,
    Bare,
    Peer,
    Echo,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Bare => "bare floor",
            Self::Peer => "peer",
            Self::Echo => "bare echo",
        }
    }

    /// Receipts (XEP-0184) that follow each reply.
    fn receipts(self) -> u64 {
        match self {
            Self::Ours | Self::Peer => 1,
            // The agent's and the component's receipts both arrive here.
            Self::Floor => 2,
            Self::Bare | Self::Echo => 0,
        }
    }
}

/// How connecting many customers went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ramp {
    pub(crate) count: usize,
    pub(crate) seconds: f64,
    pub(crate) failed: u64,
    /// How many connected first (nearly all), and after how many seconds.
    pub(crate) most: (usize, f64),
}

pub(crate) struct Stage<'a> {
    pub(crate) world: &'a World,
    pub(crate) tag: String,
    pub(crate) engine: Engine,
    pub(crate) nodes: Vec<Node>,
    agents: Vec<String>,
    /// The counts of each subject.
    pub(crate) tally: BTreeMap<Subject, (Counts, usize)>,
}

impl<'a> Stage<'a> {
    /// Starts nodes, and agents who are available.
    pub(crate) fn start(
        world: &'a World,
        tag: &str,
        agents: usize,
        nodes: usize,
    ) -> anyhow::Result<Self> {
        let agents: Vec<String> = (0..agents).map(|number| format!("{tag}-{number}")).collect();
        gateway::prepare(world, tag, &agents)?;
        let mut stage = Self {
            world,
            tag: tag.to_owned(),
            engine: Engine::new()?,
            nodes: Vec::new(),
            agents,
            tally: BTreeMap::new(),
        };
        for number in 0..nodes {
            let mut node = Node::new(world, tag, number)?;
            node.start()?;
            stage.nodes.push(node);
        }
        stage.agents_at(world.xmpp.xmpp())?;
        Ok(stage)
    }

    /// Logs the agents in on a server.
    fn agents_at(&mut self, xmpp: &Xmpp) -> anyhow::Result<()> {
        for name in &self.agents {
            let stream = login::agent(xmpp.c2s, HOST, name)?;
            self.engine.adopt(stream, Box::new(Agent::default()))?;
        }
        // Time for their presence to arrive.
        self.rest(Duration::from_secs(1))
    }

    /// Lets a time pass in which nobody writes.
    pub(crate) fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = self.engine.clock() + u64::try_from(time.as_nanos())?;
        while self.engine.clock() < until {
            self.engine.turn(Duration::from_millis(50))?;
        }
        Ok(())
    }

    /// Connects new customers, a limited number at once; returns their voices.
    pub(crate) fn customers(
        &mut self,
        count: usize,
        at_once: usize,
    ) -> anyhow::Result<(Vec<usize>, Ramp)> {
        self.returning(vec![Memory::default(); count], at_once)
    }

    /// Connects customers who come back.
    pub(crate) fn returning(
        &mut self,
        memories: Vec<Memory>,
        at_once: usize,
    ) -> anyhow::Result<(Vec<usize>, Ramp)> {
        let ports: Vec<u16> = self.nodes.iter().map(|node| node.port).collect();
        let count = memories.len();
        let mut memories = memories.into_iter();
        self.ramp(count, at_once, |number, voice| {
            let port = ports.get(number % ports.len().max(1)).copied().unwrap_or_default();
            (port, Box::new(Customer::new(voice, memories.next().unwrap_or_default())))
        })
    }

    /// Connects browsers to the server with the archive, where the agents are logged in, too.
    pub(crate) fn browsers(
        &mut self,
        count: usize,
        at_once: usize,
    ) -> anyhow::Result<(Vec<usize>, Ramp)> {
        let world = self.world;
        let Some(archive) = &world.archive else { bail!("the server has no archive for the peer") };
        if !self.tally.contains_key(&Subject::Peer) {
            self.agents_at(archive.xmpp())?;
            self.tally.insert(Subject::Peer, Default::default());
        }
        let (host, agents) = (world.kind.anonymous_host(), self.agents.clone());
        self.ramp(count, at_once, |number, voice| {
            let agent = agents.get(number % agents.len().max(1)).map_or("", String::as_str);
            (archive.xmpp().http, Box::new(Peer::new(voice, host, &format!("{agent}@{HOST}"))))
        })
    }

    /// A raw component with a number of voices.
    pub(crate) fn floor(
        &mut self,
        form: Form,
        domain: &str,
        count: usize,
    ) -> anyhow::Result<Vec<usize>> {
        debug_assert!(domain != OURS, "that one is the gateway's");
        let xmpp = self.world.xmpp.xmpp();
        let stream = login::component(xmpp.component, domain, &xmpp.secret)?;
        let agents = self.agents.iter().map(|name| format!("{name}@{HOST}")).collect();
        let connection = self.engine.adopt(stream, Box::new(Floor::new(form, domain, agents)))?;
        Ok((0..count).map(|_| self.engine.board.voice(connection)).collect())
    }

    /// Opens connections of one kind, a limited number at once.
    pub(crate) fn ramp(
        &mut self,
        count: usize,
        at_once: usize,
        mut make: impl FnMut(usize, usize) -> (u16, Box<dyn Role>),
    ) -> anyhow::Result<(Vec<usize>, Ramp)> {
        const SLICE: usize = 200;
        let before = self.engine.board.counts;
        let (begun, mut heard) = (self.engine.clock(), self.engine.clock());
        let (mut voices, mut done) = (Vec::with_capacity(count), 0);
        let mut most = (0, begun);
        while done < count {
            let pending = voices.len() - done;
            let more = (count - voices.len()).min(at_once.saturating_sub(pending)).min(SLICE);
            for _ in 0..more {
                let voice = self.engine.board.voice(self.engine.next_connection());
                let (port, role) = make(voices.len(), voice);
                self.engine.open(port, role)?;
                voices.push(voice);
            }
            let patience = if more == SLICE { 0 } else { 20 };
            self.engine.turn(Duration::from_millis(patience))?;
            let since = self.engine.board.counts.since(&before);
            let now = usize::try_from(since.greeted + since.failed)?;
            if now > done {
                (done, heard) = (now, self.engine.clock());
                if done * 100 <= count * MOST {
                    most = (done, heard);
                }
            }
            if self.engine.clock() > heard + WELCOME_NS {
                break;
            }
        }
        // Only those who were welcomed count, also for the time.
        let seconds = (heard - begun) as f64 / 1e9;
        let most = (most.0, (most.1 - begun) as f64 / 1e9);
        let failed = self.engine.board.counts.failed - before.failed + (count - done) as u64;
        Ok((voices, Ramp { count, seconds, failed, most }))
    }

    /// Drops the connections of these voices; returns what their customers need to reconnect.
    pub(crate) fn drop_all(&mut self, voices: &[usize]) -> Vec<Memory> {
        let connections = voices.iter().filter_map(|voice| self.engine.board.connection(*voice));
        let connections: Vec<usize> = connections.collect();
        connections.into_iter().filter_map(|number| self.engine.close(number)).collect()
    }

    /// Lets voices of a subject write; see [`drive::drive`].
    pub(crate) fn drive(
        &mut self,
        subject: Subject,
        voices: &[usize],
        plan: Plan,
        times: (f64, f64),
    ) -> anyhow::Result<Stretch> {
        let meter = self.meter(subject);
        let stretch =
            drive::drive(&mut self.engine, (voices, subject.receipts()), plan, times, &meter)?;
        self.count(subject, stretch.counts, stretch.missing);
        Ok(stretch)
    }

    /// Lets each voice of a subject send one message and wait for the reply; see [`drive::once`].
    pub(crate) fn once(
        &mut self,
        subject: Subject,
        voices: &[usize],
        window: usize,
    ) -> anyhow::Result<()> {
        let before = self.engine.board.counts;
        let missing = drive::once(&mut self.engine, (voices, subject.receipts()), window)?;
        self.count(subject, self.engine.board.counts.since(&before), missing);
        if missing * 10 > voices.len() {
            let troubles = &self.engine.board.troubles;
            bail!(
                "{}: {missing} of {} were not answered: {troubles:?}",
                subject.name(),
                voices.len()
            );
        }
        Ok(())
    }

    fn count(&mut self, subject: Subject, counts: Counts, missing: usize) {
        let (all, lost) = self.tally.entry(subject).or_default();
        *all = all.and(&counts);
        *lost += missing;
    }

    /// Measures every process that works for a subject, and the generator.
    pub(crate) fn meter(&self, subject: Subject) -> Meter {
        let world = self.world;
        let (database, redis) = (process(&world.database), process(&world.redis));
        let nodes = self.nodes.iter().map(Node::process);
        Meter::of(match subject {
            Subject::Ours => {
                nodes.chain([process(&world.xmpp), database, redis]).collect::<Vec<Process>>()
            }
            Subject::Floor | Subject::Bare => vec![process(&world.xmpp)],
            Subject::Peer => {
                let archive = world.archive.iter().map(process);
                archive.chain([database]).collect()
            }
            Subject::Echo => Vec::new(),
        })
    }

    /// Messages in the database: customers' and agents'.
    pub(crate) fn rows(&self) -> anyhow::Result<(u64, u64)> {
        let told = self.world.sql(&format!(
            "SELECT COALESCE(SUM(author = 'customer'), 0), COALESCE(SUM(author = 'agent'), 0) \
             FROM {}.log WHERE kind = 'message'",
            gateway::database(&self.tag)
        ))?;
        let mut numbers = told.split_whitespace().map(|number| number.parse().unwrap_or_default());
        Ok((numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()))
    }
}
