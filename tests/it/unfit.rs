//! Rows that the database refuses for their content. It should not happen, and when it does it
//! delays nobody: the author is notified, and everything else goes on.

use serde_json::json;

use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::{Bystanders, Seat};

on_both_servers!(a_row_that_the_database_never_accepts, a_row_that_cannot_be_read);

async fn a_row_that_the_database_never_accepts(server: Server) {
    let plan = Gateway::plan(server, Ground::Full, "").await;
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.go_on().await;
    // Like a schema that was changed by hand: a column too short, a check, a trigger.
    gateway
        .db
        .tamper(
            "ALTER TABLE log ADD CONSTRAINT narrow CHECK (text IS NULL OR text NOT LIKE '%xyzzy%')",
        )
        .await;

    // From the customer: refused for good, under its id.
    two.customer.write("bad", "xyzzy").await;
    let answer = two.customer.find(|frame| frame["for"] == "bad").await;
    let answer = if answer["code"] == "unavailable" {
        // It was in flight when the desk restarted; resent, it is known.
        two.customer.write("bad", "xyzzy").await;
        two.customer.find(|frame| frame["for"] == "bad" && frame["code"] != "unavailable").await
    } else {
        answer
    };
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("conflict")));
    gateway.until_ready(true).await;
    two.customer.insisted("good", "Still there?").await;
    two.seat.hears("Still there?").await;

    // From the agent: returned as an error that says not to retry.
    let id = two.seat.say(&two.chat, "Say xyzzy").await;
    assert_eq!(two.seat.error_for(&id).await.0, "not-acceptable");
    gateway.until_ready(true).await;
    two.seat.say(&two.chat, "Say something else").await;
    let entry = two.customer.find(|frame| frame["text"] == "Say something else").await;
    assert_eq!(entry["type"], "entry");
    two.customer.write("bad", "xyzzy").await;
    let again = two.customer.find(|frame| frame["for"] == "bad").await;
    assert_eq!(again["code"], "conflict", "known, and not retried");
    two.go_on().await;
    gateway.end().await;
}

/// Such a row keeps from agents only its own text.
async fn a_row_that_cannot_be_read(server: Server) {
    let plan = Gateway::plan(server, Ground::Full, "").await;
    let account = plan.account("alice");
    plan.employ(&format!("{account}@{}", plan.xmpp.host), "alice").await;
    let xmpp = plan.xmpp.clone();
    let gateway = plan.open().await;
    let (mut ann, mut ben) = (gateway.customer().await, gateway.customer().await);
    ann.acked("m1", "Nobody can read this").await;
    gateway.db.tamper("UPDATE log SET kind = 'riddle' WHERE text = 'Nobody can read this'").await;
    ben.acked("m1", "Is anyone in?").await;
    let mut alice = Seat::login(&xmpp, &account).await;
    alice.show("").await;
    let chat = alice.accept(&mut ben, "Is anyone in?").await;
    let mut two = Bystanders::of(ben, alice, chat);
    two.go_on().await;
    gateway.end().await;
}
