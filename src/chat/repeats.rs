//! What was said already.
//!
//! Invariants: a customer's command that is in here is never carried out again. An agent's stanza
//! counts as a repeat for 15 minutes, which covers the resumption of his client's stream
//! (XEP-0198), whatever became of the conversation since; one without an id is never a repeat.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::ids::{AgentJid, CommandId, CustomerId, SessionId, Timestamp};
use super::model::{Acked, CommandKey, REPEATS_MS};

/// The commands of the sessions that are at work.
#[derive(Debug, Default)]
pub(super) struct Commands {
    sessions: HashMap<SessionId, HashMap<CommandId, Acked>>,
}

impl Commands {
    /// Whether all that the session ever commanded is known.
    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// All that a session commanded so far.
    pub(super) fn load(&mut self, session: SessionId, commands: Vec<(CommandKey, Acked)>) {
        let known = self.sessions.entry(session).or_default();
        known.extend(commands.into_iter().map(|(key, acked)| (key.id, acked)));
    }

    /// Where a command stands already.
    pub(super) fn find(&self, key: &CommandKey) -> Option<Acked> {
        self.sessions.get(&key.session)?.get(&key.id).copied()
    }

    /// A command was carried out.
    pub(super) fn insert(&mut self, key: CommandKey, acked: Acked) {
        self.sessions.entry(key.session).or_default().insert(key.id, acked);
    }

    /// The session is not at work any more; what it commanded is read again when it returns.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }
}

type StanzaKey = (AgentJid, CustomerId, Arc<str>, u64);

/// The stanzas of agents.
#[derive(Debug, Default)]
pub(super) struct Stanzas {
    known: HashSet<StanzaKey>,
    order: VecDeque<(Timestamp, StanzaKey)>,
}

impl Stanzas {
    /// Whether the agent said this to the customer before.
    pub(super) fn knows(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        customer: CustomerId,
        stanza: &Arc<str>,
        text: &str,
    ) -> bool {
        #[cfg(feature = "chaos")]
        if crate::chaos::mutant("dedup-off") {
            return false;
        }
        while let Some((_, key)) = self.order.pop_front_if(|(at, _)| now.since(*at) > REPEATS_MS) {
            self.known.remove(&key);
        }
        self.known.contains(&stanza_key(agent, customer, stanza, text))
    }

    /// What the agent said since then, in its order.
    pub(super) fn since<'a>(
        &'a self,
        agent: &'a AgentJid,
        from: Timestamp,
    ) -> impl Iterator<Item = (CustomerId, Arc<str>)> + 'a {
        let later = self.order.iter().filter(move |(at, key)| *at >= from && key.0 == *agent);
        later.map(|(_, (_, customer, stanza, _))| (*customer, stanza.clone()))
    }

    /// The agent said this to the customer.
    pub(super) fn insert(
        &mut self,
        at: Timestamp,
        agent: &AgentJid,
        customer: CustomerId,
        stanza: &Arc<str>,
        text: &str,
    ) {
        let key = stanza_key(agent, customer, stanza, text);
        if self.known.insert(key.clone()) {
            self.order.push_back((at, key));
        }
    }
}

fn stanza_key(agent: &AgentJid, customer: CustomerId, stanza: &Arc<str>, text: &str) -> StanzaKey {
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    (agent.clone(), customer, stanza.clone(), hash.finish())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{ConversationId, Seq};

    #[test]
    fn commands_are_known_by_session_and_id_until_forgotten() {
        let session = |n| SessionId(Uuid::from_u128(n));
        let key = |n| CommandKey { session: session(n), id: CommandId::new("m1").unwrap() };
        let conversation = ConversationId(Uuid::nil());
        let acked = Acked { conversation, seq: Some(Seq(1)), at: Timestamp(0) };
        let mut commands = Commands::default();
        assert!(!commands.knows(session(1)));
        commands.load(session(1), vec![(key(1), acked)]);
        commands.load(session(2), Vec::new());
        assert!(commands.knows(session(2)));
        assert_eq!((commands.find(&key(1)), commands.find(&key(2))), (Some(acked), None));
        commands.insert(key(2), acked);
        commands.forget(session(1));
        assert!(!commands.knows(session(1)));
        assert_eq!((commands.find(&key(1)), commands.find(&key(2))), (None, Some(acked)));
    }

    #[test]
    fn a_stanza_is_known_for_a_quarter_of_an_hour_with_its_words() {
        let (ann, customer) = (AgentJid::normalised("ann"), CustomerId(Uuid::nil()));
        let mut stanzas = Stanzas::default();
        let id = "a".into();
        stanzas.insert(Timestamp(0), &ann, customer, &id, "Hi");
        let at = Timestamp(REPEATS_MS);
        assert!(stanzas.knows(at, &ann, customer, &id, "Hi"));
        assert!(!stanzas.knows(at, &ann, customer, &id, "Ho"));
        assert!(!stanzas.knows(at, &ann, customer, &"b".into(), "Hi"));
        assert!(!stanzas.knows(at, &AgentJid::normalised("bob"), customer, &id, "Hi"));
        assert!(!stanzas.knows(at.plus(1), &ann, customer, &id, "Hi"));
        assert!(stanzas.known.is_empty() && stanzas.order.is_empty());
    }
}
