//! Processes that are killed or frozen, and ports for those that are started.

use std::process::Stdio;

use anyhow::Context as _;
use tokio::process::Command;

/// A process, for faults.
pub trait Faulty {
    /// The process id, while the process exists.
    fn pid(&self) -> Option<u32>;

    /// Sends a signal, such as `TERM`; returns whether the process existed.
    fn signal(&self, signal: &str) -> bool {
        let Some(pid) = self.pid() else { return false };
        let mut kill = std::process::Command::new("kill");
        kill.args([format!("-{signal}"), pid.to_string()]).stderr(Stdio::null());
        kill.status().is_ok_and(|status| status.success())
    }

    /// Kills it, like a power cut.
    fn kill(&self) {
        self.signal("KILL");
    }

    /// Freezes it until it is thawed.
    fn freeze(&self) {
        assert!(self.signal("STOP"), "it runs");
    }

    fn thaw(&self) {
        assert!(self.signal("CONT"), "it runs");
    }
}

/// Ports on which nothing listens, and which no outgoing connection takes.
///
/// # Errors
/// If there are too few.
pub async fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/lib.sh");
    let mut command = Command::new("bash");
    command.args(["-c", ". \"$0\"; free_ports \"$1\"", library, &N.to_string()]);
    let printed = String::from_utf8(command.output().await?.stdout)?;
    let ports: Result<Vec<u16>, _> = printed.split_whitespace().map(str::parse).collect();
    ports?.try_into().ok().context("no free ports")
}
