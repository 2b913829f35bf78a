//! Two nodes on one database and one Redis: any node serves any customer, and when the owner of the
//! link stops in order, the other takes over within a second.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::agent::bare;
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_of_the_node_that_does_not_own_the_link() {
    let mut gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let alice = gateway.agent("alice").await;
    let node = gateway.node().await;

    // Through the other node: refused until it knows the owner, then served as usual.
    let mut customer = Customer::arrive(node.address, TENANT).await;
    let ack = until_taken(&mut customer, "m1", "Hello?").await;
    assert_eq!(ack["seq"], 1);
    customer.find(|frame| frame["type"] == "state" && frame["state"] == "waiting").await;
    let offer = alice.message_of("Hello?").await;
    let chat = bare(&offer).to_owned();
    alice.send(&chat, "Good morning.").await;
    let answer = customer.find(|frame| frame["text"] == "Good morning.").await;
    assert_eq!(answer["seq"], 3);
    customer.find(|frame| frame["state"] == "active").await;
    alice.perform(json!({"do": "chatstate", "to": chat, "state": "composing"})).await;
    customer.until("typing").await;

    // A second tab, on the first node, sees the same log.
    let mut tab = customer.return_as(gateway.address, None).await;
    assert_eq!(tab.caught_up().await.len(), 3);
    customer.acked("m2", "From the first tab").await;
    let entry = tab.until("entry").await;
    assert_eq!((&entry["seq"], &entry["text"]), (&json!(4), &json!("From the first tab")));

    // The owner stops in order; the other node owns the link within a second.
    let going = Instant::now();
    gateway.stop_first().await;
    let stopped = going.elapsed();
    let ack = until_taken(&mut customer, "m3", "Still there?").await;
    let away = going.elapsed() - stopped;
    assert_eq!(ack["seq"], 5);
    assert!(away < Duration::from_secs(2), "nobody owned the link for {away:?}");
    alice.message_of("Still there?").await;
    alice.send(&chat, "Still here.").await;
    customer.find(|frame| frame["text"] == "Still here." && frame["seq"] == 6).await;

    node.end().await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_missed_by_a_node_are_caught_up() {
    let gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let alice = gateway.agent("alice").await;
    let (node, mut way) = gateway.node_with_its_way().await;
    let mut customer = Customer::arrive(node.address, TENANT).await;
    until_taken(&mut customer, "m1", "Hello?").await;
    let chat = bare(&alice.message_of("Hello?").await).to_owned();
    alice.send(&chat, "Good morning.").await;
    customer.find(|frame| frame["text"] == "Good morning.").await;

    // The node receives nothing for a while, and it is not sent again: a message, and the close of
    // the conversation.
    way.close().await;
    alice.send(&chat, "We are closing now.").await;
    alice.send(&chat, "!close").await;
    alice.message_of("⚙ You closed the conversation").await;
    way.open();
    let entry = customer.until("entry").await;
    assert_eq!((&entry["seq"], &entry["text"]), (&json!(4), &json!("We are closing now.")));
    let entry = customer.until("entry").await;
    assert_eq!((&entry["seq"], &entry["kind"]), (&json!(5), &json!("closed")));

    // The next conversation begins as usual, on the same socket.
    let ack = until_taken(&mut customer, "m2", "One more thing").await;
    assert_eq!(ack["seq"], 1);
    node.end().await;
    gateway.end().await;
}

/// Resends a message, as the widget does, as long as it is refused with `unavailable`.
pub(crate) async fn until_taken(
    customer: &mut Customer,
    id: &str,
    text: &str,
) -> serde_json::Value {
    loop {
        customer.write(id, text).await;
        let answer = customer.find(|frame| frame["id"] == id || frame["for"] == id).await;
        if answer["type"] == "ack" {
            return answer;
        }
        assert_eq!(answer["code"], "unavailable", "{answer}");
        let wait = answer["retry_after_ms"].as_u64().expect("it says when to retry");
        tokio::time::sleep(Duration::from_millis(wait.min(100))).await;
    }
}
