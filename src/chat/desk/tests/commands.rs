//! Commands of agents: carried out once and confirmed, or refused, and never shown to the customer;
//! and messages that an agent's client resends.

use super::stage::{SECOND, Stage};
use crate::chat::commands::AgentCommand;
use crate::chat::commands::AgentCommand::{Ask, Close, CloseSaying, Invalid, Reopen, Undo, Who};
use crate::chat::event::AgentContent;
use crate::chat::refusal::{AgentRefusal, Call};
use crate::chat::row::QuestionKind;

/// Gives a command, and asks for a receipt.
fn commands(on: &mut Stage, id: &str, command: AgentCommand, corrects: Option<&str>) {
    let content =
        AgentContent::Command { command, said: "!".into(), corrects: corrects.map(Into::into) };
    on.input_asking("ann", "desk", "mia", id, content, true);
}

fn unknown(word: &str) -> AgentCommand {
    Invalid(AgentRefusal::UnknownCommand { word: word.into() })
}

fn question() -> AgentCommand {
    Ask { text: "Which?".into(), offers: QuestionKind::Choices(vec!["A5".into(), "A4".into()]) }
}

fn served() -> Stage {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on
}

/// Sends a text under this id.
fn says(on: &mut Stage, id: &str, text: &str) {
    let content = AgentContent::Text { text: text.into(), about: None };
    on.input("ann", "mia", id, content);
}

#[test]
fn what_is_done_is_confirmed_and_what_is_refused_is_not() {
    let mut on = served();
    commands(&mut on, "a1", question(), None);
    let heard = on.heard("ann");
    assert!(heard.contains(&r#"mia received "a1""#.to_owned()), "{heard:?}");
    commands(&mut on, "a2", Who, None);
    assert!(on.heard("ann").contains(&r#"mia received "a2""#.to_owned()));
    for refused in [
        unknown("clsoe"),
        Invalid(AgentRefusal::Overfull { word: "who" }),
        Reopen,
        Invalid(AgentRefusal::Usage { word: "form" }),
    ] {
        commands(&mut on, "a3", refused, None);
        let heard = on.heard("ann");
        assert!(heard.len() == 1 && heard[0].starts_with("mia refused: "), "{heard:?}");
    }
    on.so_far();
    commands(&mut on, "a4", CloseSaying { words: "Bye".into() }, None);
    let told = on.heard("mia");
    assert_eq!(told[..2], [r#"5 Ann "Bye""#, "6 closed: Agent"], "{told:?}");
    assert!(on.heard("ann").contains(&r#"mia received "a4""#.to_owned()));
    // Ann's client resends it: nothing is done again, and all of it is confirmed.
    commands(&mut on, "a4", CloseSaying { words: "Bye".into() }, None);
    assert_eq!(on.heard("mia"), [""; 0]);
    assert!(on.heard("ann").contains(&r#"mia received "a4""#.to_owned()));
    commands(&mut on, "a5", CloseSaying { words: "More".into() }, None);
    assert_eq!(on.heard("ann"), ["mia refused: Closed"], "the text is returned");
}

#[test]
fn a_command_cannot_be_corrected_and_is_never_shown_to_the_customer() {
    let mut on = served();
    commands(&mut on, "q1", question(), None);
    on.so_far();
    commands(&mut on, "q2", question(), Some("q1"));
    assert_eq!(on.heard("ann"), ["mia refused: Carried"], "it is not asked twice");
    on.corrects("ann", "mia", "q1", "Which do you want?");
    on.corrects("ann", "mia", "q2", "Which do you want??");
    on.crash();
    on.corrects("ann", "mia", "q1", "Which, please?");
    assert_eq!(on.heard("mia"), [""; 0], "nor sent");
    // What was refused was not carried out: once corrected, it is a command like any other.
    commands(&mut on, "c1", unknown("clsoe"), None);
    on.so_far();
    on.corrects("ann", "mia", "c1", "closed it");
    assert_eq!(on.heard("ann"), ["mia refused: Carried"]);
    commands(&mut on, "c2", Close, Some("c1"));
    assert!(on.heard("mia").contains(&"closed: Agent".to_owned()));
}

#[test]
fn an_offer_can_be_closed_only_with_a_message() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    on.so_far();
    commands(&mut on, "a1", Close, None);
    assert_eq!(on.heard("ann"), ["mia refused: NotTaken"]);
    commands(&mut on, "a2", CloseSaying { words: "We are closed.".into() }, None);
    let told = on.heard("mia");
    assert!(told.iter().any(|line| line.ends_with(r#"Ann "We are closed.""#)), "{told:?}");
    assert!(told.contains(&"closed: Agent".to_owned()), "{told:?}");
}

#[test]
fn what_says_nothing_is_confirmed_and_what_rings_is_declined() {
    let mut on = served();
    on.input("ann", "mia", "s1", AgentContent::Silent);
    assert_eq!(on.heard("ann"), [r#"mia received "s1""#]);
    let call = Call { id: "c1".into(), invited: false };
    let called = AgentContent::Refused { refusal: AgentRefusal::Call(call), said: None };
    on.input("ann", "mia", "k1", called.clone());
    assert!(on.heard("ann")[0].starts_with("mia refused: Call("));
    let invitation =
        AgentContent::Refused { refusal: AgentRefusal::Invitation, said: Some("x".into()) };
    on.input("ann", "mia", "i1", invitation);
    assert_eq!(on.heard("ann"), ["mia refused: Invitation"]);
    assert_eq!(on.heard("mia"), [""; 0]);
    // An unrelated agent gets the same refusal for everything.
    for content in [called, AgentContent::Silent] {
        on.input("eve", "mia", "x", content);
    }
    assert_eq!(on.heard("eve"), ["mia refused: NotFound"]);
}

#[test]
fn what_has_no_receipt_may_come_again_in_any_order() {
    let mut on = served();
    for (id, text) in [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")] {
        says(&mut on, id, text);
    }
    on.pass(61 * SECOND);
    on.so_far();
    for (id, text) in [("3", "c"), ("1", "a"), ("2", "b")] {
        says(&mut on, id, text);
    }
    on.pass(4 * SECOND);
    assert_eq!(on.heard("mia"), [""; 0], "each was sent once");
    let confirmed = ["3", "1", "2"].map(|id| format!("mia received {id:?}"));
    assert_eq!(on.heard("ann"), confirmed);
}

#[test]
fn the_same_text_under_the_same_id_is_new_if_other_messages_followed() {
    let mut on = served();
    for (id, text) in [("3", "ok"), ("4", "fine")] {
        says(&mut on, id, text);
    }
    on.pass(61 * SECOND);
    says(&mut on, "3", "ok");
    assert_eq!(on.heard("mia"), [r#"4 Ann "ok""#, r#"5 Ann "fine""#], "not yet");
    assert!(!on.heard("ann").iter().skip(2).any(|line| line.contains("received")));
    on.pass(4 * SECOND);
    assert_eq!(on.heard("mia"), [r#"6 Ann "ok""#], "a client that counts from 1 again");
    assert_eq!(on.heard("ann"), [r#"mia received "3""#]);
    // Whatever else the client sends comes after it.
    on.pass(61 * SECOND);
    for (id, text) in [("3", "ok"), ("4", "fine"), ("5", "Anything else?")] {
        says(&mut on, id, text);
    }
    on.pass(4 * SECOND);
    let said = on.heard("mia");
    assert_eq!(said.last().unwrap(), r#"8 Ann "Anything else?""#, "{said:?}");
    on.pass(61 * SECOND);
    says(&mut on, "4", "fine");
    commands(&mut on, "9", Close, None);
    let said = on.heard("mia");
    assert_eq!(said[..2], [r#"9 Ann "fine""#, "10 closed: Agent"], "in order");
}

#[test]
fn what_is_undecided_when_the_desk_stops_is_returned_to_its_sender() {
    let mut on = served();
    for (id, text) in [("3", "ok"), ("4", "fine")] {
        says(&mut on, id, text);
    }
    on.pass(61 * SECOND);
    for (id, text) in [("3", "ok"), ("5", "so")] {
        says(&mut on, id, text);
    }
    let waits = on.desk.unsure();
    let ids: Vec<_> = waits.iter().filter_map(|input| input.stanza.as_deref()).collect();
    assert_eq!(ids, ["3", "5"]);
    on.so_far();
    on.pass(4 * SECOND);
    assert_eq!(on.heard("mia"), [""; 0], "and is not sent as well");
}

#[test]
fn resent_latest_messages_are_confirmed_and_shown_once() {
    for restarted in [false, true] {
        let mut on = served();
        for id in ["1", "2", "3"] {
            says(&mut on, id, "ok");
        }
        if restarted {
            on.crash();
            on.reconnects(&["ann"]);
        }
        for from in ["1", "2", "3"] {
            on.so_far();
            let again: Vec<&str> = ["1", "2", "3"].into_iter().filter(|id| *id >= from).collect();
            again.iter().for_each(|id| says(&mut on, id, "ok"));
            let received: Vec<String> =
                again.iter().map(|id| format!("mia received {id:?}")).collect();
            assert_eq!(on.heard("ann"), received, "from {from}, restarted: {restarted}");
            on.pass(4 * SECOND);
            assert_eq!(on.heard("mia"), [""; 0]);
        }
        // One of them was lost on its way.
        says(&mut on, "4", "and");
        for (id, text) in [("3", "ok"), ("lost", "so"), ("4", "and"), ("5", "on")] {
            says(&mut on, id, text);
        }
        on.pass(4 * SECOND);
        let said: Vec<String> = on.heard("mia");
        let said: Vec<&str> =
            said.iter().map(|line| &line[2..]).filter(|l| l.contains("Ann")).collect();
        assert_eq!(said, [r#"Ann "and""#, r#"Ann "so""#, r#"Ann "on""#], "restarted: {restarted}");
    }
}

#[test]
fn the_last_message_is_undone_within_two_minutes() {
    let mut on = served();
    on.answers("ann", "mia", "It costs 9");
    on.so_far();
    commands(&mut on, "u1", Undo, None);
    assert_eq!(on.heard("mia"), ["5 Ann takes back 4"]);
    let heard = on.heard("ann");
    assert!(heard.iter().any(|line| line.contains("Your last message was deleted")), "{heard:?}");
    assert!(heard.contains(&r#"mia received "u1""#.to_owned()), "{heard:?}");
    // Its client sends it again: nothing more is deleted.
    commands(&mut on, "u1", Undo, None);
    assert_eq!(on.heard("mia"), [""; 0]);
    on.so_far();
    commands(&mut on, "u2", Undo, None);
    assert!(on.heard("ann")[0].starts_with("mia refused: Impossible"), "one message, not two");
    on.answers("ann", "mia", "It costs 90");
    on.pass(121 * SECOND);
    on.so_far();
    commands(&mut on, "u3", Undo, None);
    assert!(on.heard("ann")[0].starts_with("mia refused: Impossible"), "too late");
    assert!(on.heard("mia").is_empty());
}
