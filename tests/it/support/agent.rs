//! An agent with a real XMPP client: slixmpp, controlled by JSON lines.
#![allow(dead_code, reason = "each test uses a part")]

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc;

use super::customer::PATIENCE;
use couplet_kit::servers::Xmpp;

pub(crate) struct Agent {
    pub(crate) jid: String,
    commands: Mutex<ChildStdin>,
    events: Mutex<Events>,
    tags: AtomicU64,
    _client: Child,
}

struct Events {
    arriving: mpsc::UnboundedReceiver<Value>,
    /// Events that arrived while another was waited for.
    kept: Vec<Value>,
}

impl Agent {
    /// Registers an account (XEP-0077) and logs in.
    pub(crate) async fn login(server: &Xmpp, jid: &str) -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agents/slixmpp_agent.py");
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");
        let mut client = Command::new(python)
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("target/venv is made by tests/run.sh");
        let commands = client.stdin.take().unwrap();
        let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
        let (sender, arriving) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let event = serde_json::from_str(&line).expect("a line is one event");
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let agent = Self {
            jid: jid.to_owned(),
            commands: Mutex::new(commands),
            events: Mutex::new(Events { arriving, kept: Vec::new() }),
            tags: AtomicU64::new(1),
            _client: client,
        };
        agent
            .perform(json!({
                "do": "connect", "jid": jid, "password": "secret", "host": "127.0.0.1",
                "port": server.c2s, "register": true,
            }))
            .await;
        agent
    }

    /// Performs a command, and waits until it is done.
    pub(crate) async fn perform(&self, mut command: Value) -> Value {
        let tag = self.tags.fetch_add(1, Ordering::Relaxed);
        command["tag"] = tag.into();
        self.commands.lock().await.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let result = self.event(|event| event["event"] == "result" && event["tag"] == tag).await;
        assert_eq!(result["ok"], true, "{command} gave {result}");
        result
    }

    /// The next matching event; those before it are kept for later.
    pub(crate) async fn event(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut events = self.events.lock().await;
        if let Some(at) = events.kept.iter().position(&wanted) {
            return events.kept.remove(at);
        }
        loop {
            let Ok(event) = tokio::time::timeout(PATIENCE, events.arriving.recv()).await else {
                panic!("{} waited in vain; received so far: {:#?}", self.jid, events.kept);
            };
            let event = event.expect("the client is alive");
            if wanted(&event) {
                return event;
            }
            events.kept.push(event);
        }
    }

    pub(crate) async fn show(&mut self, show: &str) {
        match show {
            "" => self.perform(json!({"do": "presence"})).await,
            "unavailable" => self.perform(json!({"do": "presence", "type": show})).await,
            show => self.perform(json!({"do": "presence", "show": show})).await,
        };
    }

    /// Sends a message with a receipt requested; returns the stanza's id.
    pub(crate) async fn send(&self, to: &str, body: &str) -> String {
        let sent = json!({"do": "send", "to": to, "body": body, "receipt": true});
        self.perform(sent).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn message(&self) -> Value {
        self.event(|event| event["event"] == "message" && event["type"] != "error").await
    }

    /// The next message with exactly this text.
    pub(crate) async fn message_of(&self, text: &str) -> Value {
        self.event(|event| event["event"] == "message" && event["body"] == text).await
    }

    /// The next message whose text contains `part`.
    pub(crate) async fn message_with(&self, part: &str) -> Value {
        self.event(|event| {
            event["event"] == "message"
                && event["type"] != "error"
                && event["body"].as_str().is_some_and(|body| body.contains(part))
        })
        .await
    }

    /// The next message or error from an address.
    pub(crate) async fn message_or_error_from(&self, bare: &str) -> Value {
        self.event(|event| event["event"] == "message" && self::bare(event) == bare).await
    }

    /// The error for a stanza.
    pub(crate) async fn error_for(&self, id: &str) -> Value {
        self.event(|event| {
            event["event"] == "message" && event["type"] == "error" && event["id"] == id
        })
        .await
    }

    pub(crate) async fn receipt_for(&self, id: &str) -> Value {
        self.event(|event| event["event"] == "receipt" && event["for"] == id).await
    }
}

pub(crate) fn bare(event: &Value) -> &str {
    event["from"].as_str().and_then(|from| from.split('/').next()).unwrap_or_default()
}
