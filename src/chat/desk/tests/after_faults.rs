//! Plays of what happens after a fault: who is notified, which errors count, what is not done
//! twice, and what a restored desk knows.

use super::stage::{HOUR, MINUTE, SECOND, Stage, agent, jid, queue, tenant};
use crate::chat::commands::AgentCommand::{Close, Reopen, Who};
use crate::chat::event::Availability::{Away, Busy, Free, Gone};
use crate::chat::event::{CustomerAction, Event};
use crate::chat::ids::{Pos, QueueKey, Timestamp};
use crate::chat::settings::Strategy::{LeastLoaded, RingAll, RoundRobin};

const NOTHING: [&str; 0] = [];

impl Stage {
    /// The node or the server died this long ago; the stream is connected again.
    fn comes_back_after(&mut self, millis: i64) {
        self.event(Event::Interrupted { since: self.now.plus(-millis) });
        self.event(Event::LinkUp);
    }

    /// What the agent was sent, without what is resent when they come online.
    fn told(&mut self, agent: &str) -> Vec<String> {
        let mut heard = self.heard(agent);
        heard.retain(|line| {
            ![" so far: ", " closed: ", " waits"].iter().any(|part| line.contains(part))
        });
        heard
    }

    /// The notice of an interruption from this long before now until now.
    fn interrupted(&self, millis: i64) -> String {
        let (from, to) = (self.now.plus(-millis - 2 * SECOND), self.now);
        format!("acme Interrupted {{ from: {from:?}, to: {to:?} }}")
    }
}

// ---- interruptions ----

#[test]
fn an_agent_with_a_conversation_is_notified_once_of_an_interruption_when_online() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1), ("cid", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.says("noa", "Hello");
    on.crash();
    on.so_far();
    on.pass(9 * SECOND);
    on.comes_back_after(9 * SECOND);
    let line = on.interrupted(9 * SECOND);
    on.so_far();
    for name in ["ann", "bob", "cid"] {
        on.is(name, Free);
    }
    // Receipts for what is stored are resent first: only what is not stored has no receipt then.
    assert_eq!(on.told("ann"), [r#"mia received "Hi""#, &line]);
    assert_eq!(on.told("bob"), [&*line], "bob is asked, and may have replied");
    assert_eq!(on.heard("cid"), NOTHING, "cid has no conversation");
    on.is("ann", Away);
    on.is("ann", Gone);
    on.is("ann", Free);
    assert_eq!(on.told("ann"), NOTHING, "notified once");
}

#[test]
fn pending_interruptions_are_reported_as_one() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.comes_back_after(SECOND);
    let first = on.now;
    on.event(Event::LinkDown);
    on.pass(20 * SECOND);
    on.comes_back_after(5 * SECOND);
    let line = on.interrupted(on.now.since(first) + SECOND);
    on.so_far();
    on.is("ann", Gone);
    assert_eq!(on.heard("ann"), NOTHING, "ann is offline");
    on.is("ann", Free);
    assert_eq!(on.told("ann").last(), Some(&line));
}

#[test]
fn an_interruption_is_forgotten_after_a_quarter_of_an_hour() {
    for (late, told) in [(15 * MINUTE, true), (15 * MINUTE + 1, false)] {
        let mut on = Stage::acme(&[("ann", 1)]);
        on.says("mia", "Hello");
        on.answers("ann", "mia", "Hi");
        on.comes_back_after(SECOND);
        on.so_far();
        on.pass(late);
        on.is("ann", Free);
        let heard = on.heard("ann");
        assert_eq!(heard.iter().any(|line| line.contains("Interrupted")), told, "{heard:?}");
    }
}

#[test]
fn a_receipt_is_not_resent_for_earlier_messages() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Long ago");
    on.pass(MINUTE);
    on.answers("ann", "mia", "Just now");
    on.comes_back_after(SECOND);
    on.so_far();
    on.is("ann", Free);
    assert_eq!(on.told("ann"), [r#"mia received "Just now""#, &on.interrupted(SECOND)]);
}

// ---- errors that come late ----

#[test]
fn an_error_from_an_assignment_that_is_over_says_nothing_about_the_one_that_goes_on() {
    for restart in [false, true] {
        let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
        on.says("mia", "Hello");
        let (hello, offered) = (on.pos("Hello"), on.store.head());
        // Ann's client is lost: its server bounces one message at first, the rest minutes later.
        on.bounces("ann", "mia", hello);
        on.is("bob", Gone);
        on.pass(MINUTE);
        on.is("ann", Free);
        on.answers("ann", "mia", "Back again");
        if restart {
            on.crash();
            on.event(Event::LinkUp);
            on.is("ann", Free);
        }
        on.so_far();
        for pos in [offered, hello, hello] {
            on.bounces("ann", "mia", pos);
        }
        assert_eq!(on.heard("mia"), NOTHING);
        on.says("mia", "More");
        on.so_far();
        on.bounces("ann", "mia", on.pos("More"));
        assert_eq!(on.heard("mia"), ["5 Ann left", "waiting 1"], "this one is current");
    }
}

#[test]
fn an_error_from_a_closed_conversation_does_not_take_the_next_one_away() {
    for restart in [false, true] {
        let mut on = Stage::acme(&[("ann", 1)]);
        on.says("mia", "Hello");
        on.answers("ann", "mia", "Hi");
        on.ends("mia", "e1");
        let closed = on.store.head();
        on.says("mia", "Once more");
        on.answers("ann", "mia", "Yes?");
        if restart {
            on.crash();
        }
        on.so_far();
        on.bounces("ann", "mia", closed);
        on.bounces("ann", "mia", Pos(2));
        assert_eq!(on.heard("mia"), NOTHING);
    }
}

#[test]
fn an_error_from_a_lost_race_is_late_as_well() {
    for restart in [false, true] {
        let mut on = Stage::acme_with(RingAll, &[("ann", 1), ("bob", 1)]);
        on.says("mia", "Hello");
        let (hello, offered) = (on.pos("Hello"), on.store.head());
        on.answers("bob", "mia", "Bob here");
        on.is("bob", Gone);
        on.bounces("bob", "mia", hello);
        on.answers("ann", "mia", "Ann here");
        assert_eq!(on.heard("mia").last().map(String::as_str), Some(r#"6 Ann "Ann here""#));
        if restart {
            on.crash();
        }
        on.so_far();
        on.bounces("ann", "mia", hello);
        on.bounces("ann", "mia", offered);
        assert_eq!(on.heard("mia"), NOTHING);
    }
}

// ---- repeated commands ----

#[test]
fn a_resent_command_only_gets_its_notice_again() {
    for restart in [false, true] {
        let mut on = Stage::acme(&[("ann", 2)]);
        on.says("mia", "Hello");
        on.answers("ann", "mia", "Hi");
        on.orders_as("ann", "mia", "o1", Close);
        on.orders_as("ann", "mia", "o2", Reopen);
        on.ends("mia", "e1");
        on.says("mia", "Still there?");
        on.answers("ann", "mia", "Yes");
        let head = on.store.head();
        if restart {
            on.crash();
            on.event(Event::LinkUp);
        }
        on.so_far();
        on.orders_as("ann", "mia", "o1", Close);
        on.orders_as("ann", "mia", "o2", Reopen);
        assert_eq!(on.told("ann"), ["mia Closed { reason: Agent }", "mia Reopened"]);
        assert_eq!((on.heard("mia"), on.store.head()), (Vec::new(), head));
        // Under another id it is another command, and so it is after 15 minutes.
        on.orders_as("ann", "mia", "o3", Close);
        assert_eq!(on.heard("mia"), ["4 closed: Agent", "closed: Agent"]);
        on.pass(15 * MINUTE + 1);
        on.orders_as("ann", "mia", "o1", Close);
        assert_eq!(on.heard("ann").last().map(String::as_str), Some("mia refused: Closed"));
    }
}

// ---- what a restored desk knows ----

#[test]
fn after_a_restart_an_agent_still_learns_what_the_customer_filled_in() {
    let mut on = Stage::acme(&[("ann", 1)]);
    for (id, answer) in [("s1", "1234"), ("s2", "5678")] {
        let start = CustomerAction::Start {
            queue: Some(QueueKey::default_queue()),
            subject: None,
            answers: vec![("order".into(), answer.into())],
        };
        on.command("mia", id, start);
    }
    on.so_far();
    on.orders("ann", "mia", Who);
    let before = on.heard("ann");
    assert!(
        before[0].contains("5678") && !before[0].contains("1234"),
        "the last counts: {before:?}"
    );
    on.connects("mia", true);
    on.crash();
    on.connects("mia", true);
    on.orders("ann", "mia", Who);
    assert_eq!(on.heard("ann").last(), before.last());
}

#[test]
fn after_a_restart_a_customer_still_leaves_the_lists_a_day_after_the_close() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.ends("mia", "e1");
    on.pass(20 * HOUR);
    on.crash();
    on.event(Event::LinkUp);
    on.so_far();
    on.pass(4 * HOUR - SECOND);
    assert_eq!(on.contacts("ann"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.contacts("ann"), ["- mia"]);

    // A customer who should have left while no node owned the link leaves once the stream had time
    // to connect.
    on.says("noa", "Hello");
    on.is("ann", Free);
    on.answers("ann", "noa", "Hi");
    on.ends("noa", "e1");
    let mut off = on;
    off.now = off.now.plus(30 * HOUR);
    off.crash();
    off.event(Event::LinkUp);
    off.so_far();
    off.pass(MINUTE - SECOND);
    assert_eq!(off.contacts("ann"), NOTHING);
    off.pass(SECOND);
    assert_eq!(off.contacts("ann"), ["- noa"]);
}

#[test]
fn after_a_restart_it_is_still_the_next_ones_turn() {
    let mut on = Stage::acme_with(RoundRobin, &[("ann", 9), ("bob", 9), ("cid", 9)]);
    for customer in ["mia", "noa"] {
        on.pass(SECOND);
        on.says(customer, "Hello");
    }
    on.crash();
    on.event(Event::LinkUp);
    for name in ["ann", "bob", "cid"] {
        on.is(name, Free);
    }
    on.so_far();
    on.says("oli", "Hello");
    assert_eq!(on.heard("cid"), ["oli waits", r#"oli so far: customer "Hello""#]);
    on.pass(SECOND);
    on.says("pia", "Hello");
    assert_eq!(on.heard("ann"), ["pia waits", r#"pia so far: customer "Hello""#]);
}

#[test]
fn after_a_restart_all_who_failed_a_customer_are_passed_over() {
    let mut on = Stage::acme_with(RingAll, &[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    for name in ["ann", "bob"] {
        on.bounces(name, "mia", on.pos("Hello"));
    }
    let shunned = |on: &Stage| {
        let mut all = on.desk.cases.values().next().unwrap().shunned.clone();
        all.sort();
        all
    };
    assert_eq!(shunned(&on), [jid("ann"), jid("bob")]);
    on.crash();
    assert_eq!(shunned(&on), [jid("ann"), jid("bob")]);
}

// ---- the clock ----

#[test]
fn a_clock_that_was_set_back_prolongs_nothing() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.pass(400 * 24 * HOUR);
    for customer in ["mia", "noa", "oli", "pia"] {
        on.pass(SECOND);
        on.says(customer, "Hello");
    }
    on.answers("ann", "mia", "Hi");
    // The clock was a year ahead. The node restarts with the right time.
    on.now = on.now.plus(-400 * 24 * HOUR);
    on.crash();
    on.so_far();
    on.event(Event::LinkUp);
    on.connects("mia", true);
    on.connects("oli", true);
    on.connects("pia", true);
    // Waiting customers keep their order, and nobody who comes now passes them.
    on.says("quy", "Hello");
    on.is("ann", Busy);
    on.pass(2 * SECOND);
    assert_eq!(on.heard("oli").last().map(String::as_str), Some("waiting 2"));
    assert_eq!(on.heard("pia").last().map(String::as_str), Some("waiting 3"));
    assert_eq!(on.heard("quy").last().map(String::as_str), Some("waiting 4"));
    // The offer to Bob expires in time.
    on.is("ann", Free);
    on.so_far();
    on.pass(10 * SECOND);
    on.is("bob", Gone);
    assert_eq!(on.heard("bob"), ["noa passed on"]);
    // And so does the idle timeout.
    on.is("ann", Free);
    on.so_far();
    on.pass(31 * MINUTE);
    assert!(on.heard("mia").contains(&"closed: Idle".to_owned()));
}

#[test]
fn an_offer_expires_on_time_although_the_clock_was_set_back() {
    let staff = ["ann", "bob"].map(|name| agent(name, 1, &["default"])).to_vec();
    let mut on = Stage::new(vec![tenant("acme", vec![queue("default", LeastLoaded)], staff)]);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.now = Timestamp(on.now.0 - 100 * HOUR);
    on.crash();
    on.event(Event::LinkUp);
    on.is("ann", Free);
    on.is("bob", Free);
    on.so_far();
    on.pass(30 * SECOND - 1);
    assert_eq!(on.heard("bob"), NOTHING);
    on.pass(1);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn that_a_conversation_is_over_is_known_to_the_next_owner() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.received("ann", "mia", "Hello");
    on.orders("ann", "mia", Close);
    on.confirms_the_close("ann", "mia");
    on.connects("mia", true);
    let head = on.desk.heads(on.now).next();
    assert!(head.is_some());
    on.crash();
    on.connects("mia", true);
    assert_eq!(on.desk.heads(on.now).next(), head);
    on.pass(HOUR);
    assert_eq!(on.desk.heads(on.now).next(), None, "by now everyone has been notified");
}
