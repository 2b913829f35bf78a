//! What agents write about a customer, on the way through real servers: a note that no customer
//! sees and whose correction changes it, tags and a priority, a summary, and the earlier
//! conversations with the next offer.

use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::{CORRECT, about};

on_both_servers!(words_about_a_customer);

async fn words_about_a_customer(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Where is my order?").await;
    let chat = alice.accept(&mut ann, "Where is my order?").await;

    // A note, corrected as a note; without the command, the correction comes back.
    let note = alice.say(&chat, "!note Wants a refnd").await;
    alice.hears("⚙ Note saved. Only agents see it.").await;
    let again = alice.corrects(&note, &chat, "!note Wants a refund").await;
    alice.receipt_for(&again).await;
    let wrong = alice.corrects(&note, &chat, "Wants money").await;
    let (condition, text) = alice.error_for(&wrong).await;
    assert_eq!(condition, "not-acceptable", "{text}");

    let refused = alice.say(&chat, "!tag refund").await;
    let (_, text) = alice.error_for(&refused).await;
    assert!(text.starts_with("Not tagged: there is no tag #refund"), "{text}");
    let high = alice.say(&chat, "!priority high").await;
    alice.hears("⚙ Priority: high").await;
    alice.receipt_for(&high).await;

    alice.say(&chat, "!summary").await;
    let summary = alice.hears_of("First: “Where is my order?”").await;
    let text = crate::support::seat::spoken(&summary).unwrap();
    assert!(text.contains("with Alice · priority high"), "{text}");
    assert!(text.ends_with("⚙ Note by Alice: Wants a refund"), "{text}");
    assert!(about(&summary, "replace", CORRECT).is_none());
    alice.say(&chat, "!why").await;
    alice.hears_of("Alice: has this conversation").await;

    // The customer got what was said, and nothing else.
    alice.say(&chat, "!close Bye").await;
    let closed = ann.find(|frame| frame["kind"] == "closed").await;
    let seen = closed["conversation"].as_str().map(|conversation| (conversation, 0));
    let mut device = ann.return_as(gateway.address, seen).await;
    let entries = device.caught_up().await;
    let texts: Vec<&str> = entries.iter().filter_map(|entry| entry["text"].as_str()).collect();
    assert_eq!(texts, ["Where is my order?", "Good morning.", "Bye"]);

    // The next offer comes with the conversation before.
    ann.acked("m2", "It has not come").await;
    alice.hears("It has not come").await;
    let line = alice.hears_of("closed by the agent · “Where is my order?”").await;
    assert!(crate::support::seat::spoken(&line).unwrap().contains(" · Alice · "));
    alice.say(&chat, "!history").await;
    alice.hears_of("Earlier conversations, the latest first:").await;
}
