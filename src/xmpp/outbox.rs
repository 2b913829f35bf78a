//! What is to be written, and what of it the server has taken.
//!
//! A component stream has no acknowledgements. A *barrier* is a ping of our domain to itself: it
//! comes back on the same stream once the server has taken everything before it. That is
//! acceptance, not delivery.
//!
//! Invariants: [`Outbox::returned`] and [`Outbox::fill`] report a row as accepted only when
//! everything up to it has been; what a lost stream may have swallowed is written again, in its
//! order; at most [`IN_FLIGHT`] stanzas and two barriers are on their way.

use std::collections::VecDeque;

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

/// How much may wait before the runtime has to.
const WAITING: usize = 512;

/// Answers to queries are dropped where so much waits: who asks in floods gets fewer of them.
const ANSWERS: usize = 4 * WAITING;

/// No stanza is longer, as its text and attributes count; servers take 256 KiB.
const STANZA_BYTES: usize = 128 * 1024;

/// A stanza to be written.
#[derive(Debug)]
pub(super) struct Item {
    element: Element,
    pos: Option<Pos>,
    lasting: bool,
    blame: u8,
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
    /// Another stream speaks for our domain.
    Stranger,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    domain: Option<Jid>,
    epoch: Epoch,
    waiting: VecDeque<Waiting>,
    flight: VecDeque<Item>,
    barriers: VecDeque<Barrier>,
    /// What a barrier made now would carry.
    mark: Pos,
    accepted: Pos,
    /// Stanzas on their way that no barrier follows yet.
    uncovered: usize,
    /// The mark moved since the last barrier.
    moved: bool,
    /// One stanza at a time: one of them ends streams.
    careful: bool,
}

impl Outbox {
    pub(super) fn new(domain: &LinkDomain) -> Self {
        Self { domain: Jid::new(domain.as_str()).ok(), ..Self::default() }
    }

    /// Begins a term. What waited under another one is no longer ours to say.
    pub(super) fn open(&mut self, epoch: Epoch) {
        if epoch != self.epoch {
            *self = Self { domain: self.domain.take(), epoch, ..Self::default() };
        }
    }

    /// Whether the runtime may hand over more.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING
    }

    /// Whether everything has been taken by the server.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_empty() && self.barriers.is_empty()
    }

    /// Takes a stanza that must get through, and the row whose acceptance it means.
    pub(super) fn push(&mut self, element: Element, pos: Option<Pos>) {
        self.take(element, pos, true);
    }

    /// Takes a stanza that has no meaning on the next stream.
    pub(super) fn push_passing(&mut self, element: Element) {
        if self.waiting.len() < ANSWERS {
            self.take(element, None, false);
        }
    }

    /// Rows up to here need nothing more.
    pub(super) fn passed(&mut self, pos: Pos) {
        match self.waiting.back_mut() {
            Some(Waiting::Passed(last)) => *last = pos.max(*last),
            _ => self.waiting.push_back(Waiting::Passed(pos)),
        }
    }

    fn take(&mut self, element: Element, pos: Option<Pos>, lasting: bool) {
        if let Err(why) = sound(&element) {
            tracing::error!(?pos, why, "a stanza of ours is not fit to be sent, it is left out");
            if let Some(pos) = pos {
                self.passed(pos);
            }
            return;
        }
        self.waiting.push_back(Waiting::Stanza(Item { element, pos, lasting, blame: 0 }));
    }

    /// Hands over what may be written now, barriers among it; says which rows are accepted where
    /// nothing had to be written for them.
    pub(super) fn fill(&mut self, out: &mut VecDeque<Element>) -> Option<Pos> {
        let on_their_way = if self.careful { 1 } else { IN_FLIGHT };
        while self.flight.len() < on_their_way {
            match self.waiting.pop_front() {
                Some(Waiting::Passed(pos)) => self.move_to(pos),
                Some(Waiting::Stanza(item)) => {
                    out.push_back(item.element.clone());
                    if let Some(pos) = item.pos {
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
            Some(0) => {
                let Some(barrier) = self.barriers.pop_front() else { return Returned::Nothing };
                self.flight.drain(..barrier.covers.min(self.flight.len()));
                self.careful &= self
                    .waiting
                    .iter()
                    .any(|waiting| matches!(waiting, Waiting::Stanza(item) if item.blame > 0));
                self.accept(barrier.pos).map_or(Returned::Nothing, Returned::Accepted)
            }
            // An earlier one went to somebody else.
            Some(_) => Returned::Stranger,
            None => {
                let epoch = id.strip_prefix('b').and_then(|id| id.split_once('-')?.0.parse().ok());
                // Of an earlier term, or of a stream just lost: late, and nothing more.
                if epoch.is_some_and(|epoch: u64| epoch > self.epoch.0) {
                    Returned::Stranger
                } else {
                    Returned::Nothing
                }
            }
        }
    }

    /// The stream is gone; `blamed` where the server says that we ended it.
    pub(super) fn lost(&mut self, blamed: bool) {
        self.barriers.clear();
        self.uncovered = 0;
        self.moved |= self.mark > self.accepted;
        if self.flight.is_empty() {
            return;
        }
        let alone = self.flight.len() == 1;
        self.careful |= blamed;
        // What was on its way counts anew; only after it does the mark stand where it stood.
        self.waiting.push_front(Waiting::Passed(self.mark));
        self.mark = self.accepted;
        while let Some(mut item) = self.flight.pop_back() {
            item.blame += u8::from(blamed);
            if alone && item.blame >= 2 {
                tracing::error!(
                    pos = item.pos.map(|pos| pos.0),
                    name = item.element.name(),
                    "a stanza of ours ended the stream twice, it is left out"
                );
            } else if item.lasting {
                self.waiting.push_front(Waiting::Stanza(item));
            }
        }
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
        let Some(domain) = &self.domain else { return };
        let id = format!("b{}-{}", self.epoch.0, self.mark.0);
        let ping = Iq::from_get(id.clone(), Ping).with_from(domain.clone()).with_to(domain.clone());
        out.push_back(ping.into());
        self.barriers.push_back(Barrier {
            id,
            pos: self.mark,
            covers: self.uncovered,
            sent: Instant::now(),
        });
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
mod tests {
    use proptest::prelude::*;
    use xmpp_parsers::ns;

    use super::*;

    fn outbox() -> Outbox {
        let mut outbox = Outbox::new(&LinkDomain::new("chat.example.org").unwrap());
        outbox.open(Epoch(7));
        outbox
    }

    fn stanza(name: &str) -> Element {
        Element::bare(name, ns::COMPONENT)
    }

    /// What is written, barriers by their id.
    fn written(outbox: &mut Outbox) -> Vec<String> {
        let mut out = VecDeque::new();
        outbox.fill(&mut out);
        out.iter().map(|element| element.attr("id").unwrap_or(element.name()).to_owned()).collect()
    }

    #[test]
    fn a_row_is_accepted_when_its_barrier_is_back() {
        let mut outbox = outbox();
        outbox.push(stanza("a"), Some(Pos(3)));
        outbox.push_passing(stanza("b"));
        assert_eq!(written(&mut outbox), ["a", "b", "b7-3"]);
        assert_eq!(written(&mut outbox), [""; 0]);
        assert_eq!(outbox.returned("b7-3"), Returned::Accepted(Pos(3)));
        assert!(outbox.is_idle());
        assert_eq!(outbox.returned("b7-3"), Returned::Nothing);
    }

    #[test]
    fn at_most_two_barriers_are_on_their_way() {
        let mut outbox = outbox();
        for pos in 1..=4 {
            outbox.push(stanza("a"), Some(Pos(pos)));
            let barrier = format!("b7-{pos}");
            let expected = if pos <= 2 { vec!["a", barrier.as_str()] } else { vec!["a"] };
            assert_eq!(written(&mut outbox), expected);
        }
        assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
        assert_eq!(written(&mut outbox), ["b7-4"]);
        assert_eq!(outbox.returned("b7-2"), Returned::Accepted(Pos(2)));
        assert_eq!(outbox.returned("b7-4"), Returned::Accepted(Pos(4)));
    }

    #[test]
    fn rows_that_need_nothing_are_accepted_with_what_is_before_them() {
        let mut outbox = outbox();
        outbox.passed(Pos(1));
        outbox.passed(Pos(2));
        assert_eq!(outbox.fill(&mut VecDeque::new()), Some(Pos(2)));
        outbox.push(stanza("a"), Some(Pos(3)));
        outbox.passed(Pos(4));
        assert_eq!(written(&mut outbox), ["a", "b7-4"]);
        assert_eq!(outbox.returned("b7-4"), Returned::Accepted(Pos(4)));
    }

    #[test]
    fn what_is_on_its_way_is_bounded() {
        let mut outbox = outbox();
        for pos in 1..=2_000 {
            outbox.push(stanza("a"), Some(Pos(pos)));
        }
        assert!(!outbox.has_room());
        let first = written(&mut outbox);
        assert_eq!(first.len(), IN_FLIGHT + BARRIERS);
        assert_eq!(outbox.returned("b7-64"), Returned::Accepted(Pos(64)));
        assert_eq!(written(&mut outbox).len(), 64 + 1);
    }

    #[test]
    fn a_lost_stream_is_made_good_in_order() {
        let mut outbox = outbox();
        outbox.push(stanza("a"), Some(Pos(1)));
        outbox.push_passing(stanza("typing"));
        outbox.push(stanza("b"), Some(Pos(2)));
        outbox.passed(Pos(3));
        assert_eq!(written(&mut outbox), ["a", "typing", "b", "b7-3"]);
        outbox.push(stanza("c"), None);
        outbox.lost(false);
        assert_eq!(outbox.returned("b7-3"), Returned::Nothing);
        assert_eq!(written(&mut outbox), ["a", "b", "c", "b7-3"]);
        assert_eq!(outbox.returned("b7-3"), Returned::Accepted(Pos(3)));
    }

    #[test]
    fn a_stanza_that_ends_streams_is_found_and_left_out() {
        let mut outbox = outbox();
        for (name, pos) in [("a", 1), ("bad", 2), ("c", 3)] {
            outbox.push(stanza(name), Some(Pos(pos)));
        }
        assert_eq!(written(&mut outbox), ["a", "bad", "c", "b7-3"]);
        outbox.lost(true);
        assert_eq!(written(&mut outbox), ["a", "b7-1"]);
        assert_eq!(outbox.returned("b7-1"), Returned::Accepted(Pos(1)));
        assert_eq!(written(&mut outbox), ["bad", "b7-2"]);
        outbox.lost(true);
        assert_eq!(written(&mut outbox), ["c", "b7-3"]);
        assert_eq!(outbox.returned("b7-3"), Returned::Accepted(Pos(3)));
        assert_eq!(written(&mut outbox), [""; 0]);
        assert!(outbox.is_idle() && !outbox.careful);
    }

    #[test]
    fn a_second_stream_shows() {
        let mut outbox = outbox();
        outbox.push(stanza("a"), Some(Pos(1)));
        written(&mut outbox);
        outbox.push(stanza("b"), Some(Pos(2)));
        written(&mut outbox);
        assert_eq!(outbox.returned("b7-2"), Returned::Stranger, "the first went elsewhere");
        assert_eq!(outbox.returned("b8-1"), Returned::Stranger, "a later owner speaks");
        for late in ["b6-9", "b7-99", "b", "x", "b-1", ""] {
            assert_eq!(outbox.returned(late), Returned::Nothing, "{late:?}");
        }
    }

    #[test]
    fn a_new_term_begins_empty() {
        let mut outbox = outbox();
        outbox.push(stanza("a"), Some(Pos(1)));
        outbox.open(Epoch(7));
        assert!(!outbox.is_idle());
        outbox.open(Epoch(8));
        assert!(outbox.is_idle());
    }

    #[test]
    fn what_cannot_be_sent_is_left_out() {
        let mut outbox = outbox();
        let mut long = stanza("a");
        long.append_text_node("x".repeat(STANZA_BYTES));
        outbox.push(long, Some(Pos(1)));
        let mut forbidden = stanza("b");
        forbidden.append_text_node("\0");
        outbox.push(forbidden, Some(Pos(2)));
        assert_eq!(outbox.fill(&mut VecDeque::new()), Some(Pos(2)));
    }

    proptest! {
        /// Against any mix of losses and returns: accepted only what was written and then covered.
        #[test]
        fn acceptance_never_runs_ahead(steps in prop::collection::vec(0_u8..5, 0..60)) {
            let mut outbox = outbox();
            let (mut pos, mut accepted) = (0, 0);
            let mut wire: VecDeque<String> = VecDeque::new();
            let (mut rows, mut taken) = (Vec::new(), std::collections::HashSet::new());
            for step in steps {
                match step {
                    0 => { pos += 1; rows.push(pos); outbox.push(stanza(&format!("s{pos}")), Some(Pos(pos))); }
                    1 => { pos += 1; outbox.passed(Pos(pos)); }
                    2 => wire.extend(written(&mut outbox)),
                    3 => { outbox.lost(false); wire.clear(); }
                    _ => while let Some(next) = wire.pop_front() {
                        if let Some(row) = next.strip_prefix('s') {
                            taken.insert(row.parse::<u64>().unwrap());
                        } else {
                            if let Returned::Accepted(upto) = outbox.returned(&next) {
                                prop_assert!(upto.0 > accepted && upto.0 <= pos);
                                accepted = upto.0;
                                prop_assert!(rows.iter().all(|row| *row > accepted || taken.contains(row)));
                            }
                            break;
                        }
                    },
                }
            }
            for _ in 0..200 {
                wire.extend(written(&mut outbox));
                while let Some(next) = wire.pop_front() {
                    if next.starts_with('b') { outbox.returned(&next); }
                }
            }
            prop_assert!(outbox.is_idle());
            prop_assert_eq!(outbox.accepted, Pos(pos));
        }
    }
}
