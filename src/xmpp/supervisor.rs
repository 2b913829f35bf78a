//! Keeps one component stream up, and passes what comes and goes.
//!
//! Invariants: one task owns the stream and everything about it; it reads as long as the runtime
//! takes what was read, whatever the server does with what we write; the runtime hears of a
//! stream's end before anything of the next one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::state::State;
use super::stream::{self, Incoming, LoginError, Lost, Stream};
use crate::chat::ids::LinkDomain;
use crate::ports::link::{FromLink, LinkHandle, ToLink};
use crate::ports::world::World;

/// What waits between the runtime and the link, each way.
const CHANNEL: usize = 256;

/// Reading stops where the runtime has not taken so much. Far more than the barriers that come
/// between: a runtime that is behind still learns that the server took what it waits for.
const UNREAD: usize = 8_192;

/// How long the end of a stream may take to be written.
const FAREWELL: Duration = Duration::from_secs(1);

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
    let supervisor = Supervisor { state: State::new(settings, world), to, from };
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
    state: State,
    to: mpsc::Receiver<ToLink>,
    from: mpsc::Sender<FromLink>,
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

    /// Takes one thing from the runtime, or gives it one.
    async fn step(&mut self) -> Result<(), Dropped> {
        let Self { state, to, from } = self;
        tokio::select! {
            room = from.reserve(), if !state.unread.is_empty() => {
                let room = room.map_err(|_| Dropped)?;
                if let Some(next) = state.unread.pop_front() {
                    room.send(next);
                }
            }
            told = to.recv(), if state.outbox.has_room() => {
                state.told(told.ok_or(Dropped)?);
            }
            else => std::future::pending().await,
        }
        Ok(())
    }

    /// Logs in; nothing where the runtime no longer wants it.
    async fn open(&mut self) -> Result<Option<Result<Stream, LoginError>>, Dropped> {
        let settings = self.state.settings.clone();
        let login = stream::login(settings.domain.as_str(), &settings.server, &settings.secret);
        tokio::pin!(login);
        while self.state.wanted {
            tokio::select! {
                outcome = &mut login => return Ok(Some(outcome)),
                stepped = self.step() => stepped?,
            }
        }
        Ok(None)
    }

    /// Serves a stream until it ends, and says why it did.
    async fn live(&mut self, mut stream: Stream) -> Result<Lost, Dropped> {
        tracing::info!(domain = %self.state.settings.domain, "the stream stands");
        self.state.up();
        let mut out = VecDeque::new();
        loop {
            self.state.fill(&mut out);
            if let Some(until) = self.state.closing
                && (self.state.outbox.is_idle() && out.is_empty() || Instant::now() >= until)
            {
                stream.close(FAREWELL).await;
                let closed = Lost::new("closed");
                self.state.lost(&closed, true);
                return Ok(closed);
            }
            let next = self.state.next_timer();
            let reading = self.state.unread.len() < UNREAD;
            let turned = tokio::select! {
                turned = stream.turn(&mut out), if reading => Some(turned),
                stepped = self.step() => { stepped?; None }
                () = sleep_until(next) => None,
            };
            let ended = match turned {
                Some(Ok(Incoming::Stanza(element))) => self.state.heard(element).err(),
                Some(Ok(Incoming::Silence)) => {
                    self.state.outbox.ping(&mut out);
                    None
                }
                Some(Err(lost)) => Some(lost),
                None => self.state.timers().err(),
            };
            if let Some(lost) = ended {
                let closing = self.state.closing.is_some();
                self.state.lost(&lost, closing);
                return Ok(lost);
            }
        }
    }
}
