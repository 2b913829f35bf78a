//! The state of a link, and how it reacts to each input.
//!
//! Invariants: nothing here waits. Output for the server goes through the outbox, output for the
//! runtime through `unread`, each in order. Only the runtime decides who is an agent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;
use xmpp_parsers::minidom::Element;

use super::adhoc::Talks;
use super::clients::{Clients, Due};
use super::outbox::{Kind, Out, Outbox, Text};
use super::rates::{Askers, Pace, Strangers};
use super::retry::Retries;
use super::roster::Roster;
use super::settings::LinkSettings;
use super::stream::Lost;
use crate::bridge::address::{self, Book};
use crate::bridge::custom_to_xmpp::{iq, stanza};
use crate::chat::effect::{Contact, ToAgent, ToAgentContent};
use crate::chat::event::Event;
use crate::chat::ids::{AgentJid, Pos, TenantKey, Timestamp};
use crate::chat::row::{Row, RowKind};
use crate::ports::link::{self, FromLink, ToLink};
use crate::ports::world::World;

mod adhoc;
mod bounces;
mod inbound;

/// How long a server has to announce privileges before agents are asked for subscriptions.
const SETTLING: Duration = Duration::from_millis(500);

/// How long agents have to send their presence before it is requested again. Doubles each time:
/// while a frozen node keeps its stream, ejabberd sends it every other response.
const ASKING: Duration = Duration::from_secs(1);
const ASKED: u32 = 5;

/// How many requests are sent at once when another stream has been detected recently.
const AT_ONCE: usize = 3;

/// Timeout of a barrier; an overloaded server needs tens of seconds.
const BARRIER: Duration = Duration::from_secs(90);

/// A server that has been silent this long is pinged.
const IDLE: Duration = Duration::from_secs(4);

/// The runtime is told of a server that has not responded for this long.
const QUIET: Duration = Duration::from_secs(5);

/// Timeout of a barrier if nothing else arrives either: an overloaded server still sends something,
/// a dead connection does not.
const SILENT: Duration = Duration::from_secs(12);

/// Timeout of a graceful close.
const CLOSING: Duration = Duration::from_secs(5);

/// Pauses between login attempts grow from the first to the second.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);

/// Everything the link knows.
pub(super) struct State {
    pub(super) settings: Arc<LinkSettings>,
    pub(super) world: Arc<dyn World>,
    book: Book,
    roster: Roster,
    pub(super) outbox: Outbox,
    retries: Retries,
    clients: Clients,
    /// The id of our pings; it is random, so that nobody can guess it.
    ping: String,
    /// Events that the runtime has not taken yet.
    pub(super) unread: VecDeque<FromLink>,
    /// Whether the runtime wants a stream.
    pub(super) wanted: bool,
    /// Whether there is one.
    standing: bool,
    /// The number of streams so far, and the one that the runtime refers to.
    stream: link::Stream,
    begun: link::Stream,
    /// When the stream last received something.
    heard: Timestamp,
    heard_at: Instant,
    /// Deadline of a graceful close.
    pub(super) closing: Option<Instant>,
    /// Deadline for the server to announce privileges.
    settling: Option<Instant>,
    /// When presences that have not arrived are requested again, and how often they were.
    asking: Option<(Instant, u32)>,
    /// Whether the runtime was told that the server is silent.
    silent: bool,
    /// Rates of agents' messages.
    pace: Pace,
    /// Rates of responses to strangers, and to agents' clients.
    strangers: Strangers,
    askers: Askers,
    /// When another stream was last detected.
    contested: Option<Instant>,
    /// Commands that clients give through forms.
    talks: Talks,
}

impl State {
    pub(super) fn new(settings: LinkSettings, world: Arc<dyn World>) -> Self {
        let mut secret = [0; 16];
        world.secret(&mut secret);
        let secret = Uuid::from_bytes(secret).simple().to_string();
        Self {
            book: Book::default(),
            ping: format!("ping-{secret}"),
            roster: Roster::new(settings.domain.clone(), secret),
            outbox: Outbox::new(&settings.domain),
            retries: Retries::default(),
            clients: Clients::default(),
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
            strangers: Strangers::default(),
            askers: Askers::default(),
            contested: None,
            talks: Talks::default(),
            settings: Arc::new(settings),
            world,
        }
    }

    /// The stream is connected.
    pub(super) fn up(&mut self) {
        self.standing = true;
        self.stream += 1;
        self.mark();
        self.settling = Some(Instant::now() + SETTLING);
        self.asking = Some((Instant::now() + SETTLING + ASKING, 0));
        self.unread.push_back(FromLink::Up { stream: self.stream });
    }

    /// Handles an input from the runtime.
    pub(super) fn told(&mut self, told: ToLink, now: Timestamp) {
        match told {
            ToLink::Begin { stream } => self.begun = stream,
            // What was meant for a lost stream is repeated, in order, by the sender.
            ToLink::Send(_) if !self.standing || self.begun != self.stream => {}
            ToLink::Send(to_agent) => self.send(&to_agent, now),
            ToLink::Contact { agent, contact } => {
                let lasting = matches!(*contact, Contact::Removed { .. });
                let mut out = Vec::new();
                if self.allows(&agent) {
                    self.roster.contact(&agent, *contact, &mut out);
                }
                let kind = if lasting { Kind::Line } else { Kind::Passing };
                out.iter().for_each(|element| self.outbox.push_built(element, kind));
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

    fn send(&mut self, to_agent: &ToAgent, now: Timestamp) {
        if self.takes_for_command(to_agent) {
            return;
        }
        let cursor = stanza::cursor(to_agent);
        let passing = matches!(to_agent.content, ToAgentContent::Typing { .. });
        let heard = !passing || self.clients.is_here(&to_agent.agent);
        let wanted = heard && self.allows(&to_agent.agent);
        let written = wanted.then(|| self.rendered(to_agent, now)).flatten();
        match written.map(Text::from) {
            Some(text) => {
                if let Some(pos) = cursor {
                    self.retries.remember(pos, &to_agent.agent, &text);
                    self.clients.sent(&to_agent.agent, Instant::now());
                }
                let kind = match &to_agent.content {
                    ToAgentContent::Row { row, .. } => Kind::Row(row.pos),
                    _ if passing => Kind::Passing,
                    _ => Kind::Line,
                };
                self.outbox.push(text, kind, accepts(to_agent));
            }
            None => cursor.into_iter().for_each(|pos| self.outbox.passed(pos)),
        }
    }

    /// The stanza as it is written; a refusal as two, because many clients do not show an error
    /// alone.
    pub(super) fn rendered(&self, to_agent: &ToAgent, now: Timestamp) -> Option<String> {
        if let Some(refused) = self.command_refused(to_agent) {
            return Some(String::from(&refused));
        }
        let LinkSettings { domain, site, .. } = &*self.settings;
        let shared = match &to_agent.content {
            ToAgentContent::Row { row, .. } => has_files(row),
            _ => false,
        };
        if shared {
            stanza::shared(domain, site, to_agent, now)
        } else {
            let line_id = || self.world.uuid().to_string();
            let mut text = stanza::text(domain, to_agent, now, &line_id)?;
            let line = stanza::refusal_line(domain, to_agent, &line_id);
            if let Some(line) = line.filter(|_| self.pace.allows_line(&to_agent.agent)) {
                text.push_str(&String::from(&line));
            }
            Some(text)
        }
    }

    fn agents(&mut self, agents: Vec<(TenantKey, AgentJid)>) {
        let (allowed, refused) =
            agents.into_iter().partition::<Vec<_>, _>(|(_, agent)| self.allows(agent));
        for (tenant, agent) in refused {
            tracing::error!(
                %tenant,
                %agent,
                "ignoring the agent: their host is not in the link's agent_hosts"
            );
        }
        self.book = Book::new(allowed);
        let book = &self.book;
        self.clients.retain(|agent| book.knows(agent));
        self.pace.sweep();
        self.askers.sweep();
        let mut out = Vec::new();
        self.roster.agents(&self.book, &mut out);
        self.pass(&out);
    }

    fn mark(&mut self) {
        self.heard = self.world.now();
        self.heard_at = Instant::now();
    }

    /// The lease has expired: there is no stream, and none is to be opened.
    pub(super) fn gone(&mut self) {
        self.lost(&Lost::new("the lease has run out"), true);
    }

    /// The time of the next timer.
    pub(super) fn next_timer(&self) -> Instant {
        let barrier = self.given_up_at();
        let quiet = self.quiet_since().filter(|_| !self.silent).map(|since| since + QUIET);
        let again = self.outbox.next_asking();
        let cover = self.outbox.next_barrier();
        let asking = self.asking.map(|(at, _)| at);
        let timers = [self.settling, self.closing, self.retries.next(), self.roster.next()];
        let clients = self.clients.next();
        let talks = self.talks.next();
        let idle = self.idle_until();
        let timers =
            timers.into_iter().chain([barrier, quiet, idle, again, cover, asking, clients, talks]);
        timers.flatten().min().unwrap_or_else(|| Instant::now() + BARRIER)
    }

    /// Handles the timers that are due.
    pub(super) fn timers(&mut self, out: &mut Out) -> Result<(), Lost> {
        let now = Instant::now();
        if self.idle_until().is_some_and(|at| at <= now) {
            self.outbox.ping(now, out);
        }
        self.outbox.ask_again(now, out);
        if self.settling.take_if(|at| *at <= now).is_some() {
            let mut out = Vec::new();
            self.roster.settle(&mut out);
            self.pass(&out);
        }
        let mut out = Vec::new();
        if let Some((_, times)) = self.asking.take_if(|(at, _)| *at <= now) {
            let contested = self.contested.is_some_and(|at| now < at + ASKING * 2_u32.pow(ASKED));
            for _ in 0..if contested { AT_ONCE } else { 1 } {
                let unheard = self.book.pairs().filter(|(_, who)| !self.clients.knows(who));
                unheard
                    .for_each(|(tenant, who)| self.roster.ask_again(tenant, who, times, &mut out));
            }
            self.asking = (times < ASKED).then(|| (now + ASKING * 2_u32.pow(times), times + 1));
        }
        self.roster.due(now, &mut out);
        self.answer_overdue(now);
        self.look_after_clients(now, &mut out);
        self.pass(&out);
        for (pos, text) in self.retries.due(now) {
            self.outbox.push(text, Kind::Row(pos), None);
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
                    "the server has not accepted what was sent; it has been silent for {silent} s"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Pings clients that are silent. While the server is behind with what we write, so are they.
    fn look_after_clients(&mut self, now: Instant, out: &mut Vec<Element>) {
        if self.clients.next().is_none_or(|at| at > now) {
            return;
        }
        let behind = self.silent || self.outbox.oldest().is_some_and(|sent| sent + IDLE <= now);
        for due in self.clients.due(now, behind) {
            match due {
                Due::Ping { agent, resource } => out.extend(self.client_ping(&agent, &resource)),
                lost @ Due::Lost { .. } => self.client_lost(lost, now),
            }
        }
    }

    /// A ping of one client, from a desk of the agent's.
    fn client_ping(&self, agent: &AgentJid, resource: &str) -> Option<Element> {
        let desk = self.book.tenants_of(agent).next()?;
        iq::ping(&self.settings.domain, desk, agent, resource, self.ping.clone())
    }

    /// A client has not responded: for the runtime it is gone.
    fn client_lost(&mut self, due: Due, now: Instant) {
        let Due::Lost { agent, resource, since } = due else { return };
        tracing::info!(
            %agent,
            "a client of the agent does not respond, treating it as offline"
        );
        let silent = i64::try_from(now.duration_since(since).as_millis()).unwrap_or(0);
        let since = self.world.now().plus(-silent);
        let event = Event::Unanswering { agent, resource, since };
        self.unread.push_back(FromLink::Event(event));
    }

    /// Writes what may be written now. A close waits for the barriers.
    pub(super) fn fill(&mut self, out: &mut Out) {
        let closing = self.closing.is_some();
        if let Some(pos) = self.outbox.fill(Instant::now(), closing, out) {
            self.accepted(pos);
        }
    }

    /// When the stream counts as dead, if a barrier is in flight.
    fn given_up_at(&self) -> Option<Instant> {
        let sent = self.outbox.oldest()?;
        Some((sent + BARRIER).min(sent.max(self.heard_at) + SILENT))
    }

    /// When the server is pinged next, if no ping is in flight.
    fn idle_until(&self) -> Option<Instant> {
        self.outbox.oldest().is_none().then(|| self.heard_at + IDLE)
    }

    /// Since when the server has been silent although a ping is in flight.
    fn quiet_since(&self) -> Option<Instant> {
        self.outbox.oldest().map(|sent| sent.max(self.heard_at))
    }

    fn accepted(&mut self, upto: Pos) {
        match self.unread.back_mut() {
            Some(FromLink::Accepted { pos }) => *pos = upto,
            _ => self.unread.push_back(FromLink::Accepted { pos: upto }),
        }
    }

    fn pass(&mut self, elements: &[Element]) {
        for element in elements {
            self.outbox.push_built(element, Kind::Passing);
        }
    }

    /// The stream is gone; for good if the runtime closed it.
    pub(super) fn lost(&mut self, lost: &Lost, closed: bool) {
        self.outbox.lost(lost.blames_us());
        self.roster.lost();
        self.talks.lost();
        self.clients.clear();
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

    /// There is no stream; `heard` is set if one was lost.
    pub(super) fn down(&mut self, reason: String, conflict: bool, heard: Option<Timestamp>) {
        tracing::warn!(%reason, "no component stream");
        self.unread.push_back(FromLink::Down { reason, conflict, heard });
    }

    fn allows(&self, agent: &AgentJid) -> bool {
        let settings = &self.settings;
        address::host_allowed(address::host(agent), &settings.domain, &settings.agent_hosts)
    }

    /// The time until the next attempt: longer each time, with a random part.
    pub(super) fn pause(&self, attempt: &mut u32) -> Duration {
        let longest = LONGEST.min(SHORTEST * 2_u32.saturating_pow(*attempt));
        *attempt = attempt.saturating_add(1).min(16);
        let mut chance = [0; 1];
        self.world.secret(&mut chance);
        let [chance] = chance;
        longest / 2 + longest.mul_f64(f64::from(chance) / 512.0)
    }
}

fn has_files(row: &Row) -> bool {
    matches!(&row.kind, RowKind::Files { files, .. } if !files.is_empty())
}

/// The row that is accepted with a stanza; a row for several agents only with the last of them.
fn accepts(to_agent: &ToAgent) -> Option<Pos> {
    match &to_agent.content {
        ToAgentContent::Row { row, .. } => match row.recipients.as_slice() {
            [.., last] if *last != to_agent.agent => Some(Pos(row.pos.0.saturating_sub(1))),
            _ => Some(row.pos),
        },
        _ => stanza::cursor(to_agent),
    }
}

#[cfg(test)]
mod tests;
