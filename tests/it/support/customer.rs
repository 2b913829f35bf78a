//! A customer at the widget's protocol, frame by frame.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::time::Duration;

use couplet_kit::gateway::TENANT;
use couplet_kit::socket::{End, Error, Message, Socket, hello};
use futures_util::SinkExt as _;
use serde_json::{Value, json};

/// Nothing takes longer; a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Customer {
    socket: Socket,
    /// Every frame so far, for those who look into a failure.
    log: Vec<Value>,
    pub(crate) welcome: Value,
}

impl Customer {
    /// Opens a socket and says hello as a new customer.
    pub(crate) async fn arrive(address: SocketAddr, tenant: &str) -> Self {
        Self::greet(address, tenant, json!({})).await
    }

    /// Opens a socket and says hello with these fields; an error may come before the welcome.
    pub(crate) async fn greet(address: SocketAddr, tenant: &str, mut hello: Value) -> Self {
        let mut customer = Self::bare(address, tenant).await;
        hello["type"] = "hello".into();
        hello["page"] =
            json!({"url": "https://shop.example/pricing?secret=1#x", "title": "Prices"});
        customer.say(hello).await;
        customer.welcome = customer.until("welcome").await;
        customer
    }

    /// Opens a socket without saying hello.
    pub(crate) async fn bare(address: SocketAddr, tenant: &str) -> Self {
        Self::try_bare(address, tenant).await.expect("the socket opens")
    }

    /// Opens a socket, unless the gateway refuses.
    pub(crate) async fn try_bare(address: SocketAddr, tenant: &str) -> Result<Self, Error> {
        let socket = Socket::open(address, tenant, &[]).await?;
        Ok(Self { socket, log: Vec::new(), welcome: Value::Null })
    }

    /// As `arrive`, from the address `from` that a trusted proxy reports.
    pub(crate) async fn arrive_from(address: SocketAddr, tenant: &str, from: &str) -> Self {
        let headers = [("X-Forwarded-For", from)];
        let socket = Socket::open(address, tenant, &headers).await.expect("the socket opens");
        let mut customer = Self { socket, log: Vec::new(), welcome: Value::Null };
        customer.say(json!({"type": "hello"})).await;
        customer.welcome = customer.until("welcome").await;
        customer
    }

    /// Reconnects with the session of another socket; `seen` is the conversation and the last entry
    /// seen.
    pub(crate) async fn return_as(&self, address: SocketAddr, seen: Option<(&str, u64)>) -> Self {
        Self::greet(address, TENANT, hello(Some(&self.token()), seen)).await
    }

    pub(crate) fn token(&self) -> String {
        self.welcome["session"]["token"].as_str().expect("a welcome has a token").to_owned()
    }

    /// All entries of the welcome and of the pages that follow it.
    pub(crate) async fn caught_up(&mut self) -> Vec<Value> {
        let mut part = self.welcome.clone();
        let mut all = Vec::new();
        loop {
            all.extend(part["entries"].as_array().expect("entries").iter().cloned());
            if part["more"] != true {
                return all;
            }
            part = self.until("entries").await;
        }
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.socket.say(&frame).await.expect("the socket is open");
    }

    /// Sends a text frame as it is.
    pub(crate) async fn raw(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    /// Sends a message under an id.
    pub(crate) async fn write(&mut self, id: &str, text: &str) {
        self.say(json!({"type": "message", "id": id, "text": text})).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.0.send(message).await.expect("the socket is open");
    }

    pub(crate) async fn next(&mut self) -> Value {
        match self.next_or_end().await {
            Ok(frame) => frame,
            Err(end) => panic!("the socket has ended: {end}"),
        }
    }

    async fn next_or_end(&mut self) -> Result<Value, End> {
        let Ok(next) = tokio::time::timeout(PATIENCE, self.socket.next()).await else {
            panic!("the customer waited in vain; received so far: {:#?}", self.log);
        };
        self.log.extend(next.as_ref().ok().cloned());
        next
    }

    /// The code with which the socket closes; frames before it are skipped.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.next_or_end().await {
                Ok(_) => {}
                Err(End::Closed(frame)) => return frame.map(|frame| frame.code.into()),
                Err(End::Broken(_)) => return None,
            }
        }
    }

    /// The next frame of a type; those before it are skipped.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        self.find(|frame| frame["type"] == kind).await
    }

    /// The next matching frame; those before it are skipped.
    pub(crate) async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await;
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Sends a message until it is acked, waiting each time as long as the gateway asks.
    pub(crate) async fn insisted(&mut self, id: &str, text: &str) -> Value {
        self.insists(json!({"type": "message", "id": id, "text": text})).await
    }

    /// Sends a command until it is acked or refused for good, waiting each time as long as the
    /// gateway asks.
    pub(crate) async fn insists(&mut self, command: Value) -> Value {
        loop {
            let answer = self.does(command.clone()).await;
            match answer["retry_after_ms"].as_u64() {
                Some(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
                None => return answer,
            }
        }
    }

    /// Sends a command; returns its ack, or its error.
    pub(crate) async fn does(&mut self, command: Value) -> Value {
        let id = command["id"].clone();
        self.say(command).await;
        self.find(|frame| frame["type"] == "ack" && frame["id"] == id || frame["for"] == id).await
    }

    /// Requests the history; returns the entries.
    pub(crate) async fn history(&mut self, conversation: &str) -> Vec<Value> {
        let ask = json!({"type": "history", "id": "history", "conversation": conversation});
        self.does(ask).await["entries"].as_array().expect("entries").clone()
    }

    /// The next matching entry; frames before it are skipped.
    pub(crate) async fn entry(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.find(|frame| frame["type"] == "entry" && wanted(frame)).await
    }

    /// Sends a message and waits for its ack.
    pub(crate) async fn acked(&mut self, id: &str, text: &str) -> Value {
        self.write(id, text).await;
        self.find(|frame| frame["type"] == "ack" && frame["id"] == id).await
    }
}
