//! Past assignments, for messages that bounce late.
//!
//! A message keeps its stanza id through all assignments, so an error for it does not say in which
//! one it was sent; and a server that holds the stream of a lost client for resumption (XEP-0198)
//! bounces its messages minutes later. Invariants: for 15 minutes, which covers the resumption, a
//! bounce of what may have been sent in a past assignment says nothing about the current one. The
//! rows of the current one, beginning with the head of its offer, count from the start.

use std::collections::{HashMap, VecDeque};

use super::ids::{AgentJid, CustomerId, Pos, Timestamp};

/// How long a past assignment is remembered.
const REMEMBERED_MS: i64 = 15 * 60_000;

#[derive(Debug, Default)]
pub(super) struct PastAssignments {
    upto: HashMap<(CustomerId, AgentJid), (Pos, Timestamp)>,
    order: VecDeque<(Timestamp, (CustomerId, AgentJid))>,
}

impl PastAssignments {
    /// The agent no longer has this customer; everything they were sent has a row up to `upto`.
    pub(super) fn insert(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        agent: &AgentJid,
        upto: Pos,
    ) {
        self.forget(now);
        let key = (customer, agent.clone());
        self.upto.insert(key.clone(), (upto, now));
        self.order.push_back((now, key));
    }

    /// Whether this row may have been sent to the agent in a past assignment.
    pub(super) fn covers(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        agent: &AgentJid,
        pos: Pos,
    ) -> bool {
        self.forget(now);
        self.upto.get(&(customer, agent.clone())).is_some_and(|(upto, _)| pos <= *upto)
    }

    #[cfg(test)]
    pub(super) fn since(
        &self,
        from: Timestamp,
    ) -> impl Iterator<Item = ((CustomerId, AgentJid), Pos)> + '_ {
        let later = self.upto.iter().filter(move |(_, (_, at))| *at >= from);
        later.map(|(key, (upto, _))| (key.clone(), *upto))
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, key)) =
            self.order.pop_front_if(|(at, _)| now.since(*at) > REMEMBERED_MS)
        {
            // The same pair may have ended again; its later entry is further back in the queue.
            if self.upto.get(&key).is_some_and(|(_, last)| *last <= at) {
                self.upto.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_assignment_that_is_over_covers_its_rows_for_a_quarter_of_an_hour() {
        let (ann, bob) = (AgentJid::normalised("ann"), AgentJid::normalised("bob"));
        let mia = CustomerId(Uuid::from_u128(1));
        let mut ended = PastAssignments::default();
        ended.insert(Timestamp(0), mia, &ann, Pos(5));
        ended.insert(Timestamp(9), mia, &ann, Pos(8));
        let last = Timestamp(9 + REMEMBERED_MS);
        assert!(ended.covers(last, mia, &ann, Pos(8)) && ended.covers(last, mia, &ann, Pos(1)));
        assert!(!ended.covers(last, mia, &ann, Pos(9)), "sent in a later one");
        assert!(!ended.covers(last, mia, &bob, Pos(1)), "never sent to them");
        assert!(!ended.covers(last.plus(1), mia, &ann, Pos(1)));
        assert!(ended.upto.is_empty() && ended.order.is_empty());
    }
}
