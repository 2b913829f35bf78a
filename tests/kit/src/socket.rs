//! A customer's WebSocket.
#![allow(clippy::expect_used, reason = "a frame that is no JSON breaks the protocol")]

use std::fmt;
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

pub use tokio_tungstenite::tungstenite::{Error, Message};

#[derive(Debug)]
pub struct Socket(pub WebSocketStream<TcpStream>);

/// How a socket ended.
#[derive(Debug)]
pub enum End {
    /// With a close frame.
    Closed(Option<CloseFrame>),
    /// Without one.
    Broken(Option<Error>),
}

impl Socket {
    /// Opens a socket, with more headers than a browser would send.
    ///
    /// # Errors
    /// If nothing listens there, or the gateway refuses.
    pub async fn open(
        address: SocketAddr,
        tenant: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut request = format!("ws://{address}/v1/{tenant}/ws").into_client_request()?;
        for (name, value) in headers.iter().chain(&[("sec-websocket-protocol", "couplet.v1")]) {
            request.headers_mut().insert(*name, HeaderValue::from_str(value)?);
        }
        let (socket, _) = tokio_tungstenite::client_async(request, tcp).await?;
        Ok(Self(socket))
    }

    /// The next frame of the protocol.
    ///
    /// # Errors
    /// If the socket is closed.
    pub async fn next(&mut self) -> Result<Value, End> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("a frame is JSON"));
                }
                Some(Ok(Message::Close(frame))) => {
                    // The gateway waits for our close frame.
                    let _ = self.0.flush().await;
                    return Err(End::Closed(frame));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(End::Broken(Some(error))),
                None => return Err(End::Broken(None)),
            }
        }
    }

    /// Sends a frame of the protocol.
    ///
    /// # Errors
    /// If the socket is closed.
    pub async fn say(&mut self, frame: &Value) -> Result<(), Error> {
        self.0.send(Message::text(frame.to_string())).await
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(Some(frame)) => write!(f, "closed: {}", u16::from(frame.code)),
            Self::Closed(None) => f.write_str("closed"),
            Self::Broken(Some(error)) => error.fmt(f),
            Self::Broken(None) => f.write_str("gone"),
        }
    }
}

/// The first frame: of a new session, or of the one with this token; with the conversation and the
/// last entry that the customer holds, if they hold one.
pub fn hello(token: Option<&str>, held: Option<(&str, u64)>) -> Value {
    let mut hello = json!({"type": "hello"});
    if let (Value::Object(fields), Some(token)) = (&mut hello, token) {
        fields.insert("session".to_owned(), token.into());
    }
    if let (Value::Object(fields), Some((conversation, seq))) = (&mut hello, held) {
        fields.insert("conversation".to_owned(), conversation.into());
        fields.insert("last_seq".to_owned(), seq.into());
    }
    hello
}
