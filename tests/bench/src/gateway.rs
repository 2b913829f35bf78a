//! The gateway's nodes of a measurement, on a database of their own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::load::customer::TENANT;
use crate::measure::Process;
use crate::world::{HOST, OURS, World};

/// The name of the gateway's processes in the results.
pub(crate) const GATEWAY: &str = "gateway";

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Node {
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    pub(crate) port: u16,
    process: Option<Child>,
}

impl Node {
    /// Writes the node's configuration.
    pub(crate) fn new(world: &World, tag: &str, number: usize) -> anyhow::Result<Self> {
        let [port, admin] = free_ports()?;
        let config = world.folder.join(format!("{tag}-node-{number}.toml"));
        fs::write(&config, settings(world, tag, port, admin))?;
        Ok(Self {
            program: world.program.clone(),
            log: config.with_extension("log"),
            config,
            port,
            process: None,
        })
    }

    /// Starts the process, and waits until it is ready; returns how long that took.
    pub(crate) fn start(&mut self) -> anyhow::Result<Duration> {
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        // In a session of its own, like a service: the scheduler shares CPU by session.
        let mut command = Command::new("setsid");
        command.arg(&self.program).arg("serve").arg("--config").arg(&self.config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let begun = Instant::now();
        let child = self.process.insert(command.spawn().context("the gateway does not start")?);
        // tests/bench.sh ends it by this pid, if this process is killed first.
        fs::write(self.config.with_extension("pid"), child.id().to_string())?;
        while !is_ready(self.port) {
            if child.try_wait()?.is_some() || begun.elapsed() > PATIENCE {
                bail!("the gateway is not ready; {} says why", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(begun.elapsed())
    }

    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.process.take() else { return Ok(()) };
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let begun = Instant::now();
        while child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.forget();
        Ok(())
    }

    /// Removes the pid file: the number may be reused by another process.
    fn forget(&self) {
        let _ = fs::remove_file(self.config.with_extension("pid"));
    }

    pub(crate) fn process(&self) -> Process {
        let pid = self.process.as_ref().map_or(0, Child::id);
        Process { name: GATEWAY, pid }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
            self.forget();
        }
    }
}

/// The name of the database of a stage.
pub(crate) fn database(tag: &str) -> String {
    format!("couplet_{}", tag.replace('-', "_"))
}

/// A fresh database with its tenant, queue and agents, created with the operator's command line.
pub(crate) fn prepare(world: &World, tag: &str, agents: &[String]) -> anyhow::Result<()> {
    let name = database(tag);
    world.sql(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}"))?;
    world.flush_redis()?;
    let config = world.folder.join(format!("{tag}-shell.toml"));
    fs::write(&config, settings(world, tag, 1, 2))?;
    let shell = |words: &[&str]| -> anyhow::Result<()> {
        let mut command = Command::new(&world.program);
        let done = command.args(words).arg("--config").arg(&config).output()?;
        if !done.status.success() {
            bail!("couplet {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    };
    shell(&["migrate"])?;
    shell(&["tenant", "add", TENANT, "--name", "Acme", "--link", OURS])?;
    shell(&["queue", "add", "--tenant", TENANT, "default", "--name", "Everyone"])?;
    for (number, agent) in agents.iter().enumerate() {
        let (jid, name) = (format!("{agent}@{HOST}"), format!("Agent {number}"));
        let words = ["agent", "add", "--tenant", TENANT, &jid, "--name", &name];
        shell(&[&words[..], &["--capacity", "1000"]].concat())?;
    }
    Ok(())
}

/// With high limits: the load of a benchmark comes from few addresses.
fn settings(world: &World, tag: &str, port: u16, admin: u16) -> String {
    let (database, domain) = (database(tag), OURS);
    let (mariadb, redis) = (world.database_port, world.redis_port);
    let (component, secret) = (world.xmpp.component, &world.xmpp.secret);
    format!(
        "[http]\nlisten = \"127.0.0.1:{port}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
         [database]\nurl = \"mysql://root@127.0.0.1:{mariadb}/{database}\"\n\
         [cache]\nurl = \"redis://127.0.0.1:{redis}\"\n\
         [[links]]\ndomain = {domain:?}\nserver = \"127.0.0.1:{component}\"\nsecret = {secret:?}\n\
         agent_hosts = [{HOST:?}]\n\
         [limits]\nmessages_per_second = 1000\nmessage_burst = 10000\n\
         messages_per_second_per_address = 100000\nkilobytes_per_second = 10000\n\
         kilobytes_per_second_per_address = 100000\nreads_per_minute = 100000\n\
         sockets_per_address = 1000000\nsessions_per_minute_per_address = 1000000\n\
         conversations_per_hour_per_address = 1000000\nqueue_length = 1000000\n\
         idle_close_minutes = 10080\n[log]\nlevel = \"warn\"\n"
    )
}

/// Whether a node reports that it is ready.
fn is_ready(port: u16) -> bool {
    let ask = || -> Option<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).ok()?;
        Some(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Free ports.
pub(crate) fn free_ports() -> anyhow::Result<[u16; 2]> {
    let script = ". deploy/lib.sh; free_ports 2";
    let told = Command::new("bash").args(["-c", script]).output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let ports: Result<Vec<u16>, _> = told.split_whitespace().map(str::parse).collect();
    ports?.try_into().ok().context("no free ports")
}
