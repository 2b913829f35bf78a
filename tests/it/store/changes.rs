//! Edited and retracted messages, questions, ratings: what is read afterwards.

use std::sync::Arc;

use couplet::chat::ids::{CommandId, Pos, Seq, SessionId};
use couplet::chat::row::{Append, Author, CommandKey, QuestionKind, Reference, RowKind, Target};
use couplet::ports::store::{Log, Transcripts};
use couplet::ports::store_error::StoreError;
use uuid::Uuid;

use super::fixture::*;
use crate::support::db::Db;

suite!(the_latest_text_is_read, a_repeated_batch_with_changes, questions_and_ratings_are_restored);

const TARGET: Target = Target { seq: Seq(1), pos: Pos(2) };

fn changed(pos: u64, seq: u64, kind: RowKind) -> Append {
    let mut append = said(pos, 1, seq, "");
    Arc::make_mut(&mut append.row).kind = kind;
    append
}

fn edited(pos: u64, seq: u64, text: &str) -> Append {
    changed(pos, seq, RowKind::Edit { target: TARGET, text: text.into() })
}

async fn words(db: &Db) -> Vec<String> {
    let rows = db.store.entries_after(conversation_id(1), Seq(0), 99).await.expect("read");
    rows.iter().filter_map(|row| row.kind.words()).map(ToString::to_string).collect()
}

fn by(session: u8, id: &str) -> Reference {
    Reference::Customer(CommandKey {
        session: SessionId(Uuid::from_u128(2000 + u128::from(session))),
        id: CommandId::new(id).expect("an id"),
    })
}

async fn the_latest_text_is_read(db: &Db) {
    let epoch = acme(&db.store).await;
    let first = with_command(said(2, 1, 1, "one"), 1, "m1");
    let other = with_command(said(4, 1, 3, "other device"), 2, "m1");
    let batch = [opened(1, 1), first, answered(3, 1, 2, Some("s1")), other];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    db.store.append(&link(), epoch, &[edited(5, 4, "two 👩‍💻")]).await.expect("stored");
    assert_eq!(words(db).await, ["two 👩‍💻", "Good day!", "other device", "two 👩‍💻"]);
    let found = async |reference| {
        let row = db.store.words(conversation_id(1), &reference).await.expect("read");
        row.and_then(|row| row.seq)
    };
    assert_eq!(found(by(1, "m1")).await, Some(Seq(1)));
    assert_eq!(found(by(2, "m1")).await, Some(Seq(3)));
    assert!(found(by(3, "m1")).await.is_some(), "sent from another device");
    assert_eq!(found(by(1, "m2")).await, None);
    let stanza = |who: &str| Reference::Agent { jid: jid(who), stanza: "s1".into() };
    assert_eq!(found(stanza("alice@example.org")).await, Some(Seq(2)));
    assert_eq!(found(stanza("bob@example.org")).await, None);
    let elsewhere = db.store.words(conversation_id(2), &by(1, "m1")).await;
    assert_eq!(elsewhere, Ok(None), "a conversation only has its own messages");
    let retraction = changed(6, 5, RowKind::Retract { target: TARGET });
    db.store.append(&link(), epoch, &[retraction]).await.expect("stored");
    assert_eq!(words(db).await, ["", "Good day!", "other device", ""], "no text of it is left");
}

async fn a_repeated_batch_with_changes(db: &Db) {
    let epoch = acme(&db.store).await;
    let retraction = changed(4, 3, RowKind::Retract { target: TARGET });
    let batch = [opened(1, 1), said(2, 1, 1, "one"), edited(3, 2, "two"), retraction];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    db.store.append(&link(), epoch, &batch).await.expect("the same again");
    assert_eq!(words(db).await, ["", ""]);
    let foreign = db.store.append(&link(), epoch, &[said(2, 1, 1, "else")]).await;
    assert_eq!(foreign, Err(StoreError::Foreign(Pos(2))));
}

async fn questions_and_ratings_are_restored(db: &Db) {
    let epoch = acme(&db.store).await;
    let labels = || vec!["A5".into(), "A4 📄".into()];
    let asked = |offers| RowKind::Asked { text: "Which?".into(), offers };
    let mut batch = vec![
        opened(1, 1),
        changed(2, 1, asked(QuestionKind::Choices(labels()))),
        changed(3, 2, asked(QuestionKind::Fields(labels()))),
        changed(4, 3, RowKind::Choice { of: Seq(1), text: "A4 📄".into() }),
        changed(5, 4, RowKind::Rated { score: 4, comment: Some("fine".into()) }),
        changed(6, 5, RowKind::Rated { score: 1, comment: None }),
    ];
    for append in batch.iter_mut().skip(4) {
        let row = Arc::make_mut(&mut append.row);
        row.seq = None;
        row.author = Author::Customer;
    }
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let read = db.store.rows(conversation_id(1), Pos(0), Pos(99), 99).await;
    assert_eq!(read, Ok(rows(&batch)));
}
