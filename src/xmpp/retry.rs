//! Messages that were given back for the moment (`wait`), sent again later.
//!
//! Invariants: a message keeps its stanza id; it is tried a bounded number of times, then it counts
//! as undeliverable; so much is remembered and no more, and what is forgotten is undeliverable too.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::minidom::Element;

use crate::chat::ids::{AgentJid, Pos};

/// How many messages are remembered after they were written.
const REMEMBERED: usize = 256;

/// How often one is sent again.
const TRIES: u32 = 4;

/// The first pause; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Sent {
    pos: Pos,
    agent: AgentJid,
    element: Element,
    tries: u32,
    due: Option<Instant>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Retries {
    sent: VecDeque<Sent>,
}

impl Retries {
    /// Remembers a message made of a row.
    pub(super) fn remember(&mut self, pos: Pos, agent: &AgentJid, element: &Element) {
        if self.find(pos, agent).is_some() {
            return;
        }
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        let (agent, element) = (agent.clone(), element.clone());
        self.sent.push_back(Sent { pos, agent, element, tries: 0, due: None });
    }

    /// A message was given back; says whether it will be sent again.
    pub(super) fn again(&mut self, pos: Pos, agent: &AgentJid, now: Instant) -> bool {
        let Some(sent) = self.find(pos, agent) else { return false };
        if sent.tries >= TRIES {
            return false;
        }
        sent.due = Some(now + PAUSE * 2_u32.pow(sent.tries));
        sent.tries += 1;
        true
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.sent.iter().filter_map(|sent| sent.due).min()
    }

    /// What is due now, in the order it was first written.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(Pos, Element)> {
        let due = self.sent.iter_mut().filter(|sent| sent.due.is_some_and(|due| due <= now));
        due.map(|sent| {
            sent.due = None;
            (sent.pos, sent.element.clone())
        })
        .collect()
    }

    fn find(&mut self, pos: Pos, agent: &AgentJid) -> Option<&mut Sent> {
        self.sent.iter_mut().rev().find(|sent| sent.pos == pos && sent.agent == *agent)
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
        retries.remember(Pos(1), &alice, &Element::bare("message", "x"));
        for pause in [2, 4, 8, 16] {
            assert!(retries.again(Pos(1), &alice, now));
            let due = now + Duration::from_secs(pause);
            assert_eq!(retries.next(), Some(due));
            assert!(retries.due(due - Duration::from_millis(1)).is_empty());
            assert_eq!(retries.due(due).len(), 1);
            assert_eq!(retries.next(), None);
        }
        assert!(!retries.again(Pos(1), &alice, now), "tried often enough");
        for pos in 2..=1 + REMEMBERED as u64 {
            retries.remember(Pos(pos), &alice, &Element::bare("message", "x"));
        }
        assert_eq!(retries.sent.len(), REMEMBERED);
    }
}
