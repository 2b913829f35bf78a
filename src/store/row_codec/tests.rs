//! The stored form of every kind of row.

use uuid::Uuid;

use super::*;
use crate::chat::ids::QueueKey;
use crate::chat::model::CloseReason;
use crate::chat::row::FetchError;
use crate::chat::row::RequeueReason;
use crate::chat::settings::AgentOverride;

const TARGET: Target = Target { seq: Seq(3), pos: Pos(7) };

/// Every kind with its word, its text and its details, as earlier versions stored them.
fn stored() -> Vec<(RowKind, &'static str, Option<&'static str>, Option<&'static str>)> {
    let text = || Arc::from("t");
    let file = File {
        id: FileId(Uuid::from_u128(1)),
        key: FileKey(Uuid::from_u128(2).into_bytes()),
        name: "a.png".into(),
        media_type: "image/png".into(),
        size: 5,
    };
    let files = |files: Vec<File>, reply_to, of| RowKind::Files {
        files: files.into(),
        text: text(),
        reply_to,
        of,
    };
    let asked = |offers| RowKind::Asked { text: text(), offers };
    let unfetched = |why| RowKind::Unfetched { of: Pos(7), why };
    let labels = || vec!["A5".into(), "A4".into()];
    let answers = vec![("name".into(), "Ann".into()), ("size".into(), "A5".into())];
    let agent = AgentJid::normalised("ann@example.org");
    let bob = AgentJid::normalised("bob@example.org");
    let sales = || QueueKey::new("sales").unwrap();
    let t = Some("t");
    vec![
        (RowKind::Opened { answers: Vec::new() }, "opened", None, None),
        (
            RowKind::Opened { answers },
            "opened",
            None,
            Some(r#"{"answers":[["name","Ann"],["size","A5"]]}"#),
        ),
        (RowKind::Message { text: text(), reply_to: None }, "message", t, None),
        (
            RowKind::Message { text: text(), reply_to: Some(Seq(3)) },
            "message",
            t,
            Some(r#"{"reply_to":3}"#),
        ),
        (files(Vec::new(), None, None), "files", t, None),
        (
            files(vec![file.clone()], None, None),
            "files",
            t,
            Some(
                r#"{"files":[{"id":"00000000-0000-0000-0000-000000000001","key":"00000000-0000-0000-0000-000000000002","name":"a.png","type":"image/png","size":5}]}"#,
            ),
        ),
        (
            files(vec![file], Some(Seq(3)), Some(Pos(7))),
            "files",
            t,
            Some(
                r#"{"reply_to":3,"files":[{"id":"00000000-0000-0000-0000-000000000001","key":"00000000-0000-0000-0000-000000000002","name":"a.png","type":"image/png","size":5}],"of":7}"#,
            ),
        ),
        (RowKind::Linked { url: text() }, "linked", t, None),
        (unfetched(FetchError::Slow), "unfetched", None, Some(r#"{"reason":"slow","of":7}"#)),
        (
            unfetched(FetchError::TooLarge(9)),
            "unfetched",
            None,
            Some(r#"{"reason":"large","of":7,"most":9}"#),
        ),
        (asked(QuestionKind::Choices(labels())), "asked", t, Some(r#"{"choices":["A5","A4"]}"#)),
        (asked(QuestionKind::Fields(labels())), "asked", t, Some(r#"{"fields":["A5","A4"]}"#)),
        (RowKind::Choice { of: Seq(3), text: text() }, "choice", t, Some(r#"{"reply_to":3}"#)),
        (RowKind::Edit { target: TARGET, text: text() }, "edit", t, Some(r#"{"target":[3,7]}"#)),
        (RowKind::Retract { target: TARGET }, "retract", None, Some(r#"{"target":[3,7]}"#)),
        (
            RowKind::Reaction { target: TARGET, emoji: text() },
            "reaction",
            t,
            Some(r#"{"target":[3,7]}"#),
        ),
        (RowKind::Joined, "joined", None, None),
        (RowKind::Left, "left", None, None),
        (
            RowKind::Closed { reason: CloseReason::Idle },
            "closed",
            None,
            Some(r#"{"reason":"idle"}"#),
        ),
        (RowKind::Rated { score: 5, comment: None }, "rated", None, Some(r#"{"score":5}"#)),
        (RowKind::Rated { score: 4, comment: Some(text()) }, "rated", t, Some(r#"{"score":4}"#)),
        (RowKind::Offered, "offered", None, None),
        (
            RowKind::Requeued { agent, reason: RequeueReason::Silent },
            "requeued",
            None,
            Some(r#"{"reason":"silent","agent":"ann@example.org"}"#),
        ),
        (
            RowKind::Marked { delivered: Seq(3), read: Seq(2) },
            "marked",
            None,
            Some(r#"{"marks":[3,2]}"#),
        ),
        (RowKind::Note { text: text() }, "note", t, None),
        (
            RowKind::Handing { note: text(), customer: Some("Mia".into()) },
            "handing",
            t,
            Some(r#"{"customer":"Mia"}"#),
        ),
        (
            RowKind::HandedBack {
                agent: AgentJid::normalised("ann@example.org"),
                reason: RequeueReason::Declined,
                why: text(),
            },
            "handed-back",
            t,
            Some(r#"{"reason":"declined","agent":"ann@example.org"}"#),
        ),
        (
            RowKind::Transferred { from: AgentJid::normalised("ann@example.org") },
            "transferred",
            None,
            Some(r#"{"from":"ann@example.org"}"#),
        ),
        (RowKind::Reminded, "reminded", None, None),
        (
            RowKind::Prompted { waited_ms: 120_000 },
            "prompted",
            None,
            Some(r#"{"waited_ms":120000}"#),
        ),
        (RowKind::Canned { keys: text() }, "canned", t, None),
        (RowKind::NoteEdit { of: Pos(7), text: text() }, "note-edit", t, Some(r#"{"of":7}"#)),
        (
            RowKind::Tagged { tags: vec!["refund".into()] },
            "tagged",
            None,
            Some(r#"{"tags":["refund"]}"#),
        ),
        (RowKind::Ranked { priority: -10 }, "ranked", None, Some(r#"{"priority":-10}"#)),
        (RowKind::Macro { key: text() }, "macro", t, None),
        (RowKind::Watched { on: true }, "watched", None, Some(r#"{"on":true}"#)),
        (RowKind::Whisper { text: text() }, "whisper", t, None),
        (
            RowKind::Moved { queue: sales(), agent: None },
            "moved",
            None,
            Some(r#"{"queue":"sales"}"#),
        ),
        (
            RowKind::Moved { queue: sales(), agent: Some(bob.clone()) },
            "moved",
            None,
            Some(r#"{"queue":"sales","agent":"bob@example.org"}"#),
        ),
        (
            RowKind::Overrides { agents: vec![AgentOverride::none(bob.clone())] },
            "overrides",
            None,
            Some(r#"{"agents":[{"agent":"bob@example.org"}]}"#),
        ),
        (
            RowKind::Overrides {
                agents: vec![AgentOverride {
                    agent: bob,
                    away_until: Some(Timestamp(5)),
                    capacity: Some(2),
                    queues: vec![(sales(), false)],
                }],
            },
            "overrides",
            None,
            Some(
                r#"{"agents":[{"agent":"bob@example.org","away_until":5,"capacity":2,"queues":[["sales",false]]}]}"#,
            ),
        ),
    ]
}

fn model(kind: &str, text: Option<&str>, details: Option<&str>) -> log::Model {
    log::Model {
        link: 1,
        pos: 7,
        conversation: Uuid::nil(),
        tenant: "acme".to_owned(),
        customer: Uuid::nil(),
        seq: None,
        at: 1,
        kind: kind.to_owned(),
        author: SYSTEM.to_owned(),
        author_jid: None,
        author_name: None,
        session: None,
        command: None,
        stanza: None,
        text: text.map(str::to_owned),
        details: details.map(str::to_owned),
        recipients: None,
    }
}

#[test]
fn every_kind_is_stored_as_before_and_read_back() {
    for (kind, word, text, details) in stored() {
        assert_eq!(kind.kind().word(), word);
        let (written_text, written) = content(&kind).unwrap();
        assert_eq!((written_text, written.as_deref()), (text, details), "{word}");
        assert_eq!(row_from(model(word, text, details)).unwrap().kind, kind);
    }
    let kinds = stored().into_iter().map(|(kind, ..)| kind.kind());
    let mut words: Vec<&str> = kinds.map(Kind::word).collect();
    words.dedup();
    assert_eq!(words, Kind::words(|_| true).collect::<Vec<_>>(), "a case for each kind");
}

#[test]
fn what_this_version_does_not_know_is_refused() {
    for (kind, text, details) in [
        ("waved", None, None),
        ("message", None, None),
        ("message", Some("t"), Some(r#"{"color":"red"}"#)),
        ("edit", Some("t"), None),
        ("asked", Some("t"), Some(r#"{"choices":["a"],"fields":["b"]}"#)),
        ("asked", Some("t"), None),
        ("closed", None, Some(r#"{"reason":"bored"}"#)),
    ] {
        let read = row_from(model(kind, text, details));
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{kind}: {read:?}");
    }
}
