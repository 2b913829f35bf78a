//! Plays of who stays in agents' rosters after the close.

use super::stage::{HOUR, MINUTE, SECOND, Stage};
use crate::chat::desk::staying::STAYING;
use crate::chat::event::Event;

const NOTHING: [&str; 0] = [];

/// Customers come, are offered to Ann, and leave at once; returns how each changes Ann's roster.
fn come_and_go(on: &mut Stage, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut gone = Vec::new();
    for number in numbers {
        let name = format!("c{number}");
        on.connects(&name, true);
        on.says(&name, "Hello");
        on.ends(&name, "e1");
        on.connects(&name, false);
        on.pass(SECOND);
        gone.extend(on.contacts("ann").into_iter().filter(|line| line.starts_with('-')));
        on.so_far();
    }
    gone
}

#[test]
fn nobody_fills_a_roster_by_coming_and_going() {
    let mut on = Stage::acme(&[("ann", 2)]);
    assert_eq!(come_and_go(&mut on, 0..STAYING), NOTHING);
    assert_eq!(come_and_go(&mut on, STAYING..STAYING + 2), ["- c0", "- c1"], "the first make room");
    on.pass(2 * MINUTE);
    assert_eq!(on.desk.visitors.len(), STAYING, "and are forgotten");

    // A customer who has returned takes no room.
    on.says("c2", "It is me again");
    assert_eq!(come_and_go(&mut on, 600..601), NOTHING);
    assert_eq!(come_and_go(&mut on, 601..602), ["- c3"]);
    on.ends("c2", "e2");
    on.so_far();

    // A restored desk knows as many, and removes the surplus once the stream is connected.
    on.crash();
    on.event(Event::LinkUp);
    on.pass(2 * MINUTE);
    on.reconnects(&["ann"]);
    on.so_far();
    assert_eq!(come_and_go(&mut on, 602..604), ["- c5", "- c6"]);
    on.pass(25 * HOUR);
    assert_eq!(on.contacts("ann").len(), STAYING, "a day later all have left");
    assert_eq!(on.desk.visitors.len(), 0);
}

#[test]
fn what_was_left_on_friday_and_closed_on_monday_leaves_the_list_on_tuesday() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "Hello");
    on.answers("ann", "mia", "Hi");
    for time in 0..3 * 24 * 3 {
        on.pass(20 * MINUTE);
        on.says_as("mia", &format!("m{time}"), "Are you there?");
    }
    on.ends("mia", "e1");
    on.pass(HOUR);
    on.crash();
    on.event(Event::LinkUp);
    on.so_far();
    on.pass(23 * HOUR - SECOND);
    assert_eq!(on.contacts("ann"), NOTHING);
    on.pass(SECOND);
    assert_eq!(on.contacts("ann"), ["- mia"]);
}
