//! What is to be written, and what of it the server has taken.
//!
//! A component stream has no acknowledgements. A *barrier* is a ping of our domain to itself: it
//! comes back on the same stream once the server has taken everything before it. That is
//! acceptance, not delivery.
//!
//! Invariants: [`Outbox::returned`] and [`Outbox::fill`] report a row as accepted only when
//! everything written up to it has been; of what a lost stream may have swallowed, lines of the
//! desk are written again, in their order, and rows are left to the desk, which says them again;
//! at most [`IN_FLIGHT`] stanzas and two barriers are on their way.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::{Element, Node};
use xmpp_parsers::ping::Ping;

use crate::bridge::clean;
use crate::chat::ids::{Epoch, LinkDomain, Pos};

/// How many stanzas may be on their way without the server having taken them.
const IN_FLIGHT: usize = 512;

/// After how many stanzas a barrier goes out although more are waiting.
const BATCH: usize = 64;

/// How many barriers may be on their way.
const BARRIERS: usize = 2;

/// A barrier that is not back is written again this often.
const AGAIN: Duration = Duration::from_secs(1);

/// How much may wait before the runtime has to.
const WAITING: usize = 512;

/// Answers to queries are dropped where so much waits: who asks in floods gets fewer of them.
const ANSWERS: usize = 4 * WAITING;

/// No stanza is longer, as its text and attributes count; servers take 256 KiB.
const STANZA_BYTES: usize = 128 * 1024;

/// How many rows are remembered for having ended streams.
const QUARANTINED: usize = 256;

/// What becomes of a stanza that a lost stream may have swallowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made of this row: the desk says it again.
    Row(Pos),
    /// Must get through: written again.
    Line,
    /// Has no meaning on the next stream.
    Passing,
}

/// A stanza to be written.
#[derive(Debug)]
struct Item {
    element: Element,
    kind: Kind,
    /// The row whose acceptance it means.
    cursor: Option<Pos>,
    /// It was on its way when the server ended a stream for something we wrote.
    suspect: bool,
}

#[derive(Debug)]
enum Waiting {
    Stanza(Item),
    Passed(Pos),
}

#[derive(Debug)]
struct Barrier {
    id: String,
    pos: Pos,
    covers: usize,
    sent: Instant,
}

/// What a barrier that came back tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// Rows up to here are accepted.
    Accepted(Pos),
    /// No row is newly accepted.
    Nothing,
    /// Another stream speaks for our domain; rows up to here are accepted all the same.
    Stranger(Option<Pos>),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Our domain, and the address on it that barriers are sent to: a full JID, since ejabberd from
    /// 24 on keeps queries to a privileged component's bare domain for itself.
    own: Option<(Jid, Jid)>,
    epoch: Epoch,
    waiting: VecDeque<Waiting>,
    flight: VecDeque<Item>,
    barriers: VecDeque<Barrier>,
    /// When a barrier was last written.
    asked: Option<Instant>,
    /// What a barrier made now would carry.
    mark: Pos,
    accepted: Pos,
    /// Stanzas on their way that no barrier follows yet.
    uncovered: usize,
    /// The mark moved since the last barrier.
    moved: bool,
    /// Rows that were on their way when the server ended a stream for something we wrote.
    suspects: HashSet<Pos>,
    /// Rows that ended one all by themselves.
    quarantined: VecDeque<Pos>,
}

impl Outbox {
    pub(super) fn new(domain: &LinkDomain) -> Self {
        let barrier = format!("{domain}/barrier");
        let own = Jid::new(domain.as_str()).ok().zip(Jid::new(&barrier).ok());
        Self { own, ..Self::default() }
    }

    /// Begins a term. What waited under another one is no longer ours to say.
    pub(super) fn open(&mut self, epoch: Epoch) {
        if epoch != self.epoch {
            *self = Self { own: self.own.take(), epoch, ..Self::default() };
        }
    }

    /// The term that is served.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether the runtime may hand over more.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Whether everything has been taken by the server.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_empty() && self.barriers.is_empty()
    }

    /// Takes a stanza, and the row whose acceptance it means.
    pub(super) fn push(&mut self, element: Element, kind: Kind, cursor: Option<Pos>) {
        if kind == Kind::Passing && self.waiting.len() >= ANSWERS {
            return;
        }
        let suspect = match kind {
            Kind::Row(pos) if self.quarantined.contains(&pos) => return,
            Kind::Row(pos) => self.suspects.contains(&pos),
            _ => false,
        };
        if let Err(why) = sound(&element) {
            tracing::error!(?kind, why, "a stanza of ours is not fit to be sent, it is left out");
            cursor.into_iter().for_each(|pos| self.passed(pos));
            return;
        }
        #[cfg(feature = "chaos")]
        crate::chaos::point(crate::chaos::COMMIT_SEND, matches!(kind, Kind::Row(_)));
        self.waiting.push_back(Waiting::Stanza(Item { element, kind, cursor, suspect }));
    }

    /// Rows up to here need nothing more.
    pub(super) fn passed(&mut self, pos: Pos) {
        match self.waiting.back_mut() {
            Some(Waiting::Passed(last)) => *last = pos.max(*last),
            _ => self.waiting.push_back(Waiting::Passed(pos)),
        }
    }

    /// Hands over what may be written now, barriers among it; says which rows are accepted where
    /// nothing had to be written for them.
    pub(super) fn fill(&mut self, out: &mut VecDeque<Element>) -> Option<Pos> {
        while self.flight.len() < IN_FLIGHT {
            // A suspect travels alone, so that it is known whose fault the end of a stream is.
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
                    out.push_back(item.element.clone());
                    if let Some(pos) = item.cursor {
                        self.move_to(pos);
                    }
                    self.flight.push_back(item);
                    self.uncovered += 1;
                    if self.uncovered >= BATCH {
                        self.barrier(out);
                    }
                }
                None => break,
            }
        }
        if self.flight.is_empty() && self.barriers.is_empty() {
            self.moved = false;
            return self.accept(self.mark);
        }
        if self.moved || self.uncovered > 0 {
            self.barrier(out);
        }
        None
    }

    /// Asks whether the stream lives.
    pub(super) fn ping(&mut self, out: &mut VecDeque<Element>) {
        self.barrier(out);
    }

    /// When the oldest barrier on its way was handed over.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.barriers.front().map(|barrier| barrier.sent)
    }

    /// A barrier came back.
    pub(super) fn returned(&mut self, id: &str) -> Returned {
        match self.barriers.iter().position(|barrier| barrier.id == id) {
            Some(0) => self.take_barrier().map_or(Returned::Nothing, Returned::Accepted),
            // An earlier one went to somebody else. The server took it all the same: it had read
            // what came before this one.
            Some(at) => Returned::Stranger((0..=at).filter_map(|_| self.take_barrier()).last()),
            None => {
                let epoch = id.strip_prefix('b').and_then(|id| id.split_once('-')?.0.parse().ok());
                // Of an earlier term, or of a stream just lost: late, and nothing more.
                if epoch.is_some_and(|epoch: u64| epoch > self.epoch.0) {
                    Returned::Stranger(None)
                } else {
                    Returned::Nothing
                }
            }
        }
    }

    /// The first barrier on its way is back; says which rows are accepted by it.
    fn take_barrier(&mut self) -> Option<Pos> {
        let barrier = self.barriers.pop_front()?;
        for item in self.flight.drain(..barrier.covers.min(self.flight.len())) {
            if let Kind::Row(pos) = item.kind {
                self.suspects.remove(&pos);
            }
        }
        self.accept(barrier.pos)
    }

    /// When the last barrier is to be written again.
    pub(super) fn next_asking(&self) -> Option<Instant> {
        self.barriers.back().and(self.asked).map(|asked| asked + AGAIN)
    }

    /// Writes the last barrier again where none has come back for a while: ejabberd gives it to any
    /// stream of our domain, also to one whose process is frozen.
    pub(super) fn ask_again(&mut self, now: Instant, out: &mut VecDeque<Element>) {
        if self.next_asking().is_some_and(|at| at <= now)
            && let Some(barrier) = self.barriers.back()
        {
            out.extend(self.ping_of(barrier.id.clone()));
            self.asked = Some(now);
        }
    }

    fn ping_of(&self, id: String) -> Option<Element> {
        let (domain, barrier) = self.own.as_ref()?;
        let ping = Iq::from_get(id, Ping).with_from(domain.clone()).with_to(barrier.clone());
        Some(ping.into())
    }

    /// The stream is gone; `blamed` where the server says that we ended it.
    pub(super) fn lost(&mut self, blamed: bool) {
        self.barriers.clear();
        self.uncovered = 0;
        self.moved = false;
        self.mark = self.accepted;
        let lasts =
            |waiting: &Waiting| matches!(waiting, Waiting::Stanza(Item { kind: Kind::Line, .. }));
        self.waiting.retain(lasts);
        let alone = self.flight.len() == 1;
        while let Some(mut item) = self.flight.pop_back() {
            if blamed && alone && item.suspect {
                tracing::error!(
                    kind = ?item.kind,
                    "a stanza of ours ended the stream twice, it is left out"
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

    fn barrier(&mut self, out: &mut VecDeque<Element>) {
        if self.barriers.len() >= BARRIERS {
            return;
        }
        let id = format!("b{}-{}", self.epoch.0, self.mark.0);
        let Some(ping) = self.ping_of(id.clone()) else { return };
        out.push_back(ping);
        let (pos, covers, sent) = (self.mark, self.uncovered, Instant::now());
        self.barriers.push_back(Barrier { id, pos, covers, sent });
        self.asked = Some(sent);
        self.uncovered = 0;
        self.moved = false;
    }
}

/// The last look before the wire: one bad character in an attribute would wedge the encoder, and
/// one stanza too long end the stream for a whole tenant.
fn sound(element: &Element) -> Result<(), &'static str> {
    fn measure(element: &Element, size: &mut usize) -> Result<(), &'static str> {
        let mut count = |text: &str| {
            *size += text.len() + 16;
            if text.chars().all(clean::is_xml) { Ok(()) } else { Err("a forbidden character") }
        };
        for (_, value) in element.attrs() {
            count(value)?;
        }
        for node in element.nodes() {
            match node {
                Node::Text(text) => count(text)?,
                Node::Element(_) => {}
            }
        }
        element.children().try_for_each(|child| measure(child, size))
    }
    let mut size = 0;
    measure(element, &mut size)?;
    if size <= STANZA_BYTES { Ok(()) } else { Err("too long") }
}

#[cfg(test)]
mod tests;
