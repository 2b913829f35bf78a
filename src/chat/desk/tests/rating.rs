//! Plays of customers who rate their conversation.

use super::stage::{HOUR, Stage};
use crate::chat::event::Availability::Gone;

#[test]
fn a_conversation_is_rated_after_its_end() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.rates("mia", "r0", 5);
    assert_eq!(on.heard("mia"), ["refused r0: NotOpen"]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.rates("mia", "r1", 5);
    assert_eq!(on.heard("mia"), ["refused r1: StillOpen"]);
    on.ends("mia", "e1");
    on.so_far();
    on.rates("mia", "r1", 5);
    assert_eq!(on.heard("mia"), ["ack r1"]);
    assert_eq!(on.heard("ann"), ["mia customer rates 5"]);
    on.rates("mia", "r1", 5);
    assert_eq!((on.heard("mia").len(), on.heard("ann").len()), (1, 0), "a repeat changes nothing");
    on.rates("mia", "r2", 1);
    assert_eq!(on.heard("ann"), ["mia customer rates 1"], "the last counts");
    assert!(on.heard("bob").is_empty());
}

#[test]
fn only_a_changed_rating_is_sent_and_not_endlessly() {
    let mut on = Stage::acme(&[("ann", 2)]);
    for round in 0..2 {
        on.says_as("mia", &format!("m{round}"), "Hello");
        on.answers("ann", "mia", &format!("Hi {round}"));
        on.ends("mia", &format!("e{round}"));
        on.so_far();
        on.rates("mia", &format!("a{round}"), 5);
        assert_eq!(on.heard("ann"), ["mia customer rates 5"]);
        for number in 0..50 {
            let id = format!("r{round}-{number}");
            on.rates("mia", &id, 5);
            assert!(on.heard("mia").contains(&format!("ack {id}")));
        }
        assert!(on.heard("ann").is_empty(), "the same again is no news");
        for number in 0..50 {
            on.rates("mia", &format!("c{round}-{number}"), 1 + number % 4);
        }
        assert_eq!(on.heard("ann").len(), 4);
        let told = on.heard("mia");
        // Of 46 more, 11 repeat the last rating.
        assert_eq!(told.iter().filter(|line| line.contains("RatedOften")).count(), 35, "{told:?}");
    }
}

#[test]
fn a_rating_outlives_the_desk_and_the_customers_absence() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.ends("mia", "e1");
    on.crash();
    on.reconnects(&["ann"]);
    on.so_far();
    on.rates("mia", "r1", 4);
    assert_eq!(on.heard("ann"), ["mia customer rates 4"]);
    on.connects("mia", false);
    on.pass(72 * HOUR);
    on.so_far();
    on.rates("mia", "r1", 4);
    on.rates("mia", "r2", 3);
    assert_eq!(on.heard("mia"), ["ack r1", "ack r2"]);
}

#[test]
fn nobody_is_shown_a_rating_of_what_they_did_not_serve() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.ends("mia", "e1");
    on.is("ann", Gone);
    on.says_as("mia", "m2", "Anyone?");
    on.ends("mia", "e2");
    on.reconnects(&["ann"]);
    on.so_far();
    on.rates("mia", "r1", 1);
    assert_eq!(on.heard("mia"), ["ack r1"]);
    assert!(on.heard("ann").is_empty());
}
