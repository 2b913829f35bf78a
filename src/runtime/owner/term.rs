//! One term of a link's owner: the desk at work.
//!
//! Invariants: one task drives the desk, so its events have one order. It accepts nothing new while
//! too much waits to be stored or sent; the senders wait, or are told to come back. A step takes
//! everything that is there, and the rows it numbers go to the writer together: so commits grow
//! with the load. No step waits for anything while it holds rows.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::background::Finished;
use super::backpressure::{self, Backpressure};
use super::context::Owner;
use super::holding::{HOLDS, LEASE, RENEWAL, while_held};
use super::openings;
use super::outbox::{self, Outbox};
use super::remote_sockets::RemoteSockets;
use super::spoken::Spoken;
use super::writer::{self, Writer, Written};
use crate::chat::desk::Desk;
use crate::chat::effect::Effect;
use crate::chat::event::{CustomerConnection, CustomerEvent, Event};
use crate::chat::ids::{CustomerId, Epoch, Pos, Timestamp};
use crate::chat::row::Append;
use crate::ports::link::{FromLink, LinkHandle, Stream, ToLink};
use crate::ports::store_error::StoreError;
use crate::runtime::socket_event::SocketEvent;

/// Commands of customers that may wait for the desk.
const INBOX: usize = 4_096;
/// Commands, and events of the link, taken at once.
const BATCH: usize = 256;
/// Rows that may wait for the database, and stanzas that may wait for the link.
const BEHIND: u64 = 20_000;
/// Receipts that may wait for rows that are being stored.
const TICKS: usize = 1_024;
/// Interval at which settings are checked.
const SETTINGS: Duration = Duration::from_secs(2);
/// Interval at which the heads of open conversations are repeated.
const HEADS: Duration = Duration::from_secs(5);

/// The reason of an end caused by the database.
pub(super) const NOT_RENEWED: &str = "the lease could not be renewed in time";

/// Why a term ended.
pub(super) enum End {
    /// By a graceful stop.
    Stopped,
    /// The lease is lost, or may be soon.
    Lost(&'static str),
}

/// The timers of a term. They are created once and used for many steps: a step is too short for
/// timers of its own.
struct Rhythm {
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The desk's next deadline ...
    alarm: Pin<Box<Sleep>>,
    /// ... if the timer is set to it.
    alarm_at: Option<Timestamp>,
    renewal: Interval,
    settings: Interval,
    heads: Interval,
    strain: Interval,
}

/// What a step takes from its channels.
struct Batches {
    commands: Vec<CustomerEvent>,
    heard: Vec<FromLink>,
}

pub(super) struct Term<'a> {
    pub(super) owner: &'a Owner,
    pub(super) epoch: Epoch,
    pub(super) desk: Desk,
    pub(super) handle: &'a mut LinkHandle,
    /// Since when messages of agents may have been lost; outlives the term until agents are told.
    pub(super) silent: &'a mut Option<Timestamp>,
    pub(super) inbox: mpsc::Receiver<CustomerEvent>,
    appends: mpsc::UnboundedSender<Vec<Append>>,
    /// Rows that this step has numbered, for the writer.
    pub(super) rows: Vec<Append>,
    /// Receipts that customers get together with a row that is being stored: usually it is the next
    /// message of the same agent, and then one write on a socket carries both.
    pub(super) ticks: Vec<(CustomerId, SocketEvent)>,
    pub(super) written: mpsc::UnboundedReceiver<Written>,
    pub(super) outbox: Outbox,
    /// The current stream.
    pub(super) up: watch::Sender<Stream>,
    pub(super) stored: Pos,
    pub(super) accepted: Pos,
    pub(super) cursor: Pos,
    pub(super) revision: u64,
    /// When the desk was given the hours of its queues.
    pub(super) hours_made: Timestamp,
    pub(super) renewed: Instant,
    /// Results of work that was done beside the desk.
    finished: mpsc::UnboundedReceiver<Finished>,
    pub(super) finishing: mpsc::UnboundedSender<Finished>,
    /// A renewal of the lease is in flight.
    pub(super) is_renewing: bool,
    /// A settings check is in flight.
    pub(super) is_looking: bool,
    /// Events of the link that were not handled yet.
    pub(super) heard: VecDeque<FromLink>,
    pub(super) effects: Vec<Effect>,
    /// The time of this step, once it was read.
    pub(super) now: Option<Timestamp>,
    pub(super) remote: RemoteSockets,
    pub(super) backpressure: Backpressure,
    /// Agents' messages that are not stored yet.
    pub(super) spoken: Spoken,
    pub(super) writer: Writer,
    /// The row that the database refused, which ends the term.
    pub(super) refused: Option<Pos>,
    /// The update of the cache about agents who are online.
    pub(super) telling: Option<JoinHandle<()>>,
}

impl<'a> Term<'a> {
    /// Restores the desk and opens the stream.
    pub(super) async fn begin(
        owner: &'a Owner,
        epoch: Epoch,
        handle: &'a mut LinkHandle,
        silent: &'a mut Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Result<Self, StoreError> {
        let now = owner.world.now();
        let revision = owner.store.revision(&owner.link).await?;
        let reading = owner.store.snapshot(&owner.link, now);
        let mut snapshot = tokio::select! {
            snapshot = while_held(reading, || owner.store.renew(&owner.link, epoch, LEASE, false)) => {
                snapshot?
            }
            () = stop.cancelled() => {
                return Err(StoreError::Unavailable("the gateway is stopping".to_owned()));
            }
        };
        let written = owner.store.hours(&owner.link).await?;
        openings::add(&owner.link, now, &mut snapshot.tenants, &written);
        let cursor = snapshot.cursor;
        let desk = Desk::restore(owner.limits, now, snapshot);
        let stored = desk.head();
        // However long the reads took, the lease is valid for a while from here.
        let renewed = Instant::now();
        owner.store.renew(&owner.link, epoch, LEASE, false).await?;

        let (appends, waiting) = mpsc::unbounded_channel();
        let (report, written) = mpsc::unbounded_channel();
        let (store, status) = (owner.store.clone(), owner.status.clone());
        let link = owner.link.clone();
        let writer = writer::spawn(store, status, (link, epoch, stored), waiting, report);
        let (up, is_up) = watch::channel(0);
        let outbox =
            outbox::spawn(owner.store.clone(), owner.link.clone(), handle.to.clone(), is_up);
        let (sender, inbox) = mpsc::channel(INBOX);
        let (finishing, finished) = mpsc::unbounded_channel();
        owner.router.here(&owner.link, sender);

        let mut term = Self {
            owner,
            epoch,
            desk,
            handle,
            silent,
            inbox,
            appends,
            rows: Vec::new(),
            ticks: Vec::new(),
            written,
            outbox,
            up,
            stored,
            accepted: cursor,
            cursor,
            revision,
            hours_made: now,
            renewed,
            finished,
            finishing,
            is_renewing: false,
            is_looking: false,
            heard: VecDeque::new(),
            effects: Vec::new(),
            now: None,
            remote: RemoteSockets::default(),
            backpressure: Backpressure::after(stored),
            spoken: Spoken::default(),
            writer,
            refused: None,
            telling: None,
        };
        owner.hub.tell_link(&owner.link, &SocketEvent::NewOwner);
        term.hold();
        term.welcome_present();
        term.send_agents().await;
        let _ = term.handle.to.send(ToLink::Open { epoch }).await;
        Ok(term)
    }

    /// Reports customers whose sockets are open here already.
    fn welcome_present(&mut self) {
        for (customer, page) in self.owner.hub.on_link(&self.owner.link) {
            let node = self.owner.node;
            let (online, opened, signed_in) = (true, true, None);
            let here = CustomerConnection { customer, node, online, opened, page, signed_in };
            self.dispatch(Event::Customer(CustomerEvent::Connected(here)));
        }
    }

    pub(super) async fn send_agents(&mut self) {
        self.end_step();
        let agents = self.desk.agents().collect();
        let _ = self.handle.to.send(ToLink::Agents(agents)).await;
    }

    /// The time of this step.
    pub(super) fn time(&mut self) -> Timestamp {
        *self.now.get_or_insert_with(|| self.owner.world.now())
    }

    /// Passes the numbered rows to the writer. Called before anything is waited for: the time is
    /// different afterwards.
    pub(super) fn end_step(&mut self) {
        if !self.rows.is_empty() {
            let _ = self.appends.send(std::mem::take(&mut self.rows));
        }
        self.follow_rows();
        if self.stored == self.desk.head() || self.ticks.len() >= TICKS {
            self.tell_ticks();
        }
        self.now = None;
    }

    /// Until when this node certainly has the lease.
    pub(super) fn until(&self) -> Instant {
        self.renewed + HOLDS
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.until() <= Instant::now()
    }

    /// Allows the stream to stay open as long as the lease.
    pub(super) fn hold(&self) {
        self.handle.until.send_replace(self.until());
    }

    fn behind(&self) -> bool {
        self.desk.head().0 - self.stored.0 > BEHIND || self.outbox.waiting() as u64 > BEHIND
    }

    /// Serves until the lease is lost or `stop`.
    pub(super) async fn serve(mut self, stop: &CancellationToken) -> End {
        let end = self.run(stop).await;
        self.tell_ticks();
        self.owner.router.nowhere(&self.owner.link);
        self.owner.status.link_left(&self.owner.link);
        if let End::Lost(_) = &end {
            self.owner.status.metrics().lease_lost(&self.owner.link);
            // What was accepted and not stored is lost with the desk.
            self.owner.hub.tell_link(&self.owner.link, &SocketEvent::NewOwner);
        }
        match end {
            End::Stopped => self.drain().await,
            // The new owner sends everything else: close immediately.
            End::Lost(_) => self.leave_link().await,
        }
        end
    }

    async fn run(&mut self, stop: &CancellationToken) -> End {
        let mut lease = Box::pin(tokio::time::sleep_until(self.until()));
        let mut rhythm = Rhythm {
            stopped: Box::pin(stop.clone().cancelled_owned()),
            alarm: Box::pin(tokio::time::sleep_until(Instant::now())),
            alarm_at: None,
            renewal: ticker(RENEWAL),
            settings: ticker(SETTINGS),
            heads: ticker(HEADS),
            strain: ticker(backpressure::LOOK),
        };
        let mut batches =
            Batches { commands: Vec::with_capacity(BATCH), heard: Vec::with_capacity(BATCH) };
        loop {
            // A step waits at most as long as this node certainly has the lease; and none begins
            // later, however much waits after the process was frozen.
            if self.is_overdue() {
                return End::Lost(NOT_RENEWED);
            }
            if lease.deadline() != self.until() {
                lease.as_mut().reset(self.until());
            }
            let done = tokio::select! {
                biased;
                done = self.step(&mut rhythm, &mut batches) => done,
                () = &mut lease => return End::Lost(NOT_RENEWED),
            };
            self.end_step();
            if let Some(end) = done {
                return end;
            }
        }
    }

    async fn step(&mut self, rhythm: &mut Rhythm, batches: &mut Batches) -> Option<End> {
        let deadline = self.desk.next_deadline();
        if rhythm.alarm_at != deadline {
            rhythm.alarm_at = deadline;
            if let Some(at) = deadline {
                rhythm.alarm.as_mut().reset(self.moment(at));
            }
        }
        let open = !self.behind();
        let Batches { commands, heard } = batches;
        tokio::select! {
            () = &mut rhythm.stopped => return Some(End::Stopped),
            Some(written) = self.written.recv() => return self.on_written(written),
            _ = self.inbox.recv_many(commands, BATCH), if open => {
                for said in commands.drain(..) {
                    if self.is_overdue() {
                        return Some(End::Lost(NOT_RENEWED));
                    }
                    let event = self.hear(said);
                    self.accept(event).await;
                }
            }
            // Always: the barriers that let the outbox continue arrive behind what agents send.
            taken = self.handle.from.recv_many(heard, BATCH) => {
                self.heard.extend(heard.drain(..));
                if taken == 0 {
                    return Some(End::Lost("the link's supervisor has ended"));
                }
                return self.hear_link().await;
            }
            () = &mut rhythm.alarm, if deadline.is_some() => {
                rhythm.alarm_at = None;
                self.dispatch(Event::Tick);
            }
            _ = rhythm.renewal.tick() => self.begin_renewal(),
            _ = rhythm.settings.tick() => self.look_at_settings(),
            _ = rhythm.heads.tick() => {
                self.compare_customers();
                self.say_heads();
            }
            _ = rhythm.strain.tick() => {
                // The wall clock may have been set forward meanwhile.
                rhythm.alarm_at = None;
                self.retry_renewal();
                self.watch_backlog();
            }
            Some(finished) = self.finished.recv() => return self.on_finished(finished).await,
        }
        None
    }

    /// Turns a customer's event into a desk event; sockets on other nodes are recorded.
    pub(super) fn hear(&mut self, event: CustomerEvent) -> Event {
        let (customer, node, online) = match &event {
            CustomerEvent::Input(input) => (&input.customer, input.socket.node, true),
            CustomerEvent::Connected(connection) => {
                (&connection.customer, connection.node, connection.online)
            }
        };
        if node != self.owner.node && online {
            self.remote.hear(customer, node);
        } else if node != self.owner.node {
            self.remote.leave(customer.id, node);
        }
        Event::Customer(event)
    }

    /// A wall-clock time on the runtime's clock.
    fn moment(&self, at: Timestamp) -> Instant {
        let millis = at.since(self.owner.world.now());
        Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

fn ticker(period: Duration) -> Interval {
    let mut ticker = interval(period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

/// The earlier of two times, if there are two.
pub(super) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
