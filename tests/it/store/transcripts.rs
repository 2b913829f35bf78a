//! What customers' sockets read: pages without gap or overlap.

use couplet::chat::ids::{CustomerId, Pos, Seq};
use couplet::chat::model::{CloseReason, State};
use couplet::chat::row::RowKind;
use couplet::ports::directory::Directory;
use couplet::ports::store::{Log, Page, Sessions, Transcripts};
use couplet::ports::store_error::StoreError;
use std::sync::Arc;
use uuid::Uuid;

use super::fixture::*;
use crate::support::db::Db;

suite!(
    pages_of_entries,
    pages_by_bytes,
    latest_conversation,
    conversations_of_a_tenant,
    the_agent_who_serves
);

async fn pages_of_entries(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = vec![opened(1, 1), opened(2, 2)];
    batch.extend((1..=10).map(|seq| said(seq + 2, 1, seq, "x")));
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let after = async |seq: u64, limit: u32| -> Vec<u64> {
        let found = db.store.entries_after(conversation_id(1), Seq(seq), limit).await;
        found.expect("read").iter().map(|row| row.seq.expect("an entry").0).collect()
    };
    assert_eq!(after(0, 0).await, [0; 0]);
    assert_eq!(after(0, 10).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(after(0, 11).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(after(0, 9).await, (1..=9).collect::<Vec<_>>());
    assert_eq!(after(9, 9).await, [10]);
    assert_eq!(after(10, 9).await, [0; 0]);
    assert_eq!(after(u64::MAX, 9).await, [0; 0]);
    let before = async |seq: Option<u64>, limit: u32| -> Vec<u64> {
        let found = db.store.page_before(conversation_id(1), seq.map(Seq), limit).await;
        found.expect("read").rows.iter().map(|row| row.seq.expect("an entry").0).collect()
    };
    assert_eq!(before(None, 0).await, [0; 0]);
    assert_eq!(before(None, 3).await, [8, 9, 10]);
    assert_eq!(before(None, 11).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(before(Some(8), 3).await, [5, 6, 7]);
    assert_eq!(before(Some(3), 3).await, [1, 2]);
    assert_eq!(before(Some(1), 3).await, [0; 0]);
    assert_eq!(before(Some(u64::MAX), 1).await, [10]);
    let other = db.store.entries_after(conversation_id(2), Seq(0), 10).await;
    assert_eq!(other, Ok(Vec::new()), "what began has no entry yet");
}

/// The longest messages take 32 KB each: a page of a hundred would be 3.2 MB.
async fn pages_by_bytes(db: &Db) {
    let epoch = acme(&db.store).await;
    let long = "\u{1f642}".repeat(8_000);
    let mut batch = vec![opened(1, 1)];
    batch.extend((1..=60).map(|seq| said(seq + 1, 1, seq, if seq <= 40 { &long } else { "x" })));
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let seqs = |page: &Page| -> Vec<u64> {
        assert!(page.rows.len() <= 3 || page.rows.iter().all(|row| row.seq > Some(Seq(38))));
        page.rows.iter().map(|row| row.seq.expect("an entry").0).collect()
    };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let after = Seq(seen.last().copied().unwrap_or_default());
        let page = db.store.page_after(conversation_id(1), after, 100).await.expect("read");
        seen.extend(seqs(&page));
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=60).collect::<Vec<_>>(), "without gap or overlap");
    assert!((20..=22).contains(&pages), "two of the longest fit into one: {pages}");

    let before = async |seq: Option<u64>| {
        db.store.page_before(conversation_id(1), seq.map(Seq), 100).await.expect("read")
    };
    assert_eq!(seqs(&before(None).await), (39..=60).collect::<Vec<_>>());
    let page = before(Some(3)).await;
    assert_eq!((seqs(&page), page.more), (vec![1, 2], false));
    assert_eq!(before(Some(1)).await, Page::default());
}

async fn latest_conversation(db: &Db) {
    let epoch = acme(&db.store).await;
    assert_eq!(db.store.latest(customer(1).id).await, Ok(None));
    // Customer 1 has a second conversation, 7, that began after the first and ended before it.
    let mut second = with_view(opened(2, 1), 1, |view| {
        view.id = conversation_id(7);
        view.opened_at = T0.plus(50);
        view.state = State::Closed { reason: CloseReason::Idle };
    });
    Arc::make_mut(&mut second.row).conversation = conversation_id(7);
    let said = said(3, 1, 1, "word");
    db.store.append(&link(), epoch, &[opened(1, 1), second, said]).await.expect("stored");
    let latest = db.store.latest(customer(1).id).await.expect("read").expect("there");
    assert_eq!(latest.id, conversation_id(1), "the open one");
    assert_eq!((latest.head, latest.active_at), (Seq(1), T0.plus(3)), "as the log has it");
    // Several requests at once: one customer twice, one who never wrote.
    let asks = [1, 2, 1].map(|number| db.store.open_conversation(customer(number).id));
    let open = futures_util::future::join_all(asks).await;
    assert_eq!(open, [Ok(Some(latest.clone())), Ok(None), Ok(Some(latest))]);
    let closed = with_view(super::fixture::said(4, 1, 2, "bye"), 1, |view| {
        view.state = State::Closed { reason: CloseReason::Customer };
        view.head = Seq(2);
        view.active_at = T0.plus(4);
    });
    db.store.append(&link(), epoch, std::slice::from_ref(&closed)).await.expect("stored");
    let latest = db.store.latest(customer(1).id).await.expect("read").expect("there");
    assert_eq!(latest.id, conversation_id(7), "the last closed one");
    assert_eq!(db.store.open_conversation(customer(1).id).await, Ok(None));
    let first = db.store.conversation(conversation_id(1)).await.expect("read").expect("there");
    assert_eq!(first, *closed.view.expect("a view"));
    assert_eq!(db.store.conversation(conversation_id(99)).await, Ok(None));
}

async fn conversations_of_a_tenant(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.add_tenant(&tenant("beta")).await.expect("added");
    let mut other = customer(50);
    other.tenant = key("beta");
    db.store.create_session(&session(50, &other), T0).await.expect("a session");
    let mut foreign = with_view(opened(1, 50), 50, |view| view.tenant = key("beta"));
    Arc::make_mut(&mut foreign.row).tenant = key("beta");
    let mut batch = vec![foreign];
    // Two begin in the same millisecond, and their ids do not tell which was first.
    for (pos, number, at) in [(2, 3, 5), (3, 1, 5), (4, 2, 1)] {
        batch.push(with_view(opened(pos, number), number, |view| view.opened_at = T0.plus(at)));
    }
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let expected = [2, 1, 3].map(conversation_id);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = db.store.conversations(&key("acme"), after, 2).await.expect("read");
        let Some((last, _)) = page.last() else { break };
        after = Some(last.id);
        for (conversation, customer) in page {
            assert_eq!(conversation.customer, customer.id);
            assert_eq!(customer.conversations, 1);
            seen.push(conversation.id);
        }
    }
    assert_eq!(seen, expected);
    let beta = db.store.conversations(&key("beta"), None, 9).await.expect("read");
    assert_eq!(beta.len(), 1);
    let wall = db.store.conversations(&key("beta"), Some(conversation_id(1)), 9).await;
    assert!(matches!(wall, Err(StoreError::Missing(_))), "{wall:?}");
    assert_eq!(db.store.latest(CustomerId(Uuid::nil())).await, Ok(None));
}

async fn the_agent_who_serves(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut joined = answered(2, 1, 1, None);
    Arc::make_mut(&mut joined.row).kind = RowKind::Joined;
    let active = State::Active { agent: jid("alice@example.org") };
    let joined = with_view(joined, 1, |view| view.state = active);
    db.store.append(&link(), epoch, &[opened(1, 1), joined]).await.expect("stored");
    assert_eq!(db.store.begins(conversation_id(1)).await, Ok(Some(Pos(1))));
    assert_eq!(db.store.begins(conversation_id(2)).await, Ok(None), "it is not stored");
    // Back in the queue, the agent is still the one who served last.
    let requeued = with_view(said(3, 1, 2, "?"), 1, |view| view.state = State::Waiting);
    db.store.append(&link(), epoch, &[requeued]).await.expect("stored");
    let found = db.store.customer_at(&link(), &customer(1).localpart).await.expect("read");
    assert_eq!(found.expect("there").1, Some(jid("alice@example.org")));
}
