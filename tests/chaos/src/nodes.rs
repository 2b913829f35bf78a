//! The gateway's nodes: real processes, each with its own proxies to everything it needs.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use crate::proxy::Way;
use crate::servers::{DOMAIN, HOST, Servers, kill};

/// Customers share proxies to each node, in this many groups.
pub(crate) const GROUPS: usize = 4;

pub(crate) const TENANT: &str = "acme";

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
        let [port, admin] = free_ports()?;
        let mut doors = Vec::new();
        for _ in 0..GROUPS {
            doors.push(Way::to(port).await?);
        }
        let node = Self {
            number,
            database: Way::to(servers.database_port).await?,
            redis: Way::to(servers.redis_port).await?,
            component: Way::to(servers.component).await?,
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
        let ways = (node.database.port, node.redis.port, node.component.port);
        configure(&node.config, port, admin, ways, &servers.secret)?;
        Ok(node)
    }

    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        // The node ends with this process, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.program);
        command.arg("serve").arg("--config").arg(&self.config);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
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

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid.load(Ordering::Relaxed);
        if pid > 0 {
            kill(pid, signal);
        }
    }

    /// Whether the process is frozen (proc(5)).
    pub(crate) fn is_frozen(&self) -> bool {
        let pid = self.pid.load(Ordering::Relaxed);
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Whether the node reports that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let asking = async {
            let mut tcp = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            tcp.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .await
                .ok()?;
            let mut head = [0; 12];
            tcp.read_exact(&mut head).await.ok()?;
            Some(head.ends_with(b" 200"))
        };
        let asked = tokio::time::timeout(Duration::from_secs(2), asking).await;
        asked.ok().flatten().unwrap_or(false)
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
                while !node.is_ready().await {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
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

/// Creates the schema, the tenant, its queue and its agents with the operator's command line.
async fn prepare(
    agents: usize,
    servers: &Servers,
    run: &Path,
    program: &Path,
) -> anyhow::Result<()> {
    let database = Servers::database_url(servers.database_port);
    crate::transcript::create(&database).await?;
    let config = run.join("shell.toml");
    let ways = (servers.database_port, servers.redis_port, servers.component);
    configure(&config, 1, 2, ways, &servers.secret)?;
    let shell = async |words: &[&str]| -> anyhow::Result<()> {
        let mut command = Command::new(program);
        let done = command.args(words).arg("--config").arg(&config).output().await?;
        if !done.status.success() {
            bail!("couplet {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    };
    shell(&["migrate"]).await?;
    shell(&["tenant", "add", TENANT, "--name", "Acme", "--link", DOMAIN]).await?;
    let queue = ["--name", "Everyone", "--offer-seconds", "6"];
    shell(&[&["queue", "add", "--tenant", TENANT, "default"], &queue[..]].concat()).await?;
    for agent in 0..agents {
        let (jid, name) = (format!("a{agent}@{HOST}"), format!("Agent {agent}"));
        let words = ["agent", "add", "--tenant", TENANT, &jid, "--name", &name, "--capacity", "12"];
        shell(&words).await?;
    }
    Ok(())
}

fn configure(
    file: &Path,
    port: u16,
    admin: u16,
    (database, redis, component): (u16, u16, u16),
    secret: &str,
) -> std::io::Result<()> {
    let database = Servers::database_url(database);
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:{port}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
         [database]\nurl = {database:?}\n[cache]\nurl = \"redis://127.0.0.1:{redis}\"\n\
         [[links]]\ndomain = {DOMAIN:?}\nserver = \"127.0.0.1:{component}\"\nsecret = {secret:?}\n\
         agent_hosts = [{HOST:?}]\n\
         [limits]\nmessages_per_second = 1000\nmessage_burst = 10000\n\
         messages_per_second_per_address = 100000\nkilobytes_per_second = 10000\n\
         kilobytes_per_second_per_address = 100000\nreads_per_minute = 100000\nsockets_per_address = 10000\n\
         sessions_per_minute_per_address = 100000\nconversations_per_hour_per_address = 1000000\n"
    );
    std::fs::write(file, text)
}

/// Free ports.
fn free_ports() -> anyhow::Result<[u16; 2]> {
    let script = ". deploy/lib.sh; free_ports 2";
    let told = std::process::Command::new("bash").args(["-c", script]).output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let ports: Result<Vec<u16>, _> = told.split_whitespace().map(str::parse).collect();
    ports?.try_into().ok().context("no free ports")
}
