//! How far the store is behind, and who is told.
//!
//! Invariants: a row waits since the moment it was numbered, whether the database answers with an
//! error or not at all. Over [`LIMIT`] nothing new is taken on, and each socket that waits for an
//! ack is told once; what it waits for stays under way. Agents hear of it only after [`PATIENCE`],
//! and that it is over only where they heard of its beginning.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::term::Term;
use crate::chat::effect::{Answer, Effect, Notice, ToAgentContent};
use crate::chat::event::{CustomerEvent, CustomerInput, Event, SocketAddress};
use crate::chat::ids::{CommandId, CustomerId, Pos};
use crate::chat::model::CommandKey;
use crate::chat::refusal::CommandError;
use crate::ports::link::ToLink;
use crate::runtime::metrics::Load;

/// A row that waits longer than this is a reason to take nothing new on.
const LIMIT: Duration = Duration::from_secs(2);
/// Agents are not told of what is over sooner. Before the lease runs out for want of a database:
/// then there is no stream on which they could be told.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nor where the lease holds only so long yet, for it could not be renewed.
const LEAVING: Duration = Duration::from_secs(1);
/// After a stream was opened agents' presences have so long to come.
const SETTLING: Duration = Duration::from_secs(3);
/// After a read in vain none is tried for so long.
const BLIND: Duration = Duration::from_secs(1);
/// Ages are told apart as finely as this.
const GRAIN: Duration = Duration::from_millis(100);
/// How often the strain is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// A command whose row is not stored.
#[derive(Debug)]
struct Waiter {
    first: Pos,
    pos: Pos,
    socket: SocketAddress,
    customer: CustomerId,
    key: CommandKey,
}

/// Who gave a durable command, and under which key.
pub(super) type Sender = (SocketAddress, CustomerId, CommandKey);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backpressure {
    head: Pos,
    /// Rows from here on were numbered at this time or later.
    marks: VecDeque<(Pos, Instant)>,
    waiters: VecDeque<Waiter>,
    /// Over the limit; those who wait have been told.
    on: bool,
    /// When something could not be read in time.
    read_nothing: Option<Instant>,
    /// Since when the stream stands.
    up_since: Option<Instant>,
    /// Since when the server answers nothing.
    silent_since: Option<Instant>,
}

impl Backpressure {
    /// Begins where all is stored.
    pub(super) fn after(stored: Pos) -> Self {
        Self { head: stored, ..Self::default() }
    }

    /// Rows up to `head` are numbered, those up to `stored` are stored.
    fn follow(&mut self, head: Pos, stored: Pos, now: Instant) {
        if head > self.head {
            if self.marks.back().is_none_or(|(_, at)| now - *at >= GRAIN) {
                self.marks.push_back((self.head.next(), now));
            }
            self.head = head;
        }
        if stored >= head {
            self.marks.clear();
        }
        while self.marks.get(1).is_some_and(|(from, _)| *from <= stored.next()) {
            self.marks.pop_front();
        }
        while self.waiters.pop_front_if(|waiter| waiter.pos <= stored).is_some() {}
    }

    /// How long the oldest row has waited.
    fn oldest(&self, now: Instant) -> Duration {
        self.marks.front().map(|(_, at)| now - *at).unwrap_or_default()
    }

    /// Whose command a row was made of that is not stored.
    pub(super) fn whose(&self, pos: Pos) -> Option<Sender> {
        let mut waiters = self.waiters.iter();
        let waiter = waiters.find(|waiter| waiter.first <= pos && pos <= waiter.pos)?;
        Some((waiter.socket, waiter.customer, waiter.key.clone()))
    }

    /// Whether nothing new is to be taken on.
    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// Something could not be read in time.
    pub(super) fn read_nothing(&mut self) {
        self.read_nothing = Some(Instant::now());
    }

    /// Whether reading was tried in vain a moment ago: who tries it holds the whole desk up.
    pub(super) fn is_blind(&self) -> bool {
        self.read_nothing.is_some_and(|at| at.elapsed() < BLIND)
    }

    /// The stream stands, or does not.
    pub(super) fn stream(&mut self, up: bool) {
        self.up_since = up.then(Instant::now);
        self.silent_since = None;
    }

    /// The server answers nothing any more, since then; or does again.
    pub(super) fn silent(&mut self, since: Option<Instant>) {
        self.silent_since = since;
    }

    /// Whether the server answers nothing.
    pub(super) fn is_silent(&self) -> bool {
        self.silent_since.is_some()
    }
}

impl Term<'_> {
    /// To be called once rows were numbered or stored.
    pub(super) fn follow_rows(&mut self) {
        let now = Instant::now();
        self.backpressure.follow(self.desk.head(), self.stored, now);
        // It begins at a look, and is over at once.
        self.backpressure.on &= self.backpressure.oldest(now) >= LIMIT;
    }

    /// Remembers whose command the last row is, where one was numbered since `before`.
    pub(super) fn wait_for(&mut self, waiter: Option<Sender>, before: Pos) {
        let pos = self.desk.head();
        if let Some((socket, customer, key)) = waiter
            && pos > before
        {
            let first = before.next();
            self.backpressure.waiters.push_back(Waiter { first, pos, socket, customer, key });
        }
    }

    /// What is turned away while nothing can be stored; a repeat of what is under way is taken, and
    /// its sender told that it is not stored yet.
    pub(super) fn is_strained(&mut self, event: &Event) -> bool {
        if !self.backpressure.on {
            return false;
        }
        if self.desk.adds(event) {
            return true;
        }
        if let Event::Customer(CustomerEvent::Input(input)) = event
            && let Some((socket, customer, key)) = sender(input)
        {
            self.not_stored(socket, customer, key.id);
        }
        false
    }

    fn not_stored(&mut self, to: SocketAddress, customer: CustomerId, id: CommandId) {
        let answer = Answer::Refused { id: Some(id), error: CommandError::NotStored };
        self.carry_out(Effect::Answer { to, customer, answer });
    }

    /// Looks how far the store is behind, and tells whom it concerns.
    pub(super) fn watch_backlog(&mut self) {
        self.follow_rows();
        let now = Instant::now();
        let oldest = self.backpressure.oldest(now);
        self.owner.status.load(
            &self.owner.link,
            Load {
                rows: self.desk.head().0 - self.stored.0,
                oldest,
                stanzas: self.outbox.waiting() as u64,
                barrier: self.backpressure.silent_since.map(|at| now - at).unwrap_or_default(),
            },
        );
        let is_on = oldest >= LIMIT;
        if is_on && !self.backpressure.on {
            self.owner.status.database_slow(&self.owner.link);
            let waiters = std::mem::take(&mut self.backpressure.waiters);
            for waiter in &waiters {
                self.not_stored(waiter.socket, waiter.customer, waiter.key.id.clone());
            }
            self.backpressure.waiters = waiters;
        }
        self.backpressure.on = is_on;
        let told = self.owner.agents_told.load(Ordering::Relaxed);
        let settled = self.backpressure.up_since.is_some_and(|at| now - at >= SETTLING);
        // With the lease the stream goes: what agents are to know must be said before.
        let leaving = self.until() <= now + LEAVING;
        if (oldest >= PATIENCE || leaving) && settled && !told {
            self.tell_agents(false);
        } else if !is_on && !leaving && settled && told {
            self.tell_agents(true);
        }
    }

    /// Tells agents at work, past everything that waits: after this the stream may be closed.
    pub(super) fn tell_agents(&mut self, works: bool) {
        self.owner.agents_told.store(!works, Ordering::Relaxed);
        let mut effects = Vec::new();
        let now = self.time();
        self.desk.handle(now, Event::Storage { works }, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(line)
                    if matches!(line.content, ToAgentContent::Notice(Notice::Storage { .. })) =>
                {
                    let _ = self.handle.to.try_send(ToLink::Send(Box::new(line)));
                }
                other => self.carry_out(other),
            }
        }
    }
}

/// Who waits for the ack of a durable command.
pub(super) fn sender(input: &CustomerInput) -> Option<Sender> {
    input.key().map(|key| (input.socket, input.customer.id, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_row_that_waits_is_what_counts() {
        let mut backpressure = Backpressure::after(Pos(7));
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        backpressure.follow(Pos(7), Pos(7), at(0));
        assert_eq!(backpressure.oldest(at(5_000)), Duration::ZERO, "nothing waits");
        backpressure.follow(Pos(9), Pos(7), at(0));
        backpressure.follow(Pos(12), Pos(7), at(1_000));
        assert_eq!(backpressure.oldest(at(2_500)), Duration::from_millis(2_500));
        backpressure.follow(Pos(12), Pos(8), at(2_500));
        assert_eq!(backpressure.oldest(at(2_500)), Duration::from_millis(2_500), "9 still waits");
        backpressure.follow(Pos(12), Pos(9), at(2_500));
        assert_eq!(backpressure.oldest(at(2_500)), Duration::from_millis(1_500));
        backpressure.follow(Pos(12), Pos(12), at(2_500));
        assert_eq!(backpressure.oldest(at(9_000)), Duration::ZERO);
    }
}
