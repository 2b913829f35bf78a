//! Keeps one component stream up, and passes what comes and goes.
//!
//! Invariants: one task owns the stream and everything about it; it reads as long as the runtime
//! takes what was read, whatever the server does with what we write; the runtime hears of a
//! stream's end before anything of the next one.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use xmpp_parsers::minidom::Element;

use super::answers;
use super::outbox::{Kind, Outbox, Returned};
use super::retry::Retries;
use super::roster::Roster;
use super::stream::{self, Incoming, LoginError, Lost, Stream};
use crate::bridge::address::{self, Book};
use crate::bridge::custom_to_xmpp::stanza;
use crate::bridge::xmpp_to_custom::input::{self, Context, Decoded};
use crate::chat::effect::{Contact, ToAgent, ToAgentContent};
use crate::chat::event::{Availability, Event};
use crate::chat::ids::{AgentJid, ConversationId, LinkDomain, Pos, TenantKey};
use crate::ports::link::{FromLink, LinkHandle, ToLink};
use crate::ports::world::World;

/// What waits between the runtime and the link, each way.
const CHANNEL: usize = 256;

/// Reading stops where the runtime has not taken so much. Far more than the barriers that come
/// between: a runtime that is behind still learns that the server took what it waits for.
const UNREAD: usize = 8_192;

/// How long a server has to say what it lets us do, before agents are asked for subscriptions.
const SETTLING: Duration = Duration::from_millis(500);

/// How long a barrier may be on its way; an overloaded server drains for tens of seconds.
const BARRIER: Duration = Duration::from_secs(90);

/// How long an orderly close may take, and its very end.
const CLOSING: Duration = Duration::from_secs(5);
const FAREWELL: Duration = Duration::from_secs(1);

/// Pauses between attempts grow from the first to the second.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);

/// After a conflict the runtime has so long to see whether the domain is still its own to ask for.
const CONFLICT: Duration = Duration::from_secs(5);

/// A stream that stood so long was a good one: the next attempt comes quickly.
const GOOD: Duration = Duration::from_secs(10);

/// What a link needs to know.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    /// The component domain.
    pub domain: LinkDomain,
    /// Where the server listens for components, as `host:port`.
    pub server: String,
    /// The secret it shares with us.
    pub secret: SecretString,
    /// The hosts agents may have accounts on; none for the parents of the domain.
    pub agent_hosts: Vec<String>,
}

/// Starts a link. It opens no stream before it is told to, and ends when its handle is dropped or
/// when it is cancelled (at once, without an orderly close).
pub fn spawn(
    settings: LinkSettings,
    world: Arc<dyn World>,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> LinkHandle {
    let (to_sender, to) = mpsc::channel(CHANNEL);
    let (from, from_receiver) = mpsc::channel(CHANNEL);
    let domain = settings.domain.clone();
    let supervisor = Supervisor {
        desk: Desk {
            book: Book::default(),
            roster: Roster::new(domain.clone()),
            outbox: Outbox::new(&domain),
            retries: Retries::default(),
            presences: HashMap::new(),
            unread: VecDeque::new(),
            wanted: false,
            standing: false,
            closing: None,
            settings: Arc::new(settings),
            world,
        },
        to,
        from,
    };
    tracker.spawn(async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = supervisor.run() => {}
        }
    });
    LinkHandle { domain, to: to_sender, from: from_receiver }
}

/// The ends of the channels, and all the rest.
struct Supervisor {
    desk: Desk,
    to: mpsc::Receiver<ToLink>,
    from: mpsc::Sender<FromLink>,
}

/// All that the link knows.
struct Desk {
    settings: Arc<LinkSettings>,
    world: Arc<dyn World>,
    book: Book,
    roster: Roster,
    outbox: Outbox,
    retries: Retries,
    presences: HashMap<AgentJid, HashMap<Arc<str>, Availability>>,
    /// What the runtime has not taken yet.
    unread: VecDeque<FromLink>,
    /// Whether the runtime wants a stream.
    wanted: bool,
    /// Whether there is one.
    standing: bool,
    /// Until when an orderly close may take.
    closing: Option<Instant>,
}

/// The handle was dropped: nobody wants the link any more.
struct Dropped;

impl Supervisor {
    async fn run(mut self) {
        // The only way out is that nobody is there any more.
        let Err(Dropped) = self.serve().await;
    }

    async fn serve(&mut self) -> Result<Infallible, Dropped> {
        let mut attempt = 0;
        let mut told = None;
        loop {
            while !self.desk.wanted {
                self.step().await?;
            }
            let Some(outcome) = self.open().await? else { continue };
            let conflict = match outcome {
                Ok(stream) => {
                    told = None;
                    let since = Instant::now();
                    let lost = self.live(stream).await?;
                    if since.elapsed() >= GOOD {
                        attempt = 0;
                    }
                    lost.is_conflict()
                }
                Err(error) => {
                    let conflict = matches!(error, LoginError::Conflict { .. });
                    let reason = error.to_string();
                    // A server that is away for an hour is reported once.
                    if conflict || told.as_ref() != Some(&reason) {
                        told = Some(reason.clone());
                        self.desk.down(reason, conflict);
                    }
                    conflict
                }
            };
            let pause = self.desk.pause(&mut attempt);
            self.rest(if conflict { pause.max(CONFLICT) } else { pause }).await?;
        }
    }

    /// Waits, unless the runtime no longer wants the stream.
    async fn rest(&mut self, pause: Duration) -> Result<(), Dropped> {
        let until = Instant::now() + pause;
        while self.desk.wanted && Instant::now() < until {
            tokio::select! {
                () = sleep_until(until) => {}
                stepped = self.step() => stepped?,
            }
        }
        Ok(())
    }

    /// Takes one thing from the runtime, or gives it one.
    async fn step(&mut self) -> Result<(), Dropped> {
        let Self { desk, to, from } = self;
        tokio::select! {
            room = from.reserve(), if !desk.unread.is_empty() => {
                let room = room.map_err(|_| Dropped)?;
                if let Some(next) = desk.unread.pop_front() {
                    room.send(next);
                }
            }
            told = to.recv(), if desk.outbox.has_room() => {
                desk.told(told.ok_or(Dropped)?);
            }
            else => std::future::pending().await,
        }
        Ok(())
    }

    /// Logs in; nothing where the runtime no longer wants it.
    async fn open(&mut self) -> Result<Option<Result<Stream, LoginError>>, Dropped> {
        let settings = self.desk.settings.clone();
        let login = stream::login(settings.domain.as_str(), &settings.server, &settings.secret);
        tokio::pin!(login);
        while self.desk.wanted {
            tokio::select! {
                outcome = &mut login => return Ok(Some(outcome)),
                stepped = self.step() => stepped?,
            }
        }
        Ok(None)
    }

    /// Serves a stream until it ends, and says why it did.
    async fn live(&mut self, mut stream: Stream) -> Result<Lost, Dropped> {
        tracing::info!(domain = %self.desk.settings.domain, "the stream stands");
        self.desk.standing = true;
        self.desk.unread.push_back(FromLink::Up);
        let mut out = VecDeque::new();
        let mut settling = Some(Instant::now() + SETTLING);
        loop {
            self.desk.fill(&mut out);
            if let Some(until) = self.desk.closing
                && (self.desk.outbox.is_idle() && out.is_empty() || Instant::now() >= until)
            {
                stream.close(FAREWELL).await;
                let closed = Lost::new("closed");
                self.desk.lost(&closed, true);
                return Ok(closed);
            }
            let timers = [
                settling,
                self.desk.closing,
                self.desk.retries.next(),
                self.desk.outbox.oldest().map(|sent| sent + BARRIER),
            ];
            let next =
                timers.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + BARRIER);
            let reading = self.desk.unread.len() < UNREAD;
            let turned = tokio::select! {
                turned = stream.turn(&mut out), if reading => Some(turned),
                stepped = self.step() => { stepped?; None }
                () = sleep_until(next) => None,
            };
            let ended = match turned {
                Some(Ok(Incoming::Stanza(element))) => self.desk.heard(element).err(),
                Some(Ok(Incoming::Silence)) => {
                    self.desk.outbox.ping(&mut out);
                    None
                }
                Some(Err(lost)) => Some(lost),
                None => self.desk.timers(&mut settling).err(),
            };
            if let Some(lost) = ended {
                let closing = self.desk.closing.is_some();
                self.desk.lost(&lost, closing);
                return Ok(lost);
            }
        }
    }
}

impl Desk {
    /// Does what the runtime says.
    fn told(&mut self, told: ToLink) {
        match told {
            ToLink::Send(to_agent) => self.send(&to_agent),
            ToLink::Passed { pos } => self.outbox.passed(pos),
            ToLink::Contact { agent, contact } => {
                let lasting = matches!(*contact, Contact::Removed { .. });
                let mut out = Vec::new();
                if self.allows(&agent) {
                    self.roster.contact(&agent, *contact, &mut out);
                }
                let kind = if lasting { Kind::Line } else { Kind::Passing };
                out.into_iter().for_each(|element| self.outbox.push(element, kind, None));
            }
            ToLink::Agents(agents) => self.agents(agents),
            ToLink::Open { epoch } => {
                self.outbox.open(epoch);
                self.wanted = true;
                self.closing = None;
            }
            ToLink::Close if self.standing => self.closing = Some(Instant::now() + CLOSING),
            ToLink::Close => {
                self.wanted = false;
                self.unread.push_back(FromLink::Closed);
            }
        }
    }

    fn send(&mut self, to_agent: &ToAgent) {
        let cursor = stanza::cursor(to_agent);
        let passing = matches!(to_agent.content, ToAgentContent::Typing { .. });
        let heard = !passing || self.is_here(&to_agent.agent);
        let wanted = heard && self.allows(&to_agent.agent);
        let built = stanza::message(&self.settings.domain, to_agent, self.world.now());
        match built.filter(|_| wanted) {
            Some(element) => {
                if let Some(pos) = cursor {
                    self.retries.remember(pos, &to_agent.agent, &element);
                }
                let kind = match &to_agent.content {
                    ToAgentContent::Row { row, .. } => Kind::Row(row.pos),
                    _ if passing => Kind::Passing,
                    _ => Kind::Line,
                };
                self.outbox.push(element, kind, accepts(to_agent));
            }
            None => cursor.into_iter().for_each(|pos| self.outbox.passed(pos)),
        }
    }

    fn agents(&mut self, agents: Vec<(TenantKey, AgentJid)>) {
        let (allowed, refused) =
            agents.into_iter().partition::<Vec<_>, _>(|(_, agent)| self.allows(agent));
        for (tenant, agent) in refused {
            tracing::error!(%tenant, %agent, "his host is not among the link's agent_hosts, he is a stranger");
        }
        self.book = Book::new(allowed);
        let book = &self.book;
        self.presences.retain(|agent, _| book.knows(agent));
        let mut out = Vec::new();
        self.roster.agents(&self.book, &mut out);
        self.pass(out);
    }

    /// Takes in a stanza.
    fn heard(&mut self, element: Element) -> Result<(), Lost> {
        let world = &self.world;
        let fresh = || ConversationId(world.uuid());
        let context = Context { domain: &self.settings.domain, book: &self.book, fresh: &fresh };
        let mut out = Vec::new();
        match input::decode(element, context) {
            Decoded::Presence { agent, target, resource, availability } => {
                if self.roster.believes(&agent, &target) {
                    self.presence(agent, resource, availability, &mut out);
                }
            }
            Decoded::Event(event) => self.unread.push_back(FromLink::Event(event)),
            Decoded::Reply(reply) => out.push(reply),
            Decoded::Query { agent, target, iq } => {
                let domain = &self.settings.domain;
                out.extend(answers::answer(domain, &self.book, &self.roster, &agent, &target, &iq));
            }
            Decoded::Answered { id, refused } => self.roster.answered(&id, refused, &mut out),
            Decoded::Barrier { id } => match self.outbox.returned(&id) {
                Returned::Accepted(pos) => self.accepted(pos),
                Returned::Nothing => {}
                Returned::Stranger => {
                    return Err(Lost {
                        reason: "another stream speaks for our domain".to_owned(),
                        condition: Some("conflict".to_owned()),
                    });
                }
            },
            Decoded::Subscription { agent, target, kind } => {
                self.roster.subscription(&agent, &target, kind, &mut out);
            }
            Decoded::Privilege { host, roster } => {
                if roster
                    && address::host_allowed(
                        &host,
                        &self.settings.domain,
                        &self.settings.agent_hosts,
                    )
                {
                    self.roster.granted(host, &mut out);
                }
            }
            Decoded::Again { agent, customer, pos } => {
                if !self.retries.again(pos, &agent, Instant::now()) {
                    let bounced = Event::Bounced { agent, customer, pos };
                    self.unread.push_back(FromLink::Event(bounced));
                }
            }
            Decoded::Nothing => {}
        }
        self.pass(out);
        Ok(())
    }

    /// An agent's presence: the runtime hears of changes alone.
    fn presence(
        &mut self,
        agent: AgentJid,
        resource: Arc<str>,
        availability: Availability,
        out: &mut Vec<Element>,
    ) {
        let was_here = self.is_here(&agent);
        let clients = self.presences.entry(agent.clone()).or_default();
        let news = if resource.is_empty() && availability == Availability::Gone {
            clients.clear();
            true
        } else if availability == Availability::Gone {
            clients.remove(&resource).is_some()
        } else {
            clients.insert(resource.clone(), availability) != Some(availability)
        };
        if !was_here && self.is_here(&agent) {
            self.roster.came(&agent, out);
        }
        if news {
            let event = Event::Presence { agent, resource, availability };
            self.unread.push_back(FromLink::Event(event));
        }
    }

    fn timers(&mut self, settling: &mut Option<Instant>) -> Result<(), Lost> {
        let now = Instant::now();
        if settling.take_if(|at| *at <= now).is_some() {
            let mut out = Vec::new();
            self.roster.settle(&mut out);
            self.pass(out);
        }
        for element in self.retries.due(now) {
            self.outbox.push(element, Kind::Line, None);
        }
        match self.outbox.oldest() {
            Some(sent) if sent + BARRIER <= now => {
                let seconds = BARRIER.as_secs();
                Err(Lost::new(format!("the server has taken nothing for {seconds} s")))
            }
            _ => Ok(()),
        }
    }

    fn fill(&mut self, out: &mut VecDeque<Element>) {
        if let Some(pos) = self.outbox.fill(out) {
            self.accepted(pos);
        }
    }

    fn accepted(&mut self, upto: Pos) {
        match self.unread.back_mut() {
            Some(FromLink::Accepted { pos }) => *pos = upto,
            _ => self.unread.push_back(FromLink::Accepted { pos: upto }),
        }
    }

    fn pass(&mut self, elements: Vec<Element>) {
        for element in elements {
            self.outbox.push(element, Kind::Passing, None);
        }
    }

    /// The stream is gone; for good where the runtime closed it.
    fn lost(&mut self, lost: &Lost, closed: bool) {
        self.outbox.lost(lost.blames_us());
        self.roster.lost();
        self.presences.clear();
        self.standing = false;
        if closed {
            self.wanted = false;
            self.closing = None;
            self.unread.push_back(FromLink::Closed);
        } else {
            self.down(lost.reason.clone(), lost.is_conflict());
        }
    }

    fn down(&mut self, reason: String, conflict: bool) {
        tracing::warn!(domain = %self.settings.domain, %reason, "no stream");
        self.unread.push_back(FromLink::Down { reason, conflict });
    }

    fn is_here(&self, agent: &AgentJid) -> bool {
        let clients = self.presences.get(agent);
        clients.is_some_and(|clients| clients.values().any(|&is| is > Availability::Gone))
    }

    fn allows(&self, agent: &AgentJid) -> bool {
        let settings = &self.settings;
        address::host_allowed(address::host(agent), &settings.domain, &settings.agent_hosts)
    }

    /// How long until the next attempt: longer each time, and nobody at the same moment.
    fn pause(&self, attempt: &mut u32) -> Duration {
        let longest = LONGEST.min(SHORTEST * 2_u32.saturating_pow(*attempt));
        *attempt = attempt.saturating_add(1).min(16);
        let mut chance = [0; 1];
        self.world.secret(&mut chance);
        let [chance] = chance;
        longest / 2 + longest.mul_f64(f64::from(chance) / 512.0)
    }
}

/// The row that is accepted with a stanza: one for several agents only with the last of them.
fn accepts(to_agent: &ToAgent) -> Option<Pos> {
    match &to_agent.content {
        ToAgentContent::Row { row, .. } => match row.recipients.as_slice() {
            [.., last] if *last != to_agent.agent => Some(Pos(row.pos.0.saturating_sub(1))),
            _ => Some(row.pos),
        },
        _ => stanza::cursor(to_agent),
    }
}
