//! The servers of a run: private, on free ports, started by `tests/servers.sh`.
//!
//! Their settings are the shipped ones, from `prosody/` and `deploy/ejabberd/`, plus those in
//! `tests/bench/servers/`; they are the same for all subjects, and the peer's differ only by the
//! archive and the anonymous users.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::OwnServer;
use tokio::runtime::Builder;

use crate::measure::Process;

/// The host of the agents' accounts.
pub(crate) const HOST: &str = "localhost";
/// The component domain of the gateway.
pub(crate) const OURS: &str = "c000.localhost";
/// The component domain of the floor.
pub(crate) const FLOOR: &str = "u000.localhost";
/// The component domain of the bare floor.
pub(crate) const BARE: &str = "u001.localhost";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Prosody,
    Ejabberd,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
        }
    }

    /// The host whose users are anonymous.
    pub(crate) fn anonymous_host(self) -> &'static str {
        match self {
            Self::Prosody => "anon.localhost",
            Self::Ejabberd => HOST,
        }
    }
}

/// A server's process.
pub(crate) fn process(server: &OwnServer) -> Process {
    Process { name: server.name(), pid: server.pid().unwrap_or_default() }
}

/// Waits, before and after a measurement, for what the rest of the tests do asynchronously.
pub(crate) fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// All servers.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) folder: PathBuf,
    pub(crate) program: PathBuf,
    /// For ours and the floor: without an archive.
    pub(crate) xmpp: OwnServer,
    /// For the peer: the same, with an archive in SQL.
    pub(crate) archive: Option<OwnServer>,
    pub(crate) database: OwnServer,
    pub(crate) redis: OwnServer,
}

impl World {
    pub(crate) fn start(
        kind: Kind,
        with_peer: bool,
        folder: &Path,
        program: &Path,
    ) -> anyhow::Result<Self> {
        let folder = folder.join(kind.name());
        fs::create_dir_all(&folder)?;
        let start = |state, name, settings: &[_]| {
            wait(OwnServer::start_in(&folder.join(state), name, settings))
        };
        let database = start("mariadb", "mariadb", &[])?;
        let redis = start("redis", "redis", &[])?;
        let xmpp = start(kind.name(), kind.name(), &settings(kind, None)?)?;
        let archive = if with_peer {
            prepare_archive(kind, database.port())?;
            let settings = settings(kind, Some((database.port(), &folder)))?;
            Some(start("archive", kind.name(), &settings)?)
        } else {
            None
        };
        let program = program.to_owned();
        Ok(Self { kind, folder, program, xmpp, archive, database, redis })
    }

    /// Queries the database; returns the rows, one per line, with tabs between the columns.
    pub(crate) fn sql(&self, query: &str) -> anyhow::Result<String> {
        sql(self.database.port(), "", query)
    }

    /// The database's settings for durability.
    pub(crate) fn durability(&self) -> anyhow::Result<Vec<(String, String)>> {
        let told = self.sql(
            "SELECT CONCAT('version', CHAR(9), VERSION()); SHOW GLOBAL VARIABLES WHERE \
             Variable_name IN ('innodb_flush_log_at_trx_commit', 'innodb_flush_method', \
             'innodb_doublewrite', 'sync_binlog', 'log_bin', 'innodb_buffer_pool_size')",
        )?;
        let pairs = told.lines().filter_map(|line| line.split_once('\t'));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Bytes that Redis holds.
    pub(crate) fn redis_bytes(&self) -> anyhow::Result<u64> {
        let told = self.redis_says("INFO memory\r\nQUIT\r\n")?;
        let line = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.context("Redis sends no response")?.trim().parse()?)
    }

    pub(crate) fn flush_redis(&self) -> anyhow::Result<()> {
        self.redis_says("FLUSHALL\r\nQUIT\r\n").map(drop)
    }

    fn redis_says(&self, commands: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redis.port()))?;
        stream.write_all(commands.as_bytes())?;
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        Ok(told)
    }
}

/// Environment variables that pass the benchmark's settings to `tests/servers.sh`.
fn settings(
    kind: Kind,
    archive: Option<(u16, &Path)>,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let here = std::env::current_dir()?;
    let shipped = here.join("tests/bench/servers");
    let path = |path: PathBuf| path.display().to_string();
    let mut settings = vec![
        ("SERVERS_PROSODY", path(shipped.join("prosody.cfg.lua"))),
        ("SERVERS_DOMAINS", "1".to_owned()),
    ];
    match (kind, archive) {
        (_, None) => {}
        (Kind::Prosody, Some((port, _))) => settings.push(("BENCH_ARCHIVE", port.to_string())),
        (Kind::Ejabberd, Some((port, folder))) => {
            let text = fs::read_to_string(shipped.join("archive.yml"))?;
            let file = here.join(folder).join("archive.yml");
            fs::write(&file, text.replace("DATABASE_PORT", &port.to_string()))?;
            settings.push(("SERVERS_EJABBERD", path(file)));
        }
    }
    Ok(settings)
}

/// Creates the database of the peer's archive.
fn prepare_archive(kind: Kind, port: u16) -> anyhow::Result<()> {
    sql(port, "", "CREATE DATABASE archive CHARACTER SET utf8mb4")?;
    // With a password: ejabberd's driver sends a hash of an empty one, which is refused.
    sql(port, "", "CREATE USER archive@127.0.0.1 IDENTIFIED BY 'archive'")?;
    sql(port, "", "GRANT ALL ON archive.* TO archive@127.0.0.1")?;
    if kind == Kind::Ejabberd {
        let schema = fs::read_to_string("/usr/share/ejabberd/sql/mysql.sql")?;
        sql(port, "archive", &schema)?;
    }
    Ok(())
}

fn sql(port: u16, database: &str, query: &str) -> anyhow::Result<String> {
    let mut command = Command::new("mariadb");
    let port = port.to_string();
    command.args(["--no-defaults", "-h", "127.0.0.1", "-P", &port, "-u", "root", "-N", "-B"]);
    let piped = command.arg(database).stdin(Stdio::piped());
    let mut child = piped.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(query.as_bytes())?;
    }
    let done = child.wait_with_output()?;
    if !done.status.success() {
        bail!("the database: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8(done.stdout)?)
}
