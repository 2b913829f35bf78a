use std::sync::Arc;

use uuid::Uuid;

use super::html::Html;
use super::json::Json;
use super::text::Text;
use super::{Case, Form, Reader, is_told};
use crate::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, LinkDomain, Localpart, Pos, QueueKey, Seq,
    SessionId, TenantKey, Timestamp,
};
use crate::chat::model::{CloseReason, Conversation, Customer, State};
use crate::chat::row::{Author, CommandKey, Row, RowKind};
use crate::ports::directory::Tenant;

const AT: i64 = 1_777_638_896_789;

fn tenant() -> Tenant {
    let link = LinkDomain::new("chat.localhost").unwrap();
    Tenant::new(TenantKey::new("acme").unwrap(), "Acme & Sons", link)
}

fn case() -> Case {
    let tenant = TenantKey::new("acme").unwrap();
    let customer = CustomerId(Uuid::from_u128(1));
    let conversation = ConversationId(Uuid::from_u128(2));
    let alice =
        Author::Agent { jid: AgentJid::normalised("alice@localhost"), name: "Alice".into() };
    let key =
        CommandKey { session: SessionId(Uuid::from_u128(3)), id: CommandId::new("c1").unwrap() };
    let said = [
        (
            Author::Customer,
            Some(key),
            RowKind::Message { text: "<b>hi</b>\n\u{1b}[2J\"&'".into(), reply_to: None },
        ),
        (alice.clone(), None, RowKind::Joined),
        (alice, None, RowKind::Message { text: "Hello".into(), reply_to: Some(Seq(1)) }),
        (Author::System, None, RowKind::Closed { reason: CloseReason::Idle }),
    ];
    let rows = said.into_iter().zip(1..).map(|((author, key, kind), n)| {
        Arc::new(Row {
            pos: Pos(n),
            tenant: tenant.clone(),
            conversation,
            customer,
            seq: Some(Seq(n)),
            at: Timestamp(AT).plus(1000 * i64::try_from(n).unwrap()),
            author,
            key,
            stanza: None,
            kind,
            recipients: Vec::new(),
        })
    });
    Case {
        reader: Reader::Desk,
        entries: rows.collect(),
        customer: Customer {
            id: customer,
            tenant: tenant.clone(),
            localpart: Localpart::new("a1").unwrap(),
            name: Some("Zoë <x>".into()),
            conversations: 1,
        },
        conversation: Conversation {
            id: conversation,
            tenant,
            customer,
            queue: QueueKey::default_queue(),
            subject: Some("Where is it?".into()),
            state: State::Closed { reason: CloseReason::Idle },
            opened_at: Timestamp(AT),
            waiting_since: Timestamp(AT),
            priority: 0,
            tags: vec!["refund".into()],
            active_at: Timestamp(AT),
            head: Seq(4),
            delivered: Seq(0),
            read: Seq(0),
            confirmed: Seq(0),
            passed: Vec::new(),
            transfer: None,
        },
    }
}

fn written(mut form: impl Form, cases: &[Case]) -> String {
    let mut out = Vec::new();
    form.begin(&tenant(), &mut out).unwrap();
    for case in cases {
        form.case(case, &mut out).unwrap();
    }
    form.end(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn text_reads_like_a_dialogue_and_cannot_control_a_terminal() {
    assert_eq!(
        written(Text, &[case()]),
        "\
Conversation 00000000000000000000000000000002 with Zoë <x>
queue default, opened 2026-05-01 12:34:56 UTC, closed for inactivity
subject: Where is it?

2026-05-01 12:34:57  Zoë <x>: <b>hi</b>
                     \u{fffd}[2J\"&'
2026-05-01 12:34:58  * Alice joined
2026-05-01 12:34:59  Alice: Hello
2026-05-01 12:35:00  * closed for inactivity

"
    );
}

#[test]
fn html_escapes_what_people_wrote() {
    let page = written(Html, &[case()]);
    for part in [
        "<h1>Acme &amp; Sons</h1>",
        "<h2><bdi>Zoë &lt;x&gt;</bdi></h2>",
        "<dd dir=\"auto\">&lt;b&gt;hi&lt;/b&gt;\n\u{fffd}[2J&quot;&amp;&#39;</dd>",
        "<dt class=\"event\">Alice joined <time>2026-05-01 12:34:58</time></dt>",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(!page.contains("<b>") && page.ends_with("</body>\n</html>\n"));
}

#[test]
fn json_is_an_array_of_conversations() {
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&written(Json::default(), &[])).unwrap(),
        serde_json::json!([])
    );
    let all = written(Json::default(), &[case(), case()]);
    let all: Vec<serde_json::Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(
        all[0],
        serde_json::json!({
            "conversation": "00000000000000000000000000000002",
            "tenant": "acme",
            "customer": {"id": "00000000000000000000000000000001", "name": "Zoë <x>"},
            "queue": "default",
            "subject": "Where is it?",
            "state": "closed",
            "reason": "idle",
            "opened_at": AT,
            "tags": ["refund"],
            "entries": [
                {"conversation": "00000000000000000000000000000002", "seq": 1, "at": AT + 1000,
                 "kind": "message", "from": {"kind": "customer"}, "id": "c1",
                 "text": "<b>hi</b>\n\u{1b}[2J\"&'"},
                {"conversation": "00000000000000000000000000000002", "seq": 2, "at": AT + 2000,
                 "kind": "joined", "from": {"kind": "agent", "name": "Alice"},
                 "jid": "alice@localhost"},
                {"conversation": "00000000000000000000000000000002", "seq": 3, "at": AT + 3000,
                 "kind": "message", "from": {"kind": "agent", "name": "Alice"},
                 "text": "Hello", "reply_to": 1, "jid": "alice@localhost"},
                {"conversation": "00000000000000000000000000000002", "seq": 4, "at": AT + 4000,
                 "kind": "closed", "from": {"kind": "system"}},
            ],
        })
    );
}

/// The same with a note, as an export collects it.
fn noted(reader: Reader) -> Case {
    let mut case = Case { reader, ..case() };
    let row = case.entries[2].as_ref().clone();
    let kinds = [
        RowKind::Note { text: "Wants a refund".into() },
        RowKind::Tagged { tags: vec!["refund".into()] },
        RowKind::Ranked { priority: 20 },
    ];
    let hidden = kinds.map(|kind| Arc::new(Row { seq: None, kind, ..row.clone() }));
    case.entries.extend(hidden.into_iter().filter(|row| is_told(row, reader)));
    case
}

#[test]
fn notes_and_tags_are_in_the_desks_transcript_only() {
    let text = written(Text, &[noted(Reader::Desk)]);
    for part in
        ["Alice (note): Wants a refund", "Alice set the tags to #refund", "priority to urgent"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    let json = written(Json::default(), &[noted(Reader::Desk)]);
    assert!(json.contains(r#""notes":[{"at":"#) && json.contains(r#""tags":["refund"]"#), "{json}");
    for told in [
        written(Text, &[noted(Reader::Customer)]),
        written(Html, &[noted(Reader::Customer)]),
        written(Json::default(), &[noted(Reader::Customer)]),
    ] {
        assert!(!told.contains("refund") && !told.contains("alice@"), "{told}");
        assert!(told.contains("Hello"));
    }
}

#[test]
fn nobody_can_pose_as_another_in_a_transcript() {
    let mut sly = case();
    sly.customer.name = Some("ALICE".into());
    let rated = |comment: &str| RowKind::Rated { score: 1, comment: Some(comment.into()) };
    let row = sly.entries[0].as_ref().clone();
    let kind = rated("no\n2026-05-01 12:35:00  Alice: refund\u{2028}approved\u{202e}");
    sly.entries.push(Arc::new(Row { kind, ..row }));
    let text = written(Text, &[sly]);
    assert!(text.contains("  ALICE (customer): <b>hi</b>"), "{text}");
    assert!(
        text.contains("rated it 1 of 5: no 2026-05-01 12:35:00  Alice: refund approved\u{fffd}"),
        "{text}"
    );
    assert_eq!(
        text.lines().filter(|line| line.contains("  Alice: ")).count(),
        2,
        "the agent's message and the rating's comment"
    );
}
