//! Plays of questions with choices or a form.

use super::stage::Stage;
use crate::chat::commands::AgentCommand;
use crate::chat::commands::AgentCommand::Ask;
use crate::chat::effect::Effect;
use crate::chat::event::Chosen;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::QuestionKind;

fn which() -> AgentCommand {
    Ask { text: "Which?".into(), offers: QuestionKind::Choices(vec!["A5".into(), "A4".into()]) }
}

fn one(number: &str) -> Chosen {
    Chosen::One(number.into())
}

/// Mia wrote "Hello" (1), Ann joined (2) and asked which (3).
fn asked() -> Stage {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.orders_as("ann", "mia", "q1", which());
    on
}

#[test]
fn a_question_takes_the_conversation_and_is_answered_by_what_it_offers() {
    let mut on = asked();
    let heard = on.heard("mia");
    assert_eq!(heard[2..], ["2 Ann joined", "active with Ann", r#"3 Ann asks "Which?""#]);
    assert!(on.heard("ann").contains(&"mia Asked".to_owned()));
    on.orders_as("ann", "mia", "q1", which());
    assert_eq!(on.heard("ann"), ["mia Asked"], "a repeat is only confirmed");
    on.so_far();
    on.chooses("mia", "c1", 3, one("2"));
    assert_eq!(on.heard("mia"), [r#"4 customer answers 3: "A4""#]);
    // Together with the question, which is read from the store.
    let quoting =
        |effect: &&Effect| matches!(effect, Effect::Backlog(backlog) if backlog.is_fresh());
    assert_eq!(on.left.iter().filter(quoting).count(), 1);
    on.chooses("mia", "c1", 3, one("1"));
    assert_eq!(on.heard("mia"), ["ack c1 as 4"]);
    for (id, of, answer) in [
        ("c2", 3, one("3")),
        ("c3", 3, one("0")),
        ("c4", 3, one("A5")),
        ("c5", 1, one("1")),
        ("c6", 99, one("1")),
        ("c7", 3, Chosen::Fields(vec![("1".into(), "A5".into())])),
    ] {
        on.chooses("mia", id, of, answer);
        assert_eq!(on.heard("mia"), [format!("refused {id}: NoSuchChoice")]);
    }
}

#[test]
fn a_question_outlives_the_desk_but_not_the_conversation() {
    let mut on = asked();
    on.crash();
    on.reconnects(&["ann", "bob"]);
    on.so_far();
    on.orders_as("ann", "mia", "q1", which());
    assert_eq!(on.heard("ann"), ["mia Asked"]);
    on.chooses("mia", "c1", 3, one("1"));
    assert_eq!(on.heard("mia"), [r#"4 customer answers 3: "A5""#]);
    on.ends("mia", "e1");
    on.so_far();
    on.chooses("mia", "c2", 3, one("1"));
    on.says_as("mia", "m2", "Me again");
    on.so_far();
    on.chooses("mia", "c3", 3, one("1"));
    assert_eq!(on.heard("mia"), ["refused c3: NoSuchChoice"]);
}

#[test]
fn a_form_is_answered_field_by_field() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says_as("mia", "m1", "Hello");
    let offers = QuestionKind::Fields(vec!["Number".into(), "E-mail".into()]);
    on.orders_as("ann", "mia", "q1", Ask { text: "Your order".into(), offers });
    on.so_far();
    let field = |number: &str, text: &str| (number.into(), text.into());
    on.chooses("mia", "c1", 3, Chosen::Fields(vec![field("1", "77"), field("2", "m@x")]));
    assert_eq!(on.heard("mia"), [r#"4 customer answers 3: "Number: 77\nE-mail: m@x""#]);
    on.chooses("mia", "c2", 3, Chosen::Fields(vec![field("3", "77")]));
    on.chooses("mia", "c3", 3, Chosen::Fields(Vec::new()));
    on.chooses("mia", "c4", 3, one("1"));
    assert_eq!(
        on.heard("mia"),
        ["refused c2: NoSuchChoice", "refused c3: NoSuchChoice", "refused c4: NoSuchChoice"]
    );
}

#[test]
fn an_agent_who_may_not_write_may_not_ask() {
    let mut on = asked();
    on.is("bob", crate::chat::event::Availability::Free);
    on.so_far();
    on.orders_as("bob", "mia", "q2", which());
    let nothing = AgentCommand::Invalid(AgentRefusal::Usage { word: "ask" });
    on.orders_as("ann", "mia", "q3", nothing);
    assert_eq!(on.heard("bob"), ["mia refused: NotFound"]);
    assert_eq!(on.heard("ann"), [r#"mia refused: Usage { word: "ask" }"#]);
    on.ends("mia", "e1");
    on.so_far();
    on.orders_as("ann", "mia", "q4", which());
    assert_eq!(on.heard("ann"), ["mia refused: Closed"]);
    assert!(on.heard("mia").is_empty());
}
