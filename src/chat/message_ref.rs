//! Finds the message that somebody corrects, retracts or replies to.
//!
//! Invariants: an author finds only their own messages, and only among the rows given; what was
//! retracted is never found again.

use super::row::{Author, Reference, Row, RowKind, Target};

/// The message that an author refers to, by its id or the id of one of its edits, in rows of one
/// conversation, latest first.
pub(super) fn find<'a>(
    rows: impl Iterator<Item = &'a Row> + Clone,
    by: &Reference,
) -> Option<Target> {
    let named = |same: fn(&Row, &Reference) -> bool| {
        rows.clone().filter(|row| same(row, by)).find_map(words)
    };
    // They may have sent it from another device.
    let target = named(is_named).or_else(|| named(is_named_elsewhere))?;
    let taken_back =
        |row: &Row| matches!(row.kind, RowKind::Retract { target: back } if back == target);
    (!rows.clone().any(taken_back)).then_some(target)
}

/// The message that a row contains or edits.
fn words(row: &Row) -> Option<Target> {
    match &row.kind {
        RowKind::Message { text, .. } if !text.is_empty() => {
            Some(Target { seq: row.seq?, pos: row.pos })
        }
        // Files can be retracted; a message without text cannot be edited.
        RowKind::Files { files, .. } if !files.is_empty() => {
            Some(Target { seq: row.seq?, pos: row.pos })
        }
        RowKind::Edit { target, text } if !text.is_empty() => Some(*target),
        _ => None,
    }
}

fn is_named(row: &Row, by: &Reference) -> bool {
    match (by, &row.author) {
        (Reference::Customer(key), Author::Customer) => row.key.as_ref() == Some(key),
        (Reference::Agent { jid, stanza }, Author::Agent { jid: author, .. }) => {
            author == jid && row.stanza.as_ref() == Some(stanza)
        }
        _ => false,
    }
}

fn is_named_elsewhere(row: &Row, by: &Reference) -> bool {
    match (by, &row.author, &row.key) {
        (Reference::Customer(key), Author::Customer, Some(other)) => other.id == key.id,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::chat::ids::{
        AgentJid, CommandId, ConversationId, CustomerId, Pos, Seq, SessionId, TenantKey, Timestamp,
    };
    use crate::chat::row::CommandKey;

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
    fn only_the_author_finds_a_message_until_it_is_retracted() {
        let ann = || Author::Agent { jid: AgentJid::normalised("ann"), name: "Ann".into() };
        let by = |jid: &str, stanza: &str| Reference::Agent {
            jid: AgentJid::normalised(jid),
            stanza: stanza.into(),
        };
        let target = |seq| Target { seq: Seq(seq), pos: Pos(10 * seq) };
        let edit = |to, text: &str| RowKind::Edit { target: target(to), text: text.into() };
        let mut rows = vec![row(1, Author::Customer, message()), row(2, ann(), message())];
        let find = |rows: &[Row], by: &Reference| super::find(rows.iter().rev(), by);
        assert_eq!(find(&rows, &Reference::Customer(key(1, "m1"))), Some(target(1)));
        assert_eq!(find(&rows, &Reference::Customer(key(2, "m1"))), Some(target(1)), "elsewhere");
        assert_eq!(find(&rows, &Reference::Customer(key(1, "m2"))), None, "not theirs");
        assert_eq!(find(&rows, &by("ann", "m2")), Some(target(2)));
        assert_eq!(find(&rows, &by("bob", "m2")), None);
        assert_eq!(find(&rows, &by("ann", "m1")), None);
        rows.push(row(3, ann(), edit(2, "y")));
        assert_eq!(find(&rows, &by("ann", "m3")), Some(target(2)), "the first words");
        rows.push(row(4, ann(), RowKind::Retract { target: target(2) }));
        assert_eq!((find(&rows, &by("ann", "m2")), find(&rows, &by("ann", "m3"))), (None, None));
        let blank = RowKind::Message { text: "".into(), reply_to: None };
        assert_eq!(find(&[row(2, ann(), blank)], &by("ann", "m2")), None, "taken back long ago");
        assert_eq!(find(&[row(3, ann(), edit(2, ""))], &by("ann", "m3")), None);
    }

    #[test]
    fn of_several_devices_the_customers_own_counts() {
        let mut other = row(5, Author::Customer, message());
        other.key = Some(key(2, "m1"));
        let rows = [other, row(1, Author::Customer, message())];
        let found = super::find(rows.iter(), &Reference::Customer(key(1, "m1")));
        assert_eq!(found.map(|target| target.seq), Some(Seq(1)));
    }
}
