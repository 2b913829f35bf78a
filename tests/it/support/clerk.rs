//! An agent who replies to everything at once: confirms each message, repeats its text in a reply,
//! and resends replies that bounced or were not confirmed, under the same id, as a client does.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use couplet_kit::servers::Xmpp;
use couplet_kit::stanza::{RECEIPTS, bare, body, condition, message, reaction, received};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use xmpp_parsers::minidom::Element;

use super::customer::PATIENCE;
use super::xmpp_client::Client;

/// A message that is not confirmed within this time is resent.
const AGAIN: Duration = Duration::from_millis(1_500);
/// The delay before a bounced message is resent.
const PAUSE: Duration = Duration::from_millis(150);

#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) chat: String,
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

/// What the agent has received and sent.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Every message with a text, recorded before it is handled.
    pub(crate) arrived: Vec<Arrival>,
    /// What the agent sent, and when it was confirmed.
    pub(crate) said: Vec<(String, Option<Instant>)>,
    /// Errors for the agent's messages.
    pub(crate) errors: Vec<String>,
}

pub(crate) struct Clerk {
    pub(crate) jid: String,
    says: mpsc::UnboundedSender<(String, String)>,
    desk: Arc<Mutex<Desk>>,
    work: JoinHandle<()>,
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Clerk {
    /// Logs in and becomes available. Texts that begin with `marked` get a reply of `re ` and the
    /// text.
    pub(crate) async fn come(server: &Xmpp, account: &str, marked: &'static str) -> Self {
        let mut client = Client::login(server, account, "desk").await;
        client.available().await;
        let jid = client.jid.clone();
        let (says, words) = mpsc::unbounded_channel();
        let desk = Arc::new(Mutex::new(Desk::default()));
        let work = Work { client, words, desk: desk.clone(), chats: HashMap::new(), marked };
        Self { jid, says, desk, work: tokio::spawn(work.work()) }
    }

    /// Sends a message in a chat, once the earlier ones there are confirmed.
    pub(crate) fn say(&self, chat: &str, text: &str) {
        let _ = self.says.send((chat.to_owned(), text.to_owned()));
    }

    pub(crate) fn look(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }

    /// Waits until a text has arrived; returns its first arrival.
    pub(crate) async fn gets(&self, text: &str) -> Arrival {
        let looking = async {
            loop {
                let found = self.look().arrived.iter().find(|one| one.text == text).cloned();
                match found {
                    Some(found) => return found,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(found) => found,
            Err(_) => panic!("{text:?} did not reach {}: {:#?}", self.jid, self.look().arrived),
        }
    }

    /// Waits until everything the agent sent is confirmed.
    pub(crate) async fn confirmed(&self) {
        let all = async {
            while self.look().said.iter().any(|(_, at)| at.is_none()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let confirmed = tokio::time::timeout(PATIENCE, all).await;
        assert!(confirmed.is_ok(), "{} waits for receipts: {:#?}", self.jid, self.look().said);
    }
}

struct Work {
    client: Client,
    words: mpsc::UnboundedReceiver<(String, String)>,
    desk: Arc<Mutex<Desk>>,
    /// Messages to send in each chat; the first has been sent, and is resent at the given time.
    chats: HashMap<String, (Instant, VecDeque<(String, String)>)>,
    marked: &'static str,
}

impl Work {
    async fn work(mut self) {
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        let mut alive = tokio::time::interval(Duration::from_secs(2));
        loop {
            tokio::select! {
                element = self.client.next() => self.hear(&element).await,
                Some((chat, text)) = self.words.recv() => self.say(chat, text).await,
                // The gateway takes a silent stream for dead.
                _ = alive.tick() => {
                    let ping = "<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>";
                    self.client.write(ping).await;
                }
                _ = pace.tick() => {
                    let now = Instant::now();
                    let due: Vec<_> = self.chats.iter_mut().filter(|(_, (at, _))| *at <= now)
                        .filter_map(|(chat, (at, words))| {
                            *at = now + AGAIN;
                            words.front().map(|(id, text)| (chat.clone(), id.clone(), text.clone()))
                        }).collect();
                    for (chat, id, text) in due {
                        self.write(&chat, &id, &text).await;
                    }
                }
            }
        }
    }

    async fn say(&mut self, chat: String, text: String) {
        let id = {
            let mut desk = self.desk.lock().unwrap();
            desk.said.push((text.clone(), None));
            format!("w{}", desk.said.len() - 1)
        };
        let (at, words) =
            self.chats.entry(chat.clone()).or_insert((Instant::now(), VecDeque::new()));
        words.push_back((id.clone(), text.clone()));
        if words.len() == 1 {
            *at = Instant::now() + AGAIN;
            self.write(&chat, &id, &text).await;
        }
    }

    async fn write(&mut self, chat: &str, id: &str, text: &str) {
        self.client.write(&message(chat, id, text, "")).await;
    }

    async fn hear(&mut self, element: &Element) {
        if let Some(reaction) = reaction(element, true) {
            self.client.write(&reaction).await;
        }
        let chat = bare(element).to_owned();
        match (element.name(), element.attr("type"), element.attr("id")) {
            ("message", Some("error"), id) => {
                let error = format!("{id:?} {:?}", condition(element));
                self.desk.lock().unwrap().errors.push(error);
                if let Some((at, words)) = self.chats.get_mut(&chat)
                    && words.front().is_some_and(|(front, _)| Some(front.as_str()) == id)
                {
                    *at = Instant::now() + PAUSE;
                }
            }
            ("message", _, Some(id)) if element.has_child("request", RECEIPTS) => {
                let Some(text) = body(element) else { return };
                let id = id.to_owned();
                let known = {
                    let mut desk = self.desk.lock().unwrap();
                    let known = desk.arrived.iter().any(|one| one.id == id && one.chat == chat);
                    let (chat, text, at) = (chat.clone(), text.clone(), Instant::now());
                    desk.arrived.push(Arrival { chat, id, text, at });
                    known
                };
                if !known && text.starts_with(self.marked) {
                    self.say(chat, format!("re {text}")).await;
                }
            }
            ("message", ..) => {
                let Some(of) = received(element) else { return };
                let Some((at, words)) = self.chats.get_mut(&chat) else { return };
                if words.front().map(|(id, _)| id.as_str()) != Some(of) {
                    return;
                }
                let (id, _) = words.pop_front().unwrap();
                *at = Instant::now() + AGAIN;
                let next = words.front().cloned();
                let number: usize = id[1..].parse().unwrap();
                self.desk.lock().unwrap().said[number].1 = Some(Instant::now());
                if let Some((id, text)) = next {
                    self.write(&chat, &id, &text).await;
                }
            }
            _ => {}
        }
    }
}
