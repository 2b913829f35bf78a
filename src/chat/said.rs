//! What was said in a conversation not long ago, for whoever says it otherwise or takes it back.
//!
//! Invariants: only an author finds his words, and only those of the conversation they stand in;
//! what was taken back is never found again. Bounded: older words are read from the store.

use std::collections::{BTreeSet, VecDeque};

use super::ids::Seq;
use super::model::{Author, Reference, Row, RowKind, Target};

/// How many of the latest words are known without a question: more than wait for the store at once.
const KEPT: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Who finds them, by what.
    words: VecDeque<(Reference, Target)>,
    /// What was taken back; its blanking may be under way in the store.
    taken_back: BTreeSet<Seq>,
}

impl Said {
    /// Something was said.
    pub(super) fn insert(&mut self, row: &Row) {
        let Some(seq) = row.seq else { return };
        let target = match &row.kind {
            RowKind::Message { text, .. } if !text.is_empty() => Target { seq, pos: row.pos },
            // To be taken back; there are no words to be said otherwise.
            RowKind::Files { files, .. } if !files.is_empty() => Target { seq, pos: row.pos },
            // A client may name the last correction, or the first words.
            RowKind::Edit { target, text } if !text.is_empty() => *target,
            RowKind::Retract { target } => {
                self.taken_back.insert(target.seq);
                return self.words.retain(|(_, words)| words.seq != target.seq);
            }
            _ => return,
        };
        let by = match (&row.author, &row.key, &row.stanza) {
            (Author::Customer, Some(key), _) => Reference::Customer(key.clone()),
            (Author::Agent { jid, .. }, _, Some(stanza)) => {
                Reference::Agent { jid: jid.clone(), stanza: stanza.clone() }
            }
            _ => return,
        };
        if self.taken_back.contains(&target.seq) {
            return;
        }
        if self.words.len() == KEPT {
            self.words.pop_front();
        }
        self.words.push_back((by, target));
    }

    /// The words of an author.
    pub(super) fn find(&self, by: &Reference) -> Option<Target> {
        let found = |same: &dyn Fn(&Reference) -> bool| {
            self.words.iter().rev().find(|(other, _)| same(other)).map(|(_, target)| *target)
        };
        let exactly = found(&|other| other == by);
        exactly.or_else(|| match by {
            // He may have said it on another device.
            Reference::Customer(key) => {
                found(&|other| matches!(other, Reference::Customer(other) if other.id == key.id))
            }
            Reference::Agent { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{
        AgentJid, CommandId, ConversationId, CustomerId, Pos, SessionId, TenantKey, Timestamp,
    };
    use crate::chat::model::CommandKey;

    fn key(session: u128, id: &str) -> CommandKey {
        CommandKey { session: SessionId(Uuid::from_u128(session)), id: CommandId::new(id).unwrap() }
    }

    fn row(seq: u64, author: Author, kind: RowKind) -> Row {
        let id = format!("m{seq}");
        Row {
            pos: Pos(10 * seq),
            tenant: TenantKey::new("acme").unwrap(),
            conversation: ConversationId(Uuid::nil()),
            customer: CustomerId(Uuid::nil()),
            seq: Some(Seq(seq)),
            at: Timestamp(0),
            key: (author == Author::Customer).then(|| key(1, &id)),
            stanza: Some(Arc::from(id)),
            author,
            kind,
            recipients: Vec::new(),
        }
    }

    fn message() -> RowKind {
        RowKind::Message { text: "x".into(), reply_to: None }
    }

    #[test]
    fn only_an_author_finds_his_words_until_he_takes_them_back() {
        let ann = || Author::Agent { jid: AgentJid::normalised("ann"), name: "Ann".into() };
        let by = |jid: &str, stanza: &str| Reference::Agent {
            jid: AgentJid::normalised(jid),
            stanza: stanza.into(),
        };
        let target = |seq| Target { seq: Seq(seq), pos: Pos(10 * seq) };
        let mut said = Said::default();
        said.insert(&row(1, Author::Customer, message()));
        said.insert(&row(2, ann(), message()));
        assert_eq!(said.find(&Reference::Customer(key(1, "m1"))), Some(target(1)));
        assert_eq!(said.find(&Reference::Customer(key(2, "m1"))), Some(target(1)), "elsewhere");
        assert_eq!(said.find(&Reference::Customer(key(1, "m2"))), None, "not his");
        assert_eq!(said.find(&by("ann", "m2")), Some(target(2)));
        assert_eq!(said.find(&by("bob", "m2")), None);
        assert_eq!(said.find(&by("ann", "m1")), None);
        said.insert(&row(3, ann(), RowKind::Edit { target: target(2), text: "y".into() }));
        assert_eq!(said.find(&by("ann", "m3")), Some(target(2)), "the first words");
        said.insert(&row(4, ann(), RowKind::Retract { target: target(2) }));
        assert_eq!((said.find(&by("ann", "m2")), said.find(&by("ann", "m3"))), (None, None));
        said.insert(&row(2, ann(), message()));
        assert_eq!(said.find(&by("ann", "m2")), None, "read before it was blanked");
    }

    #[test]
    fn it_is_bounded() {
        let mut said = Said::default();
        for seq in 1..1_000 {
            said.insert(&row(seq, Author::Customer, message()));
        }
        assert_eq!(said.words.len(), KEPT);
        assert_eq!(said.find(&Reference::Customer(key(1, "m1"))), None);
    }
}
