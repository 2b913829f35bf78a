//! What a link knows, and what it makes of whatever it is told.
//!
//! Invariants: nothing here waits; what is for the server goes through the outbox, what is for the
//! runtime through `unread`, each in its order; only what the runtime said makes anyone an agent.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::minidom::Element;

use super::answers;
use super::given_back::Pace;
use super::outbox::{Kind, Outbox, Returned};
use super::retry::Retries;
use super::roster::Roster;
use super::stream::Lost;
use super::supervisor::LinkSettings;
use crate::bridge::address::{self, Book};
use crate::bridge::custom_to_xmpp::stanza;
use crate::bridge::xmpp_to_custom::input::{self, Context, Decoded};
use crate::chat::effect::{Contact, ToAgent, ToAgentContent};
use crate::chat::event::{Availability, Event};
use crate::chat::ids::{AgentJid, ConversationId, Pos, TenantKey, Timestamp};
use crate::ports::link::{FromLink, Stream, ToLink};
use crate::ports::world::World;

/// How long a server has to say what it lets us do, before agents are asked for subscriptions.
const SETTLING: Duration = Duration::from_millis(500);

/// How long agents have to answer how they are before they are asked again. Doubles each time: while
/// a frozen node holds on to its stream, ejabberd gives it every other answer.
const ASKING: Duration = Duration::from_secs(1);
const ASKED: u32 = 5;

/// How long a barrier may be on its way; an overloaded server drains for tens of seconds.
const BARRIER: Duration = Duration::from_secs(90);

/// A server that says nothing is asked after so long whether it is there.
const IDLE: Duration = Duration::from_secs(4);

/// After so long the runtime is told that the server is silent.
const QUIET: Duration = Duration::from_secs(5);

/// And how long where nothing else comes either: an overloaded server still says something, a dead
/// connection does not.
const SILENT: Duration = Duration::from_secs(12);

/// How long an orderly close may take.
const CLOSING: Duration = Duration::from_secs(5);

/// How often it is said that another stream speaks for our domain.
const CONTESTED: Duration = Duration::from_secs(5);

/// Pauses between attempts grow from the first to the second.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);

/// All that the link knows.
pub(super) struct State {
    pub(super) settings: Arc<LinkSettings>,
    pub(super) world: Arc<dyn World>,
    book: Book,
    roster: Roster,
    pub(super) outbox: Outbox,
    retries: Retries,
    presences: HashMap<AgentJid, HashMap<Arc<str>, Availability>>,
    /// What the runtime has not taken yet.
    pub(super) unread: VecDeque<FromLink>,
    /// Whether the runtime wants a stream.
    pub(super) wanted: bool,
    /// Whether there is one.
    standing: bool,
    /// How many there were, and the one that the runtime speaks for.
    stream: Stream,
    begun: Stream,
    /// When it last brought something.
    heard: Timestamp,
    heard_at: Instant,
    /// Until when an orderly close may take.
    pub(super) closing: Option<Instant>,
    /// Until when the server may say what it lets us do.
    settling: Option<Instant>,
    /// When agents of whom nothing was heard are asked again, and how often they were.
    asking: Option<(Instant, u32)>,
    /// Whether the runtime was told that the server is silent.
    silent: bool,
    /// How fast agents may speak.
    pub(super) pace: Pace,
    /// When another stream last showed.
    contested: Option<Instant>,
}

impl State {
    pub(super) fn new(settings: LinkSettings, world: Arc<dyn World>) -> Self {
        Self {
            book: Book::default(),
            roster: Roster::new(settings.domain.clone()),
            outbox: Outbox::new(&settings.domain),
            retries: Retries::default(),
            presences: HashMap::new(),
            unread: VecDeque::new(),
            wanted: false,
            standing: false,
            stream: 0,
            begun: 0,
            heard: Timestamp::default(),
            heard_at: Instant::now(),
            closing: None,
            settling: None,
            asking: None,
            silent: false,
            pace: Pace::default(),
            contested: None,
            settings: Arc::new(settings),
            world,
        }
    }

    /// The stream stands.
    pub(super) fn up(&mut self) {
        self.standing = true;
        self.stream += 1;
        self.mark_heard();
        self.settling = Some(Instant::now() + SETTLING);
        self.asking = Some((Instant::now() + SETTLING + ASKING, 0));
        self.unread.push_back(FromLink::Up { stream: self.stream });
    }

    /// Does what the runtime says.
    pub(super) fn told(&mut self, told: ToLink) {
        match told {
            ToLink::Begin { stream } => self.begun = stream,
            // What was meant for a stream that is lost is said again, in its order, by whoever knows it.
            ToLink::Send(_) if !self.standing || self.begun != self.stream => {}
            ToLink::Send(to_agent) => self.send(&to_agent),
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
                self.unread.push_back(FromLink::Closed { epoch: self.outbox.epoch() });
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
        self.pace.sweep();
        let mut out = Vec::new();
        self.roster.agents(&self.book, &mut out);
        self.pass(out);
    }

    /// Takes in a stanza.
    pub(super) fn heard(&mut self, element: Element) {
        self.mark_heard();
        if std::mem::take(&mut self.silent) {
            self.unread.push_back(FromLink::Heard);
        }
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
            Decoded::Event(Event::Agent(input)) => self.said(input, &mut out),
            Decoded::Event(event) => self.unread.push_back(FromLink::Event(event)),
            Decoded::Reply(reply) => out.push(reply),
            Decoded::Query { agent, target, iq } => {
                let domain = &self.settings.domain;
                out.extend(answers::answer(domain, &self.book, &self.roster, &agent, &target, &iq));
            }
            Decoded::Answered { id, outcome } => {
                self.roster.answered(&id, outcome, Instant::now(), &mut out);
            }
            Decoded::Barrier { id } => match self.outbox.returned(&id) {
                Returned::Accepted(pos) => self.accepted(pos),
                Returned::Nothing => {}
                Returned::Stranger(accepted) => {
                    accepted.into_iter().for_each(|pos| self.accepted(pos));
                    self.contested();
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
    }

    fn mark_heard(&mut self) {
        self.heard = self.world.now();
        self.heard_at = Instant::now();
    }

    /// The time that the runtime gave is over: no stream stands, and none is to be opened.
    pub(super) fn gone(&mut self) {
        self.lost(&Lost::new("the lease has run out"), true);
    }

    /// Another stream speaks for our domain. Said now and then: it shows again and again.
    fn contested(&mut self) {
        let now = Instant::now();
        if self.contested.is_none_or(|at| at + CONTESTED <= now) {
            self.contested = Some(now);
            tracing::error!(domain = %self.settings.domain, "another stream speaks for our domain");
            self.unread.push_back(FromLink::Contested);
        }
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

    /// When something is to be done next though nothing comes.
    pub(super) fn next_timer(&self) -> Instant {
        let barrier = self.given_up_at();
        let quiet = self.quiet_since().filter(|_| !self.silent).map(|since| since + QUIET);
        let again = self.outbox.next_asking();
        let asking = self.asking.map(|(at, _)| at);
        let timers = [self.settling, self.closing, self.retries.next(), self.roster.next()];
        let idle = self.idle_until();
        let timers = timers.into_iter().chain([barrier, quiet, idle, again, asking]);
        timers.flatten().min().unwrap_or_else(|| Instant::now() + BARRIER)
    }

    /// Does what is due.
    pub(super) fn timers(&mut self, out: &mut VecDeque<Element>) -> Result<(), Lost> {
        let now = Instant::now();
        if self.idle_until().is_some_and(|at| at <= now) {
            self.outbox.ping(out);
        }
        self.outbox.ask_again(now, out);
        if self.settling.take_if(|at| *at <= now).is_some() {
            let mut out = Vec::new();
            self.roster.settle(&mut out);
            self.pass(out);
        }
        let mut out = Vec::new();
        if let Some((_, times)) = self.asking.take_if(|(at, _)| *at <= now) {
            let unheard = self.book.pairs().filter(|(_, who)| !self.presences.contains_key(*who));
            unheard.for_each(|(tenant, who)| self.roster.ask_again(tenant, who, times, &mut out));
            self.asking = (times < ASKED).then(|| (now + ASKING * 2_u32.pow(times), times + 1));
        }
        self.roster.due(now, &mut out);
        self.pass(out);
        for (pos, element) in self.retries.due(now) {
            self.outbox.push(element, Kind::Row(pos), None);
        }
        if let Some(since) = self.quiet_since().filter(|since| *since + QUIET <= now)
            && !std::mem::replace(&mut self.silent, true)
        {
            self.unread.push_back(FromLink::Silent { since });
        }
        match self.given_up_at() {
            Some(at) if at <= now => {
                let silent = now.duration_since(self.heard_at).as_secs();
                Err(Lost::new(format!(
                    "the server has not taken what was written; it has been silent for {silent} s"
                )))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn fill(&mut self, out: &mut VecDeque<Element>) {
        if let Some(pos) = self.outbox.fill(out) {
            self.accepted(pos);
        }
    }

    /// When the stream counts as dead, where a barrier is on its way.
    fn given_up_at(&self) -> Option<Instant> {
        let sent = self.outbox.oldest()?;
        Some((sent + BARRIER).min(sent.max(self.heard_at) + SILENT))
    }

    /// When the server is asked next whether it is there, where it was not asked already.
    fn idle_until(&self) -> Option<Instant> {
        self.outbox.oldest().is_none().then(|| self.heard_at + IDLE)
    }

    /// Since when the server has said nothing although it was asked.
    fn quiet_since(&self) -> Option<Instant> {
        self.outbox.oldest().map(|sent| sent.max(self.heard_at))
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
    pub(super) fn lost(&mut self, lost: &Lost, closed: bool) {
        self.outbox.lost(lost.blames_us());
        self.roster.lost();
        self.presences.clear();
        self.silent = false;
        self.standing = false;
        if closed {
            self.wanted = false;
            self.closing = None;
            self.unread.push_back(FromLink::Closed { epoch: self.outbox.epoch() });
        } else {
            self.down(lost.reason.clone(), lost.is_conflict(), Some(self.heard));
        }
    }

    /// There is no stream; `heard` where one was lost.
    pub(super) fn down(&mut self, reason: String, conflict: bool, heard: Option<Timestamp>) {
        tracing::warn!(domain = %self.settings.domain, %reason, "no stream");
        self.unread.push_back(FromLink::Down { reason, conflict, heard });
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
    pub(super) fn pause(&self, attempt: &mut u32) -> Duration {
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
