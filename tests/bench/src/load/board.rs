//! The score: who may speak, what is on its way, what came back and after how long.
//!
//! Invariant: a voice has one message on its way at most, and a message counts as come back the
//! first time; whatever comes a second time, or was never sent, is a stray.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

/// One who says messages and is answered: a customer, a browser, an address of the raw component.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    /// Its connection.
    pub(crate) connection: usize,
    /// The message on its way, and when it was meant to be said.
    pending: Option<(u64, u64)>,
    acked: bool,
}

/// What happened so often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that were welcomed.
    pub(crate) greeted: u64,
    /// Connections that ended before their welcome.
    pub(crate) failed: u64,
    /// Connections that ended after it.
    pub(crate) lost: u64,
    /// Messages said.
    pub(crate) said: u64,
    /// Messages that the gateway called stored.
    pub(crate) acked: u64,
    /// Messages that came back.
    pub(crate) answered: u64,
    /// Receipts that agents got for their answers.
    pub(crate) ticks: u64,
    /// Answers nobody waited for: doubled, or never asked for.
    pub(crate) strays: u64,
    /// Errors of every kind.
    pub(crate) errors: u64,
}

impl Counts {
    /// Both together.
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

    /// What happened since.
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

/// See the module.
pub(crate) struct Board {
    /// Nanoseconds since the generator's start, as of this wake-up.
    pub(crate) now: u64,
    voices: Vec<Voice>,
    free: VecDeque<usize>,
    next: u64,
    pub(crate) counts: Counts,
    /// Microseconds from the moment a message was meant to be said to its answer.
    pub(crate) trips: Histogram<u64>,
    /// The same, to its acknowledgement.
    pub(crate) acks: Histogram<u64>,
    /// The first errors, for people.
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

    /// A new voice on a connection; it may not speak before it is freed.
    pub(crate) fn voice(&mut self, connection: usize) -> usize {
        self.voices.push(Voice { connection, pending: None, acked: false });
        self.voices.len() - 1
    }

    /// The connection of a voice.
    pub(crate) fn connection(&self, voice: usize) -> Option<usize> {
        self.voices.get(voice).map(|voice| voice.connection)
    }

    /// From now on these may speak, and no others.
    pub(crate) fn free_only(&mut self, voices: &[usize]) {
        self.free.clear();
        let idle = |voice: &usize| self.voices.get(*voice).is_some_and(|v| v.pending.is_none());
        self.free.extend(voices.iter().copied().filter(idle));
    }

    /// The voice that has waited longest to speak.
    pub(crate) fn next_free(&mut self) -> Option<usize> {
        self.free.pop_front()
    }

    /// A message is on its way, meant to be said at `intended`; its number.
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

    /// The gateway called a voice's message stored.
    pub(crate) fn acked(&mut self, voice: usize) {
        let Some(state) = self.voices.get_mut(voice) else { return };
        if let (Some((_, intended)), false) = (state.pending, state.acked) {
            state.acked = true;
            let us = self.now.saturating_sub(intended) / 1_000;
            // A histogram that grows by itself takes any value.
            let _ = self.acks.record(us);
        }
        self.counts.acked += 1;
    }

    /// A message came back.
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

    /// How many messages are on their way.
    pub(crate) fn pending(&self) -> usize {
        self.voices.iter().filter(|voice| voice.pending.is_some()).count()
    }

    /// Lets fall what never came back; how many those were.
    pub(crate) fn forget_pending(&mut self) -> usize {
        let open = self.voices.iter_mut().filter_map(|voice| voice.pending.take());
        open.count()
    }

    /// Something went wrong.
    pub(crate) fn trouble(&mut self, what: &[u8]) {
        self.counts.errors += 1;
        let some = what.get(..what.len().min(400)).unwrap_or_default();
        self.remember(String::from_utf8_lossy(some).into_owned());
    }

    /// Keeps the first words of what went wrong.
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
