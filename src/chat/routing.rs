//! Which agents a conversation is offered to.
//!
//! Invariants: only a free agent with room is chosen, and never the one who was asked last.

use super::ids::{AgentJid, Timestamp};
use super::settings::Strategy;

/// An agent who serves the queue, is free and has room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) jid: AgentJid,
    /// Conversations that they have or are offered.
    pub(super) load: u32,
    /// How many they take at once; greater than `load`.
    pub(super) capacity: u32,
    /// When they were last offered a conversation.
    pub(super) asked_at: Timestamp,
}

/// Chooses by the queue's strategy; empty if there is no candidate. Ties are broken by JID, so that
/// the choice is deterministic.
pub(super) fn choose(strategy: Strategy, candidates: Vec<Candidate>) -> Vec<AgentJid> {
    let by_turn =
        |a: &Candidate, b: &Candidate| a.asked_at.cmp(&b.asked_at).then_with(|| a.jid.cmp(&b.jid));
    let share = |c: &Candidate, of: &Candidate| u64::from(c.load) * u64::from(of.capacity);
    let chosen = match strategy {
        Strategy::RingAll => {
            let mut all: Vec<_> = candidates.into_iter().map(|c| c.jid).collect();
            all.sort();
            return all;
        }
        Strategy::RoundRobin => candidates.into_iter().min_by(by_turn),
        // a.load / a.capacity against b.load / b.capacity, without fractions.
        Strategy::LeastLoaded => candidates
            .into_iter()
            .min_by(|a, b| share(a, b).cmp(&share(b, a)).then_with(|| by_turn(a, b))),
    };
    chosen.into_iter().map(|c| c.jid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, load: u32, capacity: u32, asked_at: i64) -> Candidate {
        Candidate { jid: AgentJid::normalised(name), load, capacity, asked_at: Timestamp(asked_at) }
    }

    fn names(chosen: &[AgentJid]) -> Vec<&str> {
        chosen.iter().map(AgentJid::as_str).collect()
    }

    #[test]
    fn the_smallest_share_is_asked_not_the_smallest_number() {
        let chosen = choose(
            Strategy::LeastLoaded,
            vec![candidate("a", 1, 2, 0), candidate("b", 2, 8, 9), candidate("c", 3, 8, 0)],
        );
        assert_eq!(names(&chosen), ["b"]);
    }

    #[test]
    fn among_equals_the_one_asked_longest_ago() {
        let equals = vec![candidate("a", 0, 4, 20), candidate("b", 0, 2, 10)];
        assert_eq!(names(&choose(Strategy::LeastLoaded, equals.clone())), ["b"]);
        assert_eq!(names(&choose(Strategy::RoundRobin, equals)), ["b"]);
    }

    #[test]
    fn ring_all_asks_all() {
        let all = vec![candidate("b", 0, 4, 0), candidate("a", 3, 4, 0)];
        assert_eq!(names(&choose(Strategy::RingAll, all)), ["a", "b"]);
        assert!(choose(Strategy::LeastLoaded, Vec::new()).is_empty());
    }
}
