//! Keeps one component stream connected, and passes stanzas in both directions.
//!
//! Invariants: one task owns the stream and its state. It reads as long as the runtime takes what
//! was read, whatever the server does with what we write. The runtime is told of a stream's end
//! before anything of the next one. No stream outlives the time that the runtime granted, and
//! nothing that is read after that time reaches the runtime.
//!
//! On each wake-up it handles everything that is there, from either side, and writes all of the
//! results at once: the higher the load, the less each stanza costs.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::login::{LoginError, login};
use super::settings::LinkSettings;
use super::state::State;
use super::stream::{Lost, Stream};
use crate::chat::ids::Timestamp;
use crate::ports::link::{FromLink, LinkHandle, ToLink};
use crate::ports::world::World;

/// What may wait between the runtime and the link, in each direction.
const CHANNEL: usize = 256;

/// Reading stops when this much waits for the runtime. It is far more than the barriers in between:
/// a runtime that is behind still learns that the server accepted what it waits for.
const UNREAD: usize = 8_192;

/// Timeout for writing the end of a stream.
const FAREWELL: Duration = Duration::from_secs(1);

/// Timeout for returning what came too late, and the silence that ends it earlier.
const GIVING_BACK: Duration = Duration::from_millis(500);
const NOTHING_MORE: Duration = Duration::from_millis(50);

/// Timeout for writing the end of a stream that has no time left.
const CUT: Duration = Duration::from_millis(100);

/// How long the runtime has after a conflict to check whether it still has the lease.
const CONFLICT: Duration = Duration::from_secs(5);

/// After a stream that was connected this long the next attempt follows quickly.
const GOOD: Duration = Duration::from_secs(10);

/// Starts a link. It opens no stream before it is told to, and ends when its handle is dropped or
/// when it is cancelled (immediately, without a graceful close).
pub fn spawn(
    settings: LinkSettings,
    world: Arc<dyn World>,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> LinkHandle {
    let (to_sender, to) = mpsc::channel(CHANNEL);
    let (from, from_receiver) = mpsc::channel(CHANNEL);
    let domain = settings.domain.clone();
    // No stream is open before the runtime grants time.
    let (until_sender, until) = watch::channel(Instant::now());
    let supervisor = Supervisor { state: State::new(settings, world), to, from, until, late: None };
    // At the level of errors, so that no `log.level` hides where a line belongs.
    let span = tracing::error_span!("link", %domain);
    let supervising = async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = supervisor.run() => {}
        }
    };
    tracker.spawn(supervising.instrument(span));
    LinkHandle { domain, to: to_sender, from: from_receiver, until: until_sender }
}

/// The channels and the state.
struct Supervisor {
    state: State,
    to: mpsc::Receiver<ToLink>,
    from: mpsc::Sender<FromLink>,
    until: watch::Receiver<Instant>,
    /// What the runtime sent after the time of the current stream was over.
    late: Option<Vec<ToLink>>,
}

/// The handle was dropped: the link is not needed any more.
struct Dropped;

impl Supervisor {
    async fn run(mut self) {
        // It returns only when the handle was dropped.
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
                    // A server that is down for an hour is reported once.
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

    /// Takes what the runtime has sent, and passes on what it has room for.
    fn pass(&mut self) -> Result<(), Dropped> {
        let now = self.state.world.now();
        // A sender that never stops does not block the rest.
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

    /// Handles input from the runtime. Once the stream's time is over it is kept for the end of the
    /// stream, so that it is not dropped with it.
    fn told(&mut self, told: ToLink, now: Timestamp) {
        let overdue = self.overdue();
        match &mut self.late {
            Some(late) if overdue => late.push(told),
            _ => self.state.told(told, now),
        }
    }

    /// Waits for one input from the runtime, or for room to pass one to it.
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

    /// Logs in; `None` if the runtime no longer wants the stream.
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

    /// Serves a stream until it ends; returns why.
    async fn live(&mut self, mut stream: Stream) -> Result<Lost, Dropped> {
        tracing::info!("logged in to the XMPP server");
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
            // The timer may fire too early: resetting it each time costs more than checking again.
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

    /// Ends a stream that has no time left. Messages that agents sent to it are returned to them,
    /// because nobody else has received them: agents see that they did not arrive, and resend them.
    /// The runtime does the same with what it accepted and could not store, up to its
    /// [`ToLink::Close`].
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
                    // Everything that the server has sent already; it is not waited for.
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
        // In time or not, the stream ends.
        let _ = timeout(GIVING_BACK, giving_back).await;
        tracing::warn!(read, "closed the component stream because the lease was about to expire");
        stream.close(CUT).await;
        self.state.gone();
    }
}
