//! The order of one socket's commands when some must be resent.
//!
//! A client may send the next command before it knows the outcome of the last. If that one must be
//! resent and the next is accepted, the two are stored in the wrong order. So once a command was
//! refused for now, the commands after it are refused for now as well, until it is resent.
//!
//! Invariants: pure; at most [`REMEMBERED`] commands are held, and the first one beyond. A command
//! that was refused for good, or that is not resent within [`PATIENCE`], blocks nothing.

use std::time::Duration;

use tokio::time::Instant;

use crate::chat::ids::CommandId;

/// As many as may wait for their acks.
const REMEMBERED: usize = 256;

/// A client that is told to resend does so soon after that time; later it has given up, or knows by
/// an entry that the command is stored.
const PATIENCE: Duration = Duration::from_secs(3);

/// A command that is to be resent later than this is not waited for.
pub(super) const SOON_MS: u32 = 10_000;

/// When to resend a command that was refused because of the order.
pub(super) const BEHIND_MS: u32 = 500;

/// Another command must be resent first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Behind;

/// A command that was not acknowledged yet, in the order of their first arrival.
#[derive(Debug)]
struct Open {
    id: CommandId,
    /// Until when it is waited for, if it was refused for now and has not been resent since.
    refused: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Order(Vec<Open>);

impl Order {
    /// A command arrived; returns whether it may be processed now.
    pub(super) fn came(&mut self, id: &CommandId, now: Instant) -> Result<(), Behind> {
        let given_up = |open: &Open| open.refused.is_some_and(|until| until <= now);
        self.0.retain(|open| open.id == *id || !given_up(open));
        let place = self.0.iter().position(|open| open.id == *id);
        let before = self.0.get(..place.unwrap_or(self.0.len())).unwrap_or_default();
        let is_behind = before.iter().any(|open| open.refused.is_some());
        let all = self.0.len();
        // The first one beyond the limit keeps its place, too: those after it wait for it.
        let is_behind = is_behind || place.is_none() && all >= REMEMBERED;
        let refused = is_behind.then(|| until(now, BEHIND_MS));
        match place.and_then(|place| self.0.get_mut(place)) {
            Some(open) => open.refused = refused,
            None if all > REMEMBERED => {}
            None => self.0.push(Open { id: id.clone(), refused }),
        }
        if is_behind { Err(Behind) } else { Ok(()) }
    }

    /// A command must be resent, after this many milliseconds.
    pub(super) fn refused(&mut self, id: &CommandId, now: Instant, after_ms: u32) {
        if let Some(open) = self.0.iter_mut().find(|open| open.id == *id) {
            open.refused = Some(until(now, after_ms));
        }
    }

    /// A command was acknowledged, or refused for good.
    pub(super) fn done(&mut self, id: &CommandId) {
        self.0.retain(|open| open.id != *id);
        if self.0.is_empty() {
            // Sockets are usually idle.
            self.0 = Vec::new();
        }
    }
}

fn until(now: Instant, after_ms: u32) -> Instant {
    now + Duration::from_millis(after_ms.into()) + PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what one socket receives: `+a` arrives and is accepted, `-a` arrives and must wait,
    /// `?a` must be resent, `!a` is done; `~` is as long as it is waited for.
    fn play(story: &str) {
        let (mut order, mut now) = (Order::default(), Instant::now());
        for (number, step) in story.split_whitespace().enumerate() {
            let (kind, id) = step.split_at(1);
            let id = CommandId::new(if id.is_empty() { "x" } else { id }).unwrap();
            match kind {
                "+" | "-" => {
                    let taken = order.came(&id, now).is_ok();
                    assert_eq!(taken, kind == "+", "{story}: {step}, step {number}");
                }
                "?" => order.refused(&id, now, BEHIND_MS),
                "!" => order.done(&id),
                _ => now = until(now, BEHIND_MS),
            }
        }
    }

    #[test]
    fn what_follows_a_refusal_waits_for_it() {
        for story in [
            // Nothing is refused, nothing waits; a resend is harmless.
            "+a +b +c +b !a !c !b +d",
            // The first must be resent: those after it as well, in order.
            "+a ?a -b -c +a +b +c !a !b !c",
            "+a ?a -b -c -c -b +a -c +b +c",
            // What was sent before the refusal was known, and acked, stays acked.
            "+a +b ?a !b -c +a +c",
            // All in flight are refused, because the owner changed: the first of them leads.
            "+a +b +c ?a ?b ?c -d -b -c +a -c +b +c +d",
            // The first is refused again.
            "+a ?a -b +a ?a -b +a +b",
            // Refused for good when it is resent: it blocks nothing.
            "+a ?a -b +a !a +b",
            // It was stored after all: its ack comes by itself.
            "+a ?a -b !a +b",
            // A client that gives up is not waited for.
            "+a ?a -b ~ +b +c",
            "+a ?a -b ~ +a +c",
            // Further attempts do not extend the time.
            "+a ?a ~ +b ?b ~ +c",
        ] {
            play(story);
        }
    }

    #[test]
    fn a_bounded_number_is_remembered() {
        let (mut order, now) = (Order::default(), Instant::now());
        for number in 0..REMEMBERED {
            let id = CommandId::new(&format!("m{number}")).unwrap();
            assert_eq!(order.came(&id, now), Ok(()));
        }
        let one_more = CommandId::new("more").unwrap();
        assert_eq!(order.came(&one_more, now), Err(Behind));
        assert_eq!(order.came(&CommandId::new("yet_another").unwrap(), now), Err(Behind));
        assert_eq!(order.came(&CommandId::new("m7").unwrap(), now), Ok(()), "a known one");
        order.done(&CommandId::new("m7").unwrap());
        assert_eq!(order.came(&one_more, now), Ok(()));
    }

    mod orders {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            /// Whatever is refused when: a client that sends everything in order, and resends what
            /// must be resent, has it accepted in that order. The link's owner refuses at random.
            #[test]
            fn stay(refusals in proptest::collection::vec(any::<bool>(), 0..200), window in 1_usize..9) {
                let mut refusals = refusals.into_iter();
                let (mut order, now) = (Order::default(), Instant::now());
                let ids: Vec<_> =
                    (0..20).map(|n| CommandId::new(&format!("m{n}")).unwrap()).collect();
                let mut stored: Vec<CommandId> = Vec::new();
                while stored.len() < ids.len() {
                    // A window of those that are not stored, some of them twice.
                    let open: Vec<_> =
                        ids.iter().filter(|id| !stored.contains(id)).take(window).collect();
                    for id in open {
                        if order.came(id, now).is_ok() {
                            if refusals.next().unwrap_or(false) {
                                order.refused(id, now, BEHIND_MS);
                            } else {
                                order.done(id);
                                stored.push(id.clone());
                            }
                        }
                    }
                }
                prop_assert_eq!(stored, ids);
            }
        }
    }
}
