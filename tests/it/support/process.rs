//! A node as in production: the program itself, in its own process, which can be killed, frozen,
//! and asked to stop.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::customer::PATIENCE;
use couplet_kit::gateway;
use couplet_kit::process::{Faulty, free_ports};

/// Killed when dropped.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    config: PathBuf,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a node, and waits until it is ready.
    pub(crate) async fn start(config: &Path) -> Self {
        let [port] = free_ports().await.unwrap();
        let node = Self::launch(config, SocketAddr::from(([127, 0, 0, 1], port)));
        node.until_ready().await;
        node
    }

    /// Starts a node on this address without waiting, whatever is unreachable.
    pub(crate) fn launch(config: &Path, address: SocketAddr) -> Self {
        let mut child = gateway::node(Path::new(env!("CARGO_BIN_EXE_couplet")), config)
            .env("COUPLET__HTTP__LISTEN", address.to_string())
            .env("COUPLET__LOG__LEVEL", "info,couplet=debug")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{} | {line}", address.port());
                kept.lock().unwrap().push(line);
            }
        });
        Self { address, config: config.to_owned(), child, log }
    }

    /// Restarts it on the same address.
    pub(crate) async fn start_again(&mut self) {
        *self = Self::launch(&self.config, self.address);
        self.until_ready().await;
    }

    pub(crate) async fn until_ready(&self) {
        let asking = gateway::until_ready(self.address.port());
        tokio::time::timeout(PATIENCE, asking).await.expect("it is ready in time");
    }

    /// Waits until its log has a line that contains `part`.
    pub(crate) async fn until_logged(&self, part: &str) {
        let looking = async {
            while !self.has_logged(part) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("no {part:?}"));
    }

    pub(crate) fn has_logged(&self, part: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(part))
    }

    /// Asks it to stop in order.
    pub(crate) fn terminate(&self) {
        assert!(self.signal("TERM"), "it runs");
    }

    /// Waits until it has ended; returns its exit status and how long that took.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        (status.expect("it ends in time").unwrap(), begun.elapsed())
    }

    /// Asks it to stop in order, and waits for it.
    pub(crate) async fn stop(&mut self) -> Duration {
        self.terminate();
        let (status, took) = self.ended().await;
        assert!(status.success(), "{status}");
        took
    }
}

impl Faulty for Process {
    fn pid(&self) -> Option<u32> {
        Some(self.child.id().expect("it runs"))
    }
}
