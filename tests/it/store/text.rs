//! Text is stored exactly, including trailing blanks.

use std::sync::Arc;

use couplet::chat::ids::{AgentJid, CommandId, Pos, Seq, SessionId, Timestamp};
use couplet::chat::model::CloseReason;
use couplet::chat::row::{Append, Author, CommandKey, RequeueReason, Row, RowKind};
use couplet::ports::store::{Log, Transcripts};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::fixture::*;
use crate::support::db::Db;

suite!(hard_texts, any_row_is_read_back);

async fn hard_texts(db: &Db) {
    let epoch = acme(&db.store).await;
    let texts = [
        "",
        " ",
        "a",
        "a ",
        " a",
        "A",
        "ä",
        "a\u{308}",
        "ß",
        "ss",
        "\n",
        "a\tb\n",
        "🦀👩‍👩‍👧‍👦",
        "\u{10FFFF}",
        "\u{FFFD}",
        "'; DROP TABLE log; --",
        "\\'\"`%_\\0",
        "\u{202E}x",
        "{\"a\":1}",
        "null",
    ];
    let mut batch = vec![opened(1, 1)];
    for (n, text) in (1_u64..).zip(texts) {
        batch.push(said(n + 1, 1, n, text));
    }
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let found = db.store.entries_after(conversation_id(1), Seq(0), 100).await.expect("read");
    assert_eq!(found, rows(&batch[1..]));
}

fn words() -> impl Strategy<Value = Arc<str>> {
    any::<String>().prop_map(Into::into)
}

fn agent() -> impl Strategy<Value = AgentJid> {
    "[a-zé]{1,8}@[a-z]{1,8}".prop_map(|jid| AgentJid::normalised(&jid))
}

fn author() -> impl Strategy<Value = Author> {
    prop_oneof![
        Just(Author::Customer),
        Just(Author::System),
        (agent(), words()).prop_map(|(jid, name)| Author::Agent { jid, name }),
    ]
}

fn kind() -> impl Strategy<Value = RowKind> {
    let seq = || (0..=i64::MAX as u64).prop_map(Seq);
    let close = prop_oneof![
        Just(CloseReason::Customer),
        Just(CloseReason::Agent),
        Just(CloseReason::Idle),
        Just(CloseReason::Full),
        Just(CloseReason::Operator),
    ];
    let requeue = prop_oneof![
        Just(RequeueReason::Silent),
        Just(RequeueReason::Gone),
        Just(RequeueReason::Bounced),
        Just(RequeueReason::Removed)
    ];
    prop_oneof![
        prop::collection::vec((words(), words()), 0..4)
            .prop_map(|answers| RowKind::Opened { answers }),
        (words(), prop::option::of(seq()))
            .prop_map(|(text, reply_to)| RowKind::Message { text, reply_to }),
        Just(RowKind::Joined),
        Just(RowKind::Left),
        Just(RowKind::Reminded),
        close.prop_map(|reason| RowKind::Closed { reason }),
        Just(RowKind::Offered),
        (agent(), requeue).prop_map(|(agent, reason)| RowKind::Requeued { agent, reason }),
        (seq(), seq()).prop_map(|(delivered, read)| RowKind::Marked { delivered, read }),
    ]
}

async fn any_row_is_read_back(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut runner = TestRunner::deterministic();
    let any = (
        any::<bool>(),
        any::<i64>(),
        author(),
        prop::option::of("[A-Za-z0-9_-]{8,64}"),
        prop::option::of(words()),
        kind(),
        prop::collection::vec(agent(), 0..3),
    );
    let mut batch = Vec::new();
    for n in 1..=400_u64 {
        let (has_seq, at, author, command, stanza, kind, recipients) =
            any.new_tree(&mut runner).expect("a row").current();
        let key = command.map(|id| CommandKey {
            session: SessionId(Uuid::from_u128(u128::from(n))),
            id: CommandId::new(&id).expect("an id"),
        });
        let row = Row {
            pos: Pos(n),
            seq: has_seq.then_some(Seq(n)),
            at: Timestamp(at),
            author,
            key,
            stanza,
            kind,
            recipients,
            ..(*opened(n, 1).row).clone()
        };
        batch.push(Append { row: Arc::new(row), view: None });
    }
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let found = db.store.rows(conversation_id(1), Pos(0), Pos(1000), 1000).await.expect("read");
    for (found, expected) in found.iter().zip(rows(&batch)) {
        assert_eq!(*found, expected);
    }
    assert_eq!(found.len(), batch.len());
    db.store.append(&link(), epoch, &batch).await.expect("and is known as the same");
}
