//! Keeps score: which voices may send, what is in flight, what came back and after how long.
//!
//! Invariant: a voice has at most one message in flight, and a message counts as answered the first
//! time; a second reply, or one to a message that was never sent, is a stray.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

/// A sender whose messages are answered: a customer, a browser, an address of the raw component.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    pub(crate) connection: usize,
    /// The message in flight, and when it was due.
    pending: Option<(u64, u64)>,
    acked: bool,
}

/// Event counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that were welcomed.
    pub(crate) greeted: u64,
    /// Connections that ended before their welcome.
    pub(crate) failed: u64,
    /// Connections that ended after it.
    pub(crate) lost: u64,
    pub(crate) said: u64,
    /// Messages that the gateway acknowledged as stored.
    pub(crate) acked: u64,
    /// Messages that were answered.
    pub(crate) answered: u64,
    /// Receipts for agents' replies.
    pub(crate) ticks: u64,
    /// Unexpected replies: duplicates, or replies to nothing.
    pub(crate) strays: u64,
    pub(crate) errors: u64,
}

impl Counts {
    /// The sum of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            greeted: self.greeted + other.greeted,
            failed: self.failed + other.failed,
            lost: self.lost + other.lost,
            said: self.said + other.said,
            acked: self.acked + other.acked,
            answered: self.answered + other.answered,
            ticks: self.ticks + other.ticks,
            strays: self.strays + other.strays,
            errors: self.errors + other.errors,
        }
    }

    /// The difference to an earlier count.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            greeted: self.greeted - before.greeted,
            failed: self.failed - before.failed,
            lost: self.lost - before.lost,
            said: self.said - before.said,
            acked: self.acked - before.acked,
            answered: self.answered - before.answered,
            ticks: self.ticks - before.ticks,
            strays: self.strays - before.strays,
            errors: self.errors - before.errors,
        }
    }
}

pub(crate) struct Board {
    /// Nanoseconds since the generator's start, as of this wake-up.
    pub(crate) now: u64,
    voices: Vec<Voice>,
    free: VecDeque<usize>,
    next: u64,
    pub(crate) counts: Counts,
    /// Microseconds from when a message was due to its reply.
    pub(crate) trips: Histogram<u64>,
    /// Microseconds from when a message was due to its ack.
    pub(crate) acks: Histogram<u64>,
    /// The first errors, for the log.
    pub(crate) troubles: Vec<String>,
}

impl Board {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            now: 0,
            voices: Vec::new(),
            free: VecDeque::new(),
            next: 1,
            counts: Counts::default(),
            trips: Histogram::new(3)?,
            acks: Histogram::new(3)?,
            troubles: Vec::new(),
        })
    }

    /// A new voice on a connection; it may not send before it is freed.
    pub(crate) fn voice(&mut self, connection: usize) -> usize {
        self.voices.push(Voice { connection, pending: None, acked: false });
        self.voices.len() - 1
    }

    pub(crate) fn connection(&self, voice: usize) -> Option<usize> {
        self.voices.get(voice).map(|voice| voice.connection)
    }

    /// From now on only these voices may send.
    pub(crate) fn free_only(&mut self, voices: &[usize]) {
        self.free.clear();
        let idle = |voice: &usize| self.voices.get(*voice).is_some_and(|v| v.pending.is_none());
        self.free.extend(voices.iter().copied().filter(idle));
    }

    /// The voice that has waited longest to send.
    pub(crate) fn next_free(&mut self) -> Option<usize> {
        self.free.pop_front()
    }

    /// Records a message in flight that was due at `intended`; returns its number.
    pub(crate) fn say(&mut self, voice: usize, intended: u64) -> u64 {
        let message = self.next;
        self.next += 1;
        if let Some(voice) = self.voices.get_mut(voice) {
            voice.pending = Some((message, intended));
            voice.acked = false;
        }
        self.counts.said += 1;
        message
    }

    /// The gateway acknowledged a voice's message as stored.
    pub(crate) fn acked(&mut self, voice: usize) {
        let Some(state) = self.voices.get_mut(voice) else { return };
        if let (Some((_, intended)), false) = (state.pending, state.acked) {
            state.acked = true;
            let us = self.now.saturating_sub(intended) / 1_000;
            // The histogram resizes itself, so any value is accepted.
            let _ = self.acks.record(us);
        }
        self.counts.acked += 1;
    }

    /// A message was answered.
    pub(crate) fn answered(&mut self, voice: usize, message: u64) {
        let Some(state) = self.voices.get_mut(voice) else {
            self.counts.strays += 1;
            return;
        };
        match state.pending {
            Some((pending, intended)) if pending == message => {
                state.pending = None;
                self.counts.answered += 1;
                let _ = self.trips.record(self.now.saturating_sub(intended) / 1_000);
                self.free.push_back(voice);
            }
            _ => self.counts.strays += 1,
        }
    }

    /// The number of messages in flight.
    pub(crate) fn pending(&self) -> usize {
        self.voices.iter().filter(|voice| voice.pending.is_some()).count()
    }

    /// Gives up on unanswered messages; returns how many.
    pub(crate) fn forget_pending(&mut self) -> usize {
        let open = self.voices.iter_mut().filter_map(|voice| voice.pending.take());
        open.count()
    }

    /// Counts an error.
    pub(crate) fn trouble(&mut self, what: &[u8]) {
        self.counts.errors += 1;
        let some = what.get(..what.len().min(400)).unwrap_or_default();
        self.remember(String::from_utf8_lossy(some).into_owned());
    }

    /// Keeps the text of the first errors.
    pub(crate) fn remember(&mut self, what: String) {
        if self.troubles.len() < 8 {
            self.troubles.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_twice_or_was_never_said_is_a_stray() {
        let mut board = Board::new().unwrap();
        let voice = board.voice(0);
        board.free_only(&[voice]);
        assert_eq!(board.next_free(), Some(voice));
        let message = board.say(voice, 1_000_000);
        board.now = 3_000_000;
        board.acked(voice);
        board.answered(voice, message + 1);
        board.answered(voice, message);
        board.answered(voice, message);
        board.answered(7, message);
        let Counts { said, acked, answered, strays, .. } = board.counts;
        assert_eq!((said, acked, answered, strays), (1, 1, 1, 3));
        assert_eq!((board.trips.max(), board.acks.max()), (2_000, 2_000));
        assert_eq!((board.pending(), board.next_free()), (0, Some(voice)));
    }

    #[test]
    fn what_never_came_is_counted_and_forgotten() {
        let mut board = Board::new().unwrap();
        let voice = board.voice(0);
        board.say(voice, 0);
        board.free_only(&[voice]);
        assert_eq!((board.pending(), board.next_free()), (1, None));
        assert_eq!((board.forget_pending(), board.pending()), (1, 0));
    }
}
