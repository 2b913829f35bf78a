//! Plays of files, in both directions.

use super::stage::{Stage, file};
use crate::chat::commands::AgentCommand::Close;
use crate::chat::event::Availability::Free;
use crate::chat::row::FetchError;

const URL: &str = "https://upload.example.org/x/cat.png";

/// Mia wrote "Hello" (1), Ann joined and wrote "Hi" (2, 3).
fn served() -> Stage {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.says_as("mia", "m1", "Hello");
    on.answers("ann", "mia", "Hi");
    on.so_far();
    on
}

#[test]
fn a_customers_file_is_a_message_of_theirs() {
    let mut on = Stage::acme(&[("ann", 2)]);
    on.is("ann", Free);
    on.so_far();
    on.shares("mia", "f1", "Look", "cat.png");
    assert_eq!(on.heard("ann"), ["mia waits", r#"mia so far: customer "Look" with cat.png"#]);
    on.answers("ann", "mia", "Nice");
    on.so_far();
    on.shares("mia", "f2", "", "dog.png");
    assert_eq!(on.heard("mia"), [r#"4 customer "" with dog.png"#]);
    assert_eq!(on.heard("ann"), [r#"mia customer "" with dog.png"#]);
    on.shares("mia", "f2", "", "dog.png");
    assert_eq!(on.heard("mia"), ["ack f2 as 4"], "it exists once");
    on.retracts("mia", "m3", "f2");
    assert_eq!(on.heard("mia"), ["5 customer takes back 4"]);
    on.crash();
    on.is("ann", Free);
    assert!(
        on.store
            .rows
            .iter()
            .all(|row| !format!("{row:?}").contains("dog.png") || row.kind.words().is_some())
    );
}

#[test]
fn a_file_is_of_one_message_for_good() {
    let mut on = served();
    on.shares("mia", "f1", "", "dog.png");
    on.so_far();
    // The database was asked before the first was stored; then afterwards.
    on.shares("mia", "f2", "again", "dog.png");
    on.shares_taken("mia", "f3", "again", "dog.png");
    assert_eq!(on.heard("mia"), ["refused f2: NoSuchFile", "refused f3: NoSuchFile"]);
    on.shares_taken("mia", "f1", "", "dog.png");
    assert_eq!(on.heard("mia"), ["ack f1 as 4"], "a repeat is one");
    assert_eq!(on.heard("ann"), [""; 0]);
    // The same for an agent's file and for a retracted one, also across a restart.
    on.links("ann", "mia", "a1", URL);
    on.fetched(Ok(file("cat.png")));
    on.retracts("mia", "m3", "f1");
    on.so_far();
    on.shares("mia", "f4", "mine", "cat.png");
    on.shares("mia", "f5", "mine", "dog.png");
    assert_eq!(on.heard("mia"), ["refused f4: NoSuchFile", "refused f5: NoSuchFile"]);
    on.crash();
    on.so_far();
    on.shares_taken("mia", "f6", "mine", "cat.png");
    on.shares_taken("mia", "f1", "", "dog.png");
    assert_eq!(on.heard("mia"), ["refused f6: NoSuchFile", "ack f1 as 4"]);
}

#[test]
fn an_agents_file_is_sent_once_fetched_and_delays_nothing() {
    let mut on = served();
    on.links("ann", "mia", "a1", URL);
    assert_eq!(on.heard("fetcher"), [URL]);
    assert_eq!(on.heard("ann"), [r#"mia received "a1""#], "the link is stored");
    assert_eq!(on.heard("mia"), [""; 0], "the customer sees no link");
    on.answers("ann", "mia", "One moment");
    assert_eq!(on.heard("mia"), [r#"4 Ann "One moment""#]);
    on.fetched(Ok(file("cat.png")));
    assert_eq!(on.heard("mia"), [r#"5 Ann "" with cat.png"#]);
    on.fetched(Ok(file("cat.png")));
    assert_eq!(on.heard("mia"), [""; 0], "it comes once");
    on.so_far();
    on.links("ann", "mia", "a1", URL);
    assert_eq!(on.heard("fetcher"), [""; 0], "a repeat is only confirmed");
    assert_eq!(on.heard("ann"), [r#"mia received "a1""#]);
    on.takes_back("ann", "mia", "a3", "a1");
    assert_eq!(on.heard("mia"), ["6 Ann takes back 5"]);
}

#[test]
fn an_agent_is_told_why_their_file_was_not_fetched() {
    let mut on = served();
    on.links("ann", "mia", "a1", URL);
    on.so_far();
    on.fetched(Err(FetchError::Forbidden));
    assert_eq!(on.heard("mia"), [""; 0]);
    let told = on.heard("ann");
    assert!(told.len() == 1 && told[0].contains("Forbidden"), "{told:?}");
    on.crash();
    on.so_far();
    on.answers("ann", "mia", "Well");
    assert_eq!(on.heard("fetcher"), [""; 0], "it is not tried again");
}

#[test]
fn a_link_outlives_the_desk() {
    let mut on = served();
    on.links("ann", "mia", "a1", URL);
    on.links("ann", "mia", "a2", "https://upload.example.org/x/dog.png");
    on.fetched(Ok(file("dog.png")));
    on.so_far();
    on.crash();
    on.is("ann", Free);
    assert_eq!(on.heard("fetcher"), [URL], "what was fetched is not fetched again");
    on.links("ann", "mia", "a1", URL);
    assert_eq!(on.heard("fetcher"), [""; 0], "and a repeat is still recognized");
    let link = on.store.rows.iter().find(|row| row.stanza.as_deref() == Some("a1")).unwrap();
    let (conversation, pos) = (link.conversation, link.pos);
    let outcome = Ok(file("cat.png"));
    on.event(crate::chat::event::Event::Fetched { conversation, pos, outcome });
    assert_eq!(on.heard("mia"), [r#"5 Ann "" with cat.png"#]);
}

#[test]
fn what_comes_after_the_close_comes_too_late() {
    let mut on = served();
    on.links("ann", "mia", "a1", URL);
    on.so_far();
    on.orders("ann", "mia", Close);
    let told = on.heard("ann");
    assert!(told.iter().any(|line| line.contains("Ended")), "{told:?}");
    on.so_far();
    on.fetched(Ok(file("cat.png")));
    assert_eq!((on.heard("mia"), on.heard("ann")), (Vec::<String>::new(), Vec::new()));
}

#[test]
fn a_link_accepts_an_offer_too_but_not_from_an_unauthorized_agent() {
    let mut on = Stage::acme(&[("ann", 2), ("bob", 2)]);
    on.is("ann", Free);
    on.says_as("mia", "m1", "Hello");
    on.so_far();
    on.links("bob", "mia", "b1", URL);
    assert_eq!(on.heard("fetcher"), [""; 0]);
    assert_eq!(on.heard("bob"), ["mia refused: NotFound"]);
    on.links("ann", "mia", "a1", URL);
    assert_eq!(on.heard("fetcher"), [URL]);
    assert_eq!(on.heard("mia"), ["2 Ann joined", "active with Ann"]);
    for number in 0..20 {
        on.links("ann", "mia", &format!("x{number}"), URL);
    }
    assert_eq!(on.heard("fetcher").len(), 9, "ten at a time");
    assert!(on.heard("ann").contains(&"mia refused: Overloaded".to_owned()));
}
