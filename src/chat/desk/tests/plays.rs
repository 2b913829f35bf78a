//! Plays: what each side sees of a conversation, one story for each test.

use super::stage::{HOUR, MINUTE, SECOND, Stage, agent, jid, queue, supervisor, tenant};
use crate::chat::commands::AgentCommand::{Close, Invalid, Reopen, Who};
use crate::chat::effect::{Effect, ToAgentContent};
use crate::chat::event::Availability::{Away, Busy, Free, Gone};
use crate::chat::event::{AgentContent, Event};
use crate::chat::ids::{Pos, Seq};
use crate::chat::refusal::AgentRefusal;
use crate::chat::settings::Strategy::{LeastLoaded, RingAll};

const NOTHING: [&str; 0] = [];

// ---- offer and acceptance ----

#[test]
fn the_first_message_is_the_offer_and_the_answer_accepts_it() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    assert_eq!(on.heard("mia"), [r#"1 customer "Hello""#, "waiting 1"]);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
    assert_eq!(on.contacts("ann"), ["+ mia online"]);

    on.answers("ann", "mia", "Hi");
    assert_eq!(on.heard("mia"), ["2 Ann joined", "active with Ann", r#"3 Ann "Hi""#]);
    assert_eq!(on.heard("ann"), [r#"mia received "Hi""#]);

    on.says("mia", "My parcel");
    assert_eq!(on.heard("ann"), [r#"mia customer "My parcel""#]);
}

#[test]
fn nothing_leaves_before_it_is_stored() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.holds_back = true;
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    assert_eq!(on.heard("mia"), NOTHING);
    assert_eq!(on.heard("ann"), NOTHING);
    // Opened, Hello, Offered, Joined, Hi.
    on.store_some(2);
    assert_eq!(on.heard("mia"), [r#"1 customer "Hello""#, "waiting 1"]);
    assert_eq!(on.heard("ann"), NOTHING);
    on.store_some(2);
    assert_eq!(on.heard("mia"), ["2 Ann joined", "active with Ann"]);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
    on.store_some(1);
    assert_eq!(on.heard("ann"), [r#"mia received "Hi""#]);
}

#[test]
fn the_least_loaded_agent_is_asked() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 4)]);
    for customer in ["mia", "noa", "oli"] {
        on.says(customer, "Hello");
    }
    // Both idle: the first by name. Then the smaller share: 0/4, 1/4.
    let asked = |lines: Vec<String>| lines.into_iter().filter(|l| l.ends_with("waits")).collect();
    let (ann, bob): (Vec<String>, Vec<String>) = (asked(on.heard("ann")), asked(on.heard("bob")));
    assert_eq!(ann, ["mia waits"]);
    assert_eq!(bob, ["noa waits", "oli waits"]);
}

#[test]
fn the_loser_of_a_race_is_told_who_won() {
    let mut on = Stage::acme_with(RingAll, &[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    assert_eq!(on.heard("ann"), on.heard("bob"));
    on.answers("bob", "mia", "Bob here");
    on.answers("ann", "mia", "Ann here");
    assert_eq!(on.heard("ann"), ["mia Bob joined", "mia refused: taken by Bob"]);
    assert_eq!(on.contacts("ann"), ["+ mia online", "- mia"]);
    assert_eq!(on.heard("bob"), [r#"mia received "Bob here""#]);
    on.orders("ann", "mia", Close);
    assert_eq!(on.heard("ann"), ["mia refused: taken by Bob"]);
}

#[test]
fn one_of_many_who_leaves_is_not_asked_any_more_and_the_last_frees_the_customer() {
    let mut on = Stage::acme_with(RingAll, &[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.so_far();
    on.is("ann", Gone);
    assert_eq!(on.heard("ann"), ["mia passed on"]);
    assert_eq!(on.heard("bob"), NOTHING);
    on.is("bob", Gone);
    assert_eq!(on.heard("bob"), ["mia passed on"]);
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn an_offer_that_runs_out_passes_to_another() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says("mia", "Hello");
    on.so_far();
    on.pass(29 * SECOND);
    assert_eq!(on.heard("bob"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("ann"), ["mia passed on"]);
    assert_eq!(on.contacts("ann"), ["- mia"]);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello""#]);
    assert_eq!(on.heard("mia"), NOTHING, "to the customer nothing changed");
}

#[test]
fn an_offer_stays_if_nobody_else_can_be_asked() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 1)]);
    on.is("bob", Away);
    on.says("mia", "Hello");
    on.so_far();
    on.pass(5 * MINUTE);
    assert_eq!(on.heard("ann"), NOTHING);
    assert!(on.pending.is_empty() && on.store.head() == Pos(3), "nothing is stored about it");
    on.is("bob", Free);
    on.pass(30 * SECOND);
    assert_eq!(on.heard("ann"), ["mia passed on"]);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn of_two_offers_that_run_out_at_once_only_as_many_pass_on_as_others_have_room() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 1)]);
    on.is("bob", Away);
    on.says("mia", "Hello");
    on.says("noa", "Hello");
    on.is("bob", Free);
    on.so_far();
    on.pass(30 * SECOND);
    assert_eq!(on.heard("ann"), ["mia passed on"]);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn a_late_reply_is_accepted_if_nobody_has_the_conversation() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.pass(30 * SECOND);
    on.so_far();
    on.answers("ann", "mia", "Sorry, here");
    assert_eq!(on.heard("bob"), ["mia Ann joined"]);
    assert_eq!(
        on.heard("ann"),
        [r#"mia so far: customer "Hello""#, r#"mia received "Sorry, here""#]
    );
    on.answers("bob", "mia", "Hi");
    assert_eq!(on.heard("bob"), ["mia refused: taken by Ann"]);
}

#[test]
fn a_late_answer_is_accepted_also_after_another_round_and_a_pause() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.pass(30 * SECOND);
    on.is("bob", Gone);
    // Now Mia waits, and only Ann could be asked: passed over, then asked again, but away.
    on.is("ann", Away);
    on.is("ann", Free);
    on.is("ann", Busy);
    on.pass(2 * MINUTE);
    on.so_far();
    on.answers("bob", "mia", "Back");
    assert_eq!(on.heard("mia"), ["2 Bob joined", "active with Bob", r#"3 Bob "Back""#]);
}

#[test]
fn a_full_agent_is_not_asked() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.says("noa", "Hello");
    on.so_far();
    on.pass(10 * MINUTE);
    assert_eq!(on.heard("ann"), NOTHING);
    on.orders("ann", "mia", Close);
    assert_eq!(
        on.heard("ann"),
        ["mia closed: Agent", "noa waits", r#"noa so far: customer "Hello""#]
    );
}

#[test]
fn an_agent_who_is_away_keeps_conversations_and_gets_no_new_ones() {
    for pause in [Away, Busy] {
        let mut on = Stage::acme(&[("ann", 3)]);
        on.says("mia", "Hello");
        on.answers("ann", "mia", "Hi");
        on.is("ann", pause);
        on.so_far();
        on.says("noa", "Hello");
        on.says("mia", "Are you there?");
        on.pass(2 * MINUTE);
        assert_eq!(on.heard("ann"), [r#"mia customer "Are you there?""#]);
    }
}

#[test]
fn an_agent_is_as_available_as_their_most_available_client() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.is("ann", Busy);
    on.event(Event::Presence { agent: jid("ann"), resource: "phone".into(), availability: Free });
    on.says("mia", "Hello");
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

// ---- agents who leave ----

#[test]
fn an_offer_to_an_agent_who_leaves_goes_on_at_once() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says("mia", "Hello");
    on.is("ann", Gone);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

#[test]
fn a_conversation_is_requeued_only_after_the_grace_period() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.is("bob", Free); // of no tenant: nobody
    on.so_far();
    on.is("ann", Gone);
    on.pass(29 * SECOND);
    on.is("ann", Away);
    on.pass(5 * MINUTE);
    assert_eq!(on.heard("mia"), NOTHING, "ann returned in time");
    on.so_far();

    on.is("ann", Gone);
    on.pass(29 * SECOND);
    assert_eq!(on.heard("mia"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["4 Ann left", "waiting"]);
    assert_eq!(on.heard("ann"), ["mia Ann left"]);
}

#[test]
fn a_requeued_customer_is_first_and_the_next_agent_reads_everything() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.is("bob", Away);
    on.pass(MINUTE);
    on.says("noa", "Hello");
    on.is("ann", Gone);
    on.pass(30 * SECOND);
    on.so_far();
    on.is("bob", Free);
    assert_eq!(
        on.heard("bob"),
        ["mia waits", r#"mia so far: customer "Hello", Ann "Hi""#],
        "mia came first, so mia is first"
    );
}

#[test]
fn an_agent_who_failed_a_customer_is_asked_again_only_if_nobody_else_came() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    let pos = on.pos("Hello");
    let bounce = |on: &Stage| Event::Bounced {
        agent: jid("ann"),
        customer: on.store.customers.values().next().unwrap().localpart.clone(),
        pos,
    };
    on.so_far();
    let bounced = bounce(&on);
    on.event(bounced);
    assert_eq!(on.heard("ann"), ["mia passed on"]);
    on.pass(29 * SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);

    on.answers("ann", "mia", "Hi");
    on.received("ann", "mia", "Hello");
    on.so_far();
    let late = bounce(&on);
    on.event(late);
    assert_eq!(on.heard("ann"), NOTHING, "a bounce of what arrived since is too late");
}

#[test]
fn an_outage_of_the_server_requeues_no_conversation() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.event(Event::LinkDown);
    on.pass(10 * MINUTE);
    assert_eq!(on.heard("mia"), NOTHING);
    on.event(Event::LinkUp);
    on.pass(29 * SECOND);
    assert_eq!(on.heard("mia"), NOTHING);
    on.is("bob", Free);
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["4 Ann left", "waiting 1"], "the grace began with the stream");
}

// ---- the queue ----

#[test]
fn those_who_wait_hear_of_their_place_at_most_once_a_second() {
    let mut on = Stage::acme(&[("ann", 3)]);
    on.is("ann", Away);
    for customer in ["mia", "noa", "oli", "pia"] {
        on.says(customer, "Hello");
    }
    assert_eq!(on.heard("pia"), [r#"1 customer "Hello""#, "waiting 4"]);
    on.ends("mia", "e1");
    on.ends("noa", "e1");
    assert_eq!(on.heard("pia"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("pia"), ["waiting 2"]);
    assert_eq!(on.heard("oli").last().unwrap(), "waiting 1");
    on.pass(MINUTE);
    assert_eq!(on.heard("pia"), NOTHING);
}

#[test]
fn a_supervisor_may_take_a_waiting_customer_beyond_their_capacity() {
    let staff = vec![agent("ann", 1, &["default"]), supervisor("sue")];
    let mut on = Stage::new(vec![tenant("acme", vec![queue("default", LeastLoaded)], staff)]);
    for customer in ["mia", "noa"] {
        on.says(customer, "Hello");
        on.so_far();
        on.answers("sue", customer, "Sue here");
        assert_eq!(
            on.heard("sue"),
            [
                format!(r#"{customer} so far: customer "Hello""#),
                format!(r#"{customer} received "Sue here""#)
            ]
        );
        assert_eq!(on.heard(customer), ["2 Sue joined", "active with Sue", r#"3 Sue "Sue here""#]);
    }
}

#[test]
fn a_supervisor_may_close_what_another_holds_but_not_speak_there() {
    let staff = vec![agent("ann", 1, &["default"]), supervisor("sue")];
    let mut on = Stage::new(vec![tenant("acme", vec![queue("default", LeastLoaded)], staff)]);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.answers("sue", "mia", "Sue here");
    let heard = on.heard("sue");
    assert!(
        heard.len() == 1 && heard[0].contains("Ann is handling this conversation"),
        "{heard:?}"
    );
    on.orders("sue", "mia", Close);
    assert_eq!(on.heard("sue"), ["mia Closed { reason: Agent }"]);
    assert_eq!(on.heard("ann"), ["mia closed: Agent"]);
    assert_eq!(on.heard("mia"), ["4 closed: Agent", "closed: Agent"]);
}

// ---- the end, and what follows ----

#[test]
fn a_customer_ends_it_and_returns_under_the_same_address() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.ends("mia", "e1");
    assert_eq!(on.heard("mia"), ["4 closed: Customer", "closed: Customer"]);
    assert_eq!(on.heard("ann"), ["mia closed: Customer"]);
    assert_eq!(on.contacts("ann"), ["+ mia offline"]);
    on.says("mia", "One more thing");
    assert_eq!(on.heard("mia"), [r#"1 customer "One more thing""#, "waiting 1"]);
    let heard = on.heard("ann");
    assert!(heard[1].starts_with("mia History"), "a line for the earlier one: {heard:?}");
    assert_eq!(
        [&heard[0], &heard[2]],
        ["mia waits", r#"mia so far: customer "One more thing""#],
        "a new conversation, from the same address, without the old one's words"
    );
    assert_eq!(on.store.views.len(), 2);
}

#[test]
fn a_closed_conversation_takes_no_messages_but_can_be_reopened() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.orders("ann", "mia", Close);
    on.so_far();
    on.answers("ann", "mia", "Too late");
    on.orders("ann", "mia", Close);
    assert_eq!(on.heard("ann"), ["mia refused: Closed", "mia refused: Closed"]);
    // Busy with another customer: by !reopen an agent may exceed their own capacity.
    on.says("noa", "Hello");
    on.so_far();
    on.orders("ann", "mia", Reopen);
    assert_eq!(on.heard("mia"), ["1 Ann joined", "active with Ann"]);
    assert_eq!(on.heard("ann"), ["mia so far: ", "mia Reopened"]);
    on.answers("ann", "mia", "I looked it up");
    assert_eq!(on.heard("mia"), [r#"2 Ann "I looked it up""#]);
}

#[test]
fn an_idle_conversation_is_closed_unless_its_customer_waits_online() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.connects("noa", true);
    on.says("noa", "Hello");
    on.pass(20 * MINUTE);
    on.says("mia", "Still here");
    on.so_far();
    on.pass(29 * MINUTE);
    assert_eq!(on.heard("mia"), NOTHING);
    on.is("ann", Away);
    on.pass(MINUTE);
    assert_eq!(on.heard("mia"), ["5 closed: Idle", "closed: Idle"]);
    assert_eq!(on.heard("noa"), NOTHING);
    on.connects("noa", false);
    on.pass(30 * MINUTE);
    assert_eq!(on.heard("noa"), ["2 closed: Idle", "closed: Idle"]);
}

#[test]
fn the_end_reaches_those_who_are_only_asked() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.starts("mia", "s1", "default");
    assert_eq!(on.heard("ann"), ["mia waits", "mia so far: "]);
    on.ends("mia", "e1");
    assert_eq!(on.heard("ann"), ["mia closed: Customer"]);
    on.answers("ann", "mia", "Hi");
    assert_eq!(on.heard("ann"), ["mia refused: Closed"]);
}

// ---- commands of customers ----

#[test]
fn a_start_joins_what_is_open() {
    let mut on = Stage::acme(&[]);
    on.starts("mia", "s1", "default");
    assert_eq!(on.heard("mia"), ["ack s1", "waiting"]);
    on.starts("mia", "s2", "default");
    assert_eq!(on.heard("mia"), ["ack s2", "waiting"]);
    assert_eq!(on.store.views.len(), 1);
}

#[test]
fn a_repeated_id_has_the_same_ack_and_no_other_effect() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.holds_back = true;
    on.starts("mia", "s1", "default");
    on.starts("mia", "s1", "default");
    on.says_as("mia", "m1", "Hello");
    on.says_as("mia", "m1", "Hello");
    let rows = on.pending.len();
    on.says_as("mia", "m1", "Hello");
    assert_eq!(on.pending.len(), rows);
    assert_eq!(on.heard("mia"), NOTHING, "a repeat of a pending command waits for the same ack");
    on.holds_back = false;
    on.store_all();
    assert_eq!(
        on.heard("mia"),
        ["ack s1", "waiting 1", "ack s1", r#"1 customer "Hello""#, "ack m1 as 1", "ack m1 as 1"]
    );
    on.ends("mia", "e1");
    let head = on.store.head();
    on.so_far();
    for _ in 0..2 {
        on.starts("mia", "s1", "default");
        on.says_as("mia", "m1", "Hello");
        on.ends("mia", "e1");
        assert_eq!(on.heard("mia"), ["ack s1", "ack m1 as 1", "ack e1 as 2"]);
        on.crash();
    }
    assert_eq!(on.store.head(), head);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let settings = tenant("acme", vec![queue("default", LeastLoaded)], Vec::new());
    let mut on = Stage::with_limit(vec![settings], 1);
    on.ends("mia", "e1");
    on.starts("mia", "s1", "sales");
    on.says("noa", "Hello");
    on.says("mia", "Hello");
    on.starts("mia", "s2", "default");
    assert_eq!(
        on.heard("mia"),
        [
            "refused e1: NotOpen",
            "refused s1: UnknownQueue",
            "refused Hello: Overloaded",
            "refused s2: Overloaded"
        ]
    );
    on.ends("noa", "e1");
    on.says("mia", "Hello");
    assert_eq!(
        on.heard("mia"),
        [r#"1 customer "Hello""#, "waiting"],
        "what was refused was not done"
    );
    on.event(Event::Settings(Vec::new()));
    on.so_far();
    on.says("oli", "Anyone?");
    assert_eq!(on.heard("oli"), ["refused Anyone_: UnknownTenant"]);
}

#[test]
fn a_session_is_not_forgotten_while_its_rows_are_not_stored() {
    let mut on = Stage::acme(&[]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.so_far();
    on.holds_back = true;
    on.ends("mia", "e1");
    on.connects("mia", false);
    on.pass(10 * MINUTE);
    on.ends("mia", "e1");
    on.holds_back = false;
    on.store_all();
    assert_eq!(on.heard("mia"), ["2 closed: Customer", "closed: Customer", "ack e1 as 2"]);
}

// ---- ticks ----

#[test]
fn a_tick_says_that_all_before_arrived() {
    let mut on = Stage::acme(&[("ann", 1)]);
    for text in ["one", "two", "three"] {
        on.says("mia", text);
    }
    on.so_far();
    on.received("ann", "mia", "three");
    assert_eq!(on.heard("mia"), NOTHING);
    on.received("ann", "mia", "one");
    assert_eq!(on.heard("mia"), ["delivered 1 read 0"]);
    on.displayed("ann", "mia", "two");
    assert_eq!(on.heard("mia"), ["delivered 3 read 2"], "three had arrived before");
    on.received("ann", "mia", "two");
    on.displayed("ann", "mia", "one");
    assert_eq!(on.heard("mia"), NOTHING);
}

#[test]
fn ticks_wait_for_nothing_and_are_written_together_a_moment_later() {
    let mut on = Stage::acme(&[("ann", 1)]);
    for text in ["one", "two", "three"] {
        on.says("mia", text);
    }
    on.answers("ann", "mia", "Hi");
    let head = on.store.head();
    on.so_far();
    on.received("ann", "mia", "one");
    on.received("ann", "mia", "two");
    on.displayed("ann", "mia", "three");
    assert_eq!(on.heard("mia"), ["delivered 1 read 0", "delivered 2 read 0", "delivered 3 read 3"]);
    assert_eq!(on.store.head(), head, "not yet");
    // The store does not have it yet; a socket that connects is told all the same.
    on.connects("mia", true);
    assert_eq!(on.heard("mia"), ["active with Ann", "delivered 3 read 3"]);
    on.pass(SECOND);
    assert_eq!(on.store.head(), head.next());
    on.pass(MINUTE);
    assert_eq!(on.store.head(), head.next(), "once");
    // With a row that carries the view they are stored at once.
    on.says("mia", "four");
    on.received("ann", "mia", "four");
    on.orders("ann", "mia", Close);
    let view = on.store.views.values().next().unwrap();
    assert_eq!((view.delivered, view.confirmed), (Seq(6), Seq(6)));
}

#[test]
fn what_was_confirmed_a_moment_ago_is_known_after_a_stop_and_sent_again_after_a_crash() {
    for in_order in [true, false] {
        let mut on = Stage::acme(&[("ann", 1)]);
        on.says("mia", "one");
        on.answers("ann", "mia", "Hi");
        on.received("ann", "mia", "one");
        if in_order {
            on.event(Event::Stopping);
        }
        on.crash();
        on.event(Event::LinkUp);
        on.so_far();
        on.is("ann", Free);
        let sent = on.heard("ann");
        let expected = [r#"mia so far: customer "one""#];
        assert_eq!(sent, if in_order { &expected[..0] } else { &expected[..] });
    }
}

#[test]
fn the_next_agent_confirms_anew_and_no_tick_goes_back() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "two");
    on.displayed("ann", "mia", "two");
    on.is("ann", Gone);
    on.pass(30 * SECOND);
    on.pass(10 * SECOND);
    on.answers("bob", "mia", "Bob here");
    on.says("mia", "three");
    on.so_far();
    on.received("ann", "mia", "three");
    assert_eq!(on.heard("mia"), NOTHING, "receipts of ann's client no longer count");
    on.reconnects(&["bob"]);
    assert_eq!(
        on.heard("bob"),
        [r#"mia so far: customer "three""#],
        "bob's client has confirmed nothing yet, but bob has answered"
    );
    on.received("bob", "mia", "one");
    assert_eq!(on.heard("mia"), NOTHING);
    on.received("bob", "mia", "two");
    on.received("bob", "mia", "three");
    assert_eq!(on.heard("mia"), ["delivered 8 read 4"]);
}

#[test]
fn one_of_many_agents_confirms_only_for_themselves() {
    let mut on = Stage::acme_with(RingAll, &[("ann", 1), ("bob", 1)]);
    on.says("mia", "one");
    on.received("ann", "mia", "one");
    on.is("ann", Gone);
    on.so_far();
    on.reconnects(&["bob"]);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "one""#]);
}

#[test]
fn the_agent_sees_what_the_customer_has_read() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    for text in ["a", "b", "c"] {
        on.answers("ann", "mia", text);
    }
    on.so_far();
    on.has_read("mia", 4);
    on.has_read("mia", 4);
    assert_eq!(on.heard("ann"), [r#"mia shown "b""#]);
    on.is("ann", Gone);
    on.pass(30 * SECOND);
    on.answers("bob", "mia", "d");
    on.so_far();
    on.has_read("mia", 6);
    assert_eq!(on.heard("bob"), NOTHING, "c is not bob's");
    on.has_read("mia", 99);
    assert_eq!(on.heard("bob"), [r#"mia shown "d""#]);
}

#[test]
fn typing_goes_to_the_client_that_spoke_last_and_only_while_it_is_there() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.event(Event::Presence { agent: jid("ann"), resource: "phone".into(), availability: Free });
    on.says("mia", "Hello");
    on.types("mia");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.types("mia");
    let typed = on.left.iter().filter_map(|effect| match effect {
        Effect::Send(stanza) if matches!(stanza.content, ToAgentContent::Typing { .. }) => {
            stanza.resource.as_deref()
        }
        _ => None,
    });
    assert_eq!(typed.collect::<Vec<_>>(), ["desk"]);
    on.is("ann", Gone);
    on.so_far();
    on.types("mia");
    assert_eq!(on.heard("ann"), NOTHING, "nothing was sent from the phone");
    on.input("ann", "mia", "t", AgentContent::Typing { on: true });
    assert_eq!(on.heard("mia"), ["Ann types: true"]);
}

// ---- repeats of agents, and unrelated agents ----

#[test]
fn a_repeated_stanza_is_confirmed_again_whatever_became_of_the_conversation() {
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.answers("ann", "mia", "Hi");
    assert_eq!(on.heard("ann"), [r#"mia received "Hi""#]);
    on.crash();
    on.answers("ann", "mia", "Hi");
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "Hello""#, r#"mia received "Hi""#]);

    on.event(Event::LinkUp);
    on.is("ann", Gone);
    on.pass(30 * SECOND);
    on.so_far();
    on.answers("ann", "mia", "Hi");
    assert_eq!(on.heard("ann"), [r#"mia received "Hi""#]);
    assert_eq!(on.heard("mia"), NOTHING, "a repeat accepts no offer");

    on.is("bob", Free);
    on.answers("bob", "mia", "Bob here");
    on.ends("mia", "e1");
    on.so_far();
    on.answers("bob", "mia", "Bob here");
    assert_eq!(on.heard("bob"), [r#"mia received "Bob here""#]);
    on.pass(16 * MINUTE);
    on.answers("bob", "mia", "Bob here");
    assert_eq!(on.heard("bob"), ["mia refused: Closed"], "after 15 minutes it is new");
}

#[test]
fn one_id_with_another_text_is_another_message() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    for text in ["Hi", "Ho"] {
        let content = AgentContent::Text { text: text.into(), about: None };
        on.input("ann", "mia", "same", content);
    }
    on.so_far();
    assert_eq!(on.store.messages(*on.store.views.keys().next().unwrap()).count(), 3);
}

#[test]
fn to_an_unauthorized_agent_no_address_exists() {
    let acme = tenant(
        "acme",
        vec![queue("default", LeastLoaded)],
        vec![agent("ann", 1, &["default"]), agent("bob", 1, &["default"])],
    );
    let other = tenant("zenith", vec![queue("default", LeastLoaded)], vec![agent("zoe", 1, &[])]);
    let mut on = Stage::new(vec![acme, other]);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    for stranger in ["zoe", "eve", "bob"] {
        for address in ["mia", "nobody"] {
            on.answers(stranger, address, "Hi");
            on.orders(stranger, address, Who);
            let unknown = Invalid(AgentRefusal::UnknownCommand { word: "x".into() });
            on.orders(stranger, address, unknown);
            on.input(
                stranger,
                address,
                "e",
                AgentContent::Refused { refusal: AgentRefusal::Encrypted, said: None },
            );
            on.input(stranger, address, "t", AgentContent::Typing { on: true });
            on.input(stranger, address, "r", AgentContent::Received { pos: Pos(2) });
            on.input(stranger, address, "d", AgentContent::Displayed { pos: Pos(2) });
            let refused = format!("{address} refused: NotFound");
            assert_eq!(on.heard(stranger), vec![refused; 4]);
        }
    }
    assert_eq!(on.heard("mia"), NOTHING);
    on.input(
        "ann",
        "mia",
        "e",
        AgentContent::Refused { refusal: AgentRefusal::TooLong, said: None },
    );
    assert_eq!(on.heard("ann"), ["mia refused: TooLong"]);
}

// ---- settings ----

#[test]
fn a_removed_agent_leaves_under_their_name_and_loses_their_customers() {
    let staff = |names: &[&str]| {
        let agents = names.iter().map(|name| agent(name, 2, &["default"])).collect();
        vec![tenant("acme", vec![queue("default", LeastLoaded)], agents)]
    };
    let mut on = Stage::new(staff(&["ann"]));
    on.is("ann", Free);
    on.says("noa", "Hello");
    on.orders("ann", "noa", Close);
    on.answers("ann", "noa", "Bye");
    on.ends("noa", "e1");
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.event(Event::Settings(staff(&["bob"])));
    assert_eq!(on.heard("mia"), ["4 Ann left", "waiting 1"]);
    assert_eq!(on.contacts("ann"), ["- mia", "- noa"]);
    on.is("bob", Free);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello", Ann "Hi""#]);
    on.so_far();
    on.answers("ann", "mia", "Hi again");
    assert_eq!(on.heard("ann"), ["mia refused: NotFound"]);
}

#[test]
fn an_agent_removed_while_no_node_owned_the_link_has_nothing() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.store.settings[0].agents.clear();
    on.crash();
    on.event(Event::Tick);
    assert_eq!(on.heard("mia"), ["4  left", "waiting"]);
}

#[test]
fn those_in_a_removed_queue_are_served_by_the_default_one() {
    let with = |queues: &[&str]| {
        let queues = queues.iter().map(|key| queue(key, LeastLoaded)).collect();
        vec![tenant("acme", queues, vec![agent("ann", 1, &["default"])])]
    };
    for restarted in [false, true] {
        let mut on = Stage::new(with(&["default", "sales"]));
        on.is("ann", Free);
        on.starts("mia", "s1", "sales");
        assert_eq!(on.heard("ann"), NOTHING);
        if restarted {
            on.store.settings = with(&["default"]);
            on.crash();
            on.event(Event::LinkUp);
            on.is("ann", Free);
        } else {
            on.event(Event::Settings(with(&["default"])));
        }
        assert_eq!(on.heard("ann"), ["mia waits", "mia so far: "]);
        on.answers("ann", "mia", "Hi");
        on.ends("mia", "e1");
    }
}

#[test]
fn more_room_is_used_at_once() {
    let with = |room| {
        let agents = vec![agent("ann", room, &["default"])];
        vec![tenant("acme", vec![queue("default", LeastLoaded)], agents)]
    };
    let mut on = Stage::new(with(0));
    on.is("ann", Free);
    on.says("mia", "Hello");
    assert_eq!(on.heard("ann"), NOTHING);
    on.event(Event::Settings(with(1)));
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
}

// ---- restarts and lost streams ----

#[test]
fn a_restart_in_every_state_goes_on() {
    // Waiting.
    let mut on = Stage::acme(&[]);
    on.says("mia", "Hello");
    on.says("noa", "Hello");
    on.crash();
    on.so_far();
    on.connects("noa", true);
    assert_eq!(on.heard("noa"), ["waiting"]);

    // Offered: the offer is the same, and expires when it would have.
    let mut on = Stage::acme(&[("ann", 1), ("bob", 1)]);
    on.says("mia", "Hello");
    on.pass(20 * SECOND);
    on.crash();
    on.event(Event::LinkUp);
    on.so_far();
    on.is("bob", Free);
    on.is("ann", Free);
    assert_eq!(on.heard("bob"), NOTHING);
    on.pass(10 * SECOND);
    assert_eq!(on.heard("bob"), ["mia waits", r#"mia so far: customer "Hello""#]);

    // Active: nobody notices; the grace period of an agent who stays away begins with the stream.
    on.answers("bob", "mia", "Hi");
    on.crash();
    on.so_far();
    on.pass(HOUR - 40 * MINUTE);
    on.event(Event::LinkUp);
    on.is("bob", Free);
    on.pass(5 * MINUTE);
    assert_eq!(on.heard("mia"), NOTHING);
    assert_eq!(on.heard("bob"), [r#"mia so far: customer "Hello""#]);
    on.has_read("mia", 3);
    assert_eq!(on.heard("bob"), [r#"mia shown "Hi""#]);

    on.ends("mia", "e1");
    on.crash();
    on.event(Event::LinkUp);
    on.so_far();
    on.answers("bob", "mia", "Bye");
    assert_eq!(
        on.heard("bob"),
        [r#"mia so far: customer "Hello""#, "mia closed: Customer", "mia refused: Closed"]
    );
    on.orders("bob", "mia", Reopen);
    assert_eq!(on.heard("bob"), ["mia so far: ", "mia Reopened"]);
}

#[test]
fn an_agent_who_failed_a_customer_is_passed_over_across_a_restart() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.is("ann", Gone);
    on.bounces("ann", "mia", Pos(2));
    on.crash();
    on.so_far();
    on.event(Event::LinkUp);
    on.pass(30 * SECOND);
    assert_eq!(on.heard("ann"), NOTHING, "ann is offline");
    on.answers("ann", "mia", "Here again");
    assert_eq!(on.heard("mia"), ["5 Ann joined", "active with Ann", r#"6 Ann "Here again""#]);
}

#[test]
fn a_patient_customer_outlasts_a_restart() {
    let mut on = Stage::acme(&[]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.pass(HOUR);
    on.crash();
    on.so_far();
    on.event(Event::Tick);
    on.pass(10 * SECOND);
    on.connects("mia", true);
    on.pass(HOUR);
    assert_eq!(on.heard("mia"), ["waiting"]);
}

#[test]
fn a_new_stream_sends_what_is_unconfirmed_once_more() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 1)]);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "two");
    on.received("ann", "mia", "one");
    on.says("noa", "Hello");
    on.so_far();
    on.event(Event::LinkDown);
    on.says("mia", "three");
    on.event(Event::LinkUp);
    assert_eq!(on.heard("ann"), NOTHING, "nobody is online yet");
    on.is("ann", Away);
    on.is("bob", Away);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "two", customer "three""#]);
    assert_eq!(on.heard("bob"), ["noa waits", r#"noa so far: customer "Hello""#]);
    assert_eq!(on.contacts("ann"), ["+ desk of acme", "+ mia online"]);
}

#[test]
fn an_agent_who_was_offline_gets_everything_when_they_come_online() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.received("ann", "mia", "one");
    on.so_far();
    on.is("ann", Gone);
    on.says("mia", "two");
    on.pass(10 * SECOND);
    assert_eq!(on.heard("ann"), NOTHING, "servers store it offline, without an error");
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "two""#]);

    // A second client at the same moment is no reason to resend; a later one is.
    on.is_at("ann", "phone", Away);
    assert_eq!(on.heard("ann"), NOTHING);
    on.received("ann", "mia", "two");
    on.pass(2 * SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
    on.says("mia", "three");
    on.is_at("ann", "tablet", Away);
    assert_eq!(
        on.heard("ann"),
        [r#"mia customer "three""#, r#"mia so far: customer "three""#],
        "the new one may have come too late for it"
    );
}

#[test]
fn a_long_conversation_is_offered_without_its_messages() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    for number in 0..51 {
        on.says("mia", &format!("word {number}"));
    }
    on.answers("ann", "mia", "Hi");
    on.is("ann", Gone);
    on.so_far();
    on.pass(30 * SECOND);
    assert_eq!(on.heard("bob"), ["mia waits"]);
    on.says("mia", "Hello?");
    on.crash();
    on.event(Event::LinkUp);
    on.is("bob", Free);
    assert_eq!(on.heard("bob"), ["mia waits"], "neither what is new nor what is old");
    on.answers("bob", "mia", "Bob here");
    let heard = on.heard("bob");
    assert!(heard[0].starts_with(r#"mia so far: customer "word 0", "#), "{heard:?}");
    assert!(heard[0].ends_with(r#"Ann "Hi", customer "Hello?""#), "all of it, in order: {heard:?}");
    assert_eq!(heard.len(), 2, "{heard:?}");
}

#[test]
fn a_reply_is_no_receipt_for_a_message_sent_a_moment_ago() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "one");
    // Ann replies to the notice of the offer; Mia's message is still on its way, and is lost.
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "one""#]);
    // Later Ann's reply counts for it, if their client confirms nothing.
    on.pass(10 * SECOND);
    on.answers("ann", "mia", "So?");
    on.so_far();
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), NOTHING);
}

#[test]
fn a_reply_is_no_receipt_for_what_a_lost_stream_swallowed() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "one");
    on.so_far();
    on.pass(10 * SECOND);
    on.event(Event::LinkDown);
    on.event(Event::LinkUp);
    // The reply to the offer is the first sign of Ann; it is lost with the next stream.
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.event(Event::LinkDown);
    on.event(Event::LinkUp);
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "one""#]);
}

#[test]
fn a_reply_is_no_receipt_for_what_another_agent_was_sent() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.is("bob", Gone);
    on.says("mia", "one");
    on.pass(10 * SECOND);
    on.is("bob", Free);
    on.is("ann", Gone);
    // Bob is offered it now, and replies to the notice of the offer.
    on.answers("bob", "mia", "Hi");
    on.so_far();
    on.reconnects(&["bob"]);
    assert_eq!(on.heard("bob"), [r#"mia so far: customer "one""#]);
}

#[test]
fn a_long_conversation_is_sent_to_the_asked_agent_who_takes_it() {
    let mut on = Stage::acme_with(RingAll, &[("ann", 2), ("bob", 2)]);
    for number in 0..51 {
        on.says("mia", &format!("word {number}"));
    }
    on.crash();
    on.reconnects(&["ann", "bob"]);
    on.so_far();
    on.is("bob", Gone);
    on.so_far();
    on.answers("ann", "mia", "Hi");
    let heard = on.heard("ann");
    let all = |line: &String| line.starts_with(r#"mia so far: customer "word 0", "#);
    assert!(heard.iter().any(all), "{heard:?}");
}

#[test]
fn the_last_messages_are_pending_beyond_the_close() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.received("ann", "mia", "one");
    on.event(Event::LinkDown);
    on.says("mia", "Bye");
    on.ends("mia", "e1");
    on.so_far();
    // However long it takes, and whichever node owns the link then.
    on.pass(HOUR);
    on.crash();
    on.event(Event::LinkUp);
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "Bye""#, "mia closed: Customer"]);
    on.received("ann", "mia", "Bye");
    assert_eq!(
        on.heard("mia"),
        ["delivered 4 read 0"],
        "ticks are for open and closed conversations"
    );
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), ["mia closed: Customer"]);
    on.confirms_the_close("ann", "mia");
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), NOTHING);
}

#[test]
fn what_was_sent_and_is_never_confirmed_is_owed_for_a_quarter_of_an_hour() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says("mia", "one");
    on.answers("ann", "mia", "Hi");
    on.says("mia", "Bye");
    on.ends("mia", "e1");
    on.so_far();
    on.pass(14 * MINUTE);
    on.reconnects(&["ann"]);
    assert_eq!(
        on.heard("ann"),
        [r#"mia so far: customer "one", customer "Bye""#, "mia closed: Customer"]
    );
    on.pass(MINUTE);
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), NOTHING);
}

// ---- rosters ----

#[test]
fn a_roster_item_shows_the_customers_presence_and_is_removed_a_day_after_the_close() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.connects("mia", true);
    on.says("mia", "Hello");
    assert_eq!(on.contacts("ann"), ["+ mia online"]);
    on.connects("mia", false);
    on.connects("mia", true);
    on.so_far();
    on.pass(MINUTE);
    on.connects("mia", false);
    assert_eq!(on.contacts("ann"), ["+ mia online"], "a reload is no departure");
    on.pass(5 * SECOND);
    assert_eq!(on.contacts("ann"), ["+ mia away"]);
    on.says("mia", "Here");
    assert_eq!(on.contacts("ann"), ["+ mia online"], "a customer who writes is online");
    on.answers("ann", "mia", "Hi");
    on.orders("ann", "mia", Close);
    assert_eq!(on.contacts("ann"), ["+ mia offline"]);
    // Mia returns now and then, and is online when the day is over.
    for _ in 0..3 {
        on.pass(7 * HOUR);
        on.connects("mia", false);
        on.pass(MINUTE);
        on.connects("mia", true);
    }
    on.so_far();
    on.pass(3 * HOUR - 4 * MINUTE);
    assert_eq!(on.contacts("ann"), NOTHING);
    on.pass(MINUTE);
    assert_eq!(on.contacts("ann"), ["- mia"]);
    on.answers("ann", "mia", "Hello again");
    assert_eq!(on.heard("ann"), ["mia refused: Closed"]);
    on.connects("mia", false);
    on.pass(2 * MINUTE);
    on.answers("ann", "mia", "Still?");
    assert_eq!(on.heard("ann"), ["mia refused: Closed"], "the store remembers who served them");
}

#[test]
fn settings_of_zero_do_not_make_the_desk_spin() {
    let mut settings = tenant(
        "acme",
        vec![queue("default", LeastLoaded)],
        vec![agent("ann", 1, &["default"]), agent("bob", 1, &["default"])],
    );
    settings.idle_close_ms = 0;
    settings.queues[0].offer_ms = 0;
    let mut on = Stage::new(vec![settings]);
    on.is("ann", Free);
    on.is("bob", Free);
    on.connects("mia", true);
    on.says("mia", "Hello");
    on.pass(MINUTE);
}
