//! The names of customers as agents see them, and what the status says.

use super::stage::{MINUTE, SECOND, Stage};
use crate::chat::commands::AgentCommand;
use crate::chat::effect::{Contact, Effect, ToAgentContent};
use crate::chat::event::{Availability, Event};
use crate::chat::ids::CustomerId;
use crate::chat::notice::Notice;

/// The names under which agents saw a customer.
fn names(on: &Stage) -> Vec<String> {
    let name = |effect: &Effect| match effect {
        Effect::Send(stanza) => match &stanza.content {
            ToAgentContent::Row { name, .. }
            | ToAgentContent::Notice(Notice::Waiting { name, .. }) => name.clone(),
            _ => None,
        },
        Effect::Backlog(backlog) => backlog.name.clone(),
        Effect::Contact { contact: Contact::Shown { customer, .. }, .. } => customer.name.clone(),
        _ => None,
    };
    on.left.iter().filter_map(name).map(|name| name.to_string()).collect()
}

#[test]
fn no_customer_is_named_like_an_agent() {
    let mut on = Stage::acme(&[("alice", 2)]);
    let id: CustomerId = on.customer("mia").id;
    on.store.customers.get_mut(&id).unwrap().name = Some("ALICE".into());
    on.says("mia", "Hello");
    on.answers("alice", "mia", "Hi");
    on.says("mia", "Refund approved");
    let shown = names(&on);
    assert!(shown.len() >= 4, "{shown:?}");
    assert!(shown.iter().all(|name| name == "ALICE (customer)"), "{shown:?}");

    // The name of an agent added later counts too.
    let id = on.customer("ben").id;
    on.store.customers.get_mut(&id).unwrap().name = Some("Bob".into());
    on.says("ben", "Hello");
    assert!(names(&on).contains(&"Bob".to_owned()));
    let mut settings = on.store.settings.clone();
    settings[0].agents.push(super::stage::agent("bob", 2, &["default"]));
    on.event(Event::Settings(settings));
    on.so_far();
    on.says("ben", "Are you there?");
    assert!(names(&on).iter().all(|name| name == "Bob (customer)"), "{:?}", names(&on));
}

/// What an agent reads about the queue and about each agent.
fn status(on: &mut Stage, customer: &str) -> (Vec<(u32, i64)>, Vec<u32>) {
    on.so_far();
    let agent = if customer == "mia" { "alice" } else { "bob" };
    on.orders(agent, customer, AgentCommand::Status);
    let line = on.left.iter().find_map(|effect| match effect {
        Effect::Send(stanza) => match &stanza.content {
            ToAgentContent::Notice(Notice::Status { queues, agents }) => Some((queues, agents)),
            _ => None,
        },
        _ => None,
    });
    let (queues, agents) = line.unwrap();
    let queues = queues.iter().map(|(_, waiting, since)| (*waiting, *since)).collect();
    (queues, agents.iter().map(|(_, _, chats, _)| *chats).collect())
}

#[test]
fn the_status_counts_who_is_served_and_who_waits() {
    let mut on = Stage::acme(&[("alice", 2), ("bob", 2)]);
    on.says("mia", "Hello");
    on.answers("alice", "mia", "Hi");
    on.says("ben", "Hello");
    on.pass(5 * SECOND);
    assert_eq!(
        status(&mut on, "mia"),
        (vec![(1, 5 * SECOND)], vec![1, 0]),
        "who is asked serves nobody"
    );

    // A customer who was served for a while has been waiting only since then.
    on.answers("bob", "ben", "Hi there");
    on.is("bob", Availability::Busy);
    on.pass(16 * MINUTE);
    on.answers("bob", "ben", "Still there?");
    on.is("alice", Availability::Gone);
    on.pass(MINUTE);
    assert_eq!(status(&mut on, "ben"), (vec![(1, 30 * SECOND)], vec![0, 1]));
    on.crash();
    assert_eq!(status(&mut on, "ben"), (vec![(1, 30 * SECOND)], vec![0, 1]), "after a restart too");
}
