//! One WebSocket of a customer.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::nodes::{GROUPS, Nodes, TENANT};

/// How long a socket may take to open and to receive the welcome.
const OPENING: Duration = Duration::from_secs(6);
/// How long a node may take to read a frame.
const WRITING: Duration = Duration::from_secs(4);

pub(super) struct Socket {
    pub(super) node: usize,
    stream: WebSocketStream<TcpStream>,
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
            let tcp = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
            tcp.set_nodelay(true).ok()?;
            let url = format!("ws://127.0.0.1:{port}/v1/{TENANT}/ws");
            let mut request = url.into_client_request().ok()?;
            let protocol = HeaderValue::from_static("couplet.v1");
            request.headers_mut().insert("sec-websocket-protocol", protocol);
            let (stream, _) = tokio_tungstenite::client_async(request, tcp).await.ok()?;
            let mut socket = Self { node, stream };
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
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|error| error.to_string());
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or_else(
                        || "closed".to_owned(),
                        |frame| format!("closed: {}", u16::from(frame.code)),
                    ));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("gone".to_owned()),
            }
        }
    }

    pub(super) async fn say(&mut self, frame: &Value) -> Result<(), String> {
        let saying = self.stream.send(Message::text(frame.to_string()));
        match timeout(WRITING, saying).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the other side reads nothing".to_owned()),
        }
    }
}
