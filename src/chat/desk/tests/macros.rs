//! Macros: several commands in one step, each as if the agent had written it; run once.

use super::stage::{Stage, agent, queue, tenant};
use crate::chat::canned::CannedCommand;
use crate::chat::commands::AgentCommand::{self, Canned, Macro as M, Undo};
use crate::chat::event::{AgentContent, Availability, Event};
use crate::chat::ids::{MacroKey, ReplyKey};
use crate::chat::macros::MacroCommand::{List, Run, Show};
use crate::chat::row::RowKind;
use crate::chat::settings::{CannedReply, Macro, Strategy, TenantSettings};

fn one(key: &str, steps: &[&str]) -> Macro {
    let steps = steps.iter().map(|step| (*step).into()).collect();
    Macro { key: MacroKey::new(key).unwrap(), title: "A title".into(), steps }
}

fn settings(key: &str, macros: Vec<Macro>) -> TenantSettings {
    let staff = vec![agent("ann", 2, &["default"]), agent("bob", 2, &["default"])];
    let queues = vec![queue("default", Strategy::LeastLoaded)];
    let reply = |key: &str, text: &str| CannedReply {
        key: ReplyKey::new(key).unwrap(),
        title: "A title".into(),
        text: text.into(),
    };
    let canned = vec![reply("hello", "Hello"), reply("mail", "To {customer.email}")];
    TenantSettings { canned, macros, ..tenant(key, queues, staff) }
}

fn known() -> Vec<Macro> {
    vec![
        one("again", &["!reopen", "!r hello"]),
        one("bye", &["!r hello", "!close Good bye"]),
        one("hand", &["!r hello", "!transfer bob it is urgent"]),
        one("loop", &["!r hello", "!m loop"]),
        one("mail", &["!r mail", "!close"]),
        one("stop", &["!r hello", "!r hello", "!r mail", "!close"]),
        one("text", &["Hello"]),
        one("twice", &["!r hello", "!undo", "!r hello"]),
    ]
}

/// Mia waits; Ann was asked.
fn offered() -> Stage {
    let mut on = Stage::new(vec![
        settings("acme", known()),
        settings("zenith", vec![one("secret", &["!close"])]),
    ]);
    on.is("ann", Availability::Free);
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

fn m(words: &str) -> AgentCommand {
    M(Run { words: words.into() })
}

/// Gives a command under this id, and asks for a receipt.
fn gives(on: &mut Stage, id: &str, command: AgentCommand) {
    let content = AgentContent::Command { command, said: "!".into(), corrects: None };
    on.input_asking("ann", "desk", "mia", id, content, true);
}

fn refusal(on: &mut Stage, id: &str, command: AgentCommand) -> String {
    gives(on, id, command);
    let heard = on.heard("ann");
    let last = heard.last().cloned().unwrap_or_default();
    assert!(last.starts_with("mia refused: "), "{heard:?}");
    last
}

#[test]
fn a_macro_is_its_commands_in_order() {
    let mut on = served();
    gives(&mut on, "m1", m("bye"));
    assert_eq!(
        on.heard("mia"),
        [r#"4 Ann "Hello""#, r#"5 Ann "Good bye""#, "6 closed: Agent", "closed: Agent"]
    );
    let heard = on.heard("ann");
    assert!(heard.iter().any(|line| line.contains("Done") && line.contains("bye")), "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some(r#"mia received "m1""#));
}

#[test]
fn its_steps_see_what_those_before_them_did() {
    let mut on = served();
    gives(&mut on, "m1", m("TWICE"));
    assert_eq!(on.heard("mia"), [r#"4 Ann "Hello""#, "5 Ann takes back 4", r#"6 Ann "Hello""#]);
    on.so_far();
    on.ends("mia", "e1");
    on.so_far();
    assert_eq!(refusal(&mut on, "m2", m("bye")), "mia refused: Closed");
    gives(&mut on, "m3", m("again"));
    assert!(on.heard("mia").iter().any(|line| line.contains(r#"Ann "Hello""#)));
}

#[test]
fn it_accepts_a_waiting_customer_with_the_first_step_that_does() {
    let mut on = offered();
    gives(&mut on, "m1", m("hand"));
    assert_eq!(on.heard("mia"), ["2 Ann joined", "active with Ann", r#"3 Ann "Hello""#]);
    let heard = on.heard("ann");
    assert!(heard.iter().any(|line| line.contains("step: 2, of: 2")), "Bob is away: {heard:?}");
}

#[test]
fn the_first_refusal_ends_it_and_what_was_done_stays() {
    let mut on = served();
    let stopped = refusal(&mut on, "m1", m("stop"));
    assert!(stopped.contains("step: 3, of: 4"), "{stopped}");
    assert!(stopped.contains("customer.email") && stopped.contains("!r mail"), "{stopped}");
    assert_eq!(on.heard("mia"), [r#"4 Ann "Hello""#, r#"5 Ann "Hello""#], "and not closed");
    on.answers("ann", "mia", "By hand");
    assert_eq!(on.heard("mia"), [r#"6 Ann "By hand""#]);
    let stopped = refusal(&mut on, "m2", m("mail"));
    assert!(stopped.contains("step: 1, of: 2"), "{stopped}");
    assert!(on.heard("mia").is_empty());
}

#[test]
fn what_is_no_macro_of_the_tenant_is_refused_and_leaves_nothing() {
    let mut on = served();
    let head = on.desk.head();
    for (id, words, said) in [
        ("m1", "secret", "Unknown"),
        ("m2", "", "Unknown"),
        ("m3", "bye now", "Overfull"),
        ("m4", "loop", "Broken"),
        ("m5", "text", "Broken"),
    ] {
        let refused = refusal(&mut on, id, m(words));
        assert!(refused.contains(said), "{words}: {refused}");
    }
    assert!(on.heard("mia").is_empty());
    assert_eq!(on.desk.head(), head);
    on.orders_as("eve", "mia", "m6", M(List));
    assert_eq!(on.heard("eve"), ["mia refused: NotFound"], "nothing for strangers");
    on.event(Event::Settings(vec![settings("acme", Vec::new())]));
    on.so_far();
    assert!(refusal(&mut on, "m7", m("bye")).contains("any: false"));
}

#[test]
fn it_is_refused_to_who_does_not_have_the_conversation() {
    let mut on = offered();
    on.is("bob", Availability::Free);
    on.pass(31_000);
    on.answers("bob", "mia", "Bob here");
    on.so_far();
    assert_eq!(refusal(&mut on, "m1", m("bye")), "mia refused: taken by Bob");
    assert!(on.heard("mia").is_empty());
}

#[test]
fn the_same_stanza_runs_it_once_also_after_a_restart() {
    for (restarted, words) in
        [(false, "bye"), (true, "bye"), (false, "stop"), (true, "stop"), (true, "again")]
    {
        let mut on = served();
        if words == "again" {
            on.ends("mia", "e1");
        }
        gives(&mut on, "1", m(words));
        on.so_far();
        if restarted {
            on.crash();
            on.reconnects(&["ann"]);
            on.so_far();
        }
        let head = on.desk.head();
        gives(&mut on, "1", m(words));
        assert!(on.heard("mia").is_empty(), "{words}, restarted: {restarted}");
        assert_eq!(on.desk.head(), head);
        let heard = on.heard("ann");
        assert!(heard[0].contains("This macro was run before"), "{heard:?}");
        assert_eq!(heard[1], r#"mia received "1""#);
        on.corrects("ann", "mia", "1", "!m other");
        assert_eq!(on.heard("ann"), ["mia refused: Carried"]);
        assert!(on.heard("mia").is_empty());
    }
}

#[test]
fn what_was_broken_off_is_not_run_again() {
    let mut on = served();
    on.holds_back = true;
    gives(&mut on, "1", m("bye"));
    on.store_some(3);
    assert!(matches!(on.store.rows.last().unwrap().kind, RowKind::Message { .. }));
    on.holds_back = false;
    on.crash();
    on.reconnects(&["ann"]);
    on.so_far();
    gives(&mut on, "1", m("bye"));
    assert!(on.heard("mia").is_empty(), "nothing is said twice");
    let heard = on.heard("ann");
    assert!(heard[0].contains("if a step is missing, do it by hand"), "{heard:?}");
}

#[test]
fn a_step_is_no_command_given_before() {
    let mut on = served();
    gives(&mut on, "1", Canned(CannedCommand::Say { words: "hello".into() }));
    on.so_far();
    // A client that begins its ids anew.
    gives(&mut on, "1", m("twice"));
    assert_eq!(on.heard("mia").len(), 3);
    gives(&mut on, "2", Undo);
    assert_eq!(on.heard("mia").len(), 1, "its last message is the agent's last");
}

#[test]
fn it_is_listed_and_shown_to_the_agent_alone() {
    let mut on = offered();
    gives(&mut on, "l1", M(List));
    let list = on.heard("ann");
    assert!(list[0].contains("again") && !list[0].contains("secret"), "{list:?}");
    gives(&mut on, "l2", M(Show { words: "bye".into() }));
    let shown = on.heard("ann");
    assert!(shown[0].contains("!close Good bye"), "{shown:?}");
    assert!(on.pending.is_empty() && on.heard("mia").is_empty());
}
