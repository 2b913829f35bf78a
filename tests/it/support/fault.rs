//! Servers that are killed, frozen, or unreachable.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::servers::Xmpp;

pub(crate) trait Faulty {
    /// The process id, while the process exists.
    fn pid(&self) -> Option<String>;

    /// Kills it, like a power cut.
    fn kill(&self) {
        self.signal("-KILL");
    }

    /// Freezes it (SIGSTOP) until it is thawed.
    fn freeze(&self) {
        assert!(self.signal("-STOP"), "it runs");
    }

    fn thaw(&self) {
        assert!(self.signal("-CONT"), "it runs");
    }

    /// Sends a signal; returns whether the process existed.
    fn signal(&self, signal: &str) -> bool {
        let Some(pid) = self.pid() else { return false };
        let mut kill = std::process::Command::new("kill");
        kill.args([signal, pid.trim()]).stderr(Stdio::null()).status().unwrap().success()
    }
}

/// An XMPP server for one test.
pub(crate) struct OwnServer {
    pub(crate) xmpp: Xmpp,
    kind: &'static str,
    folder: TempDir,
}

impl OwnServer {
    pub(crate) async fn start() -> Self {
        Self::start_a("prosody").await
    }

    pub(crate) async fn ejabberd() -> Self {
        Self::start_a("ejabberd").await
    }

    async fn start_a(kind: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        servers_sh(kind, &folder, &[]).await;
        let told = std::fs::read_to_string(folder.path().join("server.json")).unwrap();
        Self { xmpp: serde_json::from_str(&told).unwrap(), kind, folder }
    }

    /// Restarts it on the same ports, with its accounts.
    pub(crate) async fn start_again(&self) {
        let _ = std::fs::remove_file(pid_file(&self.folder, self.kind));
        let ports = [self.xmpp.c2s, self.xmpp.component, self.xmpp.http];
        servers_sh(self.kind, &self.folder, &ports.map(|port| port.to_string())).await;
    }
}

impl Faulty for OwnServer {
    fn pid(&self) -> Option<String> {
        std::fs::read_to_string(pid_file(&self.folder, self.kind)).ok()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A MariaDB or a Redis for one test.
pub(crate) struct OwnBackend {
    port: u16,
    kind: &'static str,
    folder: TempDir,
}

impl OwnBackend {
    pub(crate) async fn mariadb() -> Self {
        Self::start("mariadb").await
    }

    pub(crate) async fn redis() -> Self {
        Self::start("redis").await
    }

    async fn start(kind: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        servers_sh(kind, &folder, &[]).await;
        let told = std::fs::read_to_string(folder.path().join("server.json")).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let port = u16::try_from(told["port"].as_u64().unwrap()).unwrap();
        Self { port, kind, folder }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its URL: its address between `before` and `after`.
    pub(crate) fn url(&self, before: &str, after: &str) -> String {
        format!("{before}127.0.0.1:{}{after}", self.port)
    }
}

impl Faulty for OwnBackend {
    fn pid(&self) -> Option<String> {
        std::fs::read_to_string(pid_file(&self.folder, self.kind)).ok()
    }
}

impl Drop for OwnBackend {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid_file(folder: &TempDir, kind: &str) -> PathBuf {
    folder.path().join(format!("{kind}.pid"))
}

async fn servers_sh(kind: &str, folder: &TempDir, ports: &[String]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers.sh");
    let mut command = Command::new(script);
    command.args([kind, "start"]).arg(folder.path()).args(ports).stdin(Stdio::null());
    // A test that is killed takes its server with it.
    command.env("LIFE_OF", std::process::id().to_string());
    assert!(command.status().await.unwrap().success(), "the server starts");
}

/// A proxy to a server that can be closed, as if nothing listened there, and frozen, as if the
/// server did not respond. Closed at first.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    /// Keeps the port while the proxy does not listen.
    bound: Option<TcpSocket>,
    carrying: Option<JoinHandle<()>>,
    frozen: watch::Sender<bool>,
}

impl Way {
    /// A closed proxy to a server on loopback.
    pub(crate) fn to(port: u16) -> Self {
        let bound = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = bound.local_addr().unwrap();
        let target = watch::Sender::new(SocketAddr::from(([127, 0, 0, 1], port)));
        let frozen = watch::Sender::new(false);
        Self { address, target, bound: Some(bound), carrying: None, frozen }
    }

    /// Accepts connections.
    pub(crate) fn open(&mut self) {
        let listener = self.bound.take().expect("it is closed").listen(128).unwrap();
        self.carrying =
            Some(tokio::spawn(carry(listener, self.target.subscribe(), self.frozen.subscribe())));
    }

    /// Leads new connections to another server; existing ones stay.
    pub(crate) fn lead_to(&self, port: u16) {
        self.target.send_replace(SocketAddr::from(([127, 0, 0, 1], port)));
    }

    /// Cuts every connection and refuses new ones.
    pub(crate) async fn close(&mut self) {
        let carrying = self.carrying.take().expect("it is open");
        carrying.abort();
        let _ = carrying.await;
        self.bound = Some(bind(self.address));
    }

    /// While frozen, nothing is passed on, but no connection is closed.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn carry(
    listener: TcpListener,
    target: watch::Receiver<SocketAddr>,
    frozen: watch::Receiver<bool>,
) {
    let frozen = Arc::new(frozen);
    let mut carried = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let (frozen, target) = (frozen.clone(), *target.borrow());
        carried.spawn(async move {
            let Ok(far) = TcpStream::connect(target).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::select! {
                () = pass(near_in, far_out, &frozen) => {}
                () = pass(far_in, near_out, &frozen) => {}
            }
        });
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, frozen: &watch::Receiver<bool>) {
    let mut frozen = frozen.clone();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let _ = frozen.wait_for(|frozen| !frozen).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
