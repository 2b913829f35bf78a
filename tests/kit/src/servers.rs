//! The servers that `tests/servers.sh` starts: those of a run, which all tests share, and servers of
//! a test's own, which it may kill and freeze.
#![allow(clippy::expect_used, reason = "a test without its servers has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::bail;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::Faulty;

#[derive(Debug, Clone, Deserialize)]
pub struct Xmpp {
    /// Port where clients log in, on loopback.
    pub c2s: u16,
    /// Port where components connect.
    pub component: u16,
    /// Port of HTTP, with `/xmpp-websocket`.
    pub http: u16,
    /// The host of the agents' accounts.
    pub host: String,
    /// The secret of every component domain.
    pub secret: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Backend {
    pub url: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Servers {
    /// Prosody: `c000.localhost`… are privileged (XEP-0356), `u000.localhost`… are not.
    pub prosody: Xmpp,
    /// ejabberd, with the same domains.
    pub ejabberd: Xmpp,
    /// MariaDB, as an administrator who may create databases.
    pub mysql: Backend,
    pub redis: Backend,
}

/// The servers of this run.
#[allow(clippy::disallowed_methods, reason = "the test run passes the servers' addresses")]
pub fn servers() -> Servers {
    let file = std::env::var("COUPLET_TEST_SERVERS").expect(
        "COUPLET_TEST_SERVERS names servers.json: run ./tests/run.sh, or tests/servers.sh start",
    );
    let text = fs::read_to_string(file).expect("servers.json can be read");
    serde_json::from_str(&text).expect("servers.json is as tests/servers.sh writes it")
}

/// A `prosody`, `ejabberd`, `mariadb` or `redis` of one's own. Killed when dropped, and when this
/// process ends, however that ends.
#[derive(Debug)]
pub struct OwnServer {
    name: &'static str,
    folder: PathBuf,
    description: Description,
    _temporary: Option<TempDir>,
}

/// What `tests/servers.sh` writes about it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Description {
    Xmpp(Xmpp),
    Backend { port: u16 },
}

impl OwnServer {
    /// Starts one with its state in a temporary folder.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(name: &'static str) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let mut server = Self::start_in(folder.path(), name, &[]).await?;
        server._temporary = Some(folder);
        Ok(server)
    }

    /// Starts one with its state in `folder`, and with these environment variables.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_in(
        folder: &Path,
        name: &'static str,
        settings: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        start(name, folder, &[], settings).await?;
        let description = serde_json::from_slice(&fs::read(folder.join("server.json"))?)?;
        Ok(Self { name, folder: folder.to_owned(), description, _temporary: None })
    }

    /// Restarts it on the same ports, with what it had stored.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        let ports = match &self.description {
            Description::Xmpp(xmpp) => vec![xmpp.c2s, xmpp.component, xmpp.http],
            Description::Backend { port } => vec![*port],
        };
        start(self.name, &self.folder, &ports, &[]).await
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The ports and the secret of an XMPP server.
    pub fn xmpp(&self) -> &Xmpp {
        let Description::Xmpp(xmpp) = &self.description else {
            unreachable!("{} speaks no XMPP", self.name)
        };
        xmpp
    }

    /// The port of a MariaDB or a Redis.
    pub fn port(&self) -> u16 {
        let Description::Backend { port } = self.description else {
            unreachable!("{} has several ports", self.name)
        };
        port
    }

    /// Its URL: its address between `before` and `after`.
    pub fn url(&self, before: &str, after: &str) -> String {
        format!("{before}127.0.0.1:{}{after}", self.port())
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.name))
    }
}

impl Faulty for OwnServer {
    fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
        // The pid may be reused by another process.
        let _ = fs::remove_file(self.pid_file());
    }
}

async fn start(
    name: &str,
    folder: &Path,
    ports: &[u16],
    settings: &[(&str, String)],
) -> anyhow::Result<()> {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../servers.sh"));
    command.args([name, "start"]).arg(folder).args(ports.iter().map(u16::to_string));
    command.envs(settings.iter().cloned()).env("LIFE_OF", std::process::id().to_string());
    let done = command.stdin(Stdio::null()).output().await?;
    if !done.status.success() {
        bail!("{name} does not start: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}
