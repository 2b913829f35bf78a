//! Which agents a conversation is offered to.
//!
//! Invariants: only agents who are free and have room are chosen; the choice depends on nothing but
//! whose turn it is, and among equals on the JID.

use std::collections::{BTreeSet, HashMap};

use super::ids::{AgentJid, Timestamp};
use super::settings::Strategy;

/// An agent who serves a queue, is free and has room.
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

/// The share of their capacity that is taken, and when they were last asked: the smallest is next.
type Turn = (u64, Timestamp);

/// The agents who can be asked for a queue's conversations, in the order of their turns: one who
/// takes up or gives back a conversation is moved, and nobody is searched for.
#[derive(Debug)]
pub(super) struct Free {
    strategy: Strategy,
    turns: HashMap<AgentJid, Turn>,
    order: BTreeSet<(Turn, AgentJid)>,
}

impl Free {
    pub(super) fn new(strategy: Strategy) -> Self {
        Self { strategy, turns: HashMap::new(), order: BTreeSet::new() }
    }

    /// Adds an agent, or moves them to the place that they have now.
    pub(super) fn put(&mut self, candidate: Candidate) {
        let Candidate { jid, load, capacity, asked_at } = candidate;
        self.remove(&jid);
        // Different shares of capacities below 65,536 differ here too.
        let share = match self.strategy {
            Strategy::LeastLoaded => (u64::from(load) << 32) / u64::from(capacity.max(1)),
            Strategy::RoundRobin | Strategy::RingAll => 0,
        };
        let turn = (share, asked_at);
        self.turns.insert(jid.clone(), turn);
        self.order.insert((turn, jid));
    }

    /// The agent can no longer be asked.
    pub(super) fn remove(&mut self, jid: &AgentJid) {
        if let Some(turn) = self.turns.remove(jid) {
            self.order.remove(&(turn, jid.clone()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether one of them fits.
    pub(super) fn any(&self, fits: impl Fn(&AgentJid) -> bool) -> bool {
        self.order.iter().any(|(_, jid)| fits(jid))
    }

    /// Chooses among those who fit, by the queue's strategy; empty if there are none.
    pub(super) fn choose(&self, fits: impl Fn(&AgentJid) -> bool) -> Vec<AgentJid> {
        let mut fitting = self.order.iter().map(|(_, jid)| jid).filter(|jid| fits(jid));
        match self.strategy {
            Strategy::LeastLoaded | Strategy::RoundRobin => {
                fitting.next().into_iter().cloned().collect()
            }
            Strategy::RingAll => {
                let mut all: Vec<AgentJid> = fitting.cloned().collect();
                all.sort();
                all
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, load: u32, capacity: u32, asked_at: i64) -> Candidate {
        Candidate { jid: AgentJid::normalised(name), load, capacity, asked_at: Timestamp(asked_at) }
    }

    fn free(strategy: Strategy, candidates: &[Candidate]) -> Free {
        let mut free = Free::new(strategy);
        candidates.iter().cloned().for_each(|candidate| free.put(candidate));
        free
    }

    fn names(chosen: &[AgentJid]) -> Vec<&str> {
        chosen.iter().map(AgentJid::as_str).collect()
    }

    fn choose(strategy: Strategy, candidates: &[Candidate]) -> Vec<AgentJid> {
        free(strategy, candidates).choose(|_| true)
    }

    #[test]
    fn the_smallest_share_is_asked_not_the_smallest_number() {
        let all = [candidate("a", 1, 2, 0), candidate("b", 2, 8, 9), candidate("c", 3, 8, 0)];
        assert_eq!(names(&choose(Strategy::LeastLoaded, &all)), ["b"]);
        let near = [candidate("a", 999, 1000, 0), candidate("b", 998, 999, 9)];
        assert_eq!(names(&choose(Strategy::LeastLoaded, &near)), ["b"], "however near they are");
    }

    #[test]
    fn among_equals_the_one_asked_longest_ago() {
        let equals = [candidate("a", 0, 4, 20), candidate("b", 0, 2, 10)];
        assert_eq!(names(&choose(Strategy::LeastLoaded, &equals)), ["b"]);
        assert_eq!(names(&choose(Strategy::RoundRobin, &equals)), ["b"]);
    }

    #[test]
    fn ring_all_asks_all() {
        let all = [candidate("b", 0, 4, 0), candidate("a", 3, 4, 0)];
        assert_eq!(names(&choose(Strategy::RingAll, &all)), ["a", "b"]);
        assert!(choose(Strategy::LeastLoaded, &[]).is_empty());
    }

    #[test]
    fn whoever_takes_one_up_is_moved_and_whoever_does_not_fit_is_left_out() {
        let mut free = free(
            Strategy::LeastLoaded,
            &[candidate("a", 0, 2, 0), candidate("b", 0, 2, 1), candidate("c", 0, 2, 2)],
        );
        free.put(candidate("a", 1, 2, 5));
        assert_eq!(names(&free.choose(|_| true)), ["b"]);
        assert_eq!(names(&free.choose(|jid| jid.as_str() != "b")), ["c"]);
        free.remove(&AgentJid::normalised("b"));
        free.remove(&AgentJid::normalised("c"));
        assert!(free.any(|jid| jid.as_str() == "a") && !free.any(|jid| jid.as_str() == "b"));
        free.remove(&AgentJid::normalised("a"));
        assert!(free.is_empty() && free.turns.is_empty());
    }
}
