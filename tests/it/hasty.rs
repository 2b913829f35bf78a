//! A customer who does not wait: they send one message after another right behind `hello`, on a
//! node that does not own the link, while the owner is killed. Some have to be resent, and the
//! messages are stored in the order in which they were sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use couplet::chat::ids::{ConversationId, Seq};
use couplet::chat::row::{Author, RowKind};
use couplet::ports::store::Transcripts as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::crew::Crew;
use crate::support::customer::{Customer, PATIENCE};
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use couplet_kit::gateway::LIMITS;
use couplet_kit::process::Faulty as _;

on_both_servers!(the_owner_is_killed);

/// Sent at once.
const AT_ONCE: usize = 30;
/// Sent in total: fewer than a node keeps in order for one socket.
const AT_MOST: usize = 200;
/// Interval at which they send, and check whether anything has to be resent.
const PACE: Duration = Duration::from_millis(60);

struct Hasty {
    customer: Customer,
    said: usize,
    /// Messages without an ack, and when to resend them.
    open: BTreeMap<usize, Option<Instant>>,
    /// Messages that had to be resent.
    refused: BTreeSet<usize>,
    conversation: Option<ConversationId>,
}

impl Hasty {
    /// Sends hello and the first messages, without waiting.
    async fn come(mut customer: Customer, session: &str) -> Self {
        customer.say(json!({"type": "hello", "session": session})).await;
        let (open, refused) = (BTreeMap::new(), BTreeSet::new());
        let mut hasty = Self { customer, said: 0, open, refused, conversation: None };
        for _ in 0..AT_ONCE {
            hasty.say_more().await;
        }
        hasty
    }

    async fn say_more(&mut self) {
        self.say(self.said).await;
        self.said += 1;
    }

    async fn say(&mut self, number: usize) {
        self.open.insert(number, None);
        self.customer.write(&format!("m{number}"), &format!("c {number}")).await;
    }

    /// Continues until a message was refused and a later one accepted; then resends what is missing
    /// until all are stored.
    async fn go_on(&mut self) {
        let mut pace = tokio::time::interval(PACE);
        loop {
            let first = self.refused.first().copied();
            let is_over =
                first.is_some_and(|first| (first..self.said).any(|n| !self.open.contains_key(&n)));
            if is_over && self.open.is_empty() {
                return;
            }
            tokio::select! {
                frame = self.customer.next() => self.takes(&frame),
                now = pace.tick() => {
                    if !is_over && self.said < AT_MOST {
                        self.say_more().await;
                    }
                    let due = |(number, again): (&usize, &Option<Instant>)| {
                        again.is_some_and(|again| again <= now).then_some(*number)
                    };
                    let due: Vec<usize> = self.open.iter().filter_map(due).collect();
                    for number in due {
                        self.say(number).await;
                    }
                }
            }
        }
    }

    fn takes(&mut self, frame: &Value) {
        let number = |id: &Value| id.as_str().unwrap()[1..].parse::<usize>().unwrap();
        match frame["type"].as_str() {
            Some("ack") => {
                self.open.remove(&number(&frame["id"]));
                let id = Uuid::parse_str(frame["conversation"].as_str().unwrap()).unwrap();
                assert_eq!(
                    *self.conversation.get_or_insert(ConversationId(id)),
                    ConversationId(id)
                );
            }
            Some("error") => {
                assert_eq!(frame["code"], "unavailable", "{frame}");
                let after = Duration::from_millis(frame["retry_after_ms"].as_u64().unwrap());
                let number = number(&frame["for"]);
                self.refused.insert(number);
                if let Some(again) = self.open.get_mut(&number) {
                    *again = Some(Instant::now() + after);
                }
            }
            _ => {}
        }
    }
}

async fn the_owner_is_killed(server: Server) {
    let mut crew = Crew::open(Gateway::plan(server, Ground::Full, LIMITS).await, 1).await;
    let clerk = &crew.clerks[0];
    // They have an agent already, and come back.
    let mut earlier = Customer::arrive(crew.nodes[1].address, TENANT).await;
    earlier.insisted("first", "c first").await;
    earlier.entry(|entry| entry["text"] == "re c first").await;
    let customer = Customer::bare(crew.nodes[1].address, TENANT).await;
    crew.nodes[0].kill();
    let mut hasty = Hasty::come(customer, &earlier.token()).await;
    tokio::time::timeout(2 * PATIENCE, hasty.go_on())
        .await
        .expect("all messages are accepted in the end");
    eprintln!("of {} words {} had to come again", hasty.said, hasty.refused.len());

    let said = (0..hasty.said).map(|number| format!("c {number}"));
    let expected: Vec<String> = ["c first".to_owned()].into_iter().chain(said).collect();
    let id = hasty.conversation.unwrap();
    let rows = crew.plan.db.store.entries_after(id, Seq(0), 10_000).await.unwrap();
    let words = rows.iter().filter(|row| row.author == Author::Customer);
    let stored: Vec<String> = words
        .filter_map(|row| match &row.kind {
            RowKind::Message { text, .. } => Some(text.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(stored, expected, "each once, in the order in which they were sent");

    // The agent gets them in the same order.
    clerk.gets(expected.last().unwrap()).await;
    let mut read: Vec<String> = Vec::new();
    for arrival in &clerk.look().arrived {
        if arrival.text.starts_with("c ") && !read.contains(&arrival.text) {
            read.push(arrival.text.clone());
        }
    }
    assert_eq!(read, expected, "the agent reads it in the same order");
    crew.nodes[0].ended().await;
    crew.nodes.remove(0);
    crew.end().await;
}
