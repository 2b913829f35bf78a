//! A customer's client, raw and fast: it resends everything under the same id until it is acked, by
//! any node, and resumes with what it holds.
//!
//! Invariant: everything that arrives is recorded before it is handled.

#![allow(clippy::indexing_slicing, reason = "indexing JSON: a missing field is null")]

mod socket;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use couplet_kit::socket::hello;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::socket::Socket;
use crate::nodes::Nodes;
use crate::phase::{Phase, Phases};
use crate::record::{Case, Record, What};

/// The most commands in flight.
const WINDOW: usize = 4;
/// The longest pause between two messages, in milliseconds.
const PAUSE_MS: u64 = 400;
/// A command without a response is resent after this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// The interval of pings to the gateway.
const PING: Duration = Duration::from_secs(3);
/// A socket on which nothing arrived for this long is closed.
const SILENCE: Duration = Duration::from_secs(8);
/// The least messages of a conversation before the customer may end it.
const TALK: u32 = 12;

/// A command that is not acked yet.
#[derive(Debug)]
struct Command {
    frame: Value,
    text: Option<String>,
    said: u32,
    due: Instant,
}

pub(crate) struct Customer {
    number: usize,
    nodes: Arc<Nodes>,
    record: Record,
    phases: Phases,
    random: ChaCha8Rng,
    token: Option<String>,
    /// The current conversation, and the last entry up to which there is no gap.
    held: Option<(Case, u64)>,
    past: HashSet<Case>,
    commands: BTreeMap<u64, Command>,
    /// Acked commands, some of which are resent later.
    done: Vec<Value>,
    counter: u64,
    talked: u32,
    next: Instant,
    attempt: u32,
}

/// Why a socket was left.
type Left = String;

impl Customer {
    pub(crate) fn new(
        number: usize,
        nodes: Arc<Nodes>,
        record: Record,
        phases: Phases,
        random: ChaCha8Rng,
    ) -> Self {
        Self {
            number,
            nodes,
            record,
            phases,
            random,
            token: None,
            held: None,
            past: HashSet::new(),
            commands: BTreeMap::new(),
            done: Vec::new(),
            counter: 0,
            talked: 0,
            next: Instant::now(),
            attempt: 0,
        }
    }

    /// Connects again and again, until the run is over.
    pub(crate) async fn run(mut self) {
        while self.phases.now() != Phase::Over {
            let node = self.random.random_range(0..self.nodes.0.len());
            let mut wait = 0;
            match Socket::open(&self.nodes, node, self.number, self.hello()).await {
                Ok((socket, welcome)) => {
                    self.welcomed(node, &welcome);
                    let (why, after) = self.serve(socket, &welcome).await;
                    self.phases.unsettled(self.number);
                    self.record.put(What::Shut { customer: self.number, why });
                    wait = after;
                }
                Err(after) => wait = wait.max(after),
            }
            if self.phases.now() == Phase::Over {
                return;
            }
            self.attempt = (self.attempt + 1).min(5);
            let bound = 100_u64 << self.attempt;
            let pause = wait + self.random.random_range(0..bound);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn hello(&self) -> Value {
        let held = self.held.map(|(case, seq)| (case.to_string(), seq));
        hello(self.token.as_deref(), held.as_ref().map(|(case, seq)| (case.as_str(), *seq)))
    }

    fn welcomed(&mut self, node: usize, welcome: &Value) {
        self.token = welcome["session"]["token"].as_str().map(str::to_owned);
        let id = welcome["session"]["customer"].as_str().and_then(Case::parse);
        let Some(id) = id else { return };
        let (customer, resumed) = (self.number, self.held);
        self.record.put(What::Welcome { customer, id, node, resumed });
        for command in self.commands.values_mut() {
            command.due = Instant::now();
        }
    }

    /// Serves one socket; returns why it was left, and how long to stay away in ms.
    async fn serve(&mut self, mut socket: Socket, welcome: &Value) -> (Left, u64) {
        for entry in welcome["entries"].as_array().into_iter().flatten() {
            self.entry(entry);
        }
        let (mut heard, mut ping) = (Instant::now(), Instant::now() + PING);
        loop {
            if self.phases.now() == Phase::Over {
                return ("over".to_owned(), 0);
            }
            if let Err(why) = self.say_due(&mut socket).await {
                return (why, 0);
            }
            self.settle();
            let until = self.until().min(ping).min(heard + SILENCE);
            tokio::select! {
                frame = socket.next() => match frame {
                    Ok(frame) => {
                        heard = Instant::now();
                        if let Some(left) = self.take(&frame) {
                            return left;
                        }
                        if let (true, Some((_, seq))) = (self.random.random_ratio(1, 30), self.held)
                            && let Err(why) = socket.say(&json!({"type": "read", "seq": seq})).await
                        {
                            return (why, 0);
                        }
                    }
                    Err(why) => return (why, 0),
                },
                () = tokio::time::sleep_until(until) => {
                    if heard.elapsed() >= SILENCE {
                        return ("silence".to_owned(), 0);
                    }
                    if Instant::now() >= ping {
                        ping = Instant::now() + PING;
                        if let Err(why) = socket.say(&json!({"type": "ping"})).await {
                            return (why, 0);
                        }
                    }
                }
            }
        }
    }

    /// When there is something to send.
    fn until(&self) -> Instant {
        let far = Instant::now() + Duration::from_millis(500);
        let due = self.commands.values().map(|command| command.due).min().unwrap_or(far);
        let next = if self.may_say() { self.next } else { far };
        due.min(next).min(far)
    }

    fn may_say(&self) -> bool {
        self.phases.now() == Phase::Load && self.commands.len() < WINDOW
    }

    async fn say_due(&mut self, socket: &mut Socket) -> Result<(), Left> {
        if self.may_say() && Instant::now() >= self.next {
            self.think(socket.node);
        }
        let now = Instant::now();
        for command in self.commands.values_mut().filter(|command| command.due <= now) {
            self.record.put(What::Command {
                customer: self.number,
                id: command.frame["id"].as_str().unwrap_or_default().to_owned(),
                text: command.text.clone(),
                again: command.said > 0,
            });
            command.said += 1;
            command.due = now + PATIENCE;
            socket.say(&command.frame).await?;
        }
        Ok(())
    }

    /// Creates new commands.
    fn think(&mut self, node: usize) {
        let pause = self.random.random_range(0..PAUSE_MS);
        self.next = Instant::now() + Duration::from_millis(pause);
        self.counter += 1;
        let number = self.counter;
        if self.talked >= TALK && self.random.random_ratio(1, 60) {
            self.talked = 0;
            self.next = Instant::now() + Duration::from_millis(2 * pause + 200);
            return self.command(number, json!({"type": "end", "id": format!("e{number}")}), None);
        }
        if self.talked == 0 && self.random.random_ratio(1, 4) {
            self.talked = 1;
            return self.command(
                number,
                json!({"type": "start", "id": format!("s{number}")}),
                None,
            );
        }
        self.talked += 1;
        if !self.done.is_empty() && self.random.random_ratio(1, 40) {
            self.repeat_elsewhere(node);
        }
        let text = format!("c{} n{number}", self.number);
        let frame = json!({"type": "message", "id": format!("n{number}"), "text": text});
        self.command(number, frame, Some(text));
    }

    fn command(&mut self, number: u64, frame: Value, text: Option<String>) {
        self.commands.insert(number, Command { frame, text, said: 0, due: Instant::now() });
    }

    /// Resends an acked command over a separate socket on another node; it may belong to an earlier
    /// conversation.
    fn repeat_elsewhere(&mut self, node: usize) {
        let which = self.random.random_range(0..self.done.len());
        let Some(frame) = self.done.get(which).cloned() else { return };
        let other = (node + 1) % self.nodes.0.len();
        let (nodes, record, customer) = (self.nodes.clone(), self.record.clone(), self.number);
        let hello = hello(self.token.as_deref(), None);
        let id = frame["id"].as_str().unwrap_or_default().to_owned();
        let repeating = async move {
            let (mut socket, _) = Socket::open(&nodes, other, customer, hello).await.ok()?;
            socket.say(&frame).await.ok()?;
            loop {
                let answer = socket.next().await.ok()?;
                if answer["type"] == "ack" && answer["id"] == *id {
                    let case = answer["conversation"].as_str().and_then(Case::parse)?;
                    record.put(What::Echo { customer, id, case, seq: answer["seq"].as_u64() });
                    return Some(());
                }
                if answer["for"] == *id {
                    return None;
                }
            }
        };
        tokio::spawn(tokio::time::timeout(Duration::from_secs(10), repeating));
    }

    /// Handles a frame; returns why and for how long the socket is to be left, if it is.
    fn take(&mut self, frame: &Value) -> Option<(Left, u64)> {
        match frame["type"].as_str().unwrap_or_default() {
            "entry" => self.entry(frame),
            "entries" => {
                for entry in frame["entries"].as_array().into_iter().flatten() {
                    self.entry(entry);
                }
            }
            "ack" => return self.ack(frame),
            "receipt" => {
                if let (Some(case), Some(delivered)) = (case(frame), frame["delivered"].as_u64()) {
                    let customer = self.number;
                    self.record.put(What::Receipt { customer, case, delivered });
                }
            }
            "error" => self.refused(frame),
            "bye" => {
                let after = frame["reconnect_after_ms"].as_u64().unwrap_or_default();
                return Some((format!("bye: {}", frame["reason"]), after));
            }
            _ => {}
        }
        None
    }

    fn entry(&mut self, entry: &Value) {
        let (Some(case), Some(seq)) = (case(entry), entry["seq"].as_u64()) else { return };
        self.attempt = 0;
        self.record.put(What::Entry {
            customer: self.number,
            case,
            seq,
            kind: entry["kind"].as_str().unwrap_or_default().to_owned(),
            text: entry["text"].as_str().map(str::to_owned),
        });
        if entry["kind"] == "closed" {
            self.talked = 0;
        }
        self.hold(case, seq);
    }

    /// Advances the end of what is held without a gap.
    fn hold(&mut self, case: Case, seq: u64) {
        match self.held {
            Some((held, at)) if held == case => {
                self.held = Some((case, at + u64::from(seq == at + 1)))
            }
            _ if seq == 1 && !self.past.contains(&case) => {
                self.past.extend(self.held.map(|(held, _)| held));
                self.held = Some((case, 1));
            }
            _ => {}
        }
    }

    fn ack(&mut self, frame: &Value) -> Option<(Left, u64)> {
        let case = case(frame)?;
        let id = frame["id"].as_str()?.to_owned();
        let seq = frame["seq"].as_u64();
        self.attempt = 0;
        self.record.put(What::Ack { customer: self.number, id: id.clone(), case, seq });
        let number = id.get(1..).and_then(|number| number.parse().ok())?;
        let command = self.commands.remove(&number)?;
        let unknown = self.held.is_none_or(|(held, _)| held != case) && !self.past.contains(&case);
        if self.done.len() < 400 {
            self.done.push(command.frame);
        }
        // It began a conversation that this client was never shown; it may even be over, so that
        // nothing more would arrive. So its whole history is requested.
        if unknown && command.said > 1 {
            self.past.extend(self.held.map(|(held, _)| held));
            self.held = Some((case, 0));
            return Some(("a conversation unknown to it".to_owned(), 0));
        }
        self.hold(case, seq?);
        None
    }

    fn refused(&mut self, frame: &Value) {
        let id = frame["for"].as_str().map(str::to_owned);
        let code = frame["code"].as_str().unwrap_or_default().to_owned();
        let number = id.as_deref().and_then(|id| id.get(1..)?.parse::<u64>().ok());
        let retry = frame["retry_after_ms"].as_u64();
        if let Some(command) = number.and_then(|number| self.commands.get_mut(&number)) {
            match (code.as_str(), retry) {
                ("unavailable" | "rate_limited", wait) => {
                    let wait = Duration::from_millis(wait.unwrap_or(1_000));
                    command.due = Instant::now() + wait;
                    self.next = self.next.max(command.due);
                }
                _ => {
                    number.and_then(|number| self.commands.remove(&number));
                }
            }
        }
        self.record.put(What::Refused { customer: self.number, id, code });
    }

    fn settle(&self) {
        if self.commands.is_empty() && self.phases.now() == Phase::Quiet {
            self.phases.settled(self.number);
        } else {
            self.phases.unsettled(self.number);
        }
    }
}

fn case(frame: &Value) -> Option<Case> {
    frame["conversation"].as_str().and_then(Case::parse)
}
