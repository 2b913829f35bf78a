//! The outgoing stanzas of a stream, and which of them the server has accepted.
//!
//! A component stream has no acknowledgements. A *barrier* is a ping of our domain to itself: it
//! comes back on the same stream once the server has accepted everything before it. That is
//! acceptance, not delivery. It costs two more stanzas, so one follows many: [`BATCH`], or all that
//! were sent within [`GATHERED`]; it follows immediately if anything waits for its return.
//!
//! Invariants: [`Outbox::returned`] and [`Outbox::fill`] report a row as accepted only when
//! everything written up to it has been. Of what may be lost with a stream, desk messages are
//! written again in order, and rows are left to the desk, which resends them. At most [`IN_FLIGHT`]
//! stanzas and two barriers are in flight, and whatever is in flight is followed by a barrier soon.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::minidom::{Element, Node};

mod barriers;

use self::barriers::{Barriers, Echo};
use crate::bridge::clean;
use crate::chat::ids::{Epoch, LinkDomain, Pos};

/// Stanzas that may be in flight.
const IN_FLIGHT: usize = 512;

/// A barrier is written after this many stanzas although more are waiting.
const BATCH: usize = 64;

/// How long a barrier waits for more stanzas to cover.
const GATHERED: Duration = Duration::from_millis(8);

/// From this many stanzas in flight, room for more may soon depend on a barrier: it waits for
/// nothing.
const PRESSING: usize = IN_FLIGHT / 2;

/// Stanzas that may wait before the runtime has to.
const WAITING: usize = 512;

/// Responses to queries are dropped when this much waits.
const ANSWERS: usize = 4 * WAITING;

/// Responses to strangers wait separately, so that they never delay what agents wait for.
const STRANGERS: usize = 128;

/// The longest stanza; servers accept 256 KiB.
const STANZA_BYTES: usize = 128 * 1024;

/// Rows that are remembered for having ended streams.
const QUARANTINED: usize = 256;

/// What happens with a stanza that may be lost with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made from this row: the desk resends it.
    Row(Pos),
    /// Must arrive: written again.
    Line,
    /// Means nothing on the next stream.
    Passing,
}

/// A stanza as it is written; shared by all who keep it.
pub(super) type Text = Arc<str>;

/// Stanzas for the stream, in order.
pub(super) type Out = VecDeque<Text>;

/// A stanza to be written.
#[derive(Debug)]
struct Item {
    text: Text,
    kind: Kind,
    /// The row that is accepted together with it.
    cursor: Option<Pos>,
    /// It was in flight when the server ended a stream for something we wrote.
    suspect: bool,
}

#[derive(Debug)]
enum Waiting {
    Stanza(Item),
    Passed(Pos),
}

/// The meaning of a barrier that came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// Rows up to here are accepted.
    Accepted(Pos),
    /// No other row is accepted.
    Nothing,
    /// Another stream is logged in with our domain; rows up to here are accepted nevertheless.
    Stranger(Option<Pos>),
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Our domain.
    own: Arc<str>,
    epoch: Epoch,
    waiting: VecDeque<Waiting>,
    /// Responses to strangers.
    strangers: VecDeque<Text>,
    flight: VecDeque<Item>,
    barriers: Barriers,
    /// When the next barrier is due, if there is something to cover.
    due: Option<Instant>,
    /// The position that a barrier made now would have.
    mark: Pos,
    accepted: Pos,
    /// Stanzas in flight that no barrier covers yet.
    uncovered: usize,
    /// The mark has moved since the last barrier.
    moved: bool,
    /// Rows that were in flight when the server ended a stream for something we wrote.
    suspects: HashSet<Pos>,
    /// Rows that ended a stream all by themselves.
    quarantined: VecDeque<Pos>,
}

impl Outbox {
    pub(super) fn new(domain: &LinkDomain) -> Self {
        Self::of(domain.as_str().into(), Epoch::default())
    }

    fn of(own: Arc<str>, epoch: Epoch) -> Self {
        let barriers = Barriers::new(own.clone(), epoch);
        Self { own, epoch, barriers, ..Self::default() }
    }

    /// Begins a term. Stanzas of another term are dropped.
    pub(super) fn open(&mut self, epoch: Epoch) {
        if epoch != self.epoch {
            *self = Self::of(self.own.clone(), epoch);
        }
    }

    /// The current term.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether the runtime may send more.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Whether the server has accepted everything.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_empty() && self.barriers.is_empty()
    }

    /// Adds a stanza, and the row that is accepted together with it.
    pub(super) fn push(&mut self, text: Text, kind: Kind, cursor: Option<Pos>) {
        if !self.takes(kind) {
            return;
        }
        let suspect = match kind {
            Kind::Row(pos) if self.quarantined.contains(&pos) => return,
            Kind::Row(pos) => self.suspects.contains(&pos),
            _ => false,
        };
        if let Err(why) = sound(&text) {
            tracing::error!(?kind, why, "left out an outgoing stanza that is not valid");
            cursor.into_iter().for_each(|pos| self.passed(pos));
            return;
        }
        crate::chaos::point(crate::chaos::COMMIT_SEND, matches!(kind, Kind::Row(_)));
        self.waiting.push_back(Waiting::Stanza(Item { text, kind, cursor, suspect }));
    }

    fn takes(&self, kind: Kind) -> bool {
        kind != Kind::Passing || self.waiting.len() < ANSWERS
    }

    /// Adds a stanza given as an element.
    pub(super) fn push_built(&mut self, element: &Element, kind: Kind) {
        if !self.takes(kind) {
            return;
        }
        match written(element) {
            Ok(text) => self.push(text.into(), kind, None),
            Err(why) => {
                tracing::error!(?kind, why, "left out an outgoing stanza that is not valid XML");
            }
        }
    }

    /// Adds a response to a stranger: it is written when nothing else waits, or never.
    pub(super) fn push_for_stranger(&mut self, element: &Element) {
        if self.strangers.len() >= STRANGERS {
            return;
        }
        match written(element) {
            Ok(text) if sound(&text).is_ok() => self.strangers.push_back(text.into()),
            // The stranger chose its content.
            Ok(_) | Err(_) => tracing::debug!("cannot write a response to a stranger"),
        }
    }

    /// Rows up to here need no stanza.
    pub(super) fn passed(&mut self, pos: Pos) {
        match self.waiting.back_mut() {
            Some(Waiting::Passed(last)) => *last = pos.max(*last),
            _ => self.waiting.push_back(Waiting::Passed(pos)),
        }
    }

    /// Moves what may be written now to `out`, with barriers (immediately if `urgent`); returns the
    /// rows that are accepted without a stanza.
    pub(super) fn fill(&mut self, now: Instant, urgent: bool, out: &mut Out) -> Option<Pos> {
        while self.flight.len() < IN_FLIGHT {
            // A suspect is in flight alone, so that its effect on the stream is known.
            let suspect = |item: Option<&Item>| item.is_some_and(|item| item.suspect);
            let next = match self.waiting.front() {
                Some(Waiting::Stanza(item)) => Some(item),
                _ => None,
            };
            if !self.flight.is_empty() && (suspect(next) || suspect(self.flight.back())) {
                break;
            }
            match self.waiting.pop_front() {
                Some(Waiting::Passed(pos)) => self.move_to(pos),
                Some(Waiting::Stanza(item)) => {
                    crate::chaos::written(
                        item.cursor.is_some() || matches!(item.kind, Kind::Row(_)),
                    );
                    out.push_back(item.text.clone());
                    if let Some(pos) = item.cursor {
                        self.move_to(pos);
                    }
                    self.flight.push_back(item);
                    self.uncovered += 1;
                    if self.uncovered >= BATCH {
                        self.barrier(now, out);
                    }
                }
                None => break,
            }
        }
        self.answer_strangers(now, out);
        if self.flight.is_empty() && self.barriers.is_empty() {
            self.moved = false;
            self.due = None;
            return self.accept(self.mark);
        }
        if self.moved || self.uncovered > 0 {
            let due = *self.due.get_or_insert(now + GATHERED);
            // What follows a suspect waits until the outcome is known.
            let alone = self.flight.back().is_some_and(|item| item.suspect);
            let full = self.uncovered >= BATCH || self.flight.len() >= PRESSING;
            if urgent || alone || full || due <= now {
                self.barrier(now, out);
            }
        }
        None
    }

    /// Adds responses to strangers while nothing else waits, and only so many that the next stanza
    /// need not wait for them.
    fn answer_strangers(&mut self, now: Instant, out: &mut Out) {
        let alone = self.flight.back().is_some_and(|item| item.suspect);
        while self.waiting.is_empty() && self.flight.len() < BATCH && !alone {
            let Some(text) = self.strangers.pop_front() else { break };
            out.push_back(text.clone());
            let item = Item { text, kind: Kind::Passing, cursor: None, suspect: false };
            self.flight.push_back(item);
            self.uncovered += 1;
            if self.uncovered >= BATCH {
                self.barrier(now, out);
            }
        }
    }

    /// When the next barrier is to be written, if one may be.
    pub(super) fn next_barrier(&self) -> Option<Instant> {
        self.due.filter(|_| self.barriers.has_room())
    }

    /// Writes a barrier to check whether the stream is alive.
    pub(super) fn ping(&mut self, now: Instant, out: &mut Out) {
        self.barrier(now, out);
    }

    /// When the oldest barrier in flight was written.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.barriers.oldest()
    }

    /// A barrier came back.
    pub(super) fn returned(&mut self, id: &str) -> Returned {
        match self.barriers.returned(id) {
            Echo::Oldest => self.take_barrier().map_or(Returned::Nothing, Returned::Accepted),
            // An earlier barrier, or the first copy of this one, was sent to another stream: a
            // server that is only slow returns them in order. It has accepted this one: it had read
            // everything before it.
            Echo::Later(passed) => {
                Returned::Stranger((0..passed).filter_map(|_| self.take_barrier()).last())
            }
            Echo::Unknown(Some(epoch)) if epoch > self.epoch => Returned::Stranger(None),
            // It is of an earlier term or of a stream just lost: merely late.
            Echo::Unknown(_) => Returned::Nothing,
        }
    }

    /// Removes the first barrier in flight, which came back; returns which rows are accepted by it.
    fn take_barrier(&mut self) -> Option<Pos> {
        let barrier = self.barriers.take()?;
        for item in self.flight.drain(..barrier.covers.min(self.flight.len())) {
            if let Kind::Row(pos) = item.kind {
                self.suspects.remove(&pos);
            }
        }
        self.accept(barrier.pos)
    }

    /// When the last barrier is to be written again.
    pub(super) fn next_asking(&self) -> Option<Instant> {
        self.barriers.next_asking()
    }

    /// Writes the last barrier again if none has come back for a while.
    pub(super) fn ask_again(&mut self, now: Instant, out: &mut Out) {
        out.extend(self.barriers.ask_again(now));
    }

    /// The stream is gone; `blamed` if the server says that something we sent was the cause.
    pub(super) fn lost(&mut self, blamed: bool) {
        self.barriers.clear();
        self.uncovered = 0;
        self.moved = false;
        self.due = None;
        self.mark = self.accepted;
        self.strangers.clear();
        let lasts =
            |waiting: &Waiting| matches!(waiting, Waiting::Stanza(Item { kind: Kind::Line, .. }));
        self.waiting.retain(lasts);
        let alone = self.flight.len() == 1;
        while let Some(mut item) = self.flight.pop_back() {
            if blamed && alone && item.suspect {
                tracing::error!(
                    kind = ?item.kind,
                    "left out an outgoing stanza that ended the stream twice"
                );
                self.quarantine(item.kind);
                continue;
            }
            item.suspect |= blamed;
            match item.kind {
                Kind::Line => self.waiting.push_front(Waiting::Stanza(item)),
                Kind::Row(pos) if blamed && self.suspects.len() < IN_FLIGHT => {
                    self.suspects.insert(pos);
                }
                Kind::Row(_) | Kind::Passing => {}
            }
        }
    }

    fn quarantine(&mut self, kind: Kind) {
        let Kind::Row(pos) = kind else { return };
        self.suspects.remove(&pos);
        if self.quarantined.len() >= QUARANTINED {
            self.quarantined.pop_front();
        }
        self.quarantined.push_back(pos);
    }

    fn move_to(&mut self, pos: Pos) {
        self.moved |= pos > self.mark;
        self.mark = self.mark.max(pos);
    }

    fn accept(&mut self, pos: Pos) -> Option<Pos> {
        (pos > self.accepted).then(|| {
            self.accepted = pos;
            pos
        })
    }

    fn barrier(&mut self, now: Instant, out: &mut Out) {
        if self.barriers.has_room() {
            out.push_back(self.barriers.add(self.mark, self.uncovered, now));
            self.uncovered = 0;
            self.moved = false;
            self.due = None;
        }
    }
}

/// The last check before the wire: a forbidden character or a stanza that is too long would end the
/// stream for a whole tenant.
fn sound(text: &str) -> Result<(), &'static str> {
    if text.len() > STANZA_BYTES {
        Err("too long")
    } else if clean::is_clean(text) {
        Ok(())
    } else {
        Err("a forbidden character")
    }
}

/// An element as text. It is checked first, because the library panics if it cannot write it.
fn written(element: &Element) -> Result<String, &'static str> {
    fn is_sound(element: &Element) -> bool {
        element.attrs().into_iter().all(|(_, value)| clean::is_clean(value))
            && element.nodes().all(|node| match node {
                Node::Element(child) => is_sound(child),
                Node::Text(text) => clean::is_clean(text),
            })
    }
    if !is_sound(element) {
        return Err("a forbidden character");
    }
    let mut text = Vec::new();
    element.write_to(&mut text).map_err(|_| "an element that is not valid XML")?;
    String::from_utf8(text).map_err(|_| "no UTF-8")
}

#[cfg(test)]
mod tests;
