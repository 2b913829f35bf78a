//! The log: every appended row is stored once, whole, and in its place.

use std::sync::Arc;
use std::time::Duration;

use couplet::chat::ids::{Epoch, Pos, Seq};
use couplet::chat::row::{Append, RowKind};
use couplet::ports::store::{Leases, Log, Transcripts};
use couplet::ports::store_error::StoreError;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::fixture::*;
use crate::support::db::Db;

suite!(
    a_repeated_append_is_stored_once,
    a_batch_of_which_half_is_stored,
    any_repeats_store_each_row_once,
    a_foreign_row_is_reported,
    a_taken_seq_or_command_is_foreign,
    a_failed_batch_leaves_nothing,
    any_number_of_rows,
    thousand_rows_with_long_texts,
    fenced_after_a_takeover,
    takeover_under_load_leaves_no_gap,
    a_conversation_begins_once,
    the_cursor_never_moves_back,
    commands_are_found_over_conversations,
    rows_between_positions,
);

async fn log_of(db: &Db, number: u128) -> Vec<Arc<couplet::chat::row::Row>> {
    db.store
        .rows(conversation_id(number), Pos(0), Pos(u64::MAX), 10_000)
        .await
        .expect("the log can be read")
}

async fn a_repeated_append_is_stored_once(db: &Db) {
    let epoch = acme(&db.store).await;
    let batch = [opened(1, 1), said(2, 1, 1, "Hello"), said(3, 1, 2, "Hello")];
    for _ in 0..3 {
        db.store.append(&link(), epoch, &batch).await.expect("the same again is no error");
    }
    assert_eq!(log_of(db, 1).await, rows(&batch));
    let (_, customer) = db.store.snapshot(&link(), T0).await.expect("read").conversations.remove(0);
    assert_eq!(customer.conversations, 1, "counted once");
}

async fn a_batch_of_which_half_is_stored(db: &Db) {
    let epoch = acme(&db.store).await;
    let batch = [
        opened(1, 1),
        said(2, 1, 1, "a"),
        opened(3, 2),
        with_view(said(4, 1, 2, "b"), 1, |view| {
            view.head = Seq(2);
            view.delivered = Seq(1);
        }),
        opened(5, 3),
    ];
    db.store.append(&link(), epoch, &batch[..2]).await.expect("the first half");
    db.store.append(&link(), epoch, &batch).await.expect("all of it");
    let mut all = [log_of(db, 1).await, log_of(db, 2).await, log_of(db, 3).await].concat();
    all.sort_by_key(|row| row.pos);
    assert_eq!(all, rows(&batch));
    let view = db.store.conversation(conversation_id(1)).await.expect("read").expect("there");
    assert_eq!((view.head, view.delivered), (Seq(2), Seq(1)), "views of new rows are written");
}

async fn any_repeats_store_each_row_once(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1)];
    for n in 2..=60 {
        let fresh = said(n, 1, n - 1, "words");
        batch.push(with_view(fresh, 1, |view| view.head = Seq(n - 1)));
    }
    // Batches that begin anywhere in what is stored and continue from there.
    let steps = prop::collection::vec((0_usize..8, 1_usize..12), 40);
    let steps = steps.new_tree(&mut TestRunner::deterministic()).expect("steps").current();
    let mut stored = 0;
    for (back, length) in steps {
        let from = stored - back.min(stored);
        let upto = (from + length).min(batch.len());
        db.store.append(&link(), epoch, &batch[from..upto]).await.expect("appended");
        stored = stored.max(upto);
        let view = db.store.conversation(conversation_id(1)).await.expect("read").expect("there");
        assert_eq!(view.head, Seq(stored as u64 - 1), "no older view is restored");
    }
    assert_eq!(log_of(db, 1).await, rows(&batch[..stored]));
}

async fn a_foreign_row_is_reported(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1), said(2, 1, 1, "mine")]).await.expect("stored");
    let other = [opened(1, 1), said(2, 1, 1, "Mine"), said(3, 1, 2, "more")];
    let refused = db.store.append(&link(), epoch, &other).await;
    assert_eq!(refused, Err(StoreError::Foreign(Pos(2))));
    assert_eq!(log_of(db, 1).await.len(), 2);
}

async fn a_taken_seq_or_command_is_foreign(db: &Db) {
    let epoch = acme(&db.store).await;
    let first = [opened(1, 1), with_command(said(2, 1, 1, "once"), 1, "m1")];
    db.store.append(&link(), epoch, &first).await.expect("stored");
    let seq = [said(3, 1, 2, "new"), said(4, 1, 1, "a seq that is given")];
    let refused = db.store.append(&link(), epoch, &seq).await;
    assert_eq!(refused, Err(StoreError::Foreign(Pos(4))));
    let command = [with_command(said(3, 1, 2, "once"), 1, "m1")];
    let refused = db.store.append(&link(), epoch, &command).await;
    assert_eq!(refused, Err(StoreError::Foreign(Pos(3))));
    let other = [
        with_command(said(3, 1, 2, "another session's"), 2, "m1"),
        with_command(said(4, 1, 3, "another case"), 1, "M1"),
    ];
    db.store.append(&link(), epoch, &other).await.expect("these are different commands");
}

async fn a_failed_batch_leaves_nothing(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1), said(2, 1, 1, "a")]).await.expect("stored");
    let before = db.store.snapshot(&link(), T0).await.expect("read");
    let mut batch = vec![opened(3, 2), with_view(said(4, 1, 2, "b"), 1, |view| view.priority = 9)];
    batch.extend((5..900).map(|pos| said(pos, 2, pos, "many")));
    batch.push(said(900, 1, 1, "a seq that is given"));
    let refused = db.store.append(&link(), epoch, &batch).await;
    assert_eq!(refused, Err(StoreError::Foreign(Pos(900))));
    assert_eq!(db.store.snapshot(&link(), T0).await.expect("read"), before);
    assert_eq!(log_of(db, 2).await, Vec::new());
    let (customer, _) = customer_at(db, 2).await;
    assert_eq!(customer.conversations, 0, "what is rolled back is not counted");
}

async fn a_conversation_begins_once(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut joined = opened(2, 1);
    joined.view = None;
    let mut again = opened(3, 1);
    again.view = None;
    db.store.append(&link(), epoch, &[opened(1, 1), joined]).await.expect("begun and joined");
    db.store.append(&link(), epoch, &[again, opened(4, 2)]).await.expect("joined again");
    for number in [1, 2] {
        assert_eq!(customer_at(db, number).await.0.conversations, 1);
    }
}

async fn customer_at(
    db: &Db,
    number: u128,
) -> (couplet::chat::model::Customer, Option<couplet::chat::ids::AgentJid>) {
    use couplet::ports::store::Sessions;
    let found = db.store.customer_at(&link(), &customer(number).localpart).await;
    found.expect("read").expect("there")
}

async fn any_number_of_rows(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1)]).await.expect("stored");
    let mut all = vec![opened(1, 1)];
    for number in (1..=20).chain([63, 64, 65, 127, 129, 300, 511]) {
        let head = all.len() as u64;
        let batch: Vec<Append> =
            (head + 1..=head + number).map(|pos| said(pos, 1, pos, "words")).collect();
        db.store.append(&link(), epoch, &batch).await.expect("stored");
        db.store.append(&link(), epoch, &batch).await.expect("and again");
        all.extend(batch);
    }
    assert_eq!(log_of(db, 1).await, rows(&all));
}

async fn thousand_rows_with_long_texts(db: &Db) {
    let epoch = acme(&db.store).await;
    let long = "🦀".repeat(8_000);
    let mut batch = vec![opened(1, 1), opened(2, 2)];
    for n in 1..=998 {
        let text = if n % 9 == 0 { long.as_str() } else { "short" };
        batch.push(said(n + 2, 1 + u128::from(n % 2), n, text));
    }
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let mut all = [log_of(db, 1).await, log_of(db, 2).await].concat();
    all.sort_by_key(|row| row.pos);
    assert!(all == rows(&batch), "all rows come back as they went in");
    db.store.append(&link(), epoch, &batch).await.expect("and again");
}

async fn fenced_after_a_takeover(db: &Db) {
    let old = acme(&db.store).await;
    db.store.append(&link(), old, &[opened(1, 1)]).await.expect("stored");
    db.store.release(&link(), old).await.expect("given up");
    let late = [said(2, 1, 1, "late")];
    let many: Vec<Append> = (2..100).map(|pos| said(pos, 1, pos, "late")).collect();
    let view = [with_view(said(2, 1, 1, "late"), 1, |view| view.priority = 7)];
    for late in [&late[..], &many, &view, &[opened(2, 2)]] {
        assert_eq!(db.store.append(&link(), old, late).await, Err(StoreError::Fenced));
    }
    assert_eq!(log_of(db, 1).await.len(), 1);
    let (view, _) = db.store.snapshot(&link(), T0).await.expect("read").conversations.remove(0);
    assert_eq!(view, conversation(1));
    let other = db.another().await;
    let new = take(&other, 2).await;
    assert!(new > old);
    assert_eq!(db.store.append(&link(), old, &late).await, Err(StoreError::Fenced));
    assert_eq!(db.store.move_cursor(&link(), old, Pos(1)).await, Err(StoreError::Fenced));
    assert_eq!(db.store.append(&link(), Epoch(99), &late).await, Err(StoreError::Fenced));
    other.append(&link(), new, &late).await.expect("the new owner's");
    other.close().await;
}

async fn takeover_under_load_leaves_no_gap(db: &Db) {
    acme(&db.store).await;
    let other = db.another().await;
    let short = Duration::from_millis(1);
    let granted = |lease| match lease {
        couplet::ports::store::Lease::Granted { epoch, .. } => epoch,
        held => panic!("{held:?}"),
    };
    let old = granted(db.store.acquire(&link(), node(1), short).await.expect("ours"));
    db.store.append(&link(), old, &[opened(1, 1)]).await.expect("stored");
    let first = async {
        for n in 2..10_000 {
            let batch = [said(n, 1, n - 1, "first owner")];
            match db.store.append(&link(), old, &batch).await {
                Ok(()) => {}
                Err(StoreError::Fenced) => return n - 1,
                Err(cause) => panic!("{cause}"),
            }
        }
        panic!("never fenced")
    };
    let second = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let new = granted(other.acquire(&link(), node(2), MINUTE).await.expect("taken"));
        let head = other.snapshot(&link(), T0).await.expect("read").head.0;
        for n in head + 1..=head + 20 {
            let batch = [said(n, 1, n - 1, "second owner")];
            other.append(&link(), new, &batch).await.expect("the new owner's");
        }
        head
    };
    let (last, head) = tokio::join!(first, second);
    assert_eq!(last, head, "the first owner's last row is where the second went on");
    let found: Vec<u64> = log_of(db, 1).await.iter().map(|row| row.pos.0).collect();
    assert_eq!(found, (1..=head + 20).collect::<Vec<_>>());
    other.close().await;
}

async fn the_cursor_never_moves_back(db: &Db) {
    let epoch = acme(&db.store).await;
    let stands_at = async || {
        db.store.snapshot(&link(), couplet::chat::ids::Timestamp(0)).await.map(|s| s.cursor)
    };
    assert_eq!(stands_at().await, Ok(Pos(0)));
    for (moved, stands) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
        db.store.move_cursor(&link(), epoch, Pos(moved)).await.expect("moved");
        assert_eq!(stands_at().await, Ok(Pos(stands)));
    }
}

async fn commands_are_found_over_conversations(db: &Db) {
    let epoch = acme(&db.store).await;
    let batch = [
        with_command(opened(1, 1), 1, "start"),
        with_command(said(2, 1, 1, "a"), 1, "a-_Z"),
        with_command(opened(3, 2), 2, "start"),
        said(4, 1, 2, "no command"),
    ];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let one = session(1, &customer(1)).id;
    let mut found = db.store.commands(one, 99).await.expect("read");
    found.sort_by_key(|(_, acked)| acked.seq);
    let expected: Vec<_> = batch[..2]
        .iter()
        .map(|append| {
            let row = &append.row;
            let acked = couplet::chat::model::Acked {
                conversation: row.conversation,
                seq: row.seq,
                at: row.at,
            };
            (row.key.clone().expect("a command"), acked)
        })
        .collect();
    assert_eq!(found, expected);
    let elsewhere = session(9, &customer(3)).id;
    assert_eq!(db.store.commands(elsewhere, 99).await, Ok(Vec::new()));
    assert_eq!(db.store.commands(one, 1).await.expect("read").len(), 1, "no more than asked for");
    let (key, acked) = expected[1].clone();
    assert_eq!(db.store.command(&key).await, Ok(Some(acked)));
    let other = couplet::chat::row::CommandKey { session: elsewhere, ..key };
    assert_eq!(db.store.command(&other).await, Ok(None));
}

async fn rows_between_positions(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1), opened(2, 2)];
    batch.extend((3..=12).map(|pos| said(pos, 1 + u128::from(pos % 2), pos, "x")));
    batch.push(Append {
        row: Arc::new(couplet::chat::row::Row {
            pos: Pos(13),
            seq: None,
            kind: RowKind::Offered,
            recipients: vec![jid("alice@example.org")],
            ..(*opened(13, 1).row).clone()
        }),
        view: None,
    });
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let positions = async |after: u64, upto: u64, limit: u32| -> Vec<u64> {
        let rows = db.store.rows(conversation_id(1), Pos(after), Pos(upto), limit).await;
        rows.expect("read").iter().map(|row| row.pos.0).collect()
    };
    assert_eq!(positions(0, 13, 100).await, [1, 4, 6, 8, 10, 12, 13]);
    assert_eq!(positions(4, 12, 100).await, [6, 8, 10, 12]);
    assert_eq!(positions(4, 11, 2).await, [6, 8]);
    assert_eq!(positions(13, 99, 2).await, [0_u64; 0]);
}
