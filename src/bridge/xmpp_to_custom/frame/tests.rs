use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::chat::ids::{AgentJid, CustomerId, Pos, QueueKey, SessionId, TenantKey, Timestamp};
use crate::chat::row::{CommandKey, RequeueReason, Target};
use crate::wire::{Entries, Pong, ServerFrame, Typing, encode};

const TARGET: Target = Target { seq: Seq(1), pos: Pos(12) };
const CONVERSATION: ConversationId = ConversationId(Uuid::from_u128(0xc0));

fn row(seq: Option<u64>, author: Author, kind: RowKind) -> Row {
    let key =
        CommandKey { session: SessionId(Uuid::from_u128(0x5e)), id: CommandId::new("m1").unwrap() };
    Row {
        pos: Pos(900),
        tenant: TenantKey::new("acme").unwrap(),
        conversation: CONVERSATION,
        customer: CustomerId(Uuid::from_u128(0xcc)),
        seq: seq.map(Seq),
        at: Timestamp(1_700_000_000_000),
        author,
        key: Some(key),
        stanza: Some("stanza-id".into()),
        kind,
        recipients: vec![AgentJid::normalised("bob@jabber.example")],
    }
}

fn agent() -> Author {
    let jid = AgentJid::normalised("alice@jabber.example");
    Author::Agent { jid, name: "Alice".into() }
}

fn said(text: &str) -> RowKind {
    RowKind::Message { text: text.into(), reply_to: None }
}

fn asked(offers: fn(Vec<Arc<str>>) -> QuestionKind) -> RowKind {
    let offers = offers(vec!["A5".into(), "A4 \"wide\"".into()]);
    RowKind::Asked { text: "Which?".into(), offers }
}

fn told(phase: Phase) -> CustomerState {
    let queue = QueueKey::new("sales").unwrap();
    CustomerState { conversation: CONVERSATION, queue, phase }
}

/// The frames named in `tests/tables/server_frames.txt`.
fn named(name: &str) -> ServerFrame {
    let shown = |row: Row| ServerFrame::Entry(Box::new(entry(&row).unwrap()));
    let m1 = CommandId::new("m1").unwrap();
    let acked = |seq: Option<u64>| Acked {
        conversation: CONVERSATION,
        seq: seq.map(Seq),
        at: Timestamp(5),
    };
    let error = |error| ServerFrame::Error(refused(Some(&m1), error));
    match name {
        "own words" => shown(row(Some(1), Author::Customer, said("a \"b\"\n<c>"))),
        "agent's words" => shown(row(Some(2), agent(), said("hello"))),
        "agent's reply" => shown(row(
            Some(3),
            agent(),
            RowKind::Message { text: "yes".into(), reply_to: Some(Seq(1)) },
        )),
        "asked" => shown(row(Some(2), agent(), asked(QuestionKind::Choices))),
        "asked with a form" => shown(row(Some(2), agent(), asked(QuestionKind::Fields))),
        "chosen" => {
            shown(row(Some(3), Author::Customer, RowKind::Choice { of: Seq(2), text: "A5".into() }))
        }
        "edited" => shown(row(
            Some(4),
            Author::Customer,
            RowKind::Edit { target: TARGET, text: "no".into() },
        )),
        "retracted" => shown(row(Some(5), agent(), RowKind::Retract { target: TARGET })),
        "reacted" => {
            shown(row(Some(6), agent(), RowKind::Reaction { target: TARGET, emoji: "👍".into() }))
        }
        "a reaction taken back" => shown(row(
            Some(6),
            Author::Customer,
            RowKind::Reaction { target: TARGET, emoji: "".into() },
        )),
        "a retracted message" => shown(row(Some(1), Author::Customer, said(""))),
        "joined" => shown(row(Some(4), agent(), RowKind::Joined)),
        "left" => shown(row(Some(5), agent(), RowKind::Left)),
        "reminded" => shown(row(Some(5), Author::System, RowKind::Reminded)),
        "transferred" => {
            let from = AgentJid::normalised("bob@example.org");
            shown(row(Some(5), agent(), RowKind::Transferred { from }))
        }
        "closed" => {
            shown(row(Some(6), Author::System, RowKind::Closed { reason: CloseReason::Idle }))
        }
        "ack" => ServerFrame::Ack(ack(&m1, acked(Some(7)))),
        "ack without a seq" => ServerFrame::Ack(ack(&m1, acked(None))),
        "waiting" => ServerFrame::State(state(&told(Phase::Waiting {
            position: Some(3),
            eta_s: Some(90),
            open_at: None,
        }))),
        "waiting, no estimate" => ServerFrame::State(state(&told(Phase::Waiting {
            position: Some(1),
            eta_s: None,
            open_at: None,
        }))),
        "waiting, closed" => {
            let open_at = Some(Timestamp(1_700_000_000_000));
            let phase = Phase::Waiting { position: None, eta_s: None, open_at };
            ServerFrame::State(state(&told(phase)))
        }
        "active" => ServerFrame::State(state(&told(Phase::Active { agent: "Alice".into() }))),
        "ended" => ServerFrame::State(state(&told(Phase::Closed { reason: CloseReason::Agent }))),
        "receipt" => ServerFrame::Receipt(receipt(CONVERSATION, Seq(4), Seq(2))),
        "receipt, nothing read" => ServerFrame::Receipt(receipt(CONVERSATION, Seq(4), Seq(0))),
        "no such queue" => error(CommandError::UnknownQueue),
        "no such choice" => error(CommandError::NoSuchChoice),
        "still open" => error(CommandError::StillOpen),
        "no such file" => error(CommandError::NoSuchFile),
        "no such words" => error(CommandError::NoSuchWords),
        "not open" => error(CommandError::NotOpen),
        "no such tenant" => error(CommandError::UnknownTenant),
        "overloaded" => error(CommandError::Overloaded),
        "moved" => error(CommandError::Moved),
        "error about nothing" => ServerFrame::Error(refused(None, CommandError::NotOpen)),
        "typing" => ServerFrame::Typing(Typing { on: true, name: "Alice".into() }),
        "pong" => ServerFrame::Pong(Pong { n: Some(4) }),
        "bare pong" => ServerFrame::Pong(Pong { n: None }),
        "history" => ServerFrame::Entries(Entries {
            conversation: CONVERSATION.to_string(),
            entries: vec![entry(&row(Some(2), agent(), said("hello"))).unwrap()],
            more: true,
            answers: Some("h1".to_owned()),
        }),
        other => panic!("nothing is named {other}"),
    }
}

#[test]
fn frames_read_as_the_table_says() {
    let table = include_str!("../../../../tests/tables/server_frames.txt");
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, expected) = line.split_once(" | ").unwrap();
        let written = encode(&named(name)).unwrap();
        assert!(written.starts_with("{\"type\":\""), "{name}: {written}");
        assert!(!written.contains("jabber.example"), "{name}: {written}");
        let expected: Value = serde_json::from_str(expected).unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn what_is_not_for_customers_has_no_entry() {
    let alice = AgentJid::normalised("alice@jabber.example");
    let marks = RowKind::Marked { delivered: Seq(1), read: Seq(1) };
    for kind in [
        RowKind::Opened { answers: vec![("name".into(), "Ann".into())] },
        RowKind::Rated { score: 4, comment: Some("fine".into()) },
        RowKind::Offered,
        RowKind::Requeued { agent: alice, reason: RequeueReason::Silent },
        marks,
    ] {
        assert_eq!(entry(&row(Some(1), Author::System, kind.clone())), None, "{kind:?}");
    }
    assert_eq!(entry(&row(None, agent(), said("a note"))), None);
}

#[test]
fn a_conversation_in_hand_names_who_serves() {
    let info = conversation(&told(Phase::Active { agent: "Alice".into() }), Seq(9));
    let written = serde_json::to_value(&info).unwrap();
    let expected = json!({
        "id": CONVERSATION.to_string(), "state": "active", "queue": "sales",
        "agent": {"name": "Alice"}, "seq": 9,
    });
    assert_eq!(written, expected);
}

fn entries(texts: &[String]) -> Vec<Entry> {
    let numbered = texts.iter().zip(1..);
    numbered.filter_map(|(text, seq)| entry(&row(Some(seq), agent(), said(text)))).collect()
}

#[test]
fn no_frame_is_too_long() {
    for worst in ["😀", "\"", "\n", "a", "\u{85}"] {
        let texts = vec![worst.repeat(wire::TEXT_CHARS); 20];
        let all = entries(&texts);
        let parts = parts(all.clone());
        for part in &parts {
            let frame = Entries {
                conversation: CONVERSATION.to_string(),
                entries: part.clone(),
                more: true,
                answers: Some("h".repeat(64)),
            };
            let long = encode(&ServerFrame::Entries(frame)).unwrap().len();
            assert!(long <= FRAME_BYTES, "{worst:?}: {long}");
        }
        assert_eq!(parts.concat(), all, "{worst:?}");
    }
}

proptest::proptest! {
    #[test]
    fn an_entry_is_never_longer_than_thought(text: String, name: String) {
        let label: Arc<str> = Arc::from(text.as_str());
        let offers = QuestionKind::Choices(vec![label.clone(), label]);
        let kind = RowKind::Asked { text: text.as_str().into(), offers };
        let mut row = row(Some(u64::MAX), agent(), kind);
        row.author = Author::Agent { jid: AgentJid::normalised("a@b"), name: Arc::from(name) };
        row.key = None;
        let entry = entry(&row).unwrap();
        proptest::prop_assert!(serde_json::to_string(&entry).unwrap().len() <= bytes(&entry));
    }

    #[test]
    fn parts_are_the_whole_in_order(lengths in proptest::collection::vec(0usize..9_000, 0..60)) {
        let all = entries(&lengths.iter().map(|n| "x".repeat(*n)).collect::<Vec<_>>());
        let parts = parts(all.clone());
        proptest::prop_assert!(parts.iter().all(|part| !part.is_empty()));
        proptest::prop_assert_eq!(parts.concat(), all.clone());
        let (kept, more) = last_part(all.clone());
        proptest::prop_assert!(all.ends_with(&kept));
        proptest::prop_assert_eq!(more, kept.len() < all.len());
        proptest::prop_assert_eq!(kept.is_empty(), all.is_empty());
    }
}
