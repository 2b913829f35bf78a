//! Plays of the limits of one conversation, and of what is read from the store for it.

use super::stage::{Stage, agent, queue, reads, tenant};
use crate::chat::answers::{BYTES, FIELDS};
use crate::chat::desk::DeskLimits;
use crate::chat::event::About;
use crate::chat::event::Availability::{Free, Gone};
use crate::chat::event::{Event, Need};
use crate::chat::row::{Reference, RowKind};
use crate::chat::settings::Strategy;

/// The number of rows in a stage's store.
fn rows(on: &Stage) -> usize {
    on.store.rows.len()
}

// ---- the form before the chat ----

#[test]
fn a_start_that_changes_nothing_leaves_nothing_behind() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.fills_in("mia", "s1", &[("name", "Mia"), ("order", "7")]);
    on.so_far();
    let before = rows(&on);
    on.fills_in("mia", "s2", &[("name", "Mia"), ("order", "7")]);
    on.fills_in("mia", "s3", &[]);
    assert_eq!(rows(&on), before);
    assert_eq!(on.heard("mia"), ["ack s2", "waiting 1", "ack s3", "waiting 1"]);
    on.fills_in("mia", "s2", &[("name", "Mia"), ("order", "7")]);
    assert_eq!(on.heard("mia"), ["ack s2"], "known as a repeat");
    // If some answers change something, only those are stored.
    on.fills_in("mia", "s4", &[("name", "Mia"), ("order", "8")]);
    assert_eq!(rows(&on), before + 1);
    let changed = vec![("order".into(), "8".into())];
    assert_eq!(on.store.rows.last().unwrap().kind, RowKind::Opened { answers: changed });
    // A restored desk does not know s3: it changes nothing once more.
    on.crash();
    on.so_far();
    on.fills_in("mia", "s3", &[("order", "8")]);
    assert_eq!((on.heard("mia"), rows(&on)), (vec!["ack s3".into(), "waiting".into()], before + 1));
}

#[test]
fn a_conversation_holds_a_bounded_map_of_answers_however_often_it_is_started() {
    let mut on = Stage::acme(&[]);
    for turn in 0..60 {
        let fields: Vec<(String, String)> =
            (0..20).map(|field| (format!("f{}", field + turn), "x".repeat(900))).collect();
        let answers: Vec<(&str, &str)> = fields.iter().map(|(f, a)| (&**f, &**a)).collect();
        on.fills_in("mia", &format!("s{turn}"), &answers);
    }
    let bounded = |on: &Stage| {
        let case = on.desk.cases.values().next().unwrap();
        let bytes: usize = case.answers.iter().map(|(f, a)| f.len() + a.len()).sum();
        assert!(case.answers.len() <= FIELDS && bytes <= BYTES, "{bytes}");
        case.answers.clone()
    };
    let before = bounded(&on);
    let stored: usize = on
        .store
        .rows
        .iter()
        .map(|row| match &row.kind {
            RowKind::Opened { answers } => answers.iter().map(|(f, a)| f.len() + a.len()).sum(),
            _ => 0,
        })
        .sum();
    assert!(stored <= BYTES, "{stored}");
    on.crash();
    assert_eq!(bounded(&on), before);
}

// ---- what is read from the store ----

#[test]
fn a_missing_message_is_looked_up_once_until_it_is_sent() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    for turn in 0..9 {
        on.edits("mia", &format!("e{turn}"), "m2", "x");
        on.retracts("mia", &format!("r{turn}"), "m2");
        on.takes_back("ann", "mia", &format!("t{turn}"), "nothing");
    }
    let asked: Vec<&Need> = on.asked.iter().collect();
    let words = |need: &&&Need| matches!(need, Need::Words(..));
    assert_eq!(asked.iter().filter(words).count(), 2, "{asked:?}");
    assert_eq!(on.heard("mia").len(), 18, "each was refused");
    // Once the message exists it is found, also when it is stored.
    on.says_as("mia", "m2", "A5");
    on.edits("mia", "e10", "m2", "A4");
    assert_eq!(on.heard("mia").last().unwrap(), r#"5 customer edits 4: "A4""#);
    on.answers("ann", "mia", "nothing");
    on.so_far();
    on.takes_back("ann", "mia", "t10", "nothing");
    assert_eq!(on.heard("mia"), ["7 Ann takes back 6"]);
}

#[test]
fn as_much_is_remembered_of_what_is_not_there_as_is_bounded() {
    let mut on = Stage::acme(&[]);
    on.says_as("mia", "m1", "Hello");
    for turn in 0..200 {
        on.edits("mia", &format!("e{turn}"), &format!("x{turn}"), "x");
    }
    on.so_far();
    on.edits("mia", "again", "x199", "x");
    on.edits("mia", "again", "x0", "x");
    let looked = |need: &Need| match need {
        Need::Words(_, Reference::Customer(key)) => Some(key.id.to_string()),
        _ => None,
    };
    let looked: Vec<String> = on.asked.iter().filter_map(looked).collect();
    assert_eq!(looked, ["x0"], "the latest are remembered, the first are not");
}

#[test]
fn a_session_that_gave_much_is_not_read_again_but_asked_about_command_by_command() {
    let mut on = Stage::acme(&[]);
    for turn in 1..=9 {
        on.says_as("mia", &format!("m{turn}"), &format!("word {turn}"));
    }
    on.crash();
    on.so_far();
    let before = rows(&on);
    for turn in 1..=9 {
        on.says_as("mia", &format!("m{turn}"), &format!("word {turn}"));
    }
    assert_eq!(rows(&on), before, "each exists once");
    on.says_as("mia", "m10", "new");
    on.says_as("mia", "m10", "new");
    assert_eq!(rows(&on), before + 1);
    let count = |which: fn(&Need) -> bool| on.asked.iter().filter(|need| which(need)).count();
    assert_eq!(count(|need| matches!(need, Need::Session(_))), 1);
    assert_eq!(
        count(|need| matches!(need, Need::Command(_))),
        7,
        "six earlier ones, and the new one"
    );
}

#[test]
fn an_agent_answers_what_was_confirmed_before_the_desk_was_restored() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.received("ann", "mia", "Hello");
    for turn in 2..200 {
        on.says_as("mia", &format!("m{turn}"), &format!("word {turn}"));
        on.received("ann", "mia", &format!("word {turn}"));
    }
    on.pass(2_000);
    on.crash();
    on.reconnects(&["ann"]);
    on.so_far();
    let pos = on.pos("Hello");
    let quoting = "> Hello\nWelcome".into();
    let about = About::Answers { target: format!("p{}", pos.0).into(), row: Some(pos), quoting };
    on.answers_about("ann", "mia", "Welcome", about);
    assert_eq!(on.heard("mia"), [r#"202 Ann "Welcome""#]);
    let last = on.store.rows.iter().rev().find(|row| row.kind.words().is_some()).unwrap();
    assert_eq!(last.kind.answers().map(|seq| seq.0), Some(1), "it keeps what it replies to");
    on.is("ann", Gone);
}

// ---- the maximum number of rows ----

/// One agent, and conversations of at most twenty rows.
fn short() -> Stage {
    let limits = DeskLimits { waiting: 1_000, rows: 20, reads };
    let (default, ann) = (queue("default", Strategy::LeastLoaded), agent("ann", 2, &["default"]));
    let mut on = Stage::with_limits(vec![tenant("acme", vec![default], vec![ann])], limits);
    on.is("ann", Free);
    on
}

fn fill(on: &mut Stage, upto: usize) {
    let mut turn = 0;
    while rows(on) < upto {
        turn += 1;
        on.says_as("mia", &format!("m{turn}"), &format!("word {turn}"));
    }
    on.so_far();
}

#[test]
fn a_conversation_that_is_full_goes_on_in_another_with_its_agent() {
    let mut on = short();
    on.says_as("mia", "hello", "Hello");
    on.answers("ann", "mia", "Hi");
    fill(&mut on, 20);
    on.says_as("mia", "next", "And now?");
    assert_eq!(
        on.heard("mia"),
        [
            "19 closed: Full",
            "closed: Full",
            "1 Ann joined",
            "active with Ann",
            r#"2 customer "And now?""#,
        ]
    );
    let heard = on.heard("ann");
    assert_eq!(heard.first().unwrap(), "mia closed: Full");
    assert_eq!(heard.last().unwrap(), r#"mia customer "And now?""#);
    on.says_as("mia", "next", "And now?");
    assert_eq!(on.heard("mia"), ["ack next as 2"], "it is in the new one, once");
    on.answers("ann", "mia", "Now this.");
    assert_eq!(on.heard("mia"), [r#"3 Ann "Now this.""#]);
    assert_eq!(on.desk.cases.len(), 1);
    // What the agent had not confirmed of the full conversation is resent first, then the new one.
    on.crash();
    on.reconnects(&["ann"]);
    on.pass(2_000);
    let again = on.heard("ann");
    assert!(again.iter().any(|line| line.contains("word 1") && !line.contains("And now?")));
    assert!(again.iter().any(|line| line.contains("And now?")), "{again:?}");
}

#[test]
fn one_who_waits_keeps_the_place_in_line_when_the_conversation_is_full() {
    let mut on = short();
    on.is("ann", Gone);
    on.says("mia", "Hello");
    on.pass(5_000);
    on.says("noa", "Hello");
    fill(&mut on, 22);
    on.says("mia", "Anybody?");
    let heard = on.heard("mia");
    assert_eq!(heard[2], "waiting", "no agent is online: {heard:?}");
    on.is("ann", Free);
    let asked: Vec<String> =
        on.heard("ann").iter().filter_map(|line| line.split(' ').next().map(Into::into)).collect();
    assert_eq!(asked.first().map(String::as_str), Some("mia"), "before those who came later");
}

#[test]
fn an_agent_who_goes_on_in_a_full_one_speaks_in_the_next() {
    let mut on = short();
    on.says_as("mia", "hello", "Hello");
    for turn in 0..30 {
        on.answers("ann", "mia", &format!("line {turn}"));
    }
    on.so_far();
    on.answers("ann", "mia", "the last");
    let heard = on.heard("mia");
    assert_eq!(heard.len(), 1, "{heard:?}");
    let most = on
        .store
        .views
        .keys()
        .map(|id| on.store.rows.iter().filter(|row| row.conversation == *id).count());
    assert_eq!(most.collect::<Vec<_>>().iter().max(), Some(&21), "twenty, and the close");
}

#[test]
fn a_full_conversation_has_little_room_for_corrections() {
    let mut on = short();
    on.says_as("mia", "hello", "Hello");
    on.answers("ann", "mia", "Hi");
    fill(&mut on, 20);
    on.edits("mia", "e1", "hello", "Hello there");
    on.edits("mia", "e2", "hello", "Hello all");
    let before = rows(&on);
    on.so_far();
    on.edits("mia", "e3", "hello", "Hello you");
    on.retracts("mia", "e4", "hello");
    assert_eq!(on.heard("mia"), ["refused e3: NoSuchWords", "refused e4: NoSuchWords"]);
    assert_eq!(rows(&on), before);
}

#[test]
fn an_operator_closes_a_conversation() {
    let mut on = short();
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    let id = *on.desk.cases.keys().next().unwrap();
    on.event(Event::CloseAsked(id));
    assert_eq!(on.heard("mia"), ["4 closed: Operator", "closed: Operator"]);
    assert_eq!(on.heard("ann"), ["mia closed: Operator"]);
    on.event(Event::CloseAsked(id));
    assert_eq!(on.heard("mia"), Vec::<String>::new(), "it is closed");
}
