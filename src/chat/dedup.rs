//! Commands that were already carried out.
//!
//! Invariants: a customer's command recorded here is never carried out again. An agent's command
//! counts as a repeat for 15 minutes, which covers the resumption of a client's stream (XEP-0198),
//! whatever has happened to the conversation since; one without an id is never a repeat. Agents'
//! messages are handled in [`resent`](super::resent).

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::ids::{AgentJid, CommandId, CustomerId, Pos, SessionId, Timestamp};
use super::model::Acked;
use super::row::CommandKey;
use super::snapshot::REPEATS_MS;

/// How many commands of one session are kept in memory. For a session that gave more, the store is
/// asked about each unknown command.
const KEPT: usize = 1_024;
/// How many ids of one session are remembered as missing in the store.
const MISSED: usize = 64;

/// The commands of the active sessions.
#[derive(Debug, Default)]
pub(super) struct Commands {
    sessions: HashMap<SessionId, Given>,
}

/// The commands of one session.
#[derive(Debug, Default)]
struct Given {
    acked: HashMap<CommandId, Acked>,
    /// Their ids in order, each with the last row at that time: commands not stored yet are kept.
    order: VecDeque<(Pos, CommandId)>,
    /// There may be others, which only the store knows.
    more: bool,
    /// Ids that were looked up in the store and are not there.
    missed: VecDeque<CommandId>,
}

impl Given {
    fn insert(&mut self, id: CommandId, acked: Acked, (head, stored): (Pos, Pos)) {
        self.missed.retain(|missed| *missed != id);
        if self.acked.insert(id.clone(), acked).is_none() {
            self.order.push_back((head, id));
        }
        while self.acked.len() > KEPT
            && let Some((_, oldest)) = self.order.pop_front_if(|(at, _)| *at <= stored)
        {
            self.acked.remove(&oldest);
            self.more = true;
        }
    }
}

impl Commands {
    /// Whether the commands of this session are loaded.
    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Adds commands that a session has given so far; `more` if they are not all.
    pub(super) fn load(
        &mut self,
        session: SessionId,
        commands: Vec<(CommandKey, Acked)>,
        more: bool,
    ) {
        let known = self.sessions.entry(session).or_default();
        known.more |= more;
        for (key, acked) in commands {
            known.insert(key.id, acked, (Pos(0), Pos(0)));
        }
    }

    /// Whether the session may have given more commands than are known here.
    pub(super) fn knows_in_part(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|given| given.more)
    }

    /// Whether only the store can tell if this command was given before.
    pub(super) fn is_in_doubt(&self, key: &CommandKey) -> bool {
        self.sessions.get(&key.session).is_some_and(|given| {
            given.more && !given.acked.contains_key(&key.id) && !given.missed.contains(&key.id)
        })
    }

    /// The store's answer to that.
    pub(super) fn looked_up(&mut self, key: CommandKey, acked: Option<Acked>) {
        let given = self.sessions.entry(key.session).or_default();
        match acked {
            Some(acked) => given.insert(key.id, acked, (Pos(0), Pos(0))),
            None => {
                if given.missed.len() == MISSED {
                    given.missed.pop_front();
                }
                given.missed.push_back(key.id);
            }
        }
    }

    /// The acknowledgement of a command that was already carried out.
    pub(super) fn find(&self, key: &CommandKey) -> Option<Acked> {
        self.sessions.get(&key.session)?.acked.get(&key.id).copied()
    }

    /// A command was carried out; `head` is the last row numbered so far, `stored` the last row
    /// that is stored.
    pub(super) fn insert(&mut self, key: CommandKey, acked: Acked, head: Pos, stored: Pos) {
        self.sessions.entry(key.session).or_default().insert(key.id, acked, (head, stored));
    }

    /// The session is no longer active; its commands are loaded again when it returns.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }
}

type StanzaKey = (AgentJid, CustomerId, Arc<str>, u64);

/// The commands of agents.
#[derive(Debug, Default)]
pub(super) struct Stanzas {
    known: HashSet<StanzaKey>,
    order: VecDeque<(Timestamp, StanzaKey)>,
}

impl Stanzas {
    /// Whether the agent gave this command before.
    pub(super) fn knows(
        &mut self,
        now: Timestamp,
        agent: &AgentJid,
        customer: CustomerId,
        stanza: &Arc<str>,
        text: &str,
    ) -> bool {
        while let Some((_, key)) = self.order.pop_front_if(|(at, _)| now.since(*at) > REPEATS_MS) {
            self.known.remove(&key);
        }
        let key = stanza_key(agent, customer, stanza, text);
        self.known.contains(&key) && !crate::chaos::mutant("dedup-off")
    }

    /// The agent gave this command.
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
        commands.load(session(1), vec![(key(1), acked)], false);
        commands.load(session(2), Vec::new(), false);
        assert!(commands.knows(session(2)));
        assert_eq!((commands.find(&key(1)), commands.find(&key(2))), (Some(acked), None));
        commands.insert(key(2), acked, Pos(1), Pos(0));
        commands.forget(session(1));
        assert!(!commands.knows(session(1)));
        assert_eq!((commands.find(&key(1)), commands.find(&key(2))), (None, Some(acked)));
    }

    #[test]
    fn a_session_keeps_a_bounded_number_and_is_asked_about_beyond() {
        let session = SessionId(Uuid::nil());
        let key = |n: u64| CommandKey { session, id: CommandId::new(&format!("m{n}")).unwrap() };
        let conversation = ConversationId(Uuid::nil());
        let acked = |n| Acked { conversation, seq: Some(Seq(n)), at: Timestamp(0) };
        let kept = KEPT as u64;
        let mut commands = Commands::default();
        commands.load(session, Vec::new(), false);
        for n in 1..=2 * kept {
            assert!(!commands.is_in_doubt(&key(n)), "new, and all before is known");
            commands.insert(key(n), acked(n), Pos(n), Pos(0));
        }
        assert_eq!(commands.find(&key(1)), Some(acked(1)), "nothing of it is stored yet");
        commands.insert(key(2 * kept + 1), acked(0), Pos(2 * kept + 1), Pos(kept / 2));
        assert_eq!(commands.find(&key(kept / 2)), None);
        assert_eq!(commands.find(&key(kept / 2 + 1)), Some(acked(kept / 2 + 1)));
        commands.insert(key(2 * kept + 2), acked(0), Pos(2 * kept + 2), Pos(2 * kept));
        assert_eq!(commands.sessions[&session].acked.len(), KEPT);
        // What is not known here may be in the store.
        assert!(commands.is_in_doubt(&key(1)) && commands.is_in_doubt(&key(9_999)));
        assert!(!commands.is_in_doubt(&key(2 * kept)));
        commands.looked_up(key(1), Some(acked(1)));
        commands.looked_up(key(9_999), None);
        assert_eq!((commands.find(&key(1)), commands.find(&key(9_999))), (Some(acked(1)), None));
        assert!(!commands.is_in_doubt(&key(9_999)), "asked once");
        for n in 0..2 * MISSED as u64 {
            commands.looked_up(key(100_000 + n), None);
        }
        assert_eq!(commands.sessions[&session].missed.len(), MISSED);
    }

    #[test]
    fn a_stanza_is_recognized_for_15_minutes_with_its_text() {
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
