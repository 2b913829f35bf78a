//! Files, and the rows that refer to them.

use std::sync::Arc;

use couplet::chat::ids::{FileId, FileKey, Pos, Seq};
use couplet::chat::model::File;
use couplet::chat::row::{Append, Author, FetchError, Row, RowKind, Target};
use couplet::ports::store::{Files, Log, StoredFile};
use uuid::Uuid;

use super::fixture::*;
use crate::support::db::Db;

suite!(a_row_takes_and_releases_its_files, unfinished_links_are_restored);

fn file(number: u128) -> File {
    File {
        id: FileId(Uuid::from_u128(0xf0 + number)),
        key: FileKey([7; 16]),
        name: "日本 📷.png".into(),
        media_type: "image/png".into(),
        size: 5_000_000_000,
    }
}

/// A row in conversation 1, which `opened(1, 1)` began.
fn row(pos: u64, seq: Option<u64>, author: Author, kind: RowKind) -> Append {
    let opened = opened(1, 1);
    let row = Row {
        pos: Pos(pos),
        seq: seq.map(Seq),
        author,
        key: None,
        stanza: None,
        recipients: Vec::new(),
        kind,
        ..(*opened.row).clone()
    };
    Append { row: Arc::new(row), view: None }
}

fn agent() -> Author {
    Author::Agent { jid: jid("alice@example.org"), name: "Alice".into() }
}

async fn a_row_takes_and_releases_its_files(db: &Db) {
    let epoch = acme(&db.store).await;
    let owner = customer(1);
    let expires_at = Some(T0.plus(1_000));
    for number in [1, 2] {
        let kept = StoredFile {
            file: File { size: 0, ..file(number) },
            tenant: key("acme"),
            customer: owner.id,
            expires_at,
            is_taken: false,
        };
        db.store.add_file(&kept, T0).await.expect("recorded");
    }
    let ids = [file(1).id, file(2).id];
    assert_eq!(db.store.files_of(owner.id, &ids).await, Ok(vec![]), "not whole yet");
    for number in [1, 2] {
        let file = file(number);
        db.store.file_written(&file, T0.plus(2_000)).await.expect("whole");
    }
    assert_eq!(db.store.files_of(owner.id, &ids).await.expect("read").len(), 2);
    assert_eq!(db.store.files_of(customer(2).id, &ids).await, Ok(vec![]), "another customer's");
    assert_eq!(db.store.file(&key("other"), file(1).id).await, Ok(None), "not that tenant's");
    assert_eq!(db.store.waiting_files(owner.id).await, Ok(2));

    let files: Arc<[File]> = Arc::new([file(1)]);
    let shared = RowKind::Files { files, text: "Look".into(), reply_to: Some(Seq(1)), of: None };
    let shared = row(2, Some(1), Author::Customer, shared);
    let batch = [opened(1, 1), shared.clone()];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    db.store.append(&link(), epoch, &batch).await.expect("the same again");
    let rows = db.store.rows(batch[0].row.conversation, Pos(1), Pos(9), 9).await.expect("read");
    assert_eq!(rows, std::slice::from_ref(&shared.row));
    let kept = db.store.file(&key("acme"), file(1).id).await.expect("read").expect("there");
    assert_eq!((kept.expires_at, kept.is_taken, kept.file), (None, true, file(1)));
    assert_eq!(db.store.expired_files(T0.plus(5_000), 9).await.expect("read").len(), 1);

    // Another row cannot take the file, and does not release it.
    let files: Arc<[File]> = Arc::new([file(1)]);
    let second = RowKind::Files { files, text: "Mine".into(), reply_to: None, of: None };
    let second = row(3, Some(2), Author::Customer, second);
    let target = Target { seq: Seq(2), pos: Pos(3) };
    let back = row(4, Some(3), Author::Customer, RowKind::Retract { target });
    for append in [second, back] {
        db.store.append(&link(), epoch, &[append]).await.expect("stored");
    }
    let kept = db.store.file(&key("acme"), file(1).id).await.expect("read").expect("there");
    assert_eq!((kept.expires_at, kept.is_taken), (None, true), "it is the first row's still");

    // Retracted: nothing of it is left in the log, and the file may be removed.
    let target = Target { seq: Seq(1), pos: Pos(2) };
    let retract = row(5, Some(4), Author::Customer, RowKind::Retract { target });
    db.store.append(&link(), epoch, &[retract]).await.expect("stored");
    let rows = db.store.rows(batch[0].row.conversation, Pos(1), Pos(2), 9).await.expect("read");
    let nothing = RowKind::Files { files: Arc::new([]), text: "".into(), reply_to: None, of: None };
    assert_eq!(rows[0].kind, nothing);
    let mut expired = db.store.expired_files(T0.plus(5_000), 9).await.expect("read");
    assert_eq!(expired.len(), 2);
    expired.truncate(1);
    db.store.forget_files(&ids).await.expect("forgotten");
    assert_eq!(db.store.expired_files(T0.plus(5_000), 9).await, Ok(vec![]));
}

async fn unfinished_links_are_restored(db: &Db) {
    let epoch = acme(&db.store).await;
    let linked = |pos, url: &str| row(pos, None, agent(), RowKind::Linked { url: url.into() });
    let batch = [
        opened(1, 1),
        linked(2, "https://example.org/one"),
        linked(3, "https://example.org/two"),
        linked(4, "https://example.org/three"),
        row(
            5,
            Some(1),
            agent(),
            RowKind::Files {
                files: Arc::new([file(1)]),
                text: "".into(),
                reply_to: None,
                of: Some(Pos(3)),
            },
        ),
        row(
            6,
            None,
            Author::System,
            RowKind::Unfetched { of: Pos(2), why: FetchError::TooLarge(9) },
        ),
    ];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let rows = db.store.rows(batch[0].row.conversation, Pos(0), Pos(9), 9).await.expect("read");
    let written: Vec<Arc<Row>> = batch.iter().map(|append| append.row.clone()).collect();
    assert_eq!(rows, written, "each comes back as it was");
    let snapshot = db.store.snapshot(&link(), T0).await.expect("read");
    assert_eq!(snapshot.recall.links, [batch[3].row.clone()]);
}
