//! Plays of offers that nobody accepts: each agent is asked once in a round, then the offer rests.

use super::stage::{HOUR, MINUTE, SECOND, Stage, agent, queue, reads, tenant};
use crate::chat::commands::AgentCommand::Close;
use crate::chat::desk::DeskLimits;
use crate::chat::event::Availability::{Away, Free};
use crate::chat::event::Event;
use crate::chat::settings::Strategy::{LeastLoaded, RingAll, RoundRobin};

const NOTHING: [&str; 0] = [];

#[test]
fn offers_that_nobody_accepts_are_made_once_to_each_and_then_rest() {
    for strategy in [LeastLoaded, RoundRobin, RingAll] {
        let mut on = Stage::acme_with(strategy, &[("ann", 4), ("bob", 4)]);
        for customer in ["mia", "noa", "oli"] {
            on.connects(customer, true);
            on.says(customer, "Hello");
        }
        on.pass(MINUTE);
        let asked = |lines: &[String]| lines.iter().filter(|line| line.ends_with("waits")).count();
        let (ann, bob) = (on.heard("ann"), on.heard("bob"));
        assert_eq!((asked(&ann), asked(&bob)), (3, 3), "{ann:?} {bob:?}");
        let head = on.store.head();
        on.pass(9 * MINUTE);
        assert_eq!((on.heard("ann"), on.heard("bob")), (vec![], vec![]));
        assert_eq!(on.store.head(), head, "nothing is stored about it");
    }
}

#[test]
fn an_agent_who_is_asked_again_gets_one_notice_and_what_is_new() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.pass(30 * SECOND);
    on.so_far();
    // Bob is offered it now, and the offer rests with Bob.
    on.pass(10 * MINUTE + 30 * SECOND);
    assert_eq!(on.heard("bob"), ["mia passed on"]);
    assert_eq!(on.heard("ann"), ["mia waits"], "whether ann's client confirmed it or not");
    on.pass(30 * SECOND);
    on.says("mia", "Anybody?");
    assert_eq!(on.heard("ann"), [r#"mia customer "Anybody?""#]);
    on.pass(30 * SECOND);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Anybody?""#]);
    on.so_far();
    // In the end Ann replies: nothing is sent that they have already.
    on.answers("ann", "mia", "Here");
    on.answers("bob", "mia", "Here too");
    assert_eq!(on.heard("bob"), ["mia Ann joined", "mia refused: taken by Ann"]);
}

#[test]
fn what_was_confirmed_is_not_sent_again_with_any_offer() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.received("ann", "mia", "Hello");
    on.pass(30 * SECOND);
    on.received("bob", "mia", "Hello");
    on.so_far();
    on.pass(2 * HOUR);
    let again = |lines: &[String]| lines.iter().any(|line| line.contains("Hello"));
    let (ann, bob) = (on.heard("ann"), on.heard("bob"));
    assert!(!again(&ann) && !again(&bob), "{ann:?} {bob:?}");
    assert!(ann.len() + bob.len() <= 2 * 13, "two lines for each round of ten minutes");
    // Ann has them, so only what follows is sent when they reply late, and nothing at a login.
    on.answers("ann", "mia", "Here");
    on.answers("bob", "mia", "Here");
    on.so_far();
    on.reconnects(&["ann", "bob"]);
    let (ann, bob) = (on.heard("ann"), on.heard("bob"));
    assert!(!again(&ann) && !again(&bob), "{ann:?} {bob:?}");
}

#[test]
fn a_resting_offer_goes_at_once_to_an_agent_who_comes_online() {
    for strategy in [LeastLoaded, RingAll] {
        let mut on = Stage::acme_with(strategy, &[("ann", 2), ("bob", 2), ("cid", 1)]);
        on.is("cid", Away);
        for customer in ["mia", "noa"] {
            on.connects(customer, true);
            on.says(customer, "Hello");
        }
        on.pass(5 * MINUTE);
        on.so_far();
        on.is("cid", Free);
        assert_eq!(on.heard("cid"), ["mia waits", r#"mia so far: customer "Hello""#]);
        // Noa follows as soon as an agent has room.
        on.answers("cid", "mia", "Hi");
        on.orders("cid", "mia", Close);
        let heard = on.heard("cid");
        assert!(heard.contains(&"noa waits".to_owned()), "{heard:?}");
    }
}

#[test]
fn an_agent_who_returns_or_becomes_free_is_asked_like_any_other() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.pass(5 * MINUTE);
    on.so_far();
    on.is("ann", Away);
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), ["mia waits"], "it rested with bob");
    assert_eq!(on.heard("bob"), ["mia passed on"]);
    on.says("noa", "Hello");
    on.answers("bob", "noa", "Hi");
    on.pass(5 * MINUTE);
    on.so_far();
    on.orders("bob", "noa", Close);
    assert!(on.heard("bob").contains(&"mia waits".to_owned()));
}

#[test]
fn an_offer_that_rests_is_answered_like_any_other() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.pass(5 * MINUTE);
    on.so_far();
    on.answers("bob", "mia", "Hi");
    assert_eq!(on.heard("mia"), ["2 Bob joined", "active with Bob", r#"3 Bob "Hi""#]);
    assert_eq!(on.heard("bob"), [r#"mia received "Hi""#]);
    on.pass(20 * MINUTE);
    assert_eq!((on.heard("ann"), on.heard("bob")), (vec![], vec![]));
}

#[test]
fn after_a_restart_the_round_goes_on_where_it_was() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.pass(40 * SECOND);
    on.crash();
    on.event(Event::LinkUp);
    on.is("ann", Free);
    on.is("bob", Free);
    on.connects("mia", true);
    on.so_far();
    on.pass(9 * MINUTE);
    assert_eq!(on.heard("ann"), NOTHING);
    assert_eq!(on.heard("bob"), NOTHING);
}

#[test]
fn an_agent_who_logs_in_again_gets_all_of_an_offer_again() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.pass(30 * SECOND);
    on.is_at("ann", "phone", Away);
    on.so_far();
    on.pass(10 * MINUTE + 30 * SECOND);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn a_full_conversation_goes_on_with_an_agent_who_has_come_back() {
    let limits = DeskLimits { waiting: 1_000, rows: 10, reads };
    let staff = ["ann", "zoe"].map(|name| agent(name, 1, &["default"]));
    let queues = vec![queue("default", RoundRobin)];
    let mut on = Stage::with_limits(vec![tenant("acme", queues, staff.into())], limits);
    on.is("ann", Free);
    on.is("zoe", Free);
    on.says("mia", "Hello");
    on.pass(HOUR);
    // Nobody is there any more, and the one who was asked last comes back.
    on.event(Event::LinkUp);
    on.pass(MINUTE);
    let case = on.desk.cases.values().next().unwrap();
    let last = case.view.passed.last().unwrap().clone();
    on.is(last.as_str(), Free);
    on.so_far();
    on.says("mia", "Anybody?");
    assert!(on.heard("mia").contains(&"closed: Full".to_owned()), "it is full");
    let case = on.desk.cases.values().next().unwrap();
    assert!(case.reaches(&last), "{case:?}");
}
