//! Runs `tests/tables/to_agent.txt`, and arbitrary texts.

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;
use xmpp_parsers::ns;

use super::*;
use crate::bridge::xmlns::OOB;
use crate::bridge::{mark, quote};
use crate::chat::canned::{CannedNotice, CannedRefusal};
use crate::chat::ids::{
    AgentJid, ConversationId, CustomerId, Localpart, MacroKey, ReplyKey, Seq, TenantKey,
};
use crate::chat::macros::MacroNotice;
use crate::chat::model::{CloseReason, File};
use crate::chat::refusal::{Call, MacroRefusal};
use crate::chat::row::{Author, QuestionKind, RequeueReason, Row, Target};

const TABLE: &str = include_str!("../../../../tests/tables/to_agent.txt");

/// 2026-01-01T12:00:00Z.
const NOW: Timestamp = Timestamp(1_767_268_800_000);

fn domain() -> LinkDomain {
    LinkDomain::new("chat.example.org").unwrap()
}

fn from_customer(content: ToAgentContent) -> ToAgent {
    ToAgent {
        agent: AgentJid::normalised("alice@example.org"),
        resource: None,
        from: Peer::Customer(Localpart::new("k3f9x2").unwrap()),
        conversation: Some(ConversationId(Uuid::from_u128(1))),
        content,
    }
}

fn from_desk(line: Notice) -> ToAgent {
    let from = Peer::Desk(TenantKey::new("acme").unwrap());
    ToAgent { from, conversation: None, ..from_customer(ToAgentContent::Notice(line)) }
}

fn to_phone(content: ToAgentContent) -> ToAgent {
    ToAgent { resource: Some("phone".into()), ..from_customer(content) }
}

fn row_of(author: Author, at: Timestamp, kind: RowKind, name: Option<&str>) -> ToAgent {
    let row = Row {
        pos: Pos(12),
        tenant: TenantKey::new("acme").unwrap(),
        conversation: ConversationId(Uuid::from_u128(1)),
        customer: CustomerId(Uuid::from_u128(2)),
        seq: Some(Seq(3)),
        at,
        author,
        key: None,
        stanza: None,
        kind,
        recipients: Vec::new(),
    };
    from_customer(ToAgentContent::Row {
        row: Arc::new(row),
        name: name.map(Into::into),
        quoted: None,
    })
}

fn said(author: Author, text: &str) -> ToAgent {
    let kind = RowKind::Message { text: text.into(), reply_to: None };
    row_of(author, NOW, kind, Some("Ann"))
}

const TARGET: Target = Target { seq: Seq(1), pos: Pos(7) };

fn edit(text: &str) -> RowKind {
    RowKind::Edit { target: TARGET, text: text.into() }
}

fn changed(kind: RowKind, author: Author) -> ToAgent {
    row_of(author, NOW, kind, Some("Ann"))
}

/// A customer's reply to a message of this author.
fn answering(author: Author, words: &str, text: &str) -> ToAgent {
    let mut effect = said(Author::Customer, text);
    if let (ToAgentContent::Row { row, .. }, ToAgentContent::Row { quoted, .. }) =
        (said(author, words).content, &mut effect.content)
    {
        let stanza = Some("a'1".into()).filter(|_| row.author != Author::Customer);
        *quoted = Some(Arc::new(Row { pos: TARGET.pos, stanza, ..Row::clone(&row) }));
    }
    effect
}

/// A reaction by this author, to what this one said.
fn reaction(by: Author, emoji: &str, to: Author, words: &str) -> ToAgent {
    let kind = RowKind::Reaction { target: TARGET, emoji: emoji.into() };
    let mut effect = changed(kind, by);
    if let (ToAgentContent::Row { row, .. }, ToAgentContent::Row { quoted, .. }) =
        (said(to, words).content, &mut effect.content)
    {
        let stanza = Some("a'1".into()).filter(|_| row.author != Author::Customer);
        *quoted = Some(Arc::new(Row { pos: TARGET.pos, stanza, ..Row::clone(&row) }));
    }
    effect
}

fn asked() -> RowKind {
    let offers = QuestionKind::Choices(vec!["A5".into(), "A4".into()]);
    RowKind::Asked { text: "Which?".into(), offers }
}

/// A customer's answer to alice's question.
fn chosen(text: &str) -> ToAgent {
    let mut effect =
        changed(RowKind::Choice { of: TARGET.seq, text: text.into() }, Author::Customer);
    if let (ToAgentContent::Row { row, .. }, ToAgentContent::Row { quoted, .. }) =
        (row_of(alice(), NOW, asked(), None).content, &mut effect.content)
    {
        *quoted = Some(Arc::new(Row { stanza: Some("q1".into()), ..Row::clone(&row) }));
    }
    effect
}

fn canned(told: CannedNotice) -> ToAgent {
    from_customer(ToAgentContent::Notice(Notice::Canned(told)))
}

fn key() -> ReplyKey {
    ReplyKey::new("thanks").unwrap()
}

fn replies() -> Vec<(ReplyKey, Arc<str>)> {
    vec![(ReplyKey::new("hours").unwrap(), "When\n⚙ we are in".into()), (key(), "Thank you".into())]
}

fn two() -> Arc<str> {
    "Thank you.\n⚙ Bye".into()
}

fn macros(told: MacroNotice) -> ToAgent {
    from_customer(ToAgentContent::Notice(Notice::Macro(told)))
}

fn refund() -> MacroKey {
    MacroKey::new("refund").unwrap()
}

/// A macro that was refused.
fn unrun(why: MacroRefusal) -> ToAgent {
    refused(AgentRefusal::Macro(why))
}

/// A macro that stopped at this step.
fn stopped(step: usize, why: AgentRefusal) -> ToAgent {
    let (written, why) = ("!transfer bob".into(), Box::new(why));
    unrun(MacroRefusal::Stopped { key: refund(), step, of: 3, written, why })
}

/// A canned reply that was refused.
fn uncanned(why: CannedRefusal) -> ToAgent {
    let refusal = AgentRefusal::Canned(why);
    to_phone(ToAgentContent::Refused {
        stanza: Some("m1".into()),
        said: Some("My <words>".into()),
        refusal,
    })
}

fn call(invited: bool) -> Call {
    Call { id: "c'1".into(), invited }
}

fn alice() -> Author {
    Author::Agent { jid: AgentJid::normalised("alice@example.org"), name: "Alice".into() }
}

fn bob() -> Author {
    Author::Agent { jid: AgentJid::normalised("bob@example.org"), name: "Bob".into() }
}

fn line(line: Notice) -> ToAgent {
    from_customer(ToAgentContent::Notice(line))
}

fn refused(refusal: AgentRefusal) -> ToAgent {
    to_phone(ToAgentContent::Refused {
        stanza: Some("m1".into()),
        said: Some("My <words>".into()),
        refusal,
    })
}

fn signed_in(name: Option<&str>, known_as: Option<&str>, conversations: u32) -> Notice {
    let known_as = known_as.map(|at| Localpart::new(at).unwrap());
    Notice::SignedIn { name: name.map(Arc::from), known_as, conversations }
}

fn waiting(name: Option<&str>, waited_ms: i64, page: Option<&str>, conversations: u32) -> Notice {
    Notice::Waiting {
        pos: Pos(11),
        at: NOW,
        name: name.map(Into::into),
        queue: "sales".into(),
        waited_ms,
        page: page.map(Into::into),
        conversations,
        subject: None,
    }
}

fn answers() -> Vec<(Arc<str>, Arc<str>)> {
    vec![("email".into(), "ann@example.com".into()), ("order".into(), "12\n⚙ 34".into())]
}

/// The effects named in the table.
fn effects() -> Vec<(&'static str, ToAgent)> {
    let customer = Author::Customer;
    let earlier = Timestamp(NOW.0 - 90_000);
    let message = |text: &str| RowKind::Message { text: text.into(), reply_to: None };
    let who = |name: Option<&str>, online| {
        line(Notice::Who {
            name: name.map(Into::into),
            open: Some(("sales".into(), Timestamp(NOW.0 - 720_000))),
            agent: None,
            priority: 0,
            tags: Vec::new(),
            online,
            page: Some("https://example.com/pricing".into()),
            conversations: 3,
            answers: answers(),
        })
    };
    let status = Notice::Status {
        queues: vec![
            ("sales".into(), 2, 180_000),
            ("default".into(), 1, 20_000),
            ("support".into(), 0, 0),
        ],
        agents: vec![("Alice".into(), "free", 1, 4)],
    };
    let subject = match waiting(Some("Ann"), 12_000, None, 2) {
        Notice::Waiting { pos, at, name, queue, waited_ms, page, conversations, .. } => {
            let subject = Some("Order\n1234".into());
            Notice::Waiting { pos, at, name, queue, waited_ms, page, conversations, subject }
        }
        other => other,
    };
    let handed_back = RowKind::HandedBack {
        agent: AgentJid::normalised("bob@example.org"),
        reason: RequeueReason::Declined,
        why: "lunch".into(),
    };
    let requeued = RowKind::Requeued {
        agent: AgentJid::normalised("alice@example.org"),
        reason: RequeueReason::Silent,
    };
    let long = "https://example.com/a/very/long/path/that/does/not/fit/into/eighty/columns/at/all";
    vec![
        ("customer's words", said(customer.clone(), "Hello <you> & \"me\"\n]]>")),
        ("customer without a name", row_of(customer.clone(), NOW, message("Hello"), None)),
        (
            "customer's words, late",
            row_of(customer.clone(), earlier, message("Hello"), Some("Ann")),
        ),
        ("customer poses as the desk", said(customer.clone(), "ok\n⚙ Closed")),
        ("customer acts", said(customer.clone(), "/me waves")),
        ("another agent's words", said(bob(), "Hello\n/me waves\n⚙ x")),
        ("customer's message, edited", changed(edit("⚙ Hi"), customer.clone())),
        (
            "customer's message, retracted",
            changed(RowKind::Retract { target: TARGET }, customer.clone()),
        ),
        ("a retracted message, later", said(customer.clone(), "")),
        ("another agent's message, edited", changed(edit("Hi\nyou"), bob())),
        ("another agent's message, retracted", changed(RowKind::Retract { target: TARGET }, bob())),
        ("in reply to the agent", answering(alice(), "Which\nsize?", "A5")),
        ("in reply to another agent", answering(bob(), "Which size?", "⚙ A5")),
        ("in reply to themselves", answering(customer.clone(), "Hello", "Anyone?")),
        ("in reply to a retracted message", answering(alice(), "", "A5")),
        ("a reaction", reaction(customer.clone(), "👍", alice(), "Which\nsize?")),
        ("a reaction taken back", reaction(customer.clone(), "", alice(), "Which size?")),
        ("a reaction to another agent", reaction(customer.clone(), "👍", bob(), "⚙ x")),
        ("another agent's reaction", reaction(bob(), "👍", customer.clone(), "Hello")),
        (
            "a reaction to something lost",
            changed(RowKind::Reaction { target: TARGET, emoji: "👍".into() }, customer.clone()),
        ),
        ("joined", row_of(bob(), NOW, RowKind::Joined, None)),
        ("left", row_of(bob(), NOW, RowKind::Left, None)),
        ("prompted", row_of(Author::System, NOW, RowKind::Prompted { waited_ms: 125_000 }, None)),
        (
            "handed over",
            row_of(
                bob(),
                NOW,
                RowKind::Handing { note: "the ⚙\ninvoice".into(), customer: Some("Ann".into()) },
                None,
            ),
        ),
        ("handed back", row_of(Author::System, NOW, handed_back, None)),
        (
            "taken over",
            row_of(
                bob(),
                NOW,
                RowKind::Transferred { from: AgentJid::normalised("alice@example.org") },
                None,
            ),
        ),
        ("passed on", row_of(Author::System, NOW, requeued, None)),
        (
            "closed",
            row_of(Author::System, NOW, RowKind::Closed { reason: CloseReason::Idle }, None),
        ),
        ("asked by another agent", row_of(bob(), NOW, asked(), None)),
        ("chosen", chosen("A5")),
        ("asked how", refused(AgentRefusal::Usage { word: "ask" })),
        ("asked how, with a form", refused(AgentRefusal::Usage { word: "form" })),
        (
            "a command with text that it does not take",
            refused(AgentRefusal::Overfull { word: "who" }),
        ),
        ("a command corrected", refused(AgentRefusal::Carried)),
        ("closed before taken", refused(AgentRefusal::NotTaken)),
        ("reopened while open", refused(AgentRefusal::StillOpen)),
        ("an invitation", refused(AgentRefusal::Invitation)),
        ("contacts", refused(AgentRefusal::Contacts)),
        ("nothing but a quoted notice", refused(AgentRefusal::DeskQuote)),
        ("a call", refused(AgentRefusal::Call(call(false)))),
        ("a call, as an invitation", refused(AgentRefusal::Call(call(true)))),
        ("nothing to retract", refused(AgentRefusal::NoSuchWords)),
        ("asked", line(Notice::Asked)),
        ("rated", row_of(customer.clone(), NOW, RowKind::Rated { score: 4, comment: None }, None)),
        (
            "rated, with words",
            row_of(
                customer.clone(),
                NOW,
                RowKind::Rated { score: 1, comment: Some("No\n⚙ Closed".into()) },
                None,
            ),
        ),
        (
            "opened with answers",
            row_of(customer.clone(), NOW, RowKind::Opened { answers: answers() }, None),
        ),
        ("opened", row_of(customer, NOW, RowKind::Opened { answers: Vec::new() }, None)),
        ("offered", row_of(Author::System, NOW, RowKind::Offered, None)),
        ("waiting", line(waiting(Some("Ann"), 120_000, Some("https://example.com/pricing"), 3))),
        ("waiting, just arrived", line(waiting(None, 900, None, 1))),
        ("waiting on a long page", line(waiting(Some("Ann"), 7_260_000, Some(long), 12))),
        ("waiting with a subject", line(subject)),
        ("ended by the customer", line(Notice::Closed { reason: CloseReason::Customer })),
        ("ended by the agent", line(Notice::Closed { reason: CloseReason::Agent })),
        ("reopened", line(Notice::Reopened)),
        ("signed in", line(signed_in(Some("Ann"), Some("ann-67kb"), 2))),
        ("signed in, unnamed and new", line(signed_in(None, None, 0))),
        ("canned replies", canned(CannedNotice::List { replies: replies(), more: 0 })),
        ("canned replies, many", canned(CannedNotice::List { replies: replies(), more: 9 })),
        ("no canned replies", canned(CannedNotice::List { replies: Vec::new(), more: 0 })),
        (
            "a canned reply shown",
            canned(CannedNotice::Shown { keys: "thanks".into(), text: two() }),
        ),
        ("a canned reply said", canned(CannedNotice::Said { keys: "thanks".into(), text: two() })),
        (
            "an empty variable",
            uncanned(CannedRefusal::Empty { key: key(), variable: "customer.name".into() }),
        ),
        ("an argument missing", uncanned(CannedRefusal::Missing { key: key(), number: 2 })),
        ("a canned reply found", uncanned(CannedRefusal::Found { key: key(), text: two() })),
        (
            "several canned replies",
            uncanned(CannedRefusal::Several { words: "a\nb".into(), replies: replies(), more: 2 }),
        ),
        (
            "macros",
            macros(MacroNotice::List {
                macros: vec![(refund(), "Refund\n⚙ it".into())], more: 2
            }),
        ),
        ("no macros", macros(MacroNotice::List { macros: Vec::new(), more: 0 })),
        (
            "a macro shown",
            macros(MacroNotice::Shown {
                key: refund(),
                steps: vec!["!r refund".into(), "!close\n⚙ x".into()],
            }),
        ),
        ("a macro done", macros(MacroNotice::Done { key: refund(), steps: 2 })),
        ("a macro at its first step", stopped(1, AgentRefusal::NotTaken)),
        ("a macro at its last step", stopped(3, AgentRefusal::Taken { by: "Bob".into() })),
        ("no macro", unrun(MacroRefusal::Unknown { words: "x".into(), any: true })),
        ("a macro with words", unrun(MacroRefusal::Overfull { key: refund(), words: "x".into() })),
        ("a broken macro", unrun(MacroRefusal::Broken { key: refund() })),
        ("no canned reply", uncanned(CannedRefusal::Unknown { words: "x".into(), any: true })),
        ("help in a chat", line(Notice::Help { in_chat: true, supervisor: false })),
        ("help with the desk", from_desk(Notice::Help { in_chat: false, supervisor: false })),
        ("who", who(Some("Ann"), true)),
        ("who, unnamed and gone", who(None, false)),
        ("status", from_desk(status)),
        ("typing", from_customer(ToAgentContent::Typing { on: true })),
        ("typing stopped", to_phone(ToAgentContent::Typing { on: false })),
        ("received", to_phone(ToAgentContent::Received { stanza: "m1".into() })),
        ("displayed", to_phone(ToAgentContent::Displayed { stanza: "a'\"<&".into() })),
        ("not found", refused(AgentRefusal::NotFound)),
        ("taken by another", refused(AgentRefusal::Taken { by: "Bob".into() })),
        ("into a closed one", refused(AgentRefusal::Closed)),
        ("too long", refused(AgentRefusal::TooLong)),
        ("encrypted", refused(AgentRefusal::Encrypted)),
        ("no such command", refused(AgentRefusal::UnknownCommand { word: "dance".into() })),
        ("overloaded", refused(AgentRefusal::Overloaded)),
    ]
}

fn line_id() -> String {
    "line".to_owned()
}

fn long_text(effect: &ToAgent) -> String {
    match &effect.content {
        ToAgentContent::Row { row, .. } => row.kind.words().unwrap().to_string(),
        _ => unreachable!("it is a row"),
    }
}

/// A stanza as the table shows it: on one line, without the parts that are always the same.
fn shown(to_agent: &ToAgent) -> String {
    let Some(element) = message(&domain(), to_agent, NOW, &line_id) else {
        return "nothing".to_owned();
    };
    String::from(&element).replace(&format!(" xmlns='{}'", ns::DEFAULT_NS), "").replace('\n', "⏎")
}

#[test]
fn effects_are_written_as_the_table_says() {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let expected = lines.map(|line| line.split_once(" | ").expect("two cells"));
    let expected = expected.map(|(name, xml)| format!("{name} | {xml}")).collect::<Vec<_>>();
    let written = effects()
        .iter()
        .map(|(name, effect)| format!("{name} | {}", shown(effect)))
        .collect::<Vec<_>>();
    let wrong = written.iter().filter(|line| !expected.contains(line)).collect::<Vec<_>>();
    assert!(wrong.is_empty() && written.len() == expected.len(), "{wrong:#?}");
}

/// The text is the same as the typed elements.
fn is_the_same(effect: &ToAgent) {
    let element = message(&domain(), effect, NOW, &line_id);
    let Some(text) = text(&domain(), effect, NOW, &line_id) else {
        return assert_eq!(element, None);
    };
    let known = Some(ns::DEFAULT_NS.to_owned());
    let read = Element::from_reader_with_prefixes(text.as_bytes(), known);
    // Both written and read, since an empty text is not preserved.
    let built = String::from(&element.expect("a stanza")).parse::<Element>();
    assert_eq!(String::from(&read.expect("XML")), String::from(&built.expect("XML")), "{text}");
}

#[test]
fn effects_are_written_as_text_the_same() {
    effects().iter().for_each(|(_, effect)| is_the_same(effect));
}

#[test]
fn lines_of_one_line_fit_a_terminal() {
    for (name, effect) in effects() {
        let body = message(&domain(), &effect, NOW, &line_id)
            .and_then(|element| element.get_child("body", ns::DEFAULT_NS).map(Element::text));
        for line in body.iter().flat_map(|body| body.lines()) {
            // The notice to an agent who lost a customer is on one line.
            let room = match name {
                "left" => 110,
                "who, unnamed and gone" => 85,
                _ => 80,
            };
            assert!(line.chars().count() <= room, "{name}: {line}");
        }
    }
}

#[test]
fn an_address_that_cannot_be_is_no_stanza() {
    let mut effect = said(Author::Customer, "Hello");
    effect.agent = AgentJid::normalised("a b@example.org");
    assert_eq!(message(&domain(), &effect, NOW, &line_id), None);
    assert_eq!(text(&domain(), &effect, NOW, &line_id), None);
}

proptest! {
    /// For any text, the stanza can be written, parsed again, and contains the text.
    #[test]
    fn every_stanza_can_be_read_again(
        words in any::<String>(),
        name in any::<String>(),
        other in ".{0,400}",
        which in 0_usize..9,
    ) {
        let author = Author::Agent { jid: AgentJid::normalised("bob@example.org"), name: name.as_str().into() };
        let pieces = vec![(Arc::from(other.as_str()), Arc::from(words.as_str()))];
        let effect = match which {
            0 => row_of(Author::Customer, NOW, RowKind::Message { text: words.as_str().into(), reply_to: None }, Some(&name)),
            1 => said(author, &words),
            2 => row_of(author, NOW, RowKind::Joined, None),
            3 => line(waiting(Some(&name), 5, Some(&other), 3)),
            4 => line(Notice::Who {
                name: Some(name.as_str().into()), open: Some((other.as_str().into(), NOW)), online: true, page: Some(words.as_str().into()),
                agent: Some(other.as_str().into()), priority: 10, tags: vec![other.as_str().into()],
                conversations: 1, answers: pieces,
            }),
            6 => answering(author, &other, &words),
            7 => changed(edit(&words), Author::Customer),
            5 => refused(AgentRefusal::UnknownCommand { word: words.as_str().into() }),
            _ => to_phone(ToAgentContent::Received { stanza: words.as_str().into() }),
        };
        is_the_same(&effect);
        let element = message(&domain(), &effect, NOW, &line_id).expect("a stanza");
        let xml = String::from(&element);
        let read = xml.parse::<Element>();
        prop_assert!(read.is_ok(), "{}", xml);
        // A retracted message has no text.
        if which == 0 && !words.is_empty() {
            let body = read.unwrap().get_child("body", ns::DEFAULT_NS).map(Element::text).unwrap();
            let words = clean::text(&words);
            prop_assert_eq!(body, mark::for_agent(&words));
        }
    }

    /// The longest texts stay far below the limits of servers.
    #[test]
    fn no_stanza_is_too_long(c in any::<char>(), author in any::<bool>()) {
        let text = c.to_string().repeat(8_000);
        let author = if author { Author::Customer } else { bob() };
        // A form stored by an older version may be longer than is possible now.
        let long = changed(
            RowKind::Choice { of: TARGET.seq, text: c.to_string().repeat(40_000).into() },
            Author::Customer,
        );
        let answering = answering(bob(), &text, &long_text(&long));
        for effect in [said(author, &text), long, answering] {
            let element = message(&domain(), &effect, NOW, &line_id).expect("a stanza");
            prop_assert!(String::from(&element).len() < 128 * 1024);
            prop_assert!(super::text(&domain(), &effect, NOW, &line_id).expect("a stanza").len() < 128 * 1024);
        }
    }
}

#[test]
fn a_refusal_is_a_notice_too() {
    let line = |effect: &ToAgent| {
        let line = refusal_line(&domain(), effect, &line_id)?;
        assert_eq!((line.attr("type"), line.attr("id")), (Some("chat"), Some("line")));
        assert_eq!(line.attr("to"), Some("alice@example.org/phone"));
        Some(line.get_child("body", ns::DEFAULT_NS).unwrap().text())
    };
    for (name, effect) in effects() {
        let ToAgentContent::Refused { refusal, .. } = &effect.content else {
            assert_eq!(line(&effect), None, "{name}");
            continue;
        };
        let said = line(&effect).unwrap();
        let begins = [
            "⚙ Not sent",
            "⚙ Not deleted: ",
            "⚙ Not closed: ",
            "⚙ Not done: ",
            "⚙ Unknown command !",
        ];
        assert!(begins.iter().any(|begin| said.starts_with(begin)), "{name}: {said}");
        if !matches!(refusal, AgentRefusal::Call(_)) {
            let error = message(&domain(), &effect, NOW, &line_id).unwrap();
            let body = error.get_child("body", ns::DEFAULT_NS).map(Element::text);
            assert_eq!(
                body.as_deref(),
                Some("⚙ Not sent: My <words>"),
                "{name} brings the words back"
            );
            assert!(error.has_child("no-store", HINTS), "{name} is in no archive");
        }
    }
    // A notice of ours that is sent back causes no further notice.
    let mut echoed = refused(AgentRefusal::Closed);
    if let ToAgentContent::Refused { said, .. } = &mut echoed.content {
        *said = Some("\u{200b}⚙ Not sent: this conversation is closed.".into());
    }
    assert_eq!(line(&echoed), None);
}

// ---- files ----

fn file(name: &str) -> File {
    File {
        id: crate::chat::ids::FileId(Uuid::from_u128(0xf1)),
        key: crate::chat::ids::FileKey([1; 16]),
        name: name.into(),
        media_type: "image/png".into(),
        size: 1,
    }
}

fn with_files(author: Author, text: &str, names: &[&str]) -> ToAgent {
    let files = names.iter().map(|name| file(name)).collect();
    let kind = RowKind::Files { files, text: text.into(), reply_to: None, of: None };
    row_of(author, NOW, kind, Some("Ann"))
}

/// The stanzas of a row with files.
fn stanzas(to_agent: &ToAgent) -> Vec<Element> {
    let written = shared(&domain(), "https://chat.example.com", to_agent, NOW).unwrap();
    let all: Element = format!("<all xmlns='urn:x'>{written}</all>").parse().unwrap();
    all.children().cloned().collect()
}

fn bodies(stanzas: &[Element]) -> Vec<String> {
    let body = |stanza: &Element| {
        stanza.children().find(|child| child.name() == "body").map(Element::text)
    };
    stanzas.iter().filter_map(body).collect()
}

#[test]
fn a_file_is_a_stanza_that_says_its_link_and_nothing_else() {
    let one = stanzas(&with_files(Author::Customer, "", &["a b'\"<&>.png"]));
    assert_eq!(one.len(), 1);
    let oob = one[0].get_child("x", OOB).unwrap();
    let url = oob.get_child("url", OOB).unwrap().text();
    assert_eq!(bodies(&one), std::slice::from_ref(&url));
    let begin = "https://chat.example.com/v1/acme/files/000000000000000000000000000000f1/a%20b%27%22%3C%26%3E.png?until=";
    assert!(url.starts_with(begin), "{url}");
    assert_eq!(one[0].attr("id"), Some("p12"));
    assert!(
        one[0].has_child("request", ns::RECEIPTS)
            && one[0].has_child("markable", ns::DISPLAYED_MARKERS)
    );

    let three = stanzas(&with_files(Author::Customer, "⚙ Look", &["a.png", "b.png"]));
    let ids: Vec<_> = three.iter().map(|stanza| stanza.attr("id").unwrap()).collect();
    assert_eq!(ids, ["p12", "p12-1", "p12-2"]);
    assert_eq!(bodies(&three)[0], "(⚙) Look", "nobody poses as the desk");
    let asks: Vec<_> =
        three.iter().map(|stanza| stanza.has_child("request", ns::RECEIPTS)).collect();
    assert_eq!(asks, [false, false, true], "the last stands for all");
    assert!(ids.iter().all(|id| address::row_of(id) == Some(Pos(12))));

    let bobs = stanzas(&with_files(bob(), "", &["a.png"]));
    assert_eq!(bodies(&bobs)[0], "⚙ Bob: a.png");
    assert!(bobs[1].has_child("x", OOB) && !bobs[1].has_child("request", ns::RECEIPTS));
}

#[test]
fn a_file_may_answer_and_be_answered() {
    let mut effect = with_files(Author::Customer, "", &["a.png"]);
    let question = said(bob(), "Which?");
    let files = with_files(bob(), "", &["a.png", "b.png"]);
    let of = |effect: &ToAgent| match &effect.content {
        ToAgentContent::Row { row, .. } => row.clone(),
        _ => unreachable!("it is a row"),
    };
    if let ToAgentContent::Row { quoted, .. } = &mut effect.content {
        *quoted = Some(of(&question));
    }
    let answer = stanzas(&effect);
    assert_eq!(bodies(&answer)[0], "> ⚙ Bob: Which?\na.png");
    assert!(answer[0].has_child("fallback", quote::FALLBACK), "the offsets are of this one");
    assert!(answer[1].has_child("x", OOB) && !answer[1].has_child("fallback", quote::FALLBACK));

    let mut words = said(Author::Customer, "These?");
    if let ToAgentContent::Row { quoted, .. } = &mut words.content {
        *quoted = Some(of(&files));
    }
    let answer = message(&domain(), &words, NOW, &line_id).unwrap();
    assert_eq!(bodies(&[answer]), ["> ⚙ Bob: a.png\n> ⚙ Bob: b.png\nThese?"]);
}

#[test]
fn a_failed_fetch_and_a_retracted_file_are_notices() {
    let why = crate::chat::row::FetchError::TooLarge(1_600_000);
    let unfetched = row_of(Author::System, NOW, RowKind::Unfetched { of: Pos(3), why }, None);
    let line = message(&domain(), &unfetched, NOW, &line_id).unwrap();
    assert_eq!(
        bodies(&[line]),
        ["⚙ Your file did not reach the customer: it is too large; at most 1.5 MB"]
    );
    let gone = message(&domain(), &with_files(Author::Customer, "", &[]), NOW, &line_id).unwrap();
    assert_eq!(bodies(&[gone]), ["⚙ The customer deleted a message"]);
}
