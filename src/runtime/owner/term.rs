//! One term of a link's owner: the desk at work.
//!
//! Invariants: one task drives the desk, so its events have one order. It takes nothing new while
//! too much waits to be stored or sent; the senders wait, or are told to come back.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::elsewhere::Elsewhere;
use super::outbox::{self, Outbox, Outgoing};
use super::writer::{self, Written};
use super::{LEASE, Owner, RENEWAL};
use crate::chat::desk::{Desk, Need};
use crate::chat::effect::Effect;
use crate::chat::event::{CustomerConnection, Event, Loaded};
use crate::chat::ids::{CustomerId, Epoch, Pos};
use crate::chat::model::Append;
use crate::ports::link::{FromLink, LinkHandle, ToLink};
use crate::ports::store::StoreError;
use crate::runtime::edge::mailbox::Letter;
use crate::runtime::edge::staffed_key;
use crate::runtime::post::Post;
use crate::runtime::switchboard::ToOwner;

/// Commands of customers that may wait for the desk.
const INBOX: usize = 4_096;
/// Commands taken at once.
const BATCH: usize = 256;
/// Rows that may wait for the database, and stanzas that may wait for the link.
const BEHIND: u64 = 20_000;
/// How long the word that an agent is in holds; it is repeated with each look at the settings.
const STAFFED_TTL: Duration = Duration::from_secs(30);
/// How often the settings are looked at.
const SETTINGS: Duration = Duration::from_secs(2);
/// How often the heads of open conversations are said again.
const HEADS: Duration = Duration::from_secs(5);
/// How long an orderly stop may wait for the database and the server.
const DRAIN: Duration = Duration::from_secs(8);

/// Why a term ended.
pub(super) enum End {
    /// In order.
    Stopped,
    /// The lease is gone, or may be soon.
    Lost(&'static str),
}

/// See the module.
pub(super) struct Term<'a> {
    owner: &'a Owner,
    epoch: Epoch,
    desk: Desk,
    handle: &'a mut LinkHandle,
    inbox: mpsc::Receiver<ToOwner>,
    appends: mpsc::UnboundedSender<Append>,
    written: mpsc::UnboundedReceiver<Written>,
    outbox: Outbox,
    up: watch::Sender<bool>,
    stored: Pos,
    accepted: Pos,
    cursor: Pos,
    revision: u64,
    renewed: Instant,
    effects: Vec<Effect>,
    elsewhere: Elsewhere,
    /// The word that agents are in, on its way to the cache.
    telling: Option<JoinHandle<()>>,
}

impl<'a> Term<'a> {
    /// Restores the desk and opens the stream.
    pub(super) async fn begin(
        owner: &'a Owner,
        epoch: Epoch,
        handle: &'a mut LinkHandle,
    ) -> Result<Self, StoreError> {
        let renewed = Instant::now();
        let now = owner.world.now();
        let revision = owner.store.revision(&owner.link).await?;
        let snapshot = owner.store.snapshot(&owner.link, now).await?;
        let cursor = owner.store.cursor(&owner.link).await?;
        let desk = Desk::restore(owner.limits, now, snapshot);
        let stored = desk.head();

        let (appends, waiting) = mpsc::unbounded_channel();
        let (report, written) = mpsc::unbounded_channel();
        let writing = writer::run(owner.store.clone(), owner.link.clone(), epoch, waiting, report);
        tokio::spawn(writing);
        let (up, is_up) = watch::channel(false);
        let outbox = outbox::spawn(owner.store.clone(), handle.to.clone(), is_up);
        let (sender, inbox) = mpsc::channel(INBOX);
        owner.switchboard.here(&owner.link, sender);

        let mut term = Self {
            owner,
            epoch,
            desk,
            handle,
            inbox,
            appends,
            written,
            outbox,
            up,
            stored,
            accepted: cursor,
            cursor,
            revision,
            renewed,
            effects: Vec::new(),
            elsewhere: Elsewhere::default(),
            telling: None,
        };
        term.welcome_present();
        term.send_agents().await;
        let _ = term.handle.to.send(ToLink::Open { epoch }).await;
        Ok(term)
    }

    /// Customers whose sockets are open here already.
    fn welcome_present(&mut self) {
        for (customer, page) in self.owner.hub.on_link(&self.owner.link) {
            let node = self.owner.node;
            let here = CustomerConnection { customer, node, online: true, opened: true, page };
            self.feed(Event::Connected(here));
        }
    }

    async fn send_agents(&mut self) {
        let agents = self.desk.agents().collect();
        let _ = self.handle.to.send(ToLink::Agents(agents)).await;
    }

    fn behind(&self) -> bool {
        self.desk.head().0 - self.stored.0 > BEHIND || self.outbox.waiting() as u64 > BEHIND
    }

    /// Serves until the lease is lost or `stop`.
    pub(super) async fn serve(mut self, stop: &CancellationToken) -> End {
        let end = self.work(stop).await;
        self.owner.switchboard.nowhere(&self.owner.link);
        self.owner.status.link_down(&self.owner.link, "not served by this node");
        match end {
            End::Stopped => self.drain().await,
            // Whoever owns the link now says what is to be said: close at once.
            End::Lost(_) => self.close_link(Duration::from_secs(2)).await,
        }
        end
    }

    async fn work(&mut self, stop: &CancellationToken) -> End {
        let mut renewal = ticker(RENEWAL);
        let mut settings = ticker(SETTINGS);
        let mut heads = ticker(HEADS);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let deadline = self.deadline();
            let open = !self.behind();
            tokio::select! {
                () = stop.cancelled() => return End::Stopped,
                Some(written) = self.written.recv() => {
                    if let Some(end) = self.on_written(written) {
                        return end;
                    }
                }
                _ = self.inbox.recv_many(&mut batch, BATCH), if open => {
                    for said in batch.drain(..) {
                        let event = self.hear(said);
                        self.take(event).await;
                    }
                }
                said = self.handle.from.recv(), if open => match said {
                    Some(said) => {
                        if let Some(end) = self.on_link(said).await {
                            return end;
                        }
                    }
                    None => return End::Lost("the link's supervisor has ended"),
                },
                () = sleep_until(deadline) => self.feed(Event::Tick),
                _ = renewal.tick() => {
                    if let Some(end) = self.renew().await {
                        return end;
                    }
                }
                _ = settings.tick() => self.look_at_settings().await,
                _ = heads.tick() => self.say_heads(),
            }
        }
    }

    /// What an edge said, as an event; those that come from other nodes are remembered.
    fn hear(&mut self, said: ToOwner) -> Event {
        let (customer, node, online) = match &said {
            ToOwner::Command(command) => (&command.customer, command.socket.node, true),
            ToOwner::Connected(connection) => {
                (&connection.customer, connection.node, connection.online)
            }
        };
        if node != self.owner.node && online {
            self.elsewhere.hear(customer, node);
        } else if node != self.owner.node {
            self.elsewhere.leave(customer.id, node);
        }
        match said {
            ToOwner::Command(command) => Event::Customer(command),
            ToOwner::Connected(connection) => Event::Connected(connection),
        }
    }

    /// The desk's next deadline, on the runtime's clock.
    fn deadline(&self) -> Option<Instant> {
        let at = self.desk.next_deadline()?;
        let millis = at.since(self.owner.world.now());
        Some(Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }

    fn on_written(&mut self, written: Written) -> Option<End> {
        match written {
            Written::Upto(upto) => {
                self.stored = upto;
                self.owner.status.database_up();
                self.feed(Event::Stored { upto });
                None
            }
            Written::Waiting(error) => {
                tracing::error!(link = %self.owner.link, %error, "nothing can be stored; trying again");
                self.owner.status.database_down(&error.to_string());
                None
            }
            Written::Lost(error) => {
                tracing::warn!(link = %self.owner.link, %error, "a write was refused");
                Some(End::Lost("another node owns it"))
            }
        }
    }

    async fn on_link(&mut self, said: FromLink) -> Option<End> {
        match said {
            FromLink::Event(event) => self.take(event).await,
            FromLink::Up => {
                tracing::info!(link = %self.owner.link, "the stream stands");
                self.owner.status.link_up(&self.owner.link);
                let _ = self.up.send(true);
                self.send_agents().await;
                self.feed(Event::LinkUp);
            }
            FromLink::Down { reason, conflict } => {
                tracing::warn!(link = %self.owner.link, reason, "the stream is down");
                self.owner.status.link_down(&self.owner.link, &reason);
                let _ = self.up.send(false);
                self.feed(Event::LinkDown);
                if conflict {
                    return self.renew().await;
                }
            }
            FromLink::Accepted { pos } => self.accepted = self.accepted.max(pos),
            FromLink::Closed => {}
        }
        None
    }

    /// Gives the desk an event, after whatever it must know first.
    async fn take(&mut self, event: Event) {
        if let Some(need) = self.desk.needs(&event) {
            match self.load(&need).await {
                Ok(loaded) => self.feed(Event::Loaded(loaded)),
                // The customer's client says it again; the agent's does not get its receipt.
                Err(error) => {
                    tracing::warn!(link = %self.owner.link, %error, "a command waits for the database");
                    self.owner.status.database_down(&error.to_string());
                    return;
                }
            }
        }
        self.feed(event);
    }

    async fn load(&self, need: &Need) -> Result<Loaded, StoreError> {
        match need {
            Need::Session(session) => {
                let commands = self.owner.store.commands(&[*session]).await?;
                Ok(Loaded::Session { session: *session, commands })
            }
            Need::Customer(localpart) => {
                let found = self.owner.store.customer_at(&self.owner.link, localpart).await?;
                let (customer, last_agent) = found.map_or((None, None), |(c, a)| (Some(c), a));
                Ok(Loaded::Customer { localpart: localpart.clone(), customer, last_agent })
            }
        }
    }

    /// Gives the desk an event and carries its effects out.
    fn feed(&mut self, event: Event) {
        let mut effects = std::mem::take(&mut self.effects);
        self.desk.handle(self.owner.world.now(), event, &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(effect);
        }
        self.effects = effects;
    }

    fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Append(append) => {
                let _ = self.appends.send(append);
            }
            Effect::Notify { customer, notice, .. } => {
                self.tell(customer, Letter::Notice(notice));
            }
            Effect::Answer { to, customer, answer } => {
                let letter = Letter::Answer(answer);
                if to.node == self.owner.node {
                    self.owner.hub.tell_socket(customer, to.socket, letter);
                } else {
                    let socket = Some(to.socket);
                    self.owner.postbox.put(to.node, Post::ToEdge { customer, socket, letter });
                }
            }
            Effect::Send(stanza) => self.outbox.put(Outgoing::Send(Box::new(stanza))),
            Effect::Backlog(backlog) => self.outbox.put(Outgoing::Backlog(backlog)),
            Effect::Contact { agent, contact } => {
                self.outbox.put(Outgoing::Contact(agent, Box::new(contact)));
            }
        }
    }

    /// Tells all sockets of a customer, here and elsewhere.
    fn tell(&self, customer: CustomerId, letter: Letter) {
        for node in self.elsewhere.nodes(customer) {
            let letter = letter.clone();
            self.owner.postbox.put(node, Post::ToEdge { customer, socket: None, letter });
        }
        self.owner.hub.tell(customer, letter);
    }

    /// Holds the lease; a lease that cannot be held ends the term before it can be another's.
    async fn renew(&mut self) -> Option<End> {
        let asked = Instant::now();
        let patience = LEASE.saturating_sub(RENEWAL).saturating_sub(self.renewed.elapsed());
        let renewal = self.owner.store.renew(&self.owner.link, self.epoch, LEASE);
        match tokio::time::timeout(patience.max(Duration::from_millis(1)), renewal).await {
            Ok(Ok(())) => {
                self.renewed = asked;
                None
            }
            Ok(Err(StoreError::Fenced)) => Some(End::Lost("another node owns it")),
            outcome => {
                if let Ok(Err(error)) = outcome {
                    tracing::warn!(link = %self.owner.link, %error, "the lease could not be renewed");
                    self.owner.status.database_down(&error.to_string());
                }
                (self.renewed.elapsed() + RENEWAL >= LEASE)
                    .then_some(End::Lost("the lease could not be renewed in time"))
            }
        }
    }

    async fn look_at_settings(&mut self) {
        self.say_staffed();
        if self.accepted > self.cursor {
            let moved =
                self.owner.store.move_cursor(&self.owner.link, self.epoch, self.accepted).await;
            if moved.is_ok() {
                self.cursor = self.accepted;
            }
        }
        let Ok(revision) = self.owner.store.revision(&self.owner.link).await else { return };
        self.owner.status.database_up();
        if revision != self.revision
            && let Ok(settings) = self.owner.store.settings(&self.owner.link).await
        {
            tracing::info!(link = %self.owner.link, revision, "settings have changed");
            self.revision = revision;
            self.feed(Event::Settings(settings));
            self.send_agents().await;
        }
    }

    /// Makes known, here and through the cache, which tenants have an agent in. A cache that does
    /// not answer holds nobody up: only one such word is under way at a time.
    fn say_staffed(&mut self) {
        let tenants = self.desk.tenants();
        let staffed: Vec<_> =
            tenants.map(|tenant| (tenant.clone(), self.desk.anyone_in(tenant))).collect();
        let here = staffed.iter().map(|(tenant, staffed)| (tenant, *staffed));
        self.owner.switchboard.put_staffed(here);
        if self.telling.as_ref().is_some_and(|telling| !telling.is_finished()) {
            return;
        }
        let cache = self.owner.cache.clone();
        self.telling = Some(tokio::spawn(async move {
            for (tenant, staffed) in staffed {
                let word = Bytes::from_static(if staffed { b"1" } else { b"0" });
                if cache.set(&staffed_key(&tenant), word, STAFFED_TTL).await.is_err() {
                    return;
                }
            }
        }));
    }

    /// Says the heads of open conversations again, by which a lost notice is found; and forgets the
    /// customers of edges that have fallen silent.
    fn say_heads(&mut self) {
        for (customer, conversation, seq) in self.desk.heads() {
            self.tell(customer, Letter::Head { conversation, seq });
        }
        for (customer, node) in self.elsewhere.expired() {
            let gone =
                CustomerConnection { customer, node, online: false, opened: false, page: None };
            self.feed(Event::Connected(gone));
        }
    }

    /// Orderly stop: what was taken is stored and sent, then the lease is given up.
    async fn drain(&mut self) {
        let until = Instant::now() + DRAIN;
        while self.stored < self.desk.head() {
            match tokio::time::timeout_at(until, self.written.recv()).await {
                Ok(Some(written)) => {
                    if self.on_written(written).is_some() {
                        return;
                    }
                }
                _ => break,
            }
        }
        while self.outbox.waiting() > 0 && *self.up.borrow() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.close_link(until.saturating_duration_since(Instant::now())).await;
        let (store, link, accepted) = (&self.owner.store, &self.owner.link, self.accepted);
        if accepted > self.cursor {
            let _ = store.move_cursor(link, self.epoch, accepted).await;
        }
        if let Err(error) = store.release(link, self.epoch).await {
            tracing::warn!(%link, %error, "the lease could not be given up; it runs out by itself");
        }
    }

    /// Lets the link write what waits and close its stream.
    async fn close_link(&mut self, patience: Duration) {
        let closing = async {
            if self.handle.to.send(ToLink::Close).await.is_err() {
                return;
            }
            while let Some(said) = self.handle.from.recv().await {
                match said {
                    FromLink::Accepted { pos } => self.accepted = self.accepted.max(pos),
                    FromLink::Closed => return,
                    _ => {}
                }
            }
        };
        if tokio::time::timeout(patience, closing).await.is_err() {
            tracing::warn!(link = %self.owner.link, "the stream did not close in time");
        }
        let _ = self.up.send(false);
    }
}

fn ticker(period: Duration) -> tokio::time::Interval {
    let mut ticker = interval(period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
