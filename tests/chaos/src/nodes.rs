//! The gateway's nodes: real processes, each with its own proxies to everything it needs.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use couplet_kit::gateway::{self, LIMITS, configuration, listeners};
use couplet_kit::process::{Faulty, free_ports};
use couplet_kit::servers::Xmpp;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;
use tokio::sync::Mutex;

use crate::proxy::Way;
use crate::servers::{DOMAIN, HOST, Servers, database_url};

/// Customers share proxies to each node, in this many groups.
pub(crate) const GROUPS: usize = 4;

const SIGABRT: i32 = 6;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) database: Way,
    pub(crate) redis: Way,
    pub(crate) component: Way,
    /// Customers' proxies to it, one per group.
    pub(crate) doors: Vec<Way>,
    port: u16,
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    mutant: Option<String>,
    pid: AtomicU32,
    process: Mutex<Option<Child>>,
    /// Locked by a fault until it is repaired.
    pub(crate) hurt: Mutex<()>,
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// At a point where it was told to.
    AtPoint,
    /// By a signal, or an error of its own.
    Otherwise,
    /// With an orderly stop.
    InOrder,
}

impl Node {
    async fn new(
        number: usize,
        servers: &Servers,
        run: &Path,
        program: &Path,
        mutant: Option<&str>,
    ) -> anyhow::Result<Self> {
        let [port, admin] = free_ports().await?;
        let xmpp = servers.xmpp.own.xmpp();
        let mut doors = Vec::new();
        for _ in 0..GROUPS {
            doors.push(Way::to(port).await?);
        }
        let node = Self {
            number,
            database: Way::to(servers.database.own.port()).await?,
            redis: Way::to(servers.redis.own.port()).await?,
            component: Way::to(xmpp.component).await?,
            doors,
            port,
            program: program.to_owned(),
            config: run.join(format!("node-{number}.toml")),
            log: run.join(format!("node-{number}.log")),
            mutant: mutant.map(str::to_owned),
            pid: AtomicU32::new(0),
            process: Mutex::new(None),
            hurt: Mutex::default(),
        };
        let xmpp = Xmpp { component: node.component.port, ..xmpp.clone() };
        let ports = (node.database.port, node.redis.port);
        configure(&node.config, [port, admin], ports, &xmpp)?;
        Ok(node)
    }

    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = gateway::node(&self.program, &self.config);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        // In its own process group: the checker handles Ctrl-C.
        command.process_group(0);
        if let Some(mutant) = &self.mutant {
            command.env("COUPLET_MUTANT", mutant);
        }
        let child = command.spawn().context("the node cannot be started")?;
        self.pid.store(child.id().unwrap_or_default(), Ordering::Relaxed);
        *self.process.lock().await = Some(child);
        Ok(())
    }

    /// Tells the process to kill itself at a point.
    pub(crate) async fn arm(&self, point: &str) {
        let mut process = self.process.lock().await;
        if let Some(stdin) = process.as_mut().and_then(|child| child.stdin.as_mut()) {
            let _ = stdin.write_all(format!("{point}\n").as_bytes()).await;
        }
    }

    /// Waits a limited time for the end of the process; `None` if it is still running.
    pub(crate) async fn ended(&self, patience: Duration) -> Option<Ended> {
        let mut process = self.process.lock().await;
        let child = process.as_mut()?;
        let status = tokio::time::timeout(patience, child.wait()).await.ok()?.ok()?;
        *process = None;
        Some(how(status))
    }

    /// Whether the process is frozen (proc(5)).
    pub(crate) fn is_frozen(&self) -> bool {
        let pid = self.pid.load(Ordering::Relaxed);
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }
}

impl Faulty for Node {
    fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid > 0)
    }
}

fn how(status: ExitStatus) -> Ended {
    match (status.success(), status.signal()) {
        (true, _) => Ended::InOrder,
        (_, Some(SIGABRT)) => Ended::AtPoint,
        _ => Ended::Otherwise,
    }
}

#[derive(Debug)]
pub(crate) struct Nodes(pub(crate) Vec<Node>);

impl Nodes {
    /// Prepares the database and starts the nodes.
    pub(crate) async fn start(
        count: usize,
        agents: usize,
        servers: &Servers,
        run: &Path,
        program: &Path,
        mutant: Option<&str>,
    ) -> anyhow::Result<Self> {
        prepare(agents, servers, run, program).await?;
        let mut nodes = Vec::new();
        for number in 0..count {
            let node = Node::new(number, servers, run, program, mutant).await?;
            node.start().await?;
            nodes.push(node);
        }
        let nodes = Self(nodes);
        nodes.until_ready(Duration::from_secs(60)).await?;
        Ok(nodes)
    }

    /// Waits until all nodes are ready.
    pub(crate) async fn until_ready(&self, patience: Duration) -> anyhow::Result<()> {
        let waiting = async {
            for node in &self.0 {
                gateway::until_ready(node.port).await;
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(()) => Ok(()),
            Err(_) => bail!("the nodes are not ready in time; their logs say why"),
        }
    }

    /// The node that has the stream, as far as can be seen from outside.
    pub(crate) fn owner(&self) -> Option<&Node> {
        self.0.iter().find(|node| node.component.open() > 0)
    }
}

/// Creates the database with its tenant, queue and agents.
async fn prepare(
    agents: usize,
    servers: &Servers,
    run: &Path,
    program: &Path,
) -> anyhow::Result<()> {
    crate::transcript::create(&servers.database_url()).await?;
    let config = run.join("shell.toml");
    let ports = (servers.database.own.port(), servers.redis.own.port());
    configure(&config, [1, 2], ports, servers.xmpp.own.xmpp())?;
    let agents: Vec<_> = (0..agents).map(|agent| format!("a{agent}@{HOST}")).collect();
    gateway::prepare(program, &config, DOMAIN, &["--offer-seconds", "6"], &agents, 12).await
}

fn configure(
    file: &Path,
    listen: [u16; 2],
    (database, redis): (u16, u16),
    xmpp: &Xmpp,
) -> std::io::Result<()> {
    let cache = format!("redis://127.0.0.1:{redis}");
    let node = configuration(&database_url(database), &cache, DOMAIN, xmpp);
    std::fs::write(file, format!("{}{node}{LIMITS}", listeners(listen)))
}
