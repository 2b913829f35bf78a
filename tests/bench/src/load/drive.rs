//! Who speaks when.
//!
//! *Closed*: so many messages are always on their way, and each answer lets the next voice speak:
//! it finds what a system can bear. *Open*: messages are said at a rate, whatever comes back, and
//! measured from the moment they were meant to be said; so one that had to wait, because the
//! system or the generator was busy, counts with its wait (no coordinated omission).

use std::time::Duration;

use hdrhistogram::Histogram;

use super::board::Counts;
use super::engine::Engine;
use crate::measure::{Meter, Usage};

/// How messages are said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plan {
    /// So many on their way.
    Closed(usize),
    /// So many a second.
    Open(u64),
}

/// What was seen of a stretch.
pub(crate) struct Stretch {
    /// Its length in seconds.
    pub(crate) seconds: f64,
    /// What happened in it.
    pub(crate) answered: u64,
    /// CPU of each process in it.
    pub(crate) usage: Usage,
    /// Microseconds to the answer.
    pub(crate) trips: Histogram<u64>,
    /// Microseconds to the acknowledgement.
    pub(crate) acks: Histogram<u64>,
    /// Messages that were due and could not even be said, for every voice still waited.
    pub(crate) unsaid: u64,
    /// Messages without an answer at the end.
    pub(crate) missing: usize,
    /// Everything from the first message to the last answer.
    pub(crate) counts: Counts,
}

impl Stretch {
    /// Round trips a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// At saturation the generator looks once in so long: what came meanwhile costs it one wake-up, and
/// the moment is small beside the time that messages wait there. At a rate it looks at once.
const NAP: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(50);
/// It is quiet when nothing came for so long.
const QUIET_NS: u64 = 300_000_000;
/// Answers may take so long after the last message.
const PATIENCE_NS: u64 = 20_000_000_000;

/// Has these voices speak by a plan: for a while unmeasured, then for so many seconds. So many
/// receipts follow each answer, and are waited for.
pub(crate) fn drive(
    engine: &mut Engine,
    (voices, receipts): (&[usize], u64),
    plan: Plan,
    (warm, seconds): (f64, f64),
    meter: &Meter,
) -> anyhow::Result<Stretch> {
    engine.board.forget_pending();
    engine.board.free_only(voices);
    let before = engine.board.counts;
    let begin = engine.clock();
    let (measured, end) = (begin + nanoseconds(warm), begin + nanoseconds(warm + seconds));
    let mut speaker = Speaker { plan, begin, said: 0, answered: before.answered };
    while engine.clock() < measured {
        speaker.turn(engine)?;
    }
    engine.board.trips.reset();
    engine.board.acks.reset();
    let (from, answered, usage) = (engine.clock(), engine.board.counts.answered, meter.read());
    while engine.clock() < end {
        speaker.turn(engine)?;
    }
    let seconds = (engine.clock() - from) as f64 / 1e9;
    let usage = meter.read().since(&usage);
    let answered = engine.board.counts.answered - answered;
    let unsaid = speaker.due(end).saturating_sub(speaker.said);
    for number in speaker.said..speaker.said + unsaid {
        let waited = end.saturating_sub(speaker.due_at(number));
        let _ = engine.board.trips.record(waited / 1_000);
    }
    // What was said in the last moment counts with its full time, too.
    let missing = settle(engine, &before, receipts)?;
    Ok(Stretch {
        seconds,
        answered,
        usage,
        trips: engine.board.trips.clone(),
        acks: engine.board.acks.clone(),
        unsaid,
        missing,
        counts: engine.board.counts.since(&before),
    })
}

/// Has each of these voices say one message and be answered, so many at once; how many were not.
pub(crate) fn once(
    engine: &mut Engine,
    (voices, receipts): (&[usize], u64),
    window: usize,
) -> anyhow::Result<usize> {
    engine.board.forget_pending();
    engine.board.free_only(&[]);
    let before = engine.board.counts;
    let (mut waiting, mut heard) = (voices.iter(), engine.clock());
    let (mut said, mut answered) = (0_u64, 0);
    while answered < voices.len() as u64 {
        while said - answered < window as u64 {
            let Some(voice) = waiting.next() else { break };
            let now = engine.clock();
            engine.say(*voice, now);
            said += 1;
        }
        engine.turn(TICK)?;
        let now = engine.board.counts.answered - before.answered;
        if now > answered {
            (answered, heard) = (now, engine.clock());
        }
        if engine.clock() > heard + PATIENCE_NS {
            break;
        }
    }
    settle(engine, &before, receipts)
}

/// Waits for what is on its way, answers and receipts; how many answers never came.
fn settle(engine: &mut Engine, before: &Counts, receipts: u64) -> anyhow::Result<usize> {
    let owed = |engine: &Engine| {
        let Counts { answered, ticks, .. } = engine.board.counts.since(before);
        engine.board.pending() as u64 + (answered * receipts).saturating_sub(ticks)
    };
    let (mut heard, mut least) = (engine.clock(), owed(engine));
    while least > 0 && engine.clock() < heard + PATIENCE_NS {
        engine.turn(TICK)?;
        let now = owed(engine);
        if now < least {
            (least, heard) = (now, engine.clock());
        }
    }
    // Doubles have time to come, until it is quiet: they are nobody else's.
    let until = engine.clock() + PATIENCE_NS;
    let (mut counts, mut heard) = (engine.board.counts, engine.clock());
    while engine.clock() < until.min(heard + QUIET_NS) {
        engine.turn(TICK)?;
        if engine.board.counts != counts {
            (counts, heard) = (engine.board.counts, engine.clock());
        }
    }
    Ok(engine.board.forget_pending())
}

struct Speaker {
    plan: Plan,
    begin: u64,
    said: u64,
    /// Answers before the first message.
    answered: u64,
}

impl Speaker {
    /// How many messages are due by then.
    fn due(&self, at: u64) -> u64 {
        match self.plan {
            Plan::Closed(_) => 0,
            Plan::Open(rate) => (at - self.begin) * rate / 1_000_000_000,
        }
    }

    /// When a message is due.
    fn due_at(&self, number: u64) -> u64 {
        match self.plan {
            Plan::Closed(_) => self.begin,
            Plan::Open(rate) => self.begin + number * 1_000_000_000 / rate,
        }
    }

    /// Says what is due, and takes what comes.
    fn turn(&mut self, engine: &mut Engine) -> anyhow::Result<()> {
        match self.plan {
            Plan::Closed(window) => {
                let now = engine.clock();
                let answered = engine.board.counts.answered - self.answered;
                while self.said.saturating_sub(answered) < window as u64 {
                    let Some(voice) = engine.board.next_free() else { break };
                    engine.say(voice, now);
                    self.said += 1;
                }
                engine.flush();
                std::thread::sleep(NAP);
            }
            Plan::Open(_) => {
                let now = engine.clock();
                loop {
                    let due = self.due_at(self.said);
                    if due > now {
                        engine.wake_at(due)?;
                        break;
                    }
                    // Where nobody is free, it is said late and counts with its delay.
                    let Some(voice) = engine.board.next_free() else { break };
                    engine.say(voice, due);
                    self.said += 1;
                }
            }
        }
        engine.turn(TICK)
    }
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
