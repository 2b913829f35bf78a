//! An agent's day in an XMPP client of the terminal.

use couplet_kit::servers::OwnServer;

use crate::support::gateway::{Gateway, Ground, Plan};
use crate::support::seat::Seat;
use crate::support::terminal::Terminal;

/// A gateway on a server of its own, whose rosters nobody else has filled: Alice is available in
/// Profanity, Bob is away.
async fn alice_in_profanity(own: &OwnServer) -> (Gateway, Terminal, Seat) {
    let plan = Plan::on(own.xmpp().clone(), "c", Ground::Embedded, "").await;
    // This makes the account.
    let jid = Seat::login(&plan.xmpp, &plan.account("alice")).await.jid;
    plan.employ(&jid, "alice").await;
    let mut bob = plan.seat("bob").await;
    let alice = Terminal::profanity(&plan.xmpp, &jid).await;
    let gateway = plan.open().await;
    gateway.until_status(&mut bob, "Alice: available").await;
    bob.show("away").await;
    gateway.until_status(&mut bob, "Bob: away").await;
    (gateway, alice, bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn profanity_from_the_offer_to_the_close() {
    let own = OwnServer::start("prosody").await.unwrap();
    let (gateway, alice, mut bob) = alice_in_profanity(&own).await;
    let mut ann = gateway.customer().await;
    ann.insisted("m1", "Do you ship to Norway?").await;
    alice.sees("(win 2)").await;
    alice.types("/win 2").await;
    alice.sees("is waiting (Everyone) · shop.example/pricing").await;
    alice.sees("Do you ship to Norway?").await;

    alice.types("We do.").await;
    ann.find(|frame| frame["text"] == "We do.").await;

    // To a colleague who is away, with a note that the customer does not get.
    alice.types("!transfer bob She asks for Norway.").await;
    alice.sees("Bob is away").await;
    alice.types("!transfer anyway bob She asks for Norway.").await;
    alice.sees("⚙ Asked Bob. You keep the conversation until they answer").await;
    bob.hears_of("She asks for Norway.").await;

    alice.types("!close Good bye!").await;
    alice.sees("⚙ You closed the conversation").await;
    let last = ann.find(|frame| frame["text"] != "We do." && frame["kind"] == "message").await;
    assert_eq!(last["text"], "Good bye!", "and nothing in between");
    ann.find(|frame| frame["state"] == "closed").await;

    alice.types("Are you still there?").await;
    alice.sees("⚙ Not sent: this conversation is closed. Type !reopen to start a new one.").await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn profanity_declines() {
    let own = OwnServer::start("prosody").await.unwrap();
    let (gateway, alice, mut bob) = alice_in_profanity(&own).await;
    let mut ann = gateway.customer().await;
    ann.insisted("m1", "Do you ship to Norway?").await;
    alice.sees("(win 2)").await;
    alice.types("/win 2").await;
    alice.types("!no having lunch").await;
    alice.sees("⚙ Declined").await;
    bob.show("").await;
    bob.hears("Do you ship to Norway?").await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn profanity_gives_commands_through_forms() {
    let own = OwnServer::start("prosody").await.unwrap();
    let (gateway, alice, mut bob) = alice_in_profanity(&own).await;
    let mut ann = gateway.customer().await;
    ann.insisted("m1", "Do you ship to Norway?").await;
    alice.sees("(win 2)").await;
    alice.types("/win 2").await;
    alice.types("We do.").await;
    ann.find(|frame| frame["text"] == "We do.").await;

    alice.types("/cmd list").await;
    alice.sees("transfer").await;
    alice.types("/cmd exec transfer").await;
    alice.sees("Ask even if they are away or full").await;
    alice.types("/field1 anyway").await;
    alice.types("/field2 Bob").await;
    alice.types("/field3 add She asks for 100% of Norway.").await;
    alice.types("/form submit").await;
    // What a command says is in the chat that it was given in.
    alice.types("/win 2").await;
    alice.sees("Asked Bob. You keep the conversation until they answer").await;
    bob.hears_of("She asks for 100% of Norway.").await;

    // A form that is cancelled.
    alice.types("/win 2").await;
    alice.types("/cmd exec close").await;
    alice.sees("Said to the customer first").await;
    alice.types("/form cancel").await;
    // Without anything to fill in.
    alice.types("/win 2").await;
    alice.types("/cmd exec who").await;
    alice.sees("The answer is in the chat with acme@").await;
    gateway.end().await;
}
