//! Plays of messages that are left while no agent is online.

use super::stage::{HOUR, Stage};
use crate::chat::event::Availability::{Free, Gone};
use crate::chat::event::CustomerAction;

/// No agent is online; Mia fills in this field, writes "Hello" and leaves.
fn left(field: &str) -> Stage {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.is("ann", Gone);
    on.connects("mia", true);
    let start = CustomerAction::Start {
        queue: None,
        subject: None,
        answers: vec![("name".into(), "Mia".into()), (field.into(), "mia@example.org".into())],
    };
    on.command("mia", "s1", start);
    on.says_as("mia", "m1", "Hello");
    on.connects("mia", false);
    on
}

#[test]
fn a_customer_who_left_an_address_waits_for_the_next_agent() {
    let mut on = left("email");
    on.pass(30 * HOUR);
    on.crash();
    on.reconnects(&[]);
    on.pass(30 * HOUR);
    on.so_far();
    on.is("ann", Free);
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Hello""#]);
    on.answers("ann", "mia", "Hi");
    on.pass(HOUR);
    assert_eq!(
        on.heard("mia").last().unwrap(),
        "closed: Idle",
        "once served, it ends like any other"
    );
}

#[test]
fn nobody_waits_forever() {
    let mut on = left("email");
    on.pass(15 * 24 * HOUR);
    assert_eq!(on.heard("mia").last().unwrap(), "closed: Idle");
    let mut on = left("hobby");
    on.pass(HOUR);
    assert_eq!(on.heard("mia").last().unwrap(), "closed: Idle", "nobody could reach them");
}
