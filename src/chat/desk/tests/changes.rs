//! Plays of messages that are corrected, retracted or replied to.

use super::stage::Stage;
use crate::chat::commands::AgentCommand::Close;
use crate::chat::effect::Effect;
use crate::chat::event::About;
use crate::chat::event::Availability::Gone;
use crate::chat::ids::{ConversationId, Pos, Seq};
use crate::chat::row::{Row, RowKind};

/// Mia wrote "Hello" (1), Ann joined and wrote "Hi" (2, 3).
fn served() -> Stage {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on
}

fn words(on: &Stage) -> Vec<String> {
    let conversation: ConversationId = on.store.rows[0].conversation;
    let text = |row: &std::sync::Arc<Row>| row.kind.words().map(|text| text.to_string());
    on.store.messages(conversation).filter_map(text).collect()
}

#[test]
fn a_customer_corrects_and_retracts_a_message() {
    let mut on = served();
    on.edits("mia", "m2", "m1", "Hello there");
    assert_eq!(on.heard("mia"), [r#"4 customer edits 1: "Hello there""#]);
    assert_eq!(on.heard("ann"), [r#"mia customer edits 1: "Hello there""#]);
    on.edits("mia", "m2", "m1", "Hello there");
    assert_eq!(on.heard("mia"), ["ack m2 as 4"], "a repeat changes nothing");
    // A correction may name the original message or its last correction.
    on.edits("mia", "m3", "m2", "Hello all");
    assert_eq!(on.heard("ann"), [r#"mia customer edits 1: "Hello all""#]);
    assert_eq!(words(&on), ["Hello all", "Hi", "Hello there", "Hello all"]);
    on.so_far();
    on.retracts("mia", "m4", "m1");
    assert_eq!(on.heard("mia"), ["6 customer takes back 1"]);
    assert_eq!(on.heard("ann"), ["mia customer takes back 1"]);
    assert_eq!(words(&on), ["", "Hi", "", ""], "nothing of it is left in the store");
    on.edits("mia", "m5", "m1", "Hello again");
    on.retracts("mia", "m6", "m3");
    assert_eq!(on.heard("mia"), ["refused m5: NoSuchWords", "refused m6: NoSuchWords"]);
}

#[test]
fn a_customer_changes_only_their_own_messages_of_the_open_conversation() {
    let mut on = served();
    on.edits("mia", "m2", "m9", "x");
    on.edits("mia", "m3", "Hi", "x");
    on.says_as("noa", "n1", "Hello");
    on.so_far();
    on.edits("noa", "n2", "m1", "x");
    assert_eq!(on.heard("noa"), ["refused n2: NoSuchWords"]);
    on.orders("ann", "mia", Close);
    on.so_far();
    on.retracts("mia", "m4", "m1");
    assert_eq!(on.heard("mia"), ["refused m4: NotOpen"]);
    on.says_as("mia", "m5", "Me again");
    on.so_far();
    on.retracts("mia", "m6", "m1");
    assert_eq!(on.heard("mia"), ["refused m6: NoSuchWords"], "that was another conversation");
}

#[test]
fn changes_outlive_the_desk() {
    let mut on = served();
    on.crash();
    on.reconnects(&["ann", "bob"]);
    on.so_far();
    on.edits("mia", "m2", "m1", "Hello there");
    assert_eq!(on.heard("mia"), [r#"4 customer edits 1: "Hello there""#]);
    on.corrects("ann", "mia", "Hi", "Hi!");
    assert_eq!(on.heard("mia"), [r#"5 Ann edits 3: "Hi!""#]);
    on.retracts("mia", "m3", "m1");
    on.crash();
    on.reconnects(&["ann", "bob"]);
    on.so_far();
    on.edits("mia", "m4", "m1", "x");
    assert_eq!(on.heard("mia"), ["refused m4: NoSuchWords"]);
    on.retracts("mia", "m3", "m1");
    assert_eq!(on.heard("mia"), ["ack m3 as 6"]);
    on.corrects("ann", "mia", "Hi", "Hi!");
    assert_eq!(on.heard("mia"), Vec::<String>::new(), "a repeat");
}

#[test]
fn a_correction_is_confirmed_and_resent_like_any_message() {
    let mut on = served();
    on.received("ann", "mia", "Hello");
    on.edits("mia", "m2", "m1", "Hello there");
    on.so_far();
    on.reconnects(&["ann", "bob"]);
    on.pass(2_000);
    let again = on.heard("ann");
    assert_eq!(again, [r#"mia so far: customer edits 1: "Hello there""#]);
    // Ann's grace period is over: the next agent reads the corrected message.
    on.is("ann", Gone);
    on.pass(40_000);
    let so_far = on.heard("bob").pop().unwrap();
    assert!(so_far.starts_with(r#"mia so far: customer "Hello there", Ann "Hi""#), "{so_far}");
}

#[test]
fn a_correction_finds_a_message_that_is_not_stored_yet() {
    let mut on = served();
    on.holds_back = true;
    on.says_as("mia", "m2", "A5");
    on.edits("mia", "m3", "m2", "A4");
    on.retracts("mia", "m4", "m2");
    on.edits("mia", "m5", "m2", "A3");
    on.store_all();
    let heard = on.heard("mia");
    assert_eq!(
        heard,
        [
            r#"4 customer "A5""#,
            r#"5 customer edits 4: "A4""#,
            "6 customer takes back 4",
            "refused m5: NoSuchWords",
        ]
    );
}

#[test]
fn an_agent_corrects_and_retracts_their_own_messages() {
    let mut on = served();
    on.corrects("ann", "mia", "Hi", "Hi, Mia");
    assert_eq!(on.heard("mia"), [r#"4 Ann edits 3: "Hi, Mia""#]);
    assert_eq!(on.heard("ann"), [r#"mia received "Hi, Mia""#]);
    on.takes_back("ann", "mia", "back", "Hi");
    assert_eq!(on.heard("mia"), ["5 Ann takes back 3"]);
    assert_eq!(on.heard("ann"), [r#"mia received "back""#]);
    on.takes_back("ann", "mia", "back", "Hi");
    assert_eq!(on.heard("mia"), Vec::<String>::new(), "a repeat is only confirmed");
    assert_eq!(on.heard("ann"), [r#"mia received "back""#]);
    assert_eq!(words(&on), ["Hello", "", ""]);
}

#[test]
fn a_correction_of_a_missing_message_is_a_new_message() {
    let mut on = served();
    on.corrects("ann", "mia", "nowhere", "One");
    on.takes_back("ann", "mia", "back", "nowhere");
    assert_eq!(on.heard("mia"), [r#"4 Ann "One""#]);
    assert_eq!(on.heard("ann"), [r#"mia received "One""#, "mia refused: NoSuchWords"]);
    // Nobody can change another agent's message, or one of an earlier conversation.
    on.is("ann", Gone);
    on.pass(40_000);
    on.answers("bob", "mia", "Bob here");
    on.so_far();
    on.corrects("bob", "mia", "Hi", "Two");
    on.takes_back("bob", "mia", "back", "One");
    assert_eq!(on.heard("mia"), [r#"8 Bob "Two""#]);
    assert_eq!(on.heard("bob"), [r#"mia received "Two""#, "mia refused: NoSuchWords"]);
    on.orders("bob", "mia", Close);
    on.so_far();
    on.corrects("bob", "mia", "Bob here", "Three");
    on.takes_back("bob", "mia", "back 2", "Bob here");
    assert_eq!(on.heard("mia"), Vec::<String>::new());
    assert_eq!(on.heard("bob"), ["mia refused: Closed", "mia refused: Closed"]);
}

#[test]
fn a_reply_names_the_message_it_replies_to() {
    let mut on = served();
    let about = |target: &str, row| About::Answers {
        target: target.into(),
        row,
        quoting: "> quoted\nx".into(),
    };
    let pos = on.pos("Hello");
    on.answers_about("ann", "mia", "to you", about("p2", Some(pos)));
    on.answers_about("ann", "mia", "to me", about("Hi", None));
    on.answers_about("ann", "mia", "to nobody", about("nowhere", None));
    on.answers_about("ann", "mia", "to no row", about("p99", Some(Pos(99))));
    let last: Vec<RowKind> =
        on.store.rows.iter().rev().take(4).rev().map(|row| row.kind.clone()).collect();
    let said = |text: &str, seq| RowKind::Message { text: text.into(), reply_to: seq };
    assert_eq!(
        last,
        [
            said("to you", Some(Seq(1))),
            said("to me", Some(Seq(3))),
            said("> quoted\nx", None),
            said("> quoted\nx", None),
        ]
    );
    // Some clients name the correction; their user means the message as it is now.
    on.edits("mia", "e1", "m1", "Hello all");
    let edited = on.store.rows.last().unwrap().pos;
    on.answers_about("ann", "mia", "to the edit", about("p0", Some(edited)));
    assert_eq!(on.store.rows.last().unwrap().kind, said("to the edit", Some(Seq(1))));
    on.so_far();
    on.replies("mia", "m2", "Yes", 3);
    on.replies("mia", "m3", "What?", 99);
    let rows: Vec<_> = on.store.rows.iter().rev().take(2).map(|row| row.kind.clone()).collect();
    assert_eq!(rows, [said("What?", None), said("Yes", Some(Seq(3)))]);
    // The message that is replied to is read from the store, so that it can be quoted.
    let quoting =
        |effect: &&Effect| matches!(effect, Effect::Backlog(backlog) if backlog.is_fresh());
    assert_eq!(on.left.iter().filter(quoting).count(), 1);
}
