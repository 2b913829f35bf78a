//! Keeps one component stream up, and passes what comes and goes.
//!
//! Invariants: one task owns the stream and everything about it; it reads as long as the runtime
//! takes what was read, whatever the server does with what we write; the runtime hears of a
//! stream's end before anything of the next one. No stream outlives the time the runtime gave it,
//! and nothing that is read after that time reaches the runtime.
//!
//! Whenever it wakes it takes all that is there, from either side, and writes all that comes of it
//! at once: the more there is to do, the less each stanza costs.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::login::{LoginError, login};
use super::state::State;
use super::stream::{Lost, Stream};
use crate::chat::ids::{LinkDomain, Timestamp};
use crate::ports::link::{FromLink, LinkHandle, ToLink};
use crate::ports::world::World;

/// What waits between the runtime and the link, each way.
const CHANNEL: usize = 256;

/// Reading stops where the runtime has not taken so much. Far more than the barriers that come
/// between: a runtime that is behind still learns that the server took what it waits for.
const UNREAD: usize = 8_192;

/// How long the end of a stream may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long giving back what came too late may take, and how long nothing more of it must come.
const GIVING_BACK: Duration = Duration::from_millis(500);
const NOTHING_MORE: Duration = Duration::from_millis(50);

/// How long the end of a stream may take to be written that has no time left.
const CUT: Duration = Duration::from_millis(100);

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
    /// How agents' clients reach this gateway's files: `https://chat.example.com`.
    pub site: String,
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
    // Nothing stands before it is said for how long.
    let (until_sender, until) = watch::channel(Instant::now());
    let supervisor = Supervisor { state: State::new(settings, world), to, from, until, late: None };
    tracker.spawn(async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = supervisor.run() => {}
        }
    });
    LinkHandle { domain, to: to_sender, from: from_receiver, until: until_sender }
}

/// The ends of the channels, and all the rest.
struct Supervisor {
    state: State,
    to: mpsc::Receiver<ToLink>,
    from: mpsc::Sender<FromLink>,
    until: watch::Receiver<Instant>,
    /// What the runtime said after the time of the stream was over, while one stands.
    late: Option<Vec<ToLink>>,
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
            while !self.state.wanted {
                self.step().await?;
            }
            let Some(outcome) = self.open().await? else { continue };
            let conflict = match outcome {
                Ok(stream) => {
                    told = None;
                    let since = Instant::now();
                    self.late = Some(Vec::new());
                    let lost = self.live(stream).await?;
                    let now = self.state.world.now();
                    for told in self.late.take().unwrap_or_default() {
                        self.state.told(told, now);
                    }
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
                        self.state.down(reason, conflict, None);
                    }
                    conflict
                }
            };
            let pause = self.state.pause(&mut attempt);
            self.rest(if conflict { pause.max(CONFLICT) } else { pause }).await?;
        }
    }

    /// Waits, unless the runtime no longer wants the stream.
    async fn rest(&mut self, pause: Duration) -> Result<(), Dropped> {
        let until = Instant::now() + pause;
        while self.state.wanted && Instant::now() < until {
            tokio::select! {
                () = sleep_until(until) => {}
                stepped = self.step() => stepped?,
            }
        }
        Ok(())
    }

    /// Takes from the runtime what waits, and gives it what it has room for.
    fn pass(&mut self) -> Result<(), Dropped> {
        let now = self.state.world.now();
        // Whoever goes on saying things while they are taken does not hold up the rest.
        for _ in 0..CHANNEL {
            if !self.state.outbox.has_room() {
                break;
            }
            match self.to.try_recv() {
                Ok(told) => self.told(told, now),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Err(Dropped),
            }
        }
        let Self { state, from, .. } = self;
        while let Some(next) = state.unread.pop_front() {
            match from.try_send(next) {
                Ok(()) => {}
                Err(TrySendError::Full(next)) => {
                    state.unread.push_front(next);
                    break;
                }
                Err(TrySendError::Closed(_)) => return Err(Dropped),
            }
        }
        Ok(())
    }

    /// Takes what the runtime said. What it says once the stream's time is over is for the end of
    /// the stream, and must not go where it would be dropped with it.
    fn told(&mut self, told: ToLink, now: Timestamp) {
        let overdue = self.overdue();
        match &mut self.late {
            Some(late) if overdue => late.push(told),
            _ => self.state.told(told, now),
        }
    }

    /// Takes one thing from the runtime, or gives it one, as soon as it can.
    async fn step(&mut self) -> Result<(), Dropped> {
        let Self { state, to, from, .. } = self;
        let told = tokio::select! {
            room = from.reserve(), if !state.unread.is_empty() => {
                let room = room.map_err(|_| Dropped)?;
                if let Some(next) = state.unread.pop_front() {
                    room.send(next);
                }
                None
            }
            told = to.recv(), if state.outbox.has_room() => Some(told.ok_or(Dropped)?),
            else => std::future::pending().await,
        };
        if let Some(told) = told {
            let now = self.state.world.now();
            self.told(told, now);
        }
        Ok(())
    }

    /// Logs in; nothing where the runtime no longer wants it.
    async fn open(&mut self) -> Result<Option<Result<Stream, LoginError>>, Dropped> {
        let settings = self.state.settings.clone();
        let login = login(settings.domain.as_str(), &settings.server, &settings.secret);
        tokio::pin!(login);
        while self.state.wanted {
            let until = self.until();
            if self.overdue() {
                self.state.gone();
                break;
            }
            tokio::select! {
                outcome = &mut login => return Ok(Some(outcome)),
                () = sleep_until(until) => {}
                stepped = self.step() => stepped?,
            }
        }
        Ok(None)
    }

    /// Serves a stream until it ends, and says why it did.
    async fn live(&mut self, mut stream: Stream) -> Result<Lost, Dropped> {
        tracing::info!(domain = %self.state.settings.domain, "the stream stands");
        self.state.up();
        let mut until = self.until.clone();
        let mut timer = pin!(sleep_until(Instant::now()));
        loop {
            if self.overdue() {
                self.leave(stream).await;
                return Ok(Lost::new("the lease has run out"));
            }
            self.pass()?;
            self.state.fill(&mut stream.out);
            if let Some(until) = self.state.closing
                && (self.state.outbox.is_idle() && stream.out.is_empty() || Instant::now() >= until)
            {
                stream.close(FAREWELL).await;
                let closed = Lost::new("closed");
                self.state.lost(&closed, true);
                return Ok(closed);
            }
            // It may go off too early: to set it back each time costs more than to look again.
            let next = self.state.next_timer().min(self.until());
            if timer.is_elapsed() || next < timer.deadline() {
                timer.as_mut().reset(next);
            }
            let reading = self.state.unread.len() < UNREAD;
            let turned = tokio::select! {
                Ok(()) = until.changed() => Ok(()),
                turned = stream.turn(), if reading => turned.and_then(|()| {
                    self.state.mark_heard();
                    stream.take(|stanza| self.state.heard(stanza))
                }),
                stepped = self.step() => { stepped?; Ok(()) }
                () = timer.as_mut() => Ok(()),
            };
            if let Err(lost) = turned.and_then(|()| self.state.timers(&mut stream.out)) {
                let closing = self.state.closing.is_some();
                self.state.lost(&lost, closing);
                return Ok(lost);
            }
        }
    }

    fn until(&self) -> Instant {
        *self.until.borrow()
    }

    fn overdue(&self) -> bool {
        self.until() <= Instant::now()
    }

    /// Ends a stream that has no time left. What agents said to it is given back to them, for
    /// nobody else has heard it: so they see that it did not arrive, and say it again. The runtime
    /// does the same with what it took and could not store, up to its [`ToLink::Close`].
    async fn leave(&mut self, mut stream: Stream) {
        let (mut read, mut is_last) = (0_u32, false);
        stream.fall_silent();
        let giving_back = async {
            self.state.give_back(&mut stream.out);
            for told in self.late.take().unwrap_or_default() {
                is_last |= matches!(told, ToLink::Close);
                self.state.told_too_late(&told, &mut stream.out);
            }
            loop {
                tokio::select! {
                    biased;
                    told = self.to.recv(), if !is_last => match told {
                        Some(ToLink::Close) | None => is_last = true,
                        Some(told) => self.state.told_too_late(&told, &mut stream.out),
                    },
                    // Each stanza that the server has sent already; it is asked for none.
                    turned = timeout(NOTHING_MORE, stream.turn()) => match turned {
                        Ok(Ok(())) => {
                            let heard = stream.take(|stanza| {
                                read += 1;
                                self.state.heard(stanza)
                            });
                            self.state.give_back(&mut stream.out);
                            if heard.is_err() {
                                break;
                            }
                        }
                        Ok(Err(_)) => break,
                        Err(_) if is_last && stream.out.is_empty() => break,
                        Err(_) => {}
                    },
                }
            }
        };
        // In time or not: it ends.
        let _ = timeout(GIVING_BACK, giving_back).await;
        let domain = &self.state.settings.domain;
        tracing::warn!(%domain, read, "the stream has no time left and is closed");
        stream.close(CUT).await;
        self.state.gone();
    }
}
