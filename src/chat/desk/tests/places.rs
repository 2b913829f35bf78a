//! Plays of positions in the queue: whom they count, and when none is shown.

use super::stage::{MINUTE, SECOND, Stage};
use crate::chat::event::Availability::{Away, Busy, Gone};
use crate::chat::event::CustomerAction;

/// What the customer was last told about their position.
fn place(on: &mut Stage, name: &str) -> String {
    let heard = on.heard(name);
    heard.into_iter().rfind(|line| line.starts_with("waiting")).unwrap_or_default()
}

#[test]
fn those_who_have_left_are_ahead_of_nobody() {
    let mut on = Stage::acme(&[("ann", 9)]);
    on.is("ann", Busy);
    for number in 0..19 {
        let name = format!("c{number}");
        on.says(&name, "Hello?");
        on.connects(&name, false);
    }
    on.pass(6 * SECOND);
    on.says("mia", "Hello");
    assert_eq!(place(&mut on, "mia"), "waiting 1", "none of them is online");
    // A customer who returns has their place, and a reload does not lose it.
    on.connects("c3", true);
    on.pass(SECOND);
    assert_eq!(place(&mut on, "mia"), "waiting 2");
    on.connects("c3", false);
    on.connects("c3", true);
    on.pass(6 * SECOND);
    assert_eq!(place(&mut on, "mia"), "", "nothing has changed");
    on.connects("c3", false);
    on.pass(6 * SECOND);
    assert_eq!(place(&mut on, "mia"), "waiting 1");
}

#[test]
fn who_left_a_message_counts_though_they_have_gone() {
    let mut on = Stage::acme(&[("ann", 9)]);
    on.is("ann", Busy);
    let start = CustomerAction::Start {
        queue: None,
        subject: None,
        answers: vec![("email".into(), "pia@example.org".into())],
    };
    on.command("pia", "s1", start);
    on.says("pia", "Please write to me");
    on.connects("pia", false);
    on.pass(6 * SECOND);
    on.says("mia", "Hello");
    assert_eq!(place(&mut on, "mia"), "waiting 2");
}

#[test]
fn without_an_agent_online_no_position_is_shown() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.is("ann", Gone);
    on.says("oli", "Hello");
    on.says("mia", "Hello");
    assert_eq!(place(&mut on, "mia"), "waiting");
    on.pass(MINUTE);
    assert_eq!(place(&mut on, "mia"), "", "and nothing again");
    on.is("ann", Away);
    on.pass(SECOND);
    assert_eq!(place(&mut on, "mia"), "waiting 2", "an agent came online");
    on.is("ann", Gone);
    on.pass(SECOND);
    assert_eq!(place(&mut on, "mia"), "waiting", "and left");
}

#[test]
fn after_a_crash_customers_who_do_not_return_no_longer_count() {
    let mut on = Stage::acme(&[("ann", 9)]);
    on.is("ann", Busy);
    for name in ["oli", "pia", "mia"] {
        on.says(name, "Hello?");
    }
    on.crash();
    on.reconnects(&[]);
    on.connects("mia", true);
    on.is("ann", Busy);
    on.pass(2 * SECOND);
    assert_eq!(place(&mut on, "mia"), "waiting 3", "the others may be on their way");
    on.pass(2 * MINUTE);
    assert_eq!(place(&mut on, "mia"), "waiting 1");
}
