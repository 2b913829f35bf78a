//! When messages are sent.
//!
//! *Closed*: a fixed number of messages is always in flight, and each reply lets the next voice
//! send; this finds the maximum throughput. *Open*: messages are sent at a rate, whatever comes
//! back, and measured from the moment they were due; so a message that was delayed, because the
//! system or the generator was busy, counts with its delay (no coordinated omission).

use std::time::Duration;

use hdrhistogram::Histogram;

use super::board::Counts;
use super::engine::Engine;
use crate::measure::{Meter, Usage};

/// How messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plan {
    /// This many in flight.
    Closed(usize),
    /// This many per second.
    Open(u64),
}

/// Results of a measured period.
pub(crate) struct Stretch {
    pub(crate) seconds: f64,
    /// Round trips within the period.
    pub(crate) answered: u64,
    /// CPU of each process within the period.
    pub(crate) usage: Usage,
    /// Microseconds to the reply.
    pub(crate) trips: Histogram<u64>,
    /// Microseconds to the ack.
    pub(crate) acks: Histogram<u64>,
    /// Messages that were due but not sent, because every voice was still waiting.
    pub(crate) unsaid: u64,
    /// Messages without a reply at the end.
    pub(crate) missing: usize,
    /// Everything from the first message to the last reply.
    pub(crate) counts: Counts,
}

impl Stretch {
    /// Round trips per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }
}

/// At saturation the generator wakes up at this interval: everything that arrived meanwhile costs
/// one wake-up, and the delay is small compared with the waits there. At a rate it wakes up at
/// once.
const NAP: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(50);
/// The system is idle when nothing has arrived for this long.
const QUIET_NS: u64 = 300_000_000;
/// How long replies may take after the last message.
const PATIENCE_NS: u64 = 20_000_000_000;

/// Lets these voices send by a plan: a warm-up without measurement, then `seconds` with. Each reply
/// is followed by `receipts` receipts, which are awaited.
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
    // Messages from the last moment count with their full time, too.
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

/// Lets each of these voices send one message and wait for the reply, a limited number at once;
/// returns how many were not answered.
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

/// Waits for replies and receipts in flight; returns how many replies never came.
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
    // Waits until nothing arrives any more, so that late duplicates do not count for the next
    // period.
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
    /// Replies before the first message.
    answered: u64,
}

impl Speaker {
    /// How many messages are due by a time.
    fn due(&self, at: u64) -> u64 {
        match self.plan {
            Plan::Closed(_) => 0,
            Plan::Open(rate) => (at - self.begin) * rate / 1_000_000_000,
        }
    }

    fn due_at(&self, number: u64) -> u64 {
        match self.plan {
            Plan::Closed(_) => self.begin,
            Plan::Open(rate) => self.begin + number * 1_000_000_000 / rate,
        }
    }

    /// Sends what is due, and handles what arrives.
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
                    // If no voice is free, it is sent late and counts with its delay.
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
