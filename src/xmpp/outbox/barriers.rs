//! The barriers of a stream that are in flight: pings of our domain to itself.
//!
//! Invariant: the id of a barrier contains its term and its position, so that one that comes back
//! late is recognized.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::bridge::custom_to_xmpp::iq;
use crate::chat::ids::{Epoch, Pos};

/// Barriers that may be in flight.
pub(super) const MOST: usize = 2;

/// A barrier that has not come back is written again at this interval.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Barrier {
    pub(super) id: String,
    pub(super) pos: Pos,
    /// The number of stanzas that it covers.
    pub(super) covers: usize,
    sent: Instant,
    /// How often it was written again.
    again: u32,
}

/// Which barrier has come back.
#[derive(Debug)]
pub(super) enum Echo {
    /// The first copy of the oldest one.
    Oldest,
    /// Another copy, or a later barrier: the server has accepted this number of barriers.
    Later(usize),
    /// None that is in flight, and its term.
    Unknown(Option<Epoch>),
}

#[derive(Debug, Default)]
pub(super) struct Barriers {
    /// Our domain.
    own: Arc<str>,
    epoch: Epoch,
    pub(super) flight: VecDeque<Barrier>,
    /// When one was last written.
    asked: Option<Instant>,
}

impl Barriers {
    pub(super) fn new(own: Arc<str>, epoch: Epoch) -> Self {
        Self { own, epoch, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flight.is_empty()
    }

    /// Whether one more may be written.
    pub(super) fn has_room(&self) -> bool {
        self.flight.len() < MOST
    }

    /// When the oldest was written.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.flight.front().map(|barrier| barrier.sent)
    }

    /// Makes one to be written now.
    pub(super) fn add(&mut self, pos: Pos, covers: usize, now: Instant) -> Arc<str> {
        let id = format!("b{}-{}", self.epoch.0, pos.0);
        let text = iq::barrier(&self.own, &id);
        self.flight.push_back(Barrier { id, pos, covers, sent: now, again: 0 });
        self.asked = Some(now);
        text.into()
    }

    /// When the last one is to be written again.
    pub(super) fn next_asking(&self) -> Option<Instant> {
        self.flight.back().and(self.asked).map(|asked| asked + AGAIN)
    }

    /// The last one, to be written again, if none has come back for a while: ejabberd delivers it
    /// to any stream of our domain, also to one whose process is frozen.
    pub(super) fn ask_again(&mut self, now: Instant) -> Option<Arc<str>> {
        self.next_asking().filter(|at| *at <= now)?;
        let barrier = self.flight.back_mut()?;
        barrier.again += 1;
        self.asked = Some(now);
        Some(iq::barrier(&self.own, &format!("{}.{}", barrier.id, barrier.again)).into())
    }

    /// One came back.
    pub(super) fn returned(&self, id: &str) -> Echo {
        let (id, again) = match id.split_once('.') {
            Some((id, again)) => (id, again.parse().unwrap_or(0)),
            None => (id, 0),
        };
        let known = |barrier: &Barrier| barrier.id == id && again <= barrier.again;
        match self.flight.iter().position(known) {
            Some(0) if again == 0 => Echo::Oldest,
            Some(at) => Echo::Later(at + 1),
            None => {
                let epoch = id.strip_prefix('b').and_then(|id| id.split_once('-')?.0.parse().ok());
                Echo::Unknown(epoch.map(Epoch))
            }
        }
    }

    /// Removes the oldest.
    pub(super) fn take(&mut self) -> Option<Barrier> {
        self.flight.pop_front()
    }

    /// The stream is gone.
    pub(super) fn clear(&mut self) {
        self.flight.clear();
    }
}
