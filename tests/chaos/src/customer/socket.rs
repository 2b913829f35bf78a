//! One WebSocket of a customer.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use couplet_kit::gateway::TENANT;
use couplet_kit::socket;
use serde_json::Value;
use tokio::time::timeout;

use crate::nodes::{GROUPS, Nodes};

/// How long a socket may take to open and to receive the welcome.
const OPENING: Duration = Duration::from_secs(6);
/// How long a node may take to read a frame.
const WRITING: Duration = Duration::from_secs(4);

pub(super) struct Socket {
    pub(super) node: usize,
    socket: socket::Socket,
}

impl Socket {
    /// Opens a socket through the customer's proxy to a node and says hello; returns it with the
    /// welcome. Otherwise returns how long to stay away, in milliseconds.
    pub(super) async fn open(
        nodes: &Nodes,
        node: usize,
        customer: usize,
        hello: Value,
    ) -> Result<(Self, Value), u64> {
        let door = nodes.0.get(node).and_then(|node| node.doors.get(customer % GROUPS));
        let port = door.map(|door| door.port).ok_or(1_000_u64)?;
        let opening = async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let socket = socket::Socket::open(address, TENANT, &[]).await.ok()?;
            let mut socket = Self { node, socket };
            socket.say(&hello).await.ok()?;
            loop {
                let frame = socket.next().await.ok()?;
                match frame["type"].as_str() {
                    Some("welcome") => return Some(Ok((socket, frame))),
                    Some("bye") => {
                        return Some(Err(frame["reconnect_after_ms"].as_u64().unwrap_or_default()));
                    }
                    _ => {}
                }
            }
        };
        timeout(OPENING, opening).await.ok().flatten().unwrap_or(Err(0))
    }

    pub(super) async fn next(&mut self) -> Result<Value, String> {
        self.socket.next().await.map_err(|end| end.to_string())
    }

    pub(super) async fn say(&mut self, frame: &Value) -> Result<(), String> {
        match timeout(WRITING, self.socket.say(frame)).await {
            Ok(said) => said.map_err(|error| error.to_string()),
            Err(_) => Err("the other side reads nothing".to_owned()),
        }
    }
}
