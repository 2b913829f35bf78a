//! Bounds on what one conversation may cost the database, however long it is.

use std::sync::Arc;

use couplet::chat::answers;
use couplet::chat::ids::{CommandId, Pos, Seq, SessionId};
use couplet::chat::model::{CloseReason, State};
use couplet::chat::row::{Append, CommandKey, Reference, RowKind};
use couplet::ports::directory::Requests;
use couplet::ports::store::{Log, Transcripts};
use couplet::ports::store_error::StoreError;
use uuid::Uuid;

use super::fixture::*;
use crate::support::db::{Backend, Db};

suite!(
    a_row_by_its_place,
    answers_of_an_old_conversation,
    a_long_tail,
    only_unconfirmed_rows,
    closes_requested_by_an_operator,
);

async fn a_row_by_its_place(db: &Db) {
    let epoch = acme(&db.store).await;
    let batch = [opened(1, 1), said(2, 1, 1, "one"), opened(3, 2)];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let row = async |number, pos| db.store.row(&link(), conversation_id(number), Pos(pos)).await;
    assert_eq!(row(1, 2).await, Ok(Some(batch[1].row.clone())));
    assert_eq!(row(2, 2).await, Ok(None), "another conversation's");
    assert_eq!((row(1, 9).await, row(1, u64::MAX).await), (Ok(None), Ok(None)));
}

/// An earlier version wrote a row for every `start`.
async fn answers_of_an_old_conversation(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1), opened(2, 2)];
    for pos in 3..3_000_u64 {
        let mut start = Append { view: None, ..opened(pos, 1) };
        let field = format!("f{}", pos % 40);
        let answers = vec![(field.into(), "x".repeat(900).into())];
        Arc::make_mut(&mut start.row).kind = RowKind::Opened { answers };
        batch.push(start);
    }
    batch.push(opened(3_000, 3));
    for part in batch.chunks(500) {
        db.store.append(&link(), epoch, part).await.expect("stored");
    }
    let found = db.store.snapshot(&link(), T0).await.expect("read").recall.answers;
    let of = |number| found.iter().filter(move |(id, _)| *id == conversation_id(number)).count();
    assert!((answers::FIELDS..=300).contains(&of(1)), "{} rows are read for one", of(1));
    assert_eq!((of(2), of(3)), (1, 1), "and the others are not forgotten for it");
}

/// One long conversation that nobody has confirmed, in pages.
async fn a_long_tail(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1), opened(2, 2)];
    batch.extend((1..=12_000).map(|seq| said(seq + 2, 1, seq, "x")));
    batch.push(said(12_003, 2, 1, "y"));
    for part in batch.chunks(512) {
        db.store.append(&link(), epoch, part).await.expect("stored");
    }
    let snapshot = db.store.snapshot(&link(), T0).await.expect("read");
    let mut expected: Vec<_> =
        (1..=12_000).map(|seq| (conversation_id(1), Pos(seq + 2), Seq(seq))).collect();
    expected.push((conversation_id(2), Pos(12_003), Seq(1)));
    assert!(snapshot.messages == expected, "{} messages", snapshot.messages.len());
    assert_eq!(snapshot.rows, [(conversation_id(1), 12_001), (conversation_id(2), 2)]);
}

async fn only_unconfirmed_rows(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1)];
    batch.extend((1..=1_000).map(|seq| said(seq + 1, 1, seq, "x")));
    let last = batch.pop().expect("the last");
    batch.push(with_view(last, 1, |view| {
        view.state = State::Active { agent: jid("alice@example.org") };
        view.head = Seq(1_000);
        view.confirmed = Seq(990);
    }));
    for part in batch.chunks(500) {
        db.store.append(&link(), epoch, part).await.expect("stored");
    }
    let messages = db.store.snapshot(&link(), T0).await.expect("read").messages;
    assert_eq!(messages.len(), 200, "those above the mark, and the latest");
    assert_eq!(messages[0], (conversation_id(1), Pos(802), Seq(801)));
}

async fn closes_requested_by_an_operator(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1), opened(2, 2)]).await.expect("stored");
    let ask = async |tenant: &str, number| {
        db.store.ask_to_close(&key(tenant), conversation_id(number)).await
    };
    assert_eq!(db.store.closings(&link()).await, Ok(Vec::new()));
    assert!(matches!(ask("bolt", 1).await, Err(StoreError::Missing(_))), "not of this tenant");
    assert!(matches!(ask("acme", 9).await, Err(StoreError::Missing(_))));
    ask("acme", 1).await.expect("asked");
    ask("acme", 1).await.expect("asked again");
    assert_eq!(db.store.closings(&link()).await, Ok(vec![conversation_id(1)]));
    assert_eq!(db.store.closings(&link()).await.expect("read").len(), 1, "until it is done");
    let kind = RowKind::Closed { reason: CloseReason::Operator };
    let mut close = with_view(said(3, 1, 1, ""), 1, |view| {
        view.state = State::Closed { reason: CloseReason::Operator };
        view.head = Seq(1);
    });
    Arc::make_mut(&mut close.row).kind = kind;
    db.store.append(&link(), epoch, &[close]).await.expect("stored");
    assert_eq!(db.store.closings(&link()).await, Ok(Vec::new()));
    let closed = db.store.conversation(conversation_id(1)).await.expect("read").expect("there");
    assert_eq!(closed.state, State::Closed { reason: CloseReason::Operator });
    let left = db.count("SELECT COUNT(*) FROM closings").await;
    assert_eq!(left, 0, "nothing of it is left");
}

/// How MySQL finds messages that others refer to: by keys, without reading the rest.
#[tokio::test]
async fn messages_are_found_by_an_index() {
    let db = Db::new(Backend::Mysql).await;
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1)];
    for pos in 2..=8_001_u64 {
        batch.push(match pos % 2 {
            0 => with_command(said(pos, 1, pos - 1, "x"), 1, &format!("m{pos}")),
            _ => answered(pos, 1, pos - 1, Some(&format!("s{pos}"))),
        });
    }
    for part in batch.chunks(512) {
        db.store.append(&link(), epoch, part).await.expect("stored");
    }
    let command = |session: u8, id: &str| {
        let session = SessionId(Uuid::from_u128(2000 + u128::from(session)));
        Reference::Customer(CommandKey { session, id: CommandId::new(id).expect("an id") })
    };
    let agents = |id: &str| Reference::Agent { jid: jid("alice@example.org"), stanza: id.into() };
    let before = db.rows_read().await;
    for (reference, found) in [
        (command(1, "m4000"), true),
        (command(1, "m1"), false),
        (command(9, "m4000"), true),
        (agents("s4001"), true),
        (agents("none"), false),
    ] {
        let words = db.store.words(conversation_id(1), &reference).await.expect("read");
        assert_eq!(words.is_some(), found, "{reference:?}");
    }
    let read = db.rows_read().await - before;
    assert!(read < 500, "{read} rows were read for five look-ups");
    db.remove().await;
}
