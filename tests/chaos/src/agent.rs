//! An agent's client, raw and fast: it confirms what arrives, replies, and resends under the same
//! id what was not confirmed.
//!
//! Invariant: everything that arrives is recorded before it is handled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use couplet_kit::stanza::{self, CLIENT, bare, body, condition, message, reaction, received};
use couplet_kit::stream::Stream;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use xmpp_parsers::minidom::Element;

use crate::phase::{Phase, Phases};
use crate::proxy::Way;
use crate::record::{Case, Record, What};
use crate::servers::{DOMAIN, HOST};

/// Parts of the notices after which an agent no longer has a customer.
const OVER: [&str; 6] = [
    "no longer yours",
    "passed to a colleague",
    "took this conversation",
    "closed the conversation",
    "ended the conversation",
    "Closed: ",
];

/// How long a server may take for the login.
const LOGIN: Duration = Duration::from_secs(8);
/// A message that is not confirmed within this time is resent.
const PATIENCE: Duration = Duration::from_secs(4);
/// The interval of pings to the server.
const PING: Duration = Duration::from_secs(3);
/// A stream on which nothing arrived for this long is closed.
const SILENCE: Duration = Duration::from_secs(8);
/// The most unconfirmed messages; beyond them nothing new is sent.
const WINDOW: usize = 24;

/// Agents' numbers among the clients that have settled start here, after those of customers.
pub(crate) const FIRST: usize = 100_000;

/// The presence that an agent is told to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Available.
    Free,
    /// Online, but takes nothing new.
    Away,
    Gone,
}

/// A message that is not confirmed yet.
#[derive(Debug)]
struct Unticked {
    to: String,
    text: String,
    said: u32,
    due: Instant,
}

pub(crate) struct Agent {
    number: usize,
    way: Arc<Way>,
    record: Record,
    phases: Phases,
    random: ChaCha8Rng,
    shown: watch::Receiver<Shown>,
    unticked: BTreeMap<u64, Unticked>,
    /// Replies to send, with time and addressee.
    replies: Vec<(Instant, String)>,
    /// Customers that can be written to, with the number of messages sent to each.
    chats: HashMap<String, u32>,
    counter: u64,
    logins: u64,
    attempt: u32,
    /// Whether the last message in each chat has been sent.
    farewell: bool,
}

impl Agent {
    pub(crate) fn new(
        number: usize,
        way: Arc<Way>,
        record: Record,
        phases: Phases,
        random: ChaCha8Rng,
        shown: watch::Receiver<Shown>,
    ) -> Self {
        Self {
            number,
            way,
            record,
            phases,
            random,
            shown,
            unticked: BTreeMap::new(),
            replies: Vec::new(),
            chats: HashMap::new(),
            counter: 0,
            logins: 0,
            attempt: 0,
            farewell: false,
        }
    }

    /// Logs in again and again, until the run is over.
    pub(crate) async fn run(mut self) {
        while self.phases.now() != Phase::Over {
            if self.shows() == Shown::Gone {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            self.logins += 1;
            let (name, resource) = (format!("a{}", self.number), format!("r{}", self.logins));
            let login = Stream::login(self.way.port, HOST, &name, &resource);
            if let Ok(Ok(mut stream)) = timeout(LOGIN, login).await {
                self.record.put(What::Login { agent: self.number });
                let why = match self.serve(&mut stream).await {
                    Ok(why) => why.to_owned(),
                    Err(error) => format!("{error:#}"),
                };
                self.record.put(What::Logout { agent: self.number, why });
            }
            self.phases.unsettled(FIRST + self.number);
            if self.phases.now() == Phase::Over {
                return;
            }
            self.attempt = (self.attempt + 1).min(4);
            let pause = self.random.random_range(50..(100_u64 << self.attempt));
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// At the end every agent is available.
    fn shows(&self) -> Shown {
        if self.phases.now() == Phase::Load { *self.shown.borrow() } else { Shown::Free }
    }

    async fn serve(&mut self, stream: &mut Stream) -> anyhow::Result<&'static str> {
        let mut shows = self.shows();
        stream.write(&presence(shows)).await?;
        for unticked in self.unticked.values_mut() {
            unticked.due = Instant::now() + Duration::from_millis(300);
        }
        let (mut heard, mut ping) = (Instant::now(), Instant::now() + PING);
        loop {
            if self.phases.now() == Phase::Over {
                return Ok("over");
            }
            if self.shows() != shows {
                shows = self.shows();
                stream.write(&presence(shows)).await?;
                if shows == Shown::Gone {
                    stream.write("</stream:stream>").await?;
                    return Ok("gone");
                }
            }
            self.bid_farewell();
            self.speak(stream).await?;
            self.settle();
            let until = self.until().min(ping).min(heard + SILENCE);
            tokio::select! {
                stanza = stream.next() => {
                    let stanza = stanza?;
                    heard = Instant::now();
                    self.attempt = 0;
                    self.take(&stanza, stream).await?;
                }
                _ = self.shown.changed() => {}
                () = tokio::time::sleep_until(until) => {
                    if heard.elapsed() >= SILENCE {
                        return Ok("silence");
                    }
                    if Instant::now() >= ping {
                        ping = Instant::now() + PING;
                        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
                        let asked = format!("<iq type='get' id='alive' to='{HOST}'>{query}</iq>");
                        stream.write(&asked).await?;
                    }
                }
            }
        }
    }

    /// The last message in each conversation is an agent's: no later one could reveal its loss.
    fn bid_farewell(&mut self) {
        if self.phases.now() == Phase::Quiet && !self.farewell {
            self.farewell = true;
            let chats: Vec<String> = self.chats.keys().cloned().collect();
            chats.into_iter().for_each(|chat| self.reply(chat, 1_500));
        }
    }

    fn until(&self) -> Instant {
        let far = Instant::now() + Duration::from_millis(500);
        let due = self.unticked.values().map(|unticked| unticked.due).min().unwrap_or(far);
        let reply = self.replies.iter().map(|(at, _)| *at).min().unwrap_or(far);
        due.min(reply).min(far)
    }

    /// Sends what is due.
    async fn speak(&mut self, stream: &mut Stream) -> anyhow::Result<()> {
        let now = Instant::now();
        let mut replies = std::mem::take(&mut self.replies);
        let due: Vec<_> = replies.extract_if(.., |(at, _)| *at <= now).collect();
        self.replies = replies;
        for (_, to) in due {
            let Some(said) = self.chats.get_mut(&to) else { continue };
            if self.unticked.len() >= WINDOW || self.phases.now() == Phase::Over {
                continue;
            }
            *said += 1;
            self.counter += 1;
            let number = self.counter;
            let may_close = self.phases.now() == Phase::Load && *said > 15;
            if may_close && self.random.random_ratio(1, 80) {
                self.chats.remove(&to);
                stream.write(&message(&to, &format!("x{number}"), "!close", "")).await?;
                continue;
            }
            let local = to.split('@').next().unwrap_or_default();
            let text = format!("a{} → {local} n{number}", self.number);
            self.unticked.insert(number, Unticked { to, text, said: 0, due: now });
        }
        let random = &mut self.random;
        for (number, unticked) in self.unticked.iter_mut().filter(|(_, u)| u.due <= now) {
            let id = format!("m{}-{number}", self.number);
            let (to, text) = (unticked.to.clone(), unticked.text.clone());
            let xml = message(&to, &id, &text, "");
            let times = if random.random_ratio(1, 50) { 2 } else { 1 };
            unticked.due = now + PATIENCE;
            for _ in 0..times {
                self.record.put(What::Spoke {
                    agent: self.number,
                    to: to.clone(),
                    id: id.clone(),
                    text: text.clone(),
                    again: unticked.said > 0,
                });
                unticked.said += 1;
                stream.write(&xml).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, stanza: &Element, stream: &mut Stream) -> anyhow::Result<()> {
        match (stanza.name(), stanza.attr("type")) {
            ("message", Some("error")) => self.returned(stanza),
            ("message", _) => self.message(stanza),
            ("iq", Some("get" | "set")) => {
                let from = stanza.attr("from").map(|from| format!(" to='{from}'"));
                let id = stanza.attr("id").unwrap_or_default();
                let to = from.unwrap_or_default();
                stream.write(&format!("<iq type='result' id='{id}'{to}/>")).await?;
            }
            _ => {}
        }
        if let Some(reaction) = reaction(stanza, true) {
            stream.write(&reaction).await?;
        }
        Ok(())
    }

    fn message(&mut self, stanza: &Element) {
        let bare = bare(stanza).to_owned();
        if let Some(id) = received(stanza) {
            let id = id.to_owned();
            if let Some(number) = own(&id) {
                self.unticked.remove(&number);
            }
            self.record.put(What::Tick { agent: self.number, id });
        }
        let Some(body) = body(stanza) else { return };
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let thread = stanza.get_child("thread", CLIENT).map(Element::text);
        self.record.put(What::Heard {
            agent: self.number,
            from: bare.clone(),
            case: thread.as_deref().and_then(Case::parse),
            id,
            text: body.clone(),
        });
        if !bare.ends_with(&format!("@{DOMAIN}")) {
            return;
        }
        if let Some(line) = body.strip_prefix("⚙ ") {
            if line.contains(" is waiting ") {
                self.chats.entry(bare.clone()).or_default();
                self.reply(bare, 700);
            } else if OVER.iter().any(|over| line.contains(over)) {
                self.chats.remove(&bare);
            }
        } else if body.starts_with('c') {
            self.chats.entry(bare.clone()).or_default();
            if self.phases.now() == Phase::Load && self.random.random_ratio(4, 5) {
                self.reply(bare, 300);
            }
        }
    }

    fn reply(&mut self, to: String, within_ms: u64) {
        let pause = Duration::from_millis(self.random.random_range(20..within_ms));
        self.replies.push((Instant::now() + pause, to));
    }

    fn returned(&mut self, stanza: &Element) {
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let (condition, _) = condition(stanza).unwrap_or_default();
        if let Some(number) = own(&id) {
            // These refusals are final; after any other the message is resent.
            if ["conflict", "item-not-found", "policy-violation", "not-acceptable"]
                .contains(&condition.as_str())
            {
                if let Some(lost) = self.unticked.remove(&number) {
                    self.chats.remove(&lost.to);
                }
            } else if let Some(unticked) = self.unticked.get_mut(&number) {
                unticked.due = Instant::now() + Duration::from_secs(1);
            }
        }
        self.record.put(What::Returned { agent: self.number, id, condition });
    }

    fn settle(&self) {
        let client = FIRST + self.number;
        let idle = self.farewell && self.unticked.is_empty() && self.replies.is_empty();
        if idle && self.phases.now() == Phase::Quiet {
            self.phases.settled(client);
        } else {
            self.phases.unsettled(client);
        }
    }
}

/// The number of a message of this client's own.
fn own(id: &str) -> Option<u64> {
    id.strip_prefix('m')?.split_once('-')?.1.parse().ok()
}

fn presence(shown: Shown) -> String {
    stanza::presence(match shown {
        Shown::Free => "",
        Shown::Away => "away",
        Shown::Gone => "unavailable",
    })
}
