//! A customer who goes on whatever happens to the nodes: they reconnect with their session, resend
//! what was not acked, and record everything before they handle it.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use couplet_kit::gateway::TENANT;
use couplet_kit::socket::{Socket, hello};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

/// A node that is silent for this long is left for another.
const SILENCE: Duration = Duration::from_millis(1_500);
/// The same for one of many customers, who would otherwise spend their time on pings.
const CROWDS_SILENCE: Duration = Duration::from_secs(15);
/// How long a node may take for the welcome.
const WELCOME: Duration = Duration::from_secs(8);

/// One message of the customer's.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) at: Instant,
    pub(crate) acked: Option<Instant>,
}

/// What the customer has sent and received.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) said: Vec<Said>,
    /// Agents' messages, in the order of their numbers.
    pub(crate) heard: Vec<String>,
    /// When welcomes came, and from which node.
    pub(crate) welcomes: Vec<(SocketAddr, Instant)>,
    /// The reason of each `bye`, and how long to stay away, in ms.
    pub(crate) byes: Vec<(String, u64)>,
    pub(crate) conversation: Option<String>,
    pub(crate) last: u64,
    /// What must not happen.
    pub(crate) wrong: Vec<String>,
}

pub(crate) struct Visitor {
    says: mpsc::UnboundedSender<usize>,
    record: Arc<Mutex<Record>>,
    life: JoinHandle<()>,
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.life.abort();
    }
}

impl Visitor {
    /// Connects to the first of these nodes, and to the next whenever one is gone.
    pub(crate) fn come(nodes: Vec<SocketAddr>) -> Self {
        Self::who_bears(SILENCE, nodes)
    }

    /// The same for one of many customers.
    pub(crate) fn of_many(nodes: Vec<SocketAddr>) -> Self {
        Self::who_bears(CROWDS_SILENCE, nodes)
    }

    fn who_bears(silence: Duration, nodes: Vec<SocketAddr>) -> Self {
        let (says, words) = mpsc::unbounded_channel();
        let record = Arc::new(Mutex::new(Record::default()));
        let (kept, waiting) = (record.clone(), VecDeque::new());
        let life = Life { nodes, record: kept, words, waiting, token: None, silence };
        Self { says, record, life: tokio::spawn(life.live()) }
    }

    /// Sends a message, once the earlier ones are acked; returns its number.
    pub(crate) fn say(&self, text: &str) -> usize {
        let mut record = self.look();
        let number = record.said.len();
        record.said.push(Said { text: text.to_owned(), at: Instant::now(), acked: None });
        let _ = self.says.send(number);
        number
    }

    pub(crate) fn look(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    /// Waits until the record matches.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Record) -> bool) {
        let looking = async {
            while !wanted(&self.look()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(super::customer::PATIENCE, looking).await.is_err() {
            panic!("{what} did not happen: {:#?}", self.look());
        }
    }

    /// Sends a message and waits for its ack; returns how long that took.
    pub(crate) async fn acked(&self, text: &str) -> Duration {
        let number = self.say(text);
        self.until(text, |record| record.said[number].acked.is_some()).await;
        let said = &self.look().said[number];
        said.acked.unwrap() - said.at
    }

    pub(crate) async fn hears(&self, text: &str) {
        self.until(text, |record| record.heard.iter().any(|heard| heard == text)).await;
    }
}

struct Life {
    nodes: Vec<SocketAddr>,
    record: Arc<Mutex<Record>>,
    words: mpsc::UnboundedReceiver<usize>,
    /// Messages without an ack; only the first has been sent.
    waiting: VecDeque<usize>,
    token: Option<String>,
    silence: Duration,
}

/// How long to stay away.
struct Left(Duration);

impl Life {
    async fn live(mut self) {
        loop {
            for node in self.nodes.clone() {
                let Left(pause) = self.visit(node).await.unwrap_or(Left(Duration::from_millis(50)));
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// One socket, from its opening to its end; `None` if it just breaks.
    async fn visit(&mut self, node: SocketAddr) -> Option<Left> {
        let opening = Socket::open(node, TENANT, &[]);
        let mut socket = timeout(WELCOME.max(self.silence), opening).await.ok()?.ok()?;
        let hello = {
            let record = self.record.lock().unwrap();
            let held = record.conversation.as_deref().map(|held| (held, record.last));
            hello(self.token.as_deref(), held)
        };
        socket.say(&hello).await.ok()?;
        let mut heard = Instant::now();
        let mut greeted = false;
        let mut again: Option<tokio::time::Instant> = None;
        let mut pings = tokio::time::interval(self.silence / 4);
        loop {
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    let frame = frame.ok()?;
                    match frame["type"].as_str().unwrap() {
                        "bye" => {
                            let after = frame["reconnect_after_ms"].as_u64().unwrap_or(0);
                            let reason = frame["reason"].as_str().unwrap().to_owned();
                            self.record.lock().unwrap().byes.push((reason, after));
                            return Some(Left(Duration::from_millis(after)));
                        }
                        "error" if frame["for"].is_string() => {
                            let Some(after) = frame["retry_after_ms"].as_u64() else {
                                self.record.lock().unwrap().wrong.push(frame.to_string());
                                continue;
                            };
                            again = Some(tokio::time::Instant::now() + Duration::from_millis(after));
                        }
                        "welcome" => {
                            greeted = true;
                            self.welcomed(node, &frame);
                            self.say(&mut socket).await?;
                        }
                        _ => if self.took(&frame) {
                            again = None;
                            self.say(&mut socket).await?;
                        }
                    }
                }
                Some(number) = self.words.recv() => {
                    self.waiting.push_back(number);
                    if greeted && self.waiting.len() == 1 {
                        self.say(&mut socket).await?;
                    }
                }
                () = sleep_until(again.unwrap_or_else(tokio::time::Instant::now)), if again.is_some() => {
                    again = None;
                    self.say(&mut socket).await?;
                }
                _ = pings.tick() => {
                    let patience = if greeted { self.silence } else { WELCOME.max(self.silence) };
                    if heard.elapsed() > patience {
                        return None;
                    }
                    if greeted {
                        socket.say(&json!({"type": "ping"})).await.ok()?;
                    }
                }
            }
        }
    }

    /// Sends, or resends, the first message without an ack.
    async fn say(&self, socket: &mut Socket) -> Option<()> {
        let Some(number) = self.waiting.front() else { return Some(()) };
        let text = self.record.lock().unwrap().said[*number].text.clone();
        let frame = json!({"type": "message", "id": format!("m{number}"), "text": text});
        socket.say(&frame).await.ok()
    }

    fn welcomed(&mut self, node: SocketAddr, welcome: &Value) {
        self.token = Some(welcome["session"]["token"].as_str().unwrap().to_owned());
        self.record.lock().unwrap().welcomes.push((node, Instant::now()));
        for entry in welcome["entries"].as_array().unwrap() {
            self.entry(entry);
        }
    }

    /// Handles a frame; returns whether it acked one of the customer's messages.
    fn took(&mut self, frame: &Value) -> bool {
        match frame["type"].as_str() {
            Some("entries") => {
                frame["entries"].as_array().unwrap().iter().for_each(|entry| self.entry(entry));
                false
            }
            Some("entry") => {
                self.entry(frame);
                false
            }
            Some("ack") => {
                self.step(frame, true);
                let number: usize = frame["id"].as_str().unwrap()[1..].parse().unwrap();
                let mut record = self.record.lock().unwrap();
                record.said[number].acked.get_or_insert_with(Instant::now);
                self.waiting.retain(|waiting| *waiting != number);
                true
            }
            _ => false,
        }
    }

    fn entry(&self, entry: &Value) {
        if self.step(entry, false) && entry["from"]["kind"] == "agent" && entry["kind"] == "message"
        {
            let text = entry["text"].as_str().unwrap().to_owned();
            self.record.lock().unwrap().heard.push(text);
        }
    }

    /// Checks that it is the next entry of the conversation; records what is not, unless it is a
    /// repeated ack.
    fn step(&self, frame: &Value, ack: bool) -> bool {
        let mut record = self.record.lock().unwrap();
        let seq = frame["seq"].as_u64().unwrap();
        let conversation = frame["conversation"].as_str().unwrap();
        if *record.conversation.get_or_insert_with(|| conversation.to_owned()) != conversation {
            record.wrong.push(format!("another conversation: {frame}"));
        }
        let next = seq == record.last + 1;
        if next {
            record.last = seq;
        } else if !ack || seq > record.last {
            let wrong = format!("after {}: {frame}", record.last);
            record.wrong.push(wrong);
        }
        next
    }
}
