//! A snapshot equals what was appended.

use std::sync::Arc;

use couplet::chat::ids::{ConversationId, CustomerId, Pos, Seq, Timestamp};
use couplet::chat::model::{CloseReason, Conversation, State};
use couplet::chat::row::{Answers, Append, Author, RequeueReason, Row, RowKind};
use couplet::chat::settings::{AgentOverride, AgentSettings, Role};
use couplet::chat::snapshot::{Departing, Owed, Recall, Snapshot};
use couplet::ports::directory::Directory;
use couplet::ports::store::Log;

use super::fixture::*;
use crate::support::db::Db;

suite!(
    an_empty_log_is_an_empty_snapshot,
    mixed_history,
    details_outside_of_views,
    many_open_conversations,
    open_offers,
    closed_and_not_confirmed,
    the_holder_of_a_conversation,
    what_supervisors_watch_and_set,
    a_long_log,
    a_long_log_of_clocks_that_jumped,
);

async fn an_empty_log_is_an_empty_snapshot(db: &Db) {
    assert_eq!(db.store.snapshot(&link(), T0).await, Ok(Snapshot::default()));
}

/// Watches of open conversations, and the latest of what was set for agents of a tenant.
async fn what_supervisors_watch_and_set(db: &Db) {
    let epoch = acme(&db.store).await;
    let sue = Author::Agent { jid: jid("sue@example.org"), name: "Sue".into() };
    let row = |pos, conversation: u128, kind| {
        let mut row = (*opened(pos, 1).row).clone();
        row.author = sue.clone();
        row.kind = kind;
        row.conversation = conversation_id(conversation);
        Append { row: Arc::new(row), view: None }
    };
    let set = |pos, capacity| {
        let agents = vec![AgentOverride {
            capacity: Some(capacity),
            away_until: Some(T0),
            queues: vec![(queue("default"), false)],
            ..AgentOverride::none(jid("alice@example.org"))
        }];
        let mut set = row(pos, 1, RowKind::Overrides { agents });
        let nobody = Arc::make_mut(&mut set.row);
        nobody.conversation = ConversationId(uuid::Uuid::nil());
        nobody.customer = CustomerId(uuid::Uuid::nil());
        set
    };
    let all = [
        opened(1, 1),
        opened(2, 2),
        row(3, 1, RowKind::Watched { on: true }),
        row(4, 2, RowKind::Watched { on: true }),
        set(5, 2),
        row(6, 1, RowKind::Watched { on: false }),
        with_view(said(7, 2, 1, "bye"), 2, |view| {
            view.state = State::Closed { reason: CloseReason::Customer };
            view.head = Seq(1);
        }),
        set(8, 3),
        row(9, 1, RowKind::Whisper { text: "psst".into() }),
        row(10, 1, RowKind::Moved { queue: queue("default"), agent: None }),
    ];
    db.store.append(&link(), epoch, &all).await.expect("stored");
    let recall = db.store.snapshot(&link(), T0).await.expect("read").recall;
    assert_eq!(recall.watched, [all[2].row.clone(), all[5].row.clone()]);
    assert_eq!(recall.overrides, [all[7].row.clone()]);
}

async fn mixed_history(db: &Db) {
    let epoch = acme(&db.store).await;
    let agent = AgentSettings {
        jid: jid("alice@example.org"),
        name: "Alice".into(),
        capacity: 4,
        role: Role::Supervisor,
        queues: vec![queue("default")],
    };
    db.store.put_agent(&key("acme"), &agent).await.expect("an agent");
    let old = |mut append: couplet::chat::row::Append| {
        Arc::make_mut(&mut append.row).at = T0.plus(-1_000_000);
        append
    };
    let marked = couplet::chat::row::Append {
        row: Arc::new(Row {
            pos: Pos(8),
            kind: RowKind::Marked { delivered: Seq(1), read: Seq(0) },
            ..(*opened(8, 1).row).clone()
        }),
        view: None,
    };
    let batch = [
        opened(1, 1),
        said(2, 1, 1, "one"),
        opened(3, 2),
        with_view(answered(4, 1, 2, Some("s1")), 1, |view| {
            view.head = Seq(2);
            view.state = State::Active { agent: jid("alice@example.org") };
        }),
        opened(5, 3),
        old(answered(6, 3, 1, Some("long ago"))),
        answered(7, 3, 2, None),
        with_view(marked, 1, |view| {
            view.head = Seq(2);
            view.delivered = Seq(1);
            view.confirmed = Seq(1);
            view.active_at = T0.plus(4);
            view.state = State::Active { agent: jid("alice@example.org") };
        }),
        with_view(said(9, 2, 1, "please"), 2, |view| {
            view.head = Seq(1);
            view.active_at = T0.plus(9);
            view.state = State::Offered {
                agents: vec![jid("alice@example.org"), jid("bob@example.org")],
                until: T0.plus(30_000),
            };
            view.passed = vec![jid("carol@example.org")];
        }),
        said(10, 1, 3, "two"),
        with_view(said(11, 3, 3, "bye"), 3, |view| {
            view.state = State::Closed { reason: CloseReason::Customer };
            view.head = Seq(3);
        }),
        said(12, 1, 4, "three"),
    ];
    for part in batch.chunks(5) {
        db.store.append(&link(), epoch, part).await.expect("stored");
    }
    let mut first = (**batch[7].view.as_ref().expect("a view")).clone();
    first.head = Seq(4);
    first.active_at = T0.plus(12);
    let second = (**batch[8].view.as_ref().expect("a view")).clone();
    let one = |number| couplet::chat::model::Customer { conversations: 1, ..customer(number) };
    let snapshot = db.store.snapshot(&link(), T0.plus(20)).await.expect("read");
    let expected = Snapshot {
        head: Pos(12),
        cursor: Pos(0),
        tenants: db.store.settings(&link()).await.expect("read"),
        conversations: vec![(first, one(1)), (second, one(2))],
        messages: vec![
            (conversation_id(1), Pos(2), Seq(1)),
            (conversation_id(2), Pos(9), Seq(1)),
            (conversation_id(1), Pos(10), Seq(3)),
            (conversation_id(1), Pos(12), Seq(4)),
        ],
        rows: vec![(conversation_id(1), 6), (conversation_id(2), 2)],
        offers: vec![],
        owed: vec![],
        agent_messages: vec![batch[3].row.clone()],
        recall: Recall {
            answers: vec![(conversation_id(1), answers()), (conversation_id(2), answers())],
            served: vec![(conversation_id(1), jid("alice@example.org"))],
            ..Recall::default()
        },
    };
    assert_eq!(snapshot, expected);
    assert_eq!(snapshot.tenants[0].agents, [agent]);
    let later = db.store.snapshot(&link(), T0.plus(20 * 60_000)).await.expect("read");
    assert_eq!(later.agent_messages, Vec::new());
}

/// The answers of the customer in [`opened`].
fn answers() -> Answers {
    vec![("b".into(), "2".into()), ("a".into(), "1".into())]
}

/// A row that the customer does not see, unless it is a close.
fn moved(pos: u64, number: u128, kind: RowKind, recipients: &[&str]) -> Append {
    let mut append = opened(pos, number);
    let row = Arc::make_mut(&mut append.row);
    row.author = Author::Agent { jid: jid("alice@example.org"), name: "Alice".into() };
    (row.kind, row.recipients) = (kind, recipients.iter().map(|name| jid(name)).collect());
    append
}

/// A closed conversation of Alice's, whose customer is in the rosters `lists`.
fn closed(pos: u64, number: u128, opened_at: Timestamp, lists: &[&str]) -> [Append; 2] {
    let held = |view: &mut Conversation| {
        view.opened_at = opened_at;
        view.state = State::Active { agent: jid("alice@example.org") };
    };
    let closed = RowKind::Closed { reason: CloseReason::Agent };
    let mut end = with_view(moved(pos + 1, number, closed, lists), number, |view| {
        held(view);
        view.state = State::Closed { reason: CloseReason::Agent };
        view.head = Seq(1);
    });
    let row = Arc::make_mut(&mut end.row);
    (row.seq, row.stanza) = (Some(Seq(1)), Some("close".into()));
    [with_view(opened(pos, number), number, held), end]
}

async fn details_outside_of_views(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.add_tenant(&tenant("bolt")).await.expect("another tenant");
    let alice = "alice@example.org";
    // The conversation was open over a weekend.
    let [first, gone] = closed(1, 1, T0.plus(-3 * 24 * 3_600_000), &[alice]);
    let [second, alone] = closed(3, 2, T0.plus(1), &[]);
    let requeued = RowKind::Requeued { agent: jid(alice), reason: RequeueReason::Silent };
    let third = [
        opened(5, 3),
        without_view(moved(6, 3, RowKind::Offered, &[alice, "bob@example.org"])),
        without_view(moved(7, 3, requeued, &[])),
        without_view(moved(8, 3, RowKind::Marked { delivered: Seq(0), read: Seq(0) }, &[])),
        without_view(moved(9, 3, RowKind::Opened { answers: Vec::new() }, &[])),
        without_view(moved(10, 3, RowKind::Opened { answers: answers() }, &[])),
    ];
    let mut batch = vec![first, gone.clone(), second, alone.clone()];
    batch.extend(third.iter().cloned());
    db.store.append(&link(), epoch, &batch).await.expect("stored");

    let snapshot = db.store.snapshot(&link(), T0.plus(20)).await.expect("read");
    let with = couplet::chat::model::Customer { conversations: 1, ..customer(1) };
    let expected = Recall {
        answers: vec![(conversation_id(3), answers()), (conversation_id(3), answers())],
        moves: [&gone, &alone, &third[1], &third[2]].map(|append| append.row.clone()).into(),
        departing: vec![Departing {
            customer: with,
            closed: gone.row.clone(),
            served_by: Some(jid(alice)),
        }],
        ..Recall::default()
    };
    assert_eq!(snapshot.recall, expected);
    assert_eq!(snapshot.agent_messages, [gone.row.clone(), alone.row.clone()], "what was ordered");
    // A customer is removed from rosters a day after the close: an older one is gone.
    let later = db.store.snapshot(&link(), T0.plus(48 * 3_600_000 + 1)).await.expect("read");
    assert_eq!(later.recall.departing, Vec::new());
}

fn without_view(append: Append) -> Append {
    Append { view: None, ..append }
}

async fn many_open_conversations(db: &Db) {
    let epoch = acme(&db.store).await;
    let mut batch = Vec::new();
    for number in 0..600_u64 {
        // All with one customer, which no desk does, but the store allows it.
        let mut begun = opened(2 * number + 1, 1);
        let id = conversation_id(u128::from(number));
        Arc::make_mut(&mut begun.row).conversation = id;
        let mut begun = with_view(begun, 1, |view| view.id = id);
        Arc::make_mut(begun.view.as_mut().expect("a view")).opened_at =
            T0.plus(i64::try_from(number).expect("small"));
        let mut word = said(2 * number + 2, 1, 1, "x");
        Arc::make_mut(&mut word.row).conversation = id;
        batch.extend([begun, word]);
    }
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let snapshot = db.store.snapshot(&link(), T0).await.expect("read");
    assert_eq!(snapshot.conversations.len(), 600);
    assert_eq!(snapshot.messages.len(), 600);
    assert!(
        snapshot
            .conversations
            .iter()
            .all(|(view, with)| { view.head == Seq(1) && with.conversations == 600 })
    );
}

/// A row by the desk, addressed to Alice.
fn for_alice(pos: u64, number: u128, seq: Option<u64>, kind: RowKind) -> Append {
    let mut append = opened(pos, number);
    append.view = None;
    let row = Arc::make_mut(&mut append.row);
    row.seq = seq.map(Seq);
    row.at = T0.plus(i64::try_from(pos).expect("small"));
    row.kind = kind;
    row.recipients = vec![jid("alice@example.org")];
    append
}

async fn open_offers(db: &Db) {
    let epoch = acme(&db.store).await;
    let offered = |pos, number| {
        with_view(for_alice(pos, number, None, RowKind::Offered), number, |view| {
            view.state =
                State::Offered { agents: vec![jid("alice@example.org")], until: T0.plus(30_000) };
        })
    };
    let batch = [opened(1, 1), opened(2, 2), offered(3, 1), offered(4, 2), offered(5, 1)];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let taken = with_view(answered(6, 2, 1, None), 2, |view| {
        view.state = State::Active { agent: jid("alice@example.org") };
    });
    db.store.append(&link(), epoch, &[taken]).await.expect("stored");
    let snapshot = db.store.snapshot(&link(), T0).await.expect("read");
    assert_eq!(snapshot.offers, [(conversation_id(1), Pos(5), T0.plus(5))]);
}

async fn closed_and_not_confirmed(db: &Db) {
    let epoch = acme(&db.store).await;
    let kind = RowKind::Closed { reason: CloseReason::Customer };
    let closed = |pos, number, confirmed| {
        with_view(for_alice(pos, number, Some(2), kind.clone()), number, |view| {
            view.state = State::Closed { reason: CloseReason::Customer };
            view.head = Seq(2);
            view.confirmed = Seq(confirmed);
        })
    };
    let mut unserved = closed(9, 3, 0);
    Arc::make_mut(&mut unserved.row).recipients.clear();
    let batch = [
        opened(1, 1),
        opened(2, 2),
        opened(3, 3),
        said(4, 1, 1, "one"),
        said(5, 2, 1, "one"),
        said(6, 3, 1, "one"),
        closed(7, 1, 1),
        closed(8, 2, 2),
        unserved,
    ];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let expected = Owed {
        view: (**batch[6].view.as_ref().expect("a view")).clone(),
        customer: couplet::chat::model::Customer { conversations: 1, ..customer(1) },
        close: batch[6].row.clone(),
        messages: vec![(Pos(4), Seq(1)), (Pos(7), Seq(2))],
    };
    let owed = async |minutes: i64| {
        let now = T0.plus(minutes * 60_000);
        db.store.snapshot(&link(), now).await.expect("read").owed
    };
    let mut found = owed(1).await;
    found.iter_mut().for_each(|owed| owed.view.active_at = expected.view.active_at);
    assert_eq!(found, [expected]);
    assert_eq!(owed(60).await.len(), 1, "the server has not accepted it yet");
    db.store.move_cursor(&link(), epoch, Pos(7)).await.expect("moved");
    assert_eq!(owed(1).await.len(), 1, "accepted, and not confirmed");
    assert_eq!(owed(60).await.len(), 0, "not for ever");
}

async fn the_holder_of_a_conversation(db: &Db) {
    let epoch = acme(&db.store).await;
    let requeued =
        RowKind::Requeued { agent: jid("alice@example.org"), reason: RequeueReason::Silent };
    let mut told_nobody = for_alice(3, 1, None, requeued.clone());
    Arc::make_mut(&mut told_nobody.row).recipients.clear();
    let batch = [
        opened(1, 1),
        for_alice(2, 1, None, requeued),
        told_nobody,
        said(4, 1, 1, "one"),
        opened(5, 2),
        for_alice(6, 2, Some(1), RowKind::Left),
    ];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let notices = async |after, upto, limit| {
        db.store.notices(&link(), Pos(after), Pos(upto), limit).await.expect("read")
    };
    let (first, second) = (batch[1].row.clone(), batch[5].row.clone());
    let (one, two) = (customer(1).localpart, customer(2).localpart);
    assert_eq!(
        notices(0, 6, 10).await,
        [(one.clone(), first.clone()), (two.clone(), second.clone())]
    );
    assert_eq!(notices(0, 6, 1).await, [(one.clone(), first.clone())]);
    assert_eq!(notices(2, 6, 10).await, [(two, second)]);
    assert_eq!(notices(0, 5, 10).await, [(one, first)]);
}

/// Rows of an agent, one at each time.
fn answers_at(times: impl IntoIterator<Item = Timestamp>) -> Vec<Append> {
    let row = |(pos, at)| {
        let mut append = answered(pos, 1, pos, Some(&format!("s{pos}")));
        Arc::make_mut(&mut append.row).at = at;
        append
    };
    (2..).zip(times).map(row).collect()
}

/// The positions of what agents wrote in the last quarter of an hour.
async fn remembered(db: &Db, now: Timestamp) -> Vec<u64> {
    let snapshot = db.store.snapshot(&link(), now).await.expect("read");
    snapshot.agent_messages.iter().map(|row| row.pos.0).collect()
}

async fn a_long_log(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1)]).await.expect("stored");
    // One every second for more than an hour.
    let said = answers_at((0..5_000).map(|second| T0.plus(second * 1_000)));
    db.store.append(&link(), epoch, &said).await.expect("stored");
    for (seconds, first) in [(0, 2), (900, 2), (901, 3), (3_000, 2_102), (4_999, 4_101)] {
        let expected: Vec<u64> = (first..=5_001).collect();
        assert_eq!(remembered(db, T0.plus(seconds * 1_000)).await, expected, "{seconds}");
    }
    assert_eq!(remembered(db, T0.plus(6_000_000)).await, [0_u64; 0]);
}

async fn a_long_log_of_clocks_that_jumped(db: &Db) {
    let epoch = acme(&db.store).await;
    db.store.append(&link(), epoch, &[opened(1, 1)]).await.expect("stored");
    // The clock is two hours ahead for 1,500 s, and then correct for 1,000 s.
    let ahead = (0..1_500).map(|second| T0.plus((7_200 + second) * 1_000));
    let right = (1_500..2_500).map(|second| T0.plus(second * 1_000));
    let said = answers_at(ahead.chain(right));
    db.store.append(&link(), epoch, &said).await.expect("stored");
    let found = remembered(db, T0.plus(2_499_000)).await;
    let last = 2_501;
    assert!((last - 900..=last).all(|pos| found.contains(&pos)), "the last 900 s are there");
}
