//! The gateway from outside: a node's configuration, its tenant, its process.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::bail;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::servers::Xmpp;

/// The tenant that customers visit.
pub const TENANT: &str = "acme";

/// A section of the configuration: limits so high that clients that share one address are not
/// throttled. More of them may follow it.
pub const LIMITS: &str = "[limits]\nmessages_per_second = 1000\nmessage_burst = 10000\n\
     messages_per_second_per_address = 100000\nkilobytes_per_second = 10000\n\
     kilobytes_per_second_per_address = 100000\nreads_per_minute = 100000\n\
     sockets_per_address = 1000000\nsessions_per_minute_per_address = 1000000\n\
     conversations_per_hour_per_address = 1000000\n";

/// How long a node may take to report whether it is ready.
const REPORT: Duration = Duration::from_secs(2);

/// The sections that every node has. It ends with those of its link, so that more of that may
/// follow.
pub fn configuration(database: &str, cache: &str, domain: &str, xmpp: &Xmpp) -> String {
    let Xmpp { component, host, secret, .. } = xmpp;
    format!(
        "[database]\nurl = {database:?}\n[cache]\nurl = {cache:?}\n\
         [[links]]\ndomain = {domain:?}\nserver = \"127.0.0.1:{component}\"\nsecret = {secret:?}\n\
         agent_hosts = [{host:?}]\n"
    )
}

/// The sections of a node's listeners.
pub fn listeners([public, admin]: [u16; 2]) -> String {
    format!("[http]\nlisten = \"127.0.0.1:{public}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n")
}

/// Creates the schema, the tenant, its queue and its agents with the operator's command line, in an
/// empty database.
///
/// # Errors
/// If a command fails.
pub async fn prepare(
    program: &Path,
    configuration: &Path,
    domain: &str,
    queue: &[&str],
    agents: &[String],
    capacity: u32,
) -> anyhow::Result<()> {
    let run = async |words: &[&str]| -> anyhow::Result<()> {
        let mut command = Command::new(program);
        let done = command.args(words).arg("--config").arg(configuration).output().await?;
        if !done.status.success() {
            bail!("couplet {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr));
        }
        Ok(())
    };
    run(&["migrate"]).await?;
    run(&["tenant", "add", TENANT, "--name", "Acme", "--link", domain]).await?;
    let words = ["queue", "add", "--tenant", TENANT, "default", "--name", "Everyone"];
    run(&[&words[..], queue].concat()).await?;
    for (number, jid) in agents.iter().enumerate() {
        let (name, capacity) = (format!("Agent {number}"), capacity.to_string());
        let words = ["agent", "add", "--tenant", TENANT, jid, "--name", &name];
        run(&[&words[..], &["--capacity", &capacity]].concat()).await?;
    }
    Ok(())
}

/// A node's process, which ends with this one, however that ends.
pub fn node(program: &Path, configuration: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.args(["serve", "--config"]).arg(configuration);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Waits until a node reports that it is ready.
pub async fn until_ready(port: u16) {
    while !is_ready(port).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a node reports that it is ready.
pub async fn is_ready(port: u16) -> bool {
    let asking = async {
        let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        tcp.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .ok()?;
        let mut head = [0; 12];
        tcp.read_exact(&mut head).await.ok()?;
        Some(head.ends_with(b" 200"))
    };
    timeout(REPORT, asking).await.ok().flatten().unwrap_or(false)
}
