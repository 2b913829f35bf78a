//! Resends messages that were returned with a temporary error (`wait`).
//!
//! Invariants: a message keeps its stanza id. It is resent a bounded number of times, then it
//! counts as undeliverable. Memory is bounded, and a message that was dropped from it is
//! undeliverable, too.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::outbox::Text;
use crate::chat::ids::{AgentJid, Pos};

/// Messages that are remembered after they were written.
const REMEMBERED: usize = 256;

/// How many times a message is resent.
const TRIES: u32 = 4;

/// The first pause; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(2);

/// A row as sent to one agent.
type Key = (Pos, AgentJid);

#[derive(Debug)]
struct Sent {
    text: Text,
    tries: u32,
    due: Option<Instant>,
}

#[derive(Debug, Default)]
pub(super) struct Retries {
    sent: HashMap<Key, Sent>,
    /// The same, the oldest first.
    order: VecDeque<Key>,
    /// Nothing is due before this time.
    next: Option<Instant>,
}

impl Retries {
    /// Remembers a message made from a row.
    pub(super) fn remember(&mut self, pos: Pos, agent: &AgentJid, text: &Text) {
        let key = (pos, agent.clone());
        let Entry::Vacant(place) = self.sent.entry(key.clone()) else { return };
        place.insert(Sent { text: text.clone(), tries: 0, due: None });
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.sent.remove(&oldest);
        }
    }

    /// A message was returned; returns whether it will be resent.
    pub(super) fn again(&mut self, pos: Pos, agent: &AgentJid, now: Instant) -> bool {
        let Some(sent) = self.sent.get_mut(&(pos, agent.clone())) else { return false };
        if sent.tries >= TRIES {
            return false;
        }
        sent.due = Some(now + PAUSE * 2_u32.pow(sent.tries));
        sent.tries += 1;
        self.look();
        true
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// The messages that are due, in the order in which they were first written.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Pos, Text)> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut due = Vec::new();
        for key in &self.order {
            if let Some(sent) = self.sent.get_mut(key)
                && sent.due.take_if(|at| *at <= now).is_some()
            {
                due.push((key.0, sent.text.clone()));
            }
        }
        self.look();
        due
    }

    /// Finds the next due time; only called after a message was returned.
    fn look(&mut self) {
        self.next = self.sent.values().filter_map(|sent| sent.due).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_is_tried_a_few_times_and_given_up() {
        let alice = AgentJid::normalised("alice@example.org");
        let mut retries = Retries::default();
        let now = Instant::now();
        assert!(!retries.again(Pos(1), &alice, now), "never sent");
        retries.remember(Pos(1), &alice, &"<a/>".into());
        for pause in [2, 4, 8, 16] {
            assert!(retries.again(Pos(1), &alice, now));
            let due = now + Duration::from_secs(pause);
            assert_eq!(retries.next(), Some(due));
            assert!(retries.due(due - Duration::from_millis(1)).is_empty());
            assert_eq!(retries.due(due), [(Pos(1), Text::from("<a/>"))]);
            assert_eq!(retries.next(), None);
            retries.remember(Pos(1), &alice, &"<a/>".into());
        }
        assert!(!retries.again(Pos(1), &alice, now), "tried often enough");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_are_forgotten_and_the_rest_stay_in_order() {
        let [alice, bob] =
            ["alice", "bob"].map(|name| AgentJid::normalised(&format!("{name}@example.org")));
        let mut retries = Retries::default();
        let now = Instant::now();
        retries.remember(Pos(9), &alice, &"<first/>".into());
        retries.remember(Pos(1), &alice, &"<second/>".into());
        retries.remember(Pos(1), &bob, &"<third/>".into());
        assert!(retries.again(Pos(1), &bob, now));
        assert!(retries.again(Pos(1), &alice, now));
        assert!(retries.again(Pos(9), &alice, now));
        let due = retries.due(now + PAUSE);
        let texts: Vec<_> = due.iter().map(|(_, text)| &**text).collect();
        assert_eq!(texts, ["<first/>", "<second/>", "<third/>"]);
        assert!(retries.again(Pos(9), &alice, now));
        for pos in 10..10 + REMEMBERED as u64 {
            retries.remember(Pos(pos), &alice, &"<a/>".into());
        }
        assert_eq!((retries.sent.len(), retries.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!retries.again(Pos(9), &alice, now), "forgotten");
        assert!(retries.due(now + PAUSE * 2).is_empty(), "and not sent any more");
        assert_eq!(retries.next(), None);
    }
}
