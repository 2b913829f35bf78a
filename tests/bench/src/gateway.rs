//! The gateway's nodes of a measurement, on a database of their own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use couplet_kit::gateway::{self, LIMITS, configuration, listeners};
use couplet_kit::process::free_ports;

use crate::measure::Process;
use crate::world::{HOST, OURS, World, wait};

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
        let [port, admin] = wait(free_ports())?;
        let config = world.folder.join(format!("{tag}-node-{number}.toml"));
        fs::write(&config, settings(world, tag, [port, admin]))?;
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
        while !wait(async { Ok(gateway::is_ready(self.port).await) })? {
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

/// A fresh database with its tenant, queue and agents.
pub(crate) fn prepare(world: &World, tag: &str, agents: &[String]) -> anyhow::Result<()> {
    let name = database(tag);
    world.sql(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}"))?;
    world.flush_redis()?;
    let config = world.folder.join(format!("{tag}-shell.toml"));
    fs::write(&config, settings(world, tag, [1, 2]))?;
    let agents: Vec<_> = agents.iter().map(|agent| format!("{agent}@{HOST}")).collect();
    wait(gateway::prepare(&world.program, &config, OURS, &[], &agents, 1_000))
}

/// With high limits: the load of a benchmark comes from few addresses.
fn settings(world: &World, tag: &str, listen: [u16; 2]) -> String {
    let database = world.database.url("mysql://root@", &format!("/{}", database(tag)));
    let node = configuration(&database, &world.redis.url("redis://", ""), OURS, world.xmpp.xmpp());
    format!(
        "{}{node}{LIMITS}queue_length = 1000000\nidle_close_minutes = 10080\n\
         [log]\nlevel = \"warn\"\n",
        listeners(listen)
    )
}
