//! Plays in which nobody says anything.

use super::stage::{HOUR, MINUTE, SECOND, Stage, agent, queue, tenant};
use crate::chat::event::Availability::{Free, Gone};
use crate::chat::event::Event;
use crate::chat::patience::Patience;
use crate::chat::settings::Strategy::LeastLoaded;
use crate::chat::settings::TenantSettings;

const NOTHING: [&str; 0] = [];

/// Customers are reminded after 10 minutes and agents after 2; agents lose a conversation after 5.
const PATIENCE: Patience = Patience {
    remind_customer_ms: 10 * MINUTE,
    remind_agent_ms: 2 * MINUTE,
    requeue_ms: 5 * MINUTE,
};

fn acme(patience: Patience) -> Vec<TenantSettings> {
    let staff = vec![agent("ann", 2, &["default"]), agent("bob", 2, &["default"])];
    let acme = tenant("acme", vec![queue("default", LeastLoaded)], staff);
    vec![TenantSettings { patience, ..acme }]
}

/// Ann serves Mia, and has answered.
fn served(patience: Patience) -> Stage {
    let mut on = Stage::new(acme(patience));
    on.connects("mia", true);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on
}

#[test]
fn a_silent_customer_is_reminded_once_and_then_the_conversation_ends() {
    let mut on = served(PATIENCE);
    on.pass(10 * MINUTE - SECOND);
    assert_eq!(on.heard("mia"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("mia"), ["4 still there?"]);
    on.pass(20 * MINUTE - SECOND);
    assert_eq!(on.heard("mia"), NOTHING, "once, and it is no word of anybody");
    on.pass(SECOND);
    assert!(on.heard("mia").contains(&"closed: Idle".to_owned()), "half an hour after the last");
    assert_eq!(on.heard("ann"), ["mia closed: Idle"]);
}

#[test]
fn a_customer_who_goes_on_is_reminded_again_another_time() {
    let mut on = served(PATIENCE);
    on.pass(11 * MINUTE);
    on.says("mia", "Yes");
    on.answers("ann", "mia", "Good");
    on.so_far();
    on.pass(9 * MINUTE);
    assert_eq!(on.heard("mia"), NOTHING);
    on.answers("ann", "mia", "Anything else?");
    on.so_far();
    on.pass(9 * MINUTE);
    assert_eq!(on.heard("mia"), NOTHING, "from the last word on");
    on.pass(MINUTE);
    assert_eq!(on.heard("mia"), ["8 still there?"]);
}

#[test]
fn a_silent_agent_is_reminded_and_then_loses_the_conversation() {
    let mut on = served(PATIENCE);
    on.is("bob", Free);
    on.says("mia", "How much is it?");
    on.so_far();
    on.pass(MINUTE);
    on.says("mia", "Hello?");
    on.so_far();
    on.pass(MINUTE - SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("ann"), ["mia waits for an answer, 120"], "from the first such word on");
    assert_eq!(on.heard("mia"), NOTHING);
    on.pass(3 * MINUTE);
    assert_eq!(on.heard("ann"), ["mia lost, unanswered"], "once, with the reason");
    let heard = on.heard("mia");
    assert!(heard[0].ends_with("Ann left"), "{heard:?}");
    assert!(on.heard("bob").iter().any(|line| line == "mia waits"), "Ann is passed over");
    on.answers("bob", "mia", "It is 12");
    assert!(on.heard("mia").contains(&"active with Bob".to_owned()));
}

#[test]
fn who_loses_it_is_asked_again_when_nobody_else_is_there() {
    let mut on = served(PATIENCE);
    on.says("mia", "How much is it?");
    on.pass(5 * MINUTE);
    on.so_far();
    on.pass(29 * SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.heard("ann")[0], "mia waits");
}

#[test]
fn whoever_answers_or_takes_it_over_has_their_own_time() {
    let mut on = served(PATIENCE);
    on.says("mia", "How much is it?");
    on.pass(119 * SECOND);
    on.answers("ann", "mia", "One moment");
    on.so_far();
    on.pass(9 * MINUTE);
    assert_eq!(on.heard("ann"), NOTHING, "she has had the last word");
    on.says("mia", "All right");
    on.so_far();
    on.pass(119 * SECOND);
    assert_eq!(on.heard("ann"), NOTHING);
}

#[test]
fn a_new_desk_remembers_the_silence_and_who_was_reminded_of_it() {
    let mut on = served(PATIENCE);
    on.says("mia", "How much is it?");
    on.pass(119 * SECOND);
    on.so_far();
    on.crash();
    on.reconnects(&["ann"]);
    on.so_far();
    on.pass(MINUTE);
    assert_eq!(on.heard("ann"), ["mia waits for an answer, 179"], "once all are heard from");
    on.crash();
    on.reconnects(&["ann"]);
    on.so_far();
    on.pass(2 * MINUTE);
    assert_eq!(on.heard("ann"), NOTHING, "she was reminded");
    on.pass(SECOND);
    assert_eq!(on.heard("ann"), ["mia lost, unanswered"]);
    // The customer's silence, too.
    let mut on = served(PATIENCE);
    on.pass(10 * MINUTE);
    on.crash();
    on.so_far();
    on.reconnects(&["ann"]);
    on.pass(19 * MINUTE);
    assert!(!on.heard("mia").iter().any(|line| line.contains("still there?")), "once");
}

#[test]
fn nobody_is_held_to_a_silence_while_they_cannot_speak() {
    let mut on = served(PATIENCE);
    on.says("mia", "How much is it?");
    on.so_far();
    on.event(Event::LinkDown);
    on.pass(HOUR / 4);
    assert_eq!(on.heard("ann"), NOTHING, "nobody is heard from without a stream");
    assert_eq!(on.heard("mia"), NOTHING);
    let mut on = served(PATIENCE);
    on.says("mia", "How much is it?");
    on.so_far();
    on.is("ann", Gone);
    on.pass(HOUR / 4);
    let heard = on.heard("ann");
    assert!(!heard.iter().any(|line| line.contains("unanswered")), "gone, not silent: {heard:?}");
}

#[test]
fn what_is_not_set_does_not_happen() {
    let off = [
        Patience { remind_customer_ms: 0, ..PATIENCE },
        Patience { remind_agent_ms: 0, ..PATIENCE },
        Patience { requeue_ms: 0, ..PATIENCE },
    ];
    for (patience, word) in off.into_iter().zip(["still there?", "waits for", "unanswered"]) {
        let mut on = served(patience);
        on.pass(20 * MINUTE);
        on.says("mia", "Hello?");
        on.pass(6 * MINUTE);
        let heard = [on.heard("mia"), on.heard("ann")].concat();
        assert!(!heard.iter().any(|line| line.contains(word)), "{word}: {heard:?}");
    }
    let mut settings = acme(Patience::default());
    settings[0].idle_close_ms = 0;
    let mut on = Stage::new(settings);
    on.is("ann", Free);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    on.pass(100 * HOUR);
    on.so_far();
    on.says("mia", "I am back");
    assert_eq!(on.heard("ann"), [r#"mia customer "I am back""#], "it is never closed");
}

#[test]
fn new_times_count_for_the_silence_that_is() {
    let mut on = served(Patience::default());
    on.says("mia", "How much is it?");
    on.pass(10 * MINUTE);
    on.event(Event::Settings(acme(PATIENCE)));
    on.so_far();
    on.pass(MINUTE);
    assert_eq!(on.heard("ann"), ["mia lost, unanswered"]);
}
