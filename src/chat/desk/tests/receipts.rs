//! Plays of an agent's clients that send receipts, and of clients that send none.

use super::stage::{MINUTE, SECOND, Stage};
use crate::chat::event::AgentContent;
use crate::chat::event::Availability::{Free, Gone};

const NOTHING: [&str; 0] = [];

impl Stage {
    fn received_at(&mut self, agent: &str, resource: &str, customer: &str, text: &str) {
        let pos = self.pos(text);
        self.input_at(agent, resource, customer, "r", AgentContent::Received { pos });
    }
}

#[test]
fn receipts_count_after_a_reply_from_a_client_that_sends_none() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "one");
    on.pass(10 * SECOND);
    on.answers("ann", "mia", "Hi");
    on.is_at("ann", "phone", Free);
    on.is("ann", Gone);
    on.says("mia", "two");
    on.so_far();
    on.received_at("ann", "phone", "mia", "two");
    assert_eq!(on.heard("mia"), ["delivered 4 read 0"], "and what ann replied to has arrived");
    on.says("mia", "three");
    on.received_at("ann", "phone", "mia", "three");
    assert_eq!(on.heard("mia").last().map(String::as_str), Some("delivered 5 read 0"));
    on.pass(MINUTE);
    on.so_far();
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), NOTHING, "nothing is sent again at a login");
}

#[test]
fn receipts_for_what_was_answered_count_themselves() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "one");
    on.says("mia", "two");
    on.pass(10 * SECOND);
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.received_at("ann", "phone", "mia", "one");
    assert_eq!(on.heard("mia"), ["delivered 1 read 0"]);
    on.received_at("ann", "phone", "mia", "two");
    assert_eq!(on.heard("mia"), ["delivered 2 read 0"]);
}

#[test]
fn replies_count_from_a_client_without_receipts_though_another_sent_some() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "one");
    on.received("ann", "mia", "one");
    on.answers("ann", "mia", "Hi");
    on.is_at("ann", "old", Free);
    on.is("ann", Gone);
    on.says("mia", "two");
    on.pass(10 * SECOND);
    on.answers_at("ann", "old", "mia", "So");
    on.so_far();
    on.is_at("ann", "old", Gone);
    on.is_at("ann", "old", Free);
    assert_eq!(on.heard("ann"), NOTHING, "ann has replied to it");
}

#[test]
fn what_a_client_that_gives_receipts_has_not_confirmed_is_owed_though_its_agent_answers() {
    let mut on = Stage::acme(&[("ann", 1)]);
    on.says("mia", "one");
    on.received("ann", "mia", "one");
    on.says("mia", "two");
    on.pass(10 * SECOND);
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on.reconnects(&["ann"]);
    assert_eq!(on.heard("ann"), [r#"mia so far: customer "two""#]);
}
