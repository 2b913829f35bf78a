//! Tells whether an agent's client sends a message for the first time, or resends it.
//!
//! A client that was cut off resends what its server has not acknowledged: its latest stanzas, in
//! order, under their ids (XEP-0198). A client that numbers its ids from 1 at every start sends
//! other texts, and now and then the same text under the same id. So a stanza with a known id and
//! text is a repeat within a minute, and later if no other message of that client has followed it;
//! otherwise it is one only if the next stanza was sent before as well. Until that one has come, or
//! a moment has passed, it is undecided.
//!
//! Invariants: a run of latest stanzas that comes again, whole or from any point on, is recognized
//! as repeats for 15 minutes, which covers the resumption of a client's stream, and across a
//! restart; what counts as new is never lost; a stanza without an id is never a repeat.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::ids::{AgentJid, CustomerId, Timestamp};
use super::snapshot::REPEATS_MS;

/// How long to wait for the next stanza, in milliseconds: a client resends all of it at once.
pub(super) const UNSURE_MS: i64 = 3_000;
/// A client that resends what has no receipt does so within this time, in milliseconds, in any
/// order.
const SOON_MS: i64 = 60_000;
/// How many stanzas from an agent to one customer are remembered.
const KEPT: usize = 1_000;

/// A client of an agent, and the customer it writes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Speaker {
    pub(super) agent: AgentJid,
    /// The resource of the client's JID.
    pub(super) client: Arc<str>,
    pub(super) customer: CustomerId,
}

/// What a stanza turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    /// Sent before.
    Repeat,
    /// Sent before, and what preceded it was just resent as well.
    GoesOn,
    /// Sent before, but others followed then: the next stanza decides.
    Unsure,
}

#[derive(Debug)]
struct Said {
    number: u64,
    at: Timestamp,
    /// Unknown after a restart.
    client: Option<Arc<str>>,
    stanza: Arc<str>,
    words: u64,
}

/// Stanzas that a client is resending.
#[derive(Debug, Clone, Copy)]
struct Run {
    upto: u64,
    at: Timestamp,
    /// Its first stanza had been followed by others.
    unsure: bool,
}

#[derive(Debug, Default)]
pub(super) struct Spoken {
    said: HashMap<(AgentJid, CustomerId), VecDeque<Said>>,
    order: VecDeque<(Timestamp, AgentJid, CustomerId, Arc<str>)>,
    /// What clients are resending at the moment.
    runs: HashMap<Speaker, Run>,
    numbered: u64,
}

impl Spoken {
    /// Decides about this text under this id.
    pub(super) fn judge(
        &mut self,
        now: Timestamp,
        by: &Speaker,
        stanza: &str,
        words: &str,
    ) -> Verdict {
        if crate::chaos::mutant("dedup-off") {
            return Verdict::New;
        }
        self.forget(now);
        let Some(said) = self.said.get(&(by.agent.clone(), by.customer)) else {
            return Verdict::New;
        };
        let words = digest(words);
        let same = |said: &&Said| said.words == words && *said.stanza == *stanza;
        let run = self.runs.get(by).filter(|run| now.since(run.at) <= UNSURE_MS);
        if let Some(&Run { upto, unsure, .. }) = run {
            let next = said.iter().find(|said| said.number > upto && same(said));
            // A client that resends on its own what has no receipt does so in any order.
            let any = || said.iter().find(same).filter(|_| unsure);
            if let Some(next) = next.or_else(any) {
                self.runs.insert(by.clone(), Run { upto: next.number, at: now, unsure });
                return Verdict::GoesOn;
            }
        }
        let Some(first) = said.iter().find(same) else { return Verdict::New };
        let last = said.iter().rev().find(same).unwrap_or(first);
        let of_it = |said: &Said| match (&said.client, &last.client) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let followed = now.since(last.at) > SOON_MS
            && said.iter().any(|said| said.number > last.number && of_it(said));
        // If the same was sent several times, any of them may be meant until the next stanza has
        // come.
        let upto = if followed { first.number } else { last.number };
        self.runs.insert(by.clone(), Run { upto, at: now, unsure: followed });
        if followed { Verdict::Unsure } else { Verdict::Repeat }
    }

    /// Whether the same was sent before, in whatever order.
    pub(super) fn knows(
        &self,
        agent: &AgentJid,
        customer: CustomerId,
        stanza: &str,
        words: &str,
    ) -> bool {
        let words = digest(words);
        self.said.get(&(agent.clone(), customer)).is_some_and(|said| {
            said.iter().any(|said| said.words == words && *said.stanza == *stanza)
        })
    }

    pub(super) fn insert(
        &mut self,
        at: Timestamp,
        (agent, client): (&AgentJid, Option<Arc<str>>),
        customer: CustomerId,
        stanza: &Arc<str>,
        words: &str,
    ) {
        self.numbered += 1;
        if let Some(client) = &client {
            let (agent, client) = (agent.clone(), client.clone());
            self.runs.remove(&Speaker { agent, client, customer });
        }
        let said = self.said.entry((agent.clone(), customer)).or_default();
        if said.len() == KEPT {
            said.pop_front();
        }
        let (stanza, number, words) = (stanza.clone(), self.numbered, digest(words));
        self.order.push_back((at, agent.clone(), customer, stanza.clone()));
        said.push_back(Said { number, at, client, stanza, words });
    }

    /// What the agent has sent since then, in order.
    pub(super) fn since<'a>(
        &'a self,
        agent: &'a AgentJid,
        from: Timestamp,
    ) -> impl Iterator<Item = (CustomerId, Arc<str>)> + 'a {
        let later = self.order.iter().filter(move |(at, by, ..)| *at >= from && by == agent);
        later.map(|(_, _, customer, stanza)| (*customer, stanza.clone()))
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |at: Timestamp| now.since(at) > REPEATS_MS;
        while let Some((_, agent, customer, _)) = self.order.pop_front_if(|(at, ..)| old(*at)) {
            let key = (agent, customer);
            if let Some(said) = self.said.get_mut(&key) {
                while said.pop_front_if(|said| old(said.at)).is_some() {}
                if said.is_empty() {
                    self.said.remove(&key);
                    self.runs.retain(|by, _| by.agent != key.0 || by.customer != key.1);
                }
            }
        }
    }
}

fn digest(words: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    words.hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn by(client: &str) -> Speaker {
        let customer = CustomerId(Uuid::nil());
        Speaker { agent: AgentJid::normalised("ann"), client: client.into(), customer }
    }

    fn say(spoken: &mut Spoken, at: i64, client: Option<&str>, id: &str, words: &str) {
        let (by, client) = (by(client.unwrap_or("")), client.map(Arc::from));
        spoken.insert(Timestamp(at), (&by.agent, client), by.customer, &id.into(), words);
    }

    #[test]
    fn the_latest_messages_are_repeats_and_older_ones_wait_for_the_next() {
        let mut spoken = Spoken::default();
        let desk = by("desk");
        let judge = |spoken: &mut Spoken, at, id: &str, words: &str| {
            spoken.judge(Timestamp(at), &desk, id, words)
        };
        assert_eq!(judge(&mut spoken, 0, "1", "Hi"), Verdict::New);
        say(&mut spoken, 0, Some("desk"), "1", "Hi");
        assert_eq!(judge(&mut spoken, 1, "1", "Hi"), Verdict::Repeat);
        assert_eq!(judge(&mut spoken, 1, "1", "Ho"), Verdict::New, "an id with other words");
        assert_eq!(judge(&mut spoken, 1, "2", "Hi"), Verdict::New, "words under another id");
        say(&mut spoken, 2, Some("phone"), "1", "From my phone");
        assert_eq!(judge(&mut spoken, 3, "1", "Hi"), Verdict::Repeat, "another client's follow");
        say(&mut spoken, 4, Some("desk"), "2", "How are you?");
        assert_eq!(judge(&mut spoken, 5_000, "1", "Hi"), Verdict::Repeat, "soon");
        assert_eq!(judge(&mut spoken, 65_000, "1", "Hi"), Verdict::Unsure);
        assert_eq!(judge(&mut spoken, 65_000, "2", "How are you?"), Verdict::GoesOn);
        assert_eq!(judge(&mut spoken, 70_000, "1", "Hi"), Verdict::Unsure);
        assert_eq!(judge(&mut spoken, 80_000, "2", "How are you?"), Verdict::Repeat, "by itself");
        let late = Timestamp(REPEATS_MS + 5);
        assert_eq!(spoken.judge(late, &desk, "2", "How are you?"), Verdict::New);
        assert!(spoken.said.is_empty() && spoken.order.is_empty() && spoken.runs.is_empty());
    }

    #[test]
    fn after_a_restart_no_client_is_known() {
        let mut spoken = Spoken::default();
        for (id, words) in [("1", "a"), ("2", "b"), ("3", "c")] {
            say(&mut spoken, 0, None, id, words);
        }
        let again = by("desk.another");
        assert_eq!(spoken.judge(Timestamp(61_000), &again, "2", "b"), Verdict::Unsure);
        assert_eq!(spoken.judge(Timestamp(61_000), &again, "3", "c"), Verdict::GoesOn);
    }

    proptest! {
        /// Whatever was said, and under whatever ids: its end, from any place on, is known when it
        /// comes once more, and then nothing of it is new.
        #[test]
        fn a_resent_end_of_a_history_is_recognized(
            said in prop::collection::vec((0_u8..4, 0_u8..3), 1..12),
            from: prop::sample::Index,
            restarted: bool,
        ) {
            let mut spoken = Spoken::default();
            let client = (!restarted).then_some("desk");
            for (id, words) in &said {
                say(&mut spoken, 0, client, &id.to_string(), &words.to_string());
            }
            let again = by("desk");
            let mut verdicts = Vec::new();
            for (id, words) in said.iter().skip(from.index(said.len())) {
                let at = Timestamp(70_000);
                verdicts.push(spoken.judge(at, &again, &id.to_string(), &words.to_string()));
            }
            prop_assert!(!verdicts.contains(&Verdict::New), "{:?}", verdicts);
            prop_assert!(verdicts.last() != Some(&Verdict::Unsure), "{:?}", verdicts);
            for pair in verdicts.windows(2) {
                prop_assert!(pair[0] != Verdict::Unsure || pair[1] == Verdict::GoesOn, "{:?}", verdicts);
            }
        }

        /// A message that others followed is never taken for a repeat on its own.
        #[test]
        fn what_was_followed_is_unsure(after in prop::collection::vec(0_u8..9, 1..8)) {
            let mut spoken = Spoken::default();
            say(&mut spoken, 0, Some("desk"), "3", "ok");
            for (number, words) in after.iter().enumerate() {
                say(&mut spoken, 0, Some("desk"), &format!("x{number}"), &words.to_string());
            }
            prop_assert_eq!(spoken.judge(Timestamp(61_000), &by("desk"), "3", "ok"), Verdict::Unsure);
        }
    }
}
