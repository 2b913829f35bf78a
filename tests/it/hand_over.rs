//! A conversation goes from one agent to another, on real servers.

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::{Seat, spoken};
use couplet_kit::stanza::bare;

on_both_servers!(an_agent_hands_over, nobody_takes_it);

/// Alice serves a customer, and Bob is available.
async fn served(server: Server) -> (Gateway, Customer, Seat, Seat, String) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut bob = Seat::login(&plan.xmpp, &plan.account("bob")).await;
    plan.employ(&bob.jid, "bob").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    alice.show("").await;
    ann.acked("m1", "Do they lie flat?").await;
    let chat = bare(&alice.hears("Do they lie flat?").await).to_owned();
    alice.say(&chat, "They do.").await;
    ann.entry(|entry| entry["text"] == "They do.").await;
    bob.show("").await;
    gateway.until_status(&mut bob, "Bob: available").await;
    (gateway, ann, alice, bob, chat)
}

async fn an_agent_hands_over(server: Server) {
    let (gateway, mut ann, mut alice, mut bob, chat) = served(server).await;
    let unknown = alice.say(&chat, "!transfer carol please").await;
    let (condition, text) = alice.error_for(&unknown).await;
    assert_eq!(condition, "item-not-found");
    assert!(text.contains("carol") && text.contains("Bob"), "{text}");

    let asked = alice.say(&chat, "!transfer bob: the invoice is 1042").await;
    alice.receipt_for(&asked).await;
    alice.hears_of("Asked Bob. You keep the conversation").await;
    let offer = spoken(&bob.hears_of("asks you to take over").await).unwrap();
    assert!(
        offer.starts_with("⚙ Alice asks") && offer.contains("“the invoice is 1042”"),
        "{offer}"
    );
    bob.hears("Do they lie flat?").await;
    bob.hears_of("They do.").await;
    // Alice goes on serving until Bob answers.
    ann.acked("m2", "And in red?").await;
    alice.hears("And in red?").await;
    alice.say(&chat, "A colleague knows.").await;
    ann.entry(|entry| entry["text"] == "A colleague knows.").await;

    bob.say(&chat, "Yes, in red too.").await;
    let taken = ann.entry(|entry| entry["kind"] == "transferred").await;
    assert_eq!(taken["from"]["name"], "Bob");
    let state = ann.find(|frame| frame["type"] == "state").await;
    assert_eq!(state["agent"]["name"], "Bob", "{state}");
    ann.entry(|entry| entry["text"] == "Yes, in red too.").await;
    alice.hears_of("Bob took this conversation over").await;
    bob.hears("And in red?").await;
    let late = alice.say(&chat, "One more thing").await;
    let (condition, text) = alice.error_for(&late).await;
    assert_eq!(condition, "conflict");
    assert!(text.contains("Bob is handling"), "{text}");
    ann.acked("m3", "Thanks").await;
    bob.hears("Thanks").await;
    gateway.end().await;
}

async fn nobody_takes_it(server: Server) {
    let (mut gateway, ann, mut alice, mut bob, chat) = served(server).await;
    alice.say(&chat, "!transfer bob").await;
    bob.hears_of("asks you to take over").await;
    bob.say(&chat, "!no lunch").await;
    let back = spoken(&alice.hears_of("declined").await).unwrap();
    assert!(back.contains("“lunch”") && back.contains("still yours"), "{back}");
    bob.hears_of("You declined").await;

    // Asked again, Bob takes it after the gateway has restarted.
    alice.say(&chat, "!transfer bob please").await;
    bob.hears_of("asks you to take over").await;
    gateway.restart().await;
    let mut ann = ann.return_as(gateway.address, None).await;
    bob.say(&chat, "Bob here").await;
    let taken = ann.entry(|entry| entry["kind"] == "transferred").await;
    assert_eq!(taken["from"]["name"], "Bob");
    ann.entry(|entry| entry["text"] == "Bob here").await;
    alice.hears_of("took this conversation over").await;
    gateway.end().await;
}
