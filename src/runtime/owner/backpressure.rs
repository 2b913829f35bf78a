//! How far the store is behind, and who is told.
//!
//! Invariants: a row waits from the moment it was numbered, whether the database responds with an
//! error or not at all. Beyond [`LIMIT`] nothing new is accepted, and each socket that waits for an
//! ack is told once; its command stays in flight. Agents are told only after [`PATIENCE`], and told
//! of the end only if they were told of the beginning.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::term::Term;
use crate::chat::effect::{Answer, Effect, ToAgentContent};
use crate::chat::event::{CustomerEvent, CustomerInput, Event, SocketAddress};
use crate::chat::ids::{CommandId, CustomerId, Pos};
use crate::chat::notice::Notice;
use crate::chat::refusal::CommandError;
use crate::chat::row::CommandKey;
use crate::ports::link::ToLink;
use crate::runtime::metrics::Load;

/// If a row waits longer than this, nothing new is accepted.
const LIMIT: Duration = Duration::from_secs(2);
/// Agents are not told of shorter outages. This is less than the lease holds without a database:
/// after that there is no stream on which they could be told.
const PATIENCE: Duration = Duration::from_secs(3);
/// They are told sooner if the lease holds only this long, because it could not be renewed.
const LEAVING: Duration = Duration::from_secs(1);
/// After a stream was opened, agents' presences have this long to arrive.
const SETTLING: Duration = Duration::from_secs(3);
/// After a failed read no other is tried for this long.
const BLIND: Duration = Duration::from_secs(1);
/// Resolution of the ages of rows.
const GRAIN: Duration = Duration::from_millis(100);
/// Interval at which the backlog is checked.
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

/// The sender of a durable command, and the command's key.
pub(super) type Sender = (SocketAddress, CustomerId, CommandKey);

#[derive(Debug, Default)]
pub(super) struct Backpressure {
    head: Pos,
    /// Rows from here on were numbered at this time or later.
    marks: VecDeque<(Pos, Instant)>,
    waiters: VecDeque<Waiter>,
    /// Over the limit; those who wait have been told.
    on: bool,
    /// When a read last timed out.
    read_nothing: Option<Instant>,
    /// When agents were last told that messages are saved again.
    told_again: Option<Instant>,
    /// Since when the stream is connected.
    up_since: Option<Instant>,
    /// Since when the server has not responded.
    silent_since: Option<Instant>,
}

impl Backpressure {
    /// At the beginning everything is stored.
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

    /// Age of the oldest row that is not stored.
    fn oldest(&self, now: Instant) -> Duration {
        self.marks.front().map(|(_, at)| now - *at).unwrap_or_default()
    }

    /// The sender of the command that a row belongs to, if it is not stored.
    pub(super) fn whose(&self, pos: Pos) -> Option<Sender> {
        let mut waiters = self.waiters.iter();
        let waiter = waiters.find(|waiter| waiter.first <= pos && pos <= waiter.pos)?;
        Some((waiter.socket, waiter.customer, waiter.key.clone()))
    }

    /// A read has timed out.
    pub(super) fn read_nothing(&mut self) {
        self.read_nothing = Some(Instant::now());
    }

    /// Whether a read timed out a moment ago: each attempt blocks the whole desk.
    pub(super) fn is_blind(&self) -> bool {
        self.read_nothing.is_some_and(|at| at.elapsed() < BLIND)
    }

    /// The stream was connected or disconnected.
    pub(super) fn stream(&mut self, up: bool) {
        self.up_since = up.then(Instant::now);
        self.silent_since = None;
    }

    /// The server has not responded since this time; `None`: it responds again.
    pub(super) fn silent(&mut self, since: Option<Instant>) {
        self.silent_since = since;
    }

    /// Whether the server does not respond.
    pub(super) fn is_silent(&self) -> bool {
        self.silent_since.is_some()
    }
}

impl Term<'_> {
    /// Called after rows were numbered or stored.
    pub(super) fn follow_rows(&mut self) {
        let now = Instant::now();
        self.backpressure.follow(self.desk.head(), self.stored, now);
        // It is turned on only by a check, but off immediately.
        self.backpressure.on &= self.backpressure.oldest(now) >= LIMIT;
    }

    /// Records whose command the last row belongs to, if one was numbered after `before`.
    pub(super) fn wait_for(&mut self, waiter: Option<Sender>, before: Pos) {
        let pos = self.desk.head();
        if let Some((socket, customer, key)) = waiter
            && pos > before
        {
            let first = before.next();
            self.backpressure.waiters.push_back(Waiter { first, pos, socket, customer, key });
        }
    }

    /// Whether an event is refused because nothing can be stored. A resend of a command in flight
    /// is accepted, and its sender told that it is not stored yet.
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

    /// Checks how far the store is behind, and tells those who wait.
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
        // The stream ends with the lease: agents must be told before.
        let leaving = self.until() <= now + LEAVING;
        if (oldest >= PATIENCE || leaving) && settled && !told {
            self.tell_agents(false);
        } else if !is_on && !leaving && settled && told {
            self.tell_agents(true);
        }
    }

    /// The stream was closed while the lease was being renewed. A notice of the last moment that
    /// messages are saved again did not leave: the next stream begins with it.
    pub(super) fn repeat_notice(&self) {
        if self.backpressure.told_again.is_some_and(|at| at.elapsed() < LEAVING) {
            self.owner.agents_told.store(true, Ordering::Relaxed);
        }
    }

    /// Tells agents who are at work, ahead of everything that waits: the stream may be closed after
    /// this.
    pub(super) fn tell_agents(&mut self, works: bool) {
        self.owner.agents_told.store(!works, Ordering::Relaxed);
        self.backpressure.told_again = works.then(Instant::now);
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

/// The sender of a durable command, who waits for its ack.
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
