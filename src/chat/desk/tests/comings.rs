//! Plays of agents with several clients, of lost clients, and of invisible ones.

use super::stage::{MINUTE, SECOND, Stage};
use crate::chat::commands::AgentCommand::Reopen;
use crate::chat::event::Availability::{Away, Free, Gone};
use crate::chat::event::{AgentContent, Event};
use crate::chat::ids::Pos;
use crate::chat::row::RowKind;
use crate::chat::settings::Strategy::{LeastLoaded, RingAll};

const NOTHING: [&str; 0] = [];

impl Stage {
    /// The row of the latest offer.
    fn offer(&self) -> Pos {
        let mut offers = self.store.rows.iter().filter(|row| row.kind == RowKind::Offered);
        offers.next_back().unwrap().pos
    }

    fn types_at(&mut self, agent: &str, resource: &str, customer: &str) {
        self.input_at(agent, resource, customer, "t", AgentContent::Typing { on: true });
    }
}

// ---- bounces from one client of several ----

#[test]
fn a_lost_client_takes_nothing_from_the_agent_who_answers_from_another() {
    for (strategy, phone_is_known) in [(LeastLoaded, true), (LeastLoaded, false), (RingAll, true)] {
        let mut on = Stage::acme_with(strategy, &[("ann", 2), ("bob", 1)]);
        on.is_at("ann", "phone", Free);
        on.says("mia", "Hello");
        let (hello, offer) = (on.pos("Hello"), on.offer());
        on.answers("ann", "mia", "Hi");
        on.says("mia", "More");
        on.pass(4 * MINUTE);
        if !phone_is_known {
            on.is_at("ann", "phone", Gone);
        }
        on.so_far();
        // The phone was killed, and its server stops waiting for it.
        for pos in [hello, offer, on.pos("More")] {
            on.bounces("ann", "mia", pos);
        }
        on.is_at("ann", "phone", Gone);
        on.pass(MINUTE);
        assert_eq!(on.heard("mia"), NOTHING);
        assert!(on.heard("ann").len() <= 1, "what the other client has not confirmed, once");
    }
}

#[test]
fn the_offer_that_was_accepted_is_over_and_no_error_of_it_counts() {
    for restart in [false, true] {
        let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
        on.says("mia", "Hello");
        let offer = on.offer();
        on.answers("ann", "mia", "Hi");
        if restart {
            on.crash();
            on.event(Event::LinkUp);
            on.is("ann", Free);
            on.is("bob", Free);
        }
        on.pass(MINUTE);
        on.so_far();
        // Two of Ann's clients were lost, one after the other.
        for _ in 0..2 {
            on.bounces("ann", "mia", offer);
            on.pass(2 * SECOND);
        }
        assert_eq!(on.heard("mia"), NOTHING);
        assert_eq!(on.heard("ann"), NOTHING);
    }
}

#[test]
fn a_bounce_from_a_lost_client_is_resent_to_the_one_online() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.is_at("ann", "phone", Free);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.received("ann", "mia", "one");
    on.says("mia", "two");
    on.says("mia", "three");
    on.so_far();
    for text in ["one", "two", "three"] {
        on.bounces("ann", "mia", on.pos(text));
    }
    on.pass(MINUTE);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "two", customer "three""#]);
    on.received("ann", "mia", "two");
    on.received("ann", "mia", "three");
    on.so_far();
    for text in ["two", "three"] {
        on.bounces("ann", "mia", on.pos(text));
    }
    on.pass(MINUTE);
    assert_eq!(on.heard("ann"), NOTHING);
    assert_eq!(on.heard("mia"), NOTHING);
}

#[test]
fn repeated_bounces_mean_that_no_client_can_be_reached() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.is_at("ann", "phone", Free);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "two");
    on.so_far();
    on.bounces("ann", "mia", on.pos("two"));
    on.pass(2 * SECOND);
    assert_eq!(on.heard("mia"), NOTHING);
    on.bounces("ann", "mia", on.pos("two"));
    assert_eq!(on.heard("mia"), ["5 Ann left", "waiting 1"], "such as when the address is blocked");
}

#[test]
fn an_offer_stays_with_the_agent_whose_other_client_is_lost() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.is_at("ann", "phone", Free);
    on.says("mia", "Hello");
    on.so_far();
    on.bounces("ann", "mia", on.offer());
    on.bounces("ann", "mia", on.pos("Hello"));
    assert_eq!(on.heard("bob"), NOTHING);
    on.pass(2 * SECOND);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn an_error_of_the_only_client_counts_where_it_was_not_heard_since() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "More");
    on.so_far();
    on.bounces("ann", "mia", on.pos("More"));
    assert_eq!(on.heard("mia"), ["5 Ann left", "waiting 1"]);
}

// ---- only presence makes an agent online ----

#[test]
fn a_receipt_or_typing_does_not_make_an_invisible_agent_online() {
    // Unavailable, or with a negative priority: both count as offline here.
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "More");
    on.is("ann", Gone);
    on.so_far();
    on.pass(10 * SECOND);
    on.types_at("ann", "desk", "mia");
    on.received("ann", "mia", "More");
    on.displayed("ann", "mia", "More");
    on.pass(10 * SECOND);
    on.types_at("ann", "desk", "mia");
    on.pass(10 * SECOND);
    assert_eq!(on.heard("mia").last().map(String::as_str), Some("waiting 1"));
    assert_eq!(on.heard("bob").first().map(String::as_str), Some("mia waits"));
}

#[test]
fn an_invisible_agent_who_writes_keeps_the_customer_for_another_grace_period() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.is("ann", Gone);
    on.so_far();
    for text in ["a", "b", "c"] {
        on.pass(20 * SECOND);
        on.answers("ann", "mia", text);
    }
    on.pass(29 * SECOND);
    assert!(!on.heard("mia").contains(&"waiting 1".to_owned()));
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["7 Ann left", "waiting 1"]);
}

#[test]
fn a_customer_of_an_invisible_agent_is_requeued_when_nothing_follows() {
    // From the queue, and by a new conversation.
    for reopens in [false, true] {
        let mut on = Stage::acme(&[("ann", 1)]);
        on.says("mia", "Hello");
        if reopens {
            on.answers("ann", "mia", "Hi");
            on.ends("mia", "e1");
        }
        on.is("ann", Gone);
        on.pass(MINUTE);
        on.so_far();
        if reopens {
            on.orders("ann", "mia", Reopen);
        } else {
            on.answers("ann", "mia", "Hi");
        }
        assert!(on.heard("mia").contains(&"active with Ann".to_owned()));
        on.pass(30 * SECOND);
        assert_eq!(on.heard("mia").last().map(String::as_str), Some("waiting"));
    }
}

#[test]
fn an_agent_without_presence_is_online_for_the_grace_period() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.event(Event::LinkDown);
    on.event(Event::LinkUp);
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.says("mia", "More");
    assert_eq!(on.heard("ann"), [r#"mia customer "More""#]);
    on.pass(29 * SECOND);
    on.answers("ann", "mia", "So");
    on.pass(29 * SECOND);
    assert!(!on.heard("mia").iter().any(|line| line.starts_with("waiting")));
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["6 Ann left", "waiting"]);
}

// ---- clients that do not respond ----

#[test]
fn an_unresponsive_client_is_offline_until_it_is_heard_from() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.says("noa", "Hello");
    on.answers("bob", "noa", "Hi");
    on.says("oli", "Hello");
    on.so_far();
    // Oli is offered to Ann, whose client died.
    on.pass(10 * SECOND);
    on.answers_nothing("ann", "desk", 10 * SECOND);
    assert_eq!(on.heard("bob"), ["oli waits", r#"oli so far: customer "Hello""#]);
    on.pass(19 * SECOND);
    assert_eq!(on.heard("mia"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["4 Ann left", "waiting 1"], "30 s after its last response");
}

#[test]
fn a_client_that_responds_again_is_online_as_before() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "More");
    on.answers_nothing("ann", "desk", 10 * SECOND);
    on.says("mia", "Are you there?");
    on.so_far();
    on.pass(10 * SECOND);
    on.is("ann", Free);
    assert_eq!(
        on.heard("ann"),
        [r#"mia so far: customer "Hello", customer "More", customer "Are you there?""#]
    );
    on.pass(MINUTE);
    assert_eq!(on.heard("mia"), NOTHING);
}

#[test]
fn of_two_clients_only_the_one_that_answers_counts() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.is("ann", Away);
    on.is_at("ann", "phone", Free);
    on.answers_nothing("ann", "phone", 10 * SECOND);
    on.says("mia", "Hello");
    assert_eq!(on.heard("ann"), NOTHING, "ann is away");
    on.pass(MINUTE);
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
}
