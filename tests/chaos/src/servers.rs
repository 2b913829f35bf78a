//! The servers of a run: MariaDB, Redis, and Prosody or ejabberd, private ones that may be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::Mutex;

/// The component domain, privileged on both XMPP servers.
pub(crate) const DOMAIN: &str = "c000.localhost";
/// The host of the agents' accounts.
pub(crate) const HOST: &str = "localhost";

/// One server, started and restarted by `tests/servers.sh`.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    folder: PathBuf,
    ports: Vec<String>,
    /// Locked by a fault until it is repaired.
    pub(crate) hurt: Mutex<()>,
}

impl Server {
    /// Starts one with a state of its own under `run`.
    pub(crate) async fn start(name: &'static str, run: &Path) -> anyhow::Result<Self> {
        let folder = run.join(name);
        servers_sh(name, "start", &folder, &[]).await?;
        Ok(Self { name, folder, ports: Vec::new(), hurt: Mutex::default() })
    }

    /// Reads its description; keeps its ports for restarts.
    fn told(&mut self) -> anyhow::Result<Told> {
        let told: Told =
            serde_json::from_str(&std::fs::read_to_string(self.folder.join("server.json"))?)?;
        self.ports = match told {
            Told { c2s: Some(c2s), component: Some(component), http: Some(http), .. } => {
                [c2s, component, http].map(|port| port.to_string()).to_vec()
            }
            Told { port: Some(port), .. } => vec![port.to_string()],
            _ => bail!("{}: server.json is incomplete", self.name),
        };
        Ok(told)
    }

    /// Sends it a signal: `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.join(format!("{}.pid", self.name)));
        if let Ok(Ok(pid)) = pid.map(|pid| pid.trim().parse()) {
            kill(pid, signal);
        }
    }

    /// Restarts it on the same ports, with what it had stored.
    pub(crate) async fn start_again(&self) -> anyhow::Result<()> {
        servers_sh(self.name, "start", &self.folder, &self.ports).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("KILL");
        // The pid may be reused by another process.
        let _ = std::fs::remove_file(self.folder.join(format!("{}.pid", self.name)));
    }
}

pub(crate) fn kill(pid: u32, signal: &str) {
    let mut kill = std::process::Command::new("kill");
    let _ = kill.args([format!("-{signal}"), pid.to_string()]).stderr(Stdio::null()).status();
}

#[derive(Debug, Deserialize)]
struct Told {
    port: Option<u16>,
    c2s: Option<u16>,
    component: Option<u16>,
    http: Option<u16>,
    secret: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) database: Server,
    pub(crate) redis: Server,
    pub(crate) xmpp: Server,
    pub(crate) database_port: u16,
    pub(crate) redis_port: u16,
    pub(crate) c2s: u16,
    pub(crate) component: u16,
    pub(crate) secret: String,
}

impl Servers {
    pub(crate) async fn start(xmpp: &'static str, run: &Path) -> anyhow::Result<Self> {
        let (database, redis, xmpp) = tokio::try_join!(
            Server::start("mariadb", run),
            Server::start("redis", run),
            Server::start(xmpp, run)
        )?;
        let (mut database, mut redis, mut xmpp) = (database, redis, xmpp);
        let missing = "a port is missing";
        let database_port = database.told()?.port.context(missing)?;
        let redis_port = redis.told()?.port.context(missing)?;
        let told = xmpp.told()?;
        Ok(Self {
            database_port,
            redis_port,
            c2s: told.c2s.context(missing)?,
            component: told.component.context(missing)?,
            secret: told.secret.context("the secret is missing")?,
            database,
            redis,
            xmpp,
        })
    }

    /// The database's URL through a proxy's port.
    pub(crate) fn database_url(port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/couplet")
    }
}

async fn servers_sh(
    name: &str,
    action: &str,
    folder: &Path,
    ports: &[String],
) -> anyhow::Result<()> {
    let mut command = Command::new("tests/servers.sh");
    command.args([name, action]).arg(folder).args(ports).stdin(Stdio::null());
    // However this process ends, the server ends too.
    command.env("LIFE_OF", std::process::id().to_string());
    let done = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().await?;
    if !done.status.success() {
        bail!("{name} does not {action}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}
