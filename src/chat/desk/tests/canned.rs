//! Canned replies: said once, like any message, or refused with the reason; never a command's text.

use super::stage::{Stage, agent, queue, tenant};
use crate::chat::canned::CannedCommand::{List, Say, Show};
use crate::chat::commands::AgentCommand::{self, Canned, Undo};
use crate::chat::event::{AgentContent, Availability, Event};
use crate::chat::ids::ReplyKey;
use crate::chat::row::RowKind;
use crate::chat::settings::{CannedReply, Strategy, TenantSettings};

fn reply(key: &str, text: &str) -> CannedReply {
    CannedReply { key: ReplyKey::new(key).unwrap(), title: "A title".into(), text: text.into() }
}

fn settings(key: &str, canned: Vec<CannedReply>) -> TenantSettings {
    let staff = vec![agent("ann", 2, &["default"]), agent("bob", 2, &["default"])];
    let queues = vec![queue("default", Strategy::LeastLoaded)];
    TenantSettings { canned, ..tenant(key, queues, staff) }
}

/// Mia waits; Ann was asked.
fn offered() -> Stage {
    let replies = vec![
        reply("hello", "Hello {customer.name|there}, {agent.name} here."),
        reply("mail", "We write to {customer.email}."),
        reply("parcel", "Parcel {1} is on its way."),
    ];
    let mut on = Stage::new(vec![
        settings("acme", replies),
        settings("zenith", vec![reply("secret", "Only for zenith")]),
    ]);
    on.is("ann", Availability::Free);
    on.fills_in("mia", "s1", &[("order", "17")]);
    on.says("mia", "Hi");
    on.so_far();
    on
}

fn served() -> Stage {
    let mut on = offered();
    on.answers("ann", "mia", "Good morning");
    on.so_far();
    on
}

fn r(words: &str) -> AgentCommand {
    Canned(Say { words: words.into() })
}

/// Gives a command under this id, and asks for a receipt.
fn gives(on: &mut Stage, id: &str, command: AgentCommand) {
    let content = AgentContent::Command { command, said: "!".into(), corrects: None };
    on.input_asking("ann", "desk", "mia", id, content, true);
}

fn refusal(on: &mut Stage, id: &str, command: AgentCommand) -> String {
    gives(on, id, command);
    assert!(on.heard("mia").is_empty(), "the customer reads nothing");
    let heard = on.heard("ann");
    assert!(heard.len() == 1 && heard[0].starts_with("mia refused: "), "{heard:?}");
    heard[0].clone()
}

#[test]
fn a_canned_reply_is_a_message_of_the_agent() {
    let mut on = served();
    gives(&mut on, "r1", r("hello"));
    assert_eq!(on.heard("mia"), [r#"4 Ann "Hello there, Ann here.""#]);
    let heard = on.heard("ann");
    assert!(heard[0].contains("Said") && heard[0].contains("Hello there"), "shown: {heard:?}");
    assert_eq!(heard[1], r#"mia received "r1""#);
    on.has_read("mia", 4);
    assert_eq!(on.heard("ann"), [r#"mia shown "r1""#], "and read like any");
    gives(&mut on, "u1", Undo);
    assert_eq!(on.heard("mia"), ["5 Ann takes back 4"]);
}

#[test]
fn several_are_one_message_and_a_search_shows_the_only_hit() {
    let mut on = served();
    gives(&mut on, "r1", r("hello + parcel 1042"));
    assert_eq!(on.heard("mia"), [r#"4 Ann "Hello there, Ann here.\nParcel 1042 is on its way.""#]);
    on.so_far();
    let found = refusal(&mut on, "r2", r("here"));
    assert!(found.contains("hello") && found.contains("Hello there, Ann here."), "{found}");
    let several = refusal(&mut on, "r3", r("title"));
    assert!(several.contains("Several"), "{several}");
}

#[test]
fn it_accepts_a_waiting_customer_and_a_refused_one_does_not() {
    let mut on = offered();
    let empty = refusal(&mut on, "r1", r("mail"));
    assert!(empty.contains("customer.email"), "{empty}");
    for (id, words) in [("r2", "parcel"), ("r3", "hello Bob"), ("r4", "secret"), ("r5", "hello +")]
    {
        refusal(&mut on, id, r(words));
    }
    gives(&mut on, "r6", r("hello"));
    assert_eq!(
        on.heard("mia"),
        ["2 Ann joined", "active with Ann", r#"3 Ann "Hello there, Ann here.""#],
    );
}

#[test]
fn it_is_refused_like_text_in_closed_and_taken_conversations() {
    let mut on = offered();
    on.is("bob", Availability::Free);
    on.pass(31_000);
    on.answers("bob", "mia", "Bob here");
    on.so_far();
    assert_eq!(refusal(&mut on, "r1", r("hello")), "mia refused: taken by Bob");
    on.ends("mia", "e1");
    on.so_far();
    on.orders_as("bob", "mia", "r2", r("hello"));
    assert_eq!(on.heard("bob"), ["mia refused: Closed"]);
    on.orders_as("eve", "mia", "r3", Canned(List));
    assert_eq!(on.heard("eve"), ["mia refused: NotFound"], "nothing for strangers");
}

#[test]
fn the_same_stanza_says_it_once_also_after_a_restart() {
    for restarted in [false, true] {
        let mut on = served();
        gives(&mut on, "1", r("parcel 1042"));
        on.so_far();
        if restarted {
            on.crash();
            on.reconnects(&["ann"]);
            on.so_far();
        }
        gives(&mut on, "1", r("parcel 1042"));
        assert!(on.heard("mia").is_empty(), "restarted: {restarted}");
        let heard = on.heard("ann");
        assert!(heard[0].contains("Your canned reply was sent"), "{heard:?}");
        assert_eq!(heard[1], r#"mia received "1""#);
        // A client that begins its ids anew means another reply.
        gives(&mut on, "1", r("hello"));
        assert_eq!(on.heard("mia").len(), 1, "restarted: {restarted}");
        on.ends("mia", "e1");
        on.so_far();
        gives(&mut on, "1", r("parcel 1042"));
        assert!(!on.heard("ann")[0].contains("refused"), "it was said: {restarted}");
    }
}

#[test]
fn without_its_message_the_row_before_it_counts_for_nothing() {
    let mut on = served();
    on.holds_back = true;
    gives(&mut on, "1", r("hello"));
    on.store_some(1);
    assert!(matches!(on.store.rows.last().unwrap().kind, RowKind::Canned { .. }));
    on.holds_back = false;
    on.crash();
    on.reconnects(&["ann"]);
    on.so_far();
    gives(&mut on, "1", r("hello"));
    assert_eq!(on.heard("mia").len(), 1, "said now");
}

#[test]
fn what_was_said_cannot_be_corrected() {
    for restarted in [false, true] {
        let mut on = served();
        gives(&mut on, "1", r("hello"));
        if restarted {
            on.crash();
            on.reconnects(&["ann"]);
        }
        on.so_far();
        on.corrects("ann", "mia", "1", "!r goodbye");
        assert_eq!(on.heard("ann"), ["mia refused: Carried"]);
        let corrected = AgentContent::Command {
            command: r("mail"),
            said: "!".into(),
            corrects: Some("1".into()),
        };
        on.input("ann", "mia", "2", corrected);
        assert_eq!(on.heard("ann"), ["mia refused: Carried"]);
        assert!(on.heard("mia").is_empty(), "restarted: {restarted}");
    }
}

#[test]
fn it_is_listed_and_shown_to_the_agent_alone() {
    let mut on = offered();
    gives(&mut on, "l1", Canned(List));
    let list = on.heard("ann");
    assert!(list[0].contains("hello") && list[0].contains("parcel"), "{list:?}");
    assert!(!list[0].contains("secret"), "another tenant's");
    gives(&mut on, "l2", Canned(Show { words: "mail".into() }));
    let shown = on.heard("ann");
    assert!(shown[0].contains("We write to {customer.email}."), "{shown:?}");
    assert!(refusal(&mut on, "l3", Canned(Show { words: "secret".into() })).contains("Unknown"));
    assert!(on.pending.is_empty() && on.heard("mia").is_empty());
}

#[test]
fn new_settings_count_at_once() {
    let mut on = served();
    on.event(Event::Settings(vec![settings("acme", vec![reply("bye", "Good bye")])]));
    assert!(refusal(&mut on, "r1", r("hello")).contains("Unknown"));
    gives(&mut on, "r2", r("bye"));
    assert_eq!(on.heard("mia"), [r#"4 Ann "Good bye""#]);
    on.event(Event::Settings(vec![settings("acme", Vec::new())]));
    on.so_far();
    assert!(refusal(&mut on, "r3", r("bye")).contains("any: false"));
}
