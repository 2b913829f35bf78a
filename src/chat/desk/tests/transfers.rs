//! An agent hands a conversation over, and has it until it is taken.

use super::stage::{MINUTE, SECOND, Stage, agent, queue, tenant};
use crate::chat::commands::AgentCommand::{Close, Decline, Note, Transfer, Why};
use crate::chat::event::Availability::{Away, Free, Gone};
use crate::chat::row::RowKind;
use crate::chat::settings::Strategy::LeastLoaded;

fn to(text: &str) -> crate::chat::commands::AgentCommand {
    Transfer { text: text.into() }
}

/// Ann serves Mia; Bob and Zoe are free, and Zoe alone serves sales.
fn served() -> Stage {
    let staff = vec![
        agent("ann", 2, &["default"]),
        agent("bob", 2, &["default"]),
        agent("zoe", 1, &["sales"]),
    ];
    let queues = vec![queue("default", LeastLoaded), queue("sales", LeastLoaded)];
    let mut on = Stage::new(vec![tenant("acme", queues, staff)]);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.is("bob", Free);
    on.is("zoe", Free);
    on.so_far();
    on
}

#[test]
fn the_giver_has_it_until_it_is_taken() {
    let mut on = served();
    on.orders("ann", "mia", to("bob the invoice is 1042"));
    assert_eq!(
        on.heard("bob"),
        [
            r#"mia Ann asks to take over "the invoice is 1042""#,
            r#"mia so far: customer "Hello", Ann "Hi""#
        ]
    );
    assert!(on.heard("ann")[0].contains("Asked Bob. You keep the conversation"));
    assert!(on.heard("mia").is_empty(), "the customer sees nothing of it");
    on.says("mia", "Are you there?");
    assert_eq!(on.heard("ann"), [r#"mia customer "Are you there?""#]);
    on.answers("ann", "mia", "Yes");
    assert!(on.heard("bob").is_empty());
    on.so_far();
    on.answers("bob", "mia", "Bob here");
    assert_eq!(on.heard("mia"), ["6 Bob took over", "active with Bob", r#"7 Bob "Bob here""#]);
    assert_eq!(on.heard("ann"), ["mia Bob took over"]);
    let heard = on.heard("bob");
    assert_eq!(
        heard[0], r#"mia so far: customer "Are you there?", Ann "Yes""#,
        "what was said meanwhile"
    );
    on.answers("ann", "mia", "One more thing");
    assert_eq!(on.heard("ann"), ["mia refused: taken by Bob"]);
    on.says("mia", "Thanks");
    assert_eq!(on.heard("bob"), [r#"mia customer "Thanks""#]);
}

#[test]
fn who_declines_or_does_not_answer_leaves_it_with_the_giver() {
    let mut on = served();
    on.orders("ann", "mia", to("bob"));
    on.so_far();
    on.orders("bob", "mia", Decline { why: "lunch".into() });
    assert_eq!(on.heard("ann"), ["mia bob does not take it: Declined"]);
    assert_eq!(on.heard("bob"), ["mia bob does not take it: Declined"]);
    on.orders("ann", "mia", to("bob"));
    on.so_far();
    on.pass(31 * SECOND);
    assert_eq!(on.heard("ann"), ["mia bob does not take it: Silent"]);
    on.orders("ann", "mia", to("bob"));
    on.so_far();
    on.is("bob", Gone);
    assert_eq!(on.heard("ann"), ["mia bob does not take it: Gone"]);
    on.says("mia", "Hello?");
    assert_eq!(on.heard("ann"), [r#"mia customer "Hello?""#], "it is Ann's all the time");
    assert!(on.heard("mia").iter().all(|line| !line.contains("left")));
}

#[test]
fn who_cannot_take_it_is_not_asked() {
    let mut on = served();
    let refused = |on: &mut Stage, text: &str| {
        on.orders("ann", "mia", to(text));
        let heard = on.heard("ann");
        assert!(heard.len() == 1 && heard[0].contains("refused"), "{text}: {heard:?}");
        heard[0].clone()
    };
    assert!(refused(&mut on, "ann").contains("yours already"));
    assert!(refused(&mut on, "carol x").contains("NoSuchTarget"));
    on.is("bob", Away);
    assert!(refused(&mut on, "bob").contains("Bob is away"));
    on.is("bob", Gone);
    assert!(refused(&mut on, "anyway bob").contains("Bob is offline"));
    on.is("bob", Away);
    on.so_far();
    on.orders("ann", "mia", to("anyway bob"));
    assert!(!on.heard("bob").is_empty());
    on.is("zoe", Gone);
    on.so_far();
    assert!(refused(&mut on, "#sales").contains("nobody in sales is free"));
    assert!(refused(&mut on, "#sales").contains("!transfer now #sales"));
}

#[test]
fn a_full_agent_is_asked_only_anyway() {
    let mut on = served();
    on.starts("noa", "n1", "sales");
    on.answers("zoe", "noa", "Hi");
    on.so_far();
    on.orders("ann", "mia", to("zoe"));
    assert!(on.heard("ann")[0].contains("Zoe has 1 of 1 chats"));
    on.orders("ann", "mia", to("anyway zoe please"));
    assert_eq!(on.heard("zoe")[0], r#"mia Ann asks to take over "please""#);
}

#[test]
fn a_queue_is_asked_and_becomes_the_conversations_queue() {
    let mut on = served();
    on.orders("ann", "mia", to("#sales wants a quote"));
    assert_eq!(on.heard("zoe")[0], r#"mia Ann asks to take over "wants a quote""#);
    on.answers("zoe", "mia", "Sales here");
    let case = on.desk.cases.values().next().unwrap();
    assert_eq!(case.view.queue.as_str(), "sales");
    assert_eq!(case.view.transfer, None);
}

#[test]
fn given_up_at_once_it_goes_back_in_line() {
    let mut on = served();
    on.is("zoe", Gone);
    on.so_far();
    on.orders("ann", "mia", to("now #sales wants a quote"));
    assert_eq!(on.heard("mia"), ["4 Ann left", "waiting"]);
    assert!(on.heard("ann").iter().any(|line| line.contains("Passed on")));
    assert!(on.heard("bob").is_empty(), "they do not serve sales");
    on.is("zoe", Free);
    assert!(on.heard("zoe").contains(&"mia waits".to_owned()));
    // To one agent: they are offered it first.
    let mut on = served();
    on.orders("ann", "mia", to("now bob"));
    assert!(on.heard("bob").contains(&"mia waits".to_owned()));
    on.so_far();
    on.answers("ann", "mia", "Still here");
    assert!(on.heard("ann")[0].contains("you passed this conversation on"));
    on.crash();
    on.reconnects(&["ann", "bob"]);
    on.so_far();
    on.answers("ann", "mia", "Still here?");
    assert!(on.heard("ann").iter().any(|line| line.contains("you passed this conversation on")));
    assert!(on.heard("mia").iter().all(|line| !line.contains("Still")));
    on.answers("bob", "mia", "Bob here");
    assert!(on.heard("mia").iter().any(|line| line.contains("Bob here")));
}

#[test]
fn a_second_transfer_replaces_the_first_and_a_close_ends_it() {
    let mut on = served();
    on.orders("ann", "mia", to("bob"));
    on.so_far();
    on.orders("ann", "mia", to("zoe"));
    assert_eq!(on.heard("bob"), ["mia bob does not take it: Withdrawn"]);
    assert!(on.heard("zoe")[0].starts_with("mia Ann asks"));
    on.answers("bob", "mia", "Mine?");
    assert!(on.heard("bob")[0].starts_with("mia refused"));
    on.orders("ann", "mia", Close);
    assert_eq!(on.heard("zoe"), ["mia zoe does not take it: Withdrawn"]);
    on.answers("zoe", "mia", "Mine?");
    assert!(on.heard("zoe")[0].starts_with("mia refused"));
}

#[test]
fn it_outlives_a_restart_and_is_done_once() {
    let mut on = served();
    on.orders_as("ann", "mia", "t1", to("bob please"));
    on.crash();
    on.reconnects(&["ann", "bob", "zoe"]);
    on.so_far();
    on.orders_as("ann", "mia", "t1", to("bob please"));
    assert!(on.heard("bob").is_empty(), "asked once");
    assert!(on.heard("ann").iter().any(|line| line.contains("Passed on already")));
    on.answers("bob", "mia", "Bob here");
    assert!(on.heard("mia").contains(&"4 Bob took over".to_owned()));
    // Nobody answered before the restart: the time is counted on.
    let mut on = served();
    on.orders("ann", "mia", to("bob"));
    on.crash();
    on.reconnects(&["ann", "bob", "zoe"]);
    on.so_far();
    on.pass(MINUTE);
    assert!(on.heard("ann").contains(&"mia bob does not take it: Silent".to_owned()));
}

#[test]
fn what_was_confirmed_before_it_is_taken_counts() {
    let mut on = served();
    on.received("ann", "mia", "Hello");
    on.orders("ann", "mia", to("bob"));
    on.received("bob", "mia", "Hello");
    on.answers("bob", "mia", "Bob here");
    on.says("mia", "Good");
    on.so_far();
    on.received("bob", "mia", "Good");
    assert_eq!(on.heard("mia"), ["delivered 6 read 0"], "nothing before it is missing");
}

#[test]
fn the_giver_goes_and_the_customer_waits_at_the_head() {
    let mut on = served();
    on.orders("ann", "mia", to("zoe"));
    on.so_far();
    on.is("ann", Gone);
    on.pass(31 * SECOND);
    let rows = on.store.rows.iter();
    let back = rows.filter(|row| matches!(row.kind, RowKind::HandedBack { .. })).count();
    assert_eq!(back, 1, "Zoe is not asked any more");
    assert!(on.heard("bob").contains(&"mia waits".to_owned()));
}

#[test]
fn a_declined_offer_goes_on_at_once() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    let (first, other) = if on.heard("ann").is_empty() { ("bob", "ann") } else { ("ann", "bob") };
    on.so_far();
    on.orders(first, "mia", Decline { why: "lunch".into() });
    assert!(on.heard(other).contains(&"mia waits".to_owned()));
    let notes = on.store.rows.iter().filter_map(|row| match &row.kind {
        RowKind::Note { text } => Some(text.to_string()),
        _ => None,
    });
    assert_eq!(notes.collect::<Vec<_>>(), ["Declined: lunch"]);
}

#[test]
fn why_says_who_is_asked_to_take_it_and_who_did_not() {
    let staff = vec![
        agent("ann", 2, &["default"]),
        agent("bob", 2, &["sales"]),
        agent("zoe", 2, &["sales"]),
    ];
    let queues = vec![queue("default", LeastLoaded), queue("sales", LeastLoaded)];
    let mut on = Stage::new(vec![tenant("acme", queues, staff)]);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.is("bob", Free);
    on.is("zoe", Free);
    on.orders("ann", "mia", to("#sales please"));
    let first = if on.heard("bob").is_empty() { "zoe" } else { "bob" };
    on.orders(first, "mia", Decline { why: "lunch".into() });
    // It survives a restart.
    on.crash();
    on.reconnects(&["ann", "bob", "zoe"]);
    on.so_far();
    on.orders("ann", "mia", Why);
    let heard = on.heard("ann").concat();
    let (declined, asked) = if first == "bob" { ("Bob", "Zoe") } else { ("Zoe", "Bob") };
    for part in [
        "(\"Ann\", Serves)",
        &format!("(\"{declined}\", DidNotTake)"),
        &format!("(\"{asked}\", AskedToTake"),
    ] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
}

#[test]
fn who_gave_it_up_may_still_write_notes_and_ask_why() {
    let mut on = served();
    on.is("bob", Away);
    on.orders("ann", "mia", to("now #default the invoice is 1042"));
    on.so_far();
    on.orders("ann", "mia", Note { text: "Speaks Danish".into() });
    assert!(on.heard("ann").concat().contains("Note saved"));
    on.orders("ann", "mia", Why);
    assert!(on.heard("ann").concat().contains("(\"Ann\", GaveUp)"));
    on.answers("ann", "mia", "Still there?");
    assert!(on.heard("ann").concat().contains("you passed this conversation on"));
    assert!(on.heard("mia").is_empty(), "the customer reads nothing of it");
    // Whoever gets it reads both notes.
    on.is("bob", Free);
    let heard = on.heard("bob").concat();
    for part in ["the invoice is 1042", "Speaks Danish"] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
}
