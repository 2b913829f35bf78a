//! Durability of commands and entries, across sockets, tabs and restarts.

use std::collections::HashMap;

use couplet::chat::ids::{ConversationId, Seq};
use couplet::ports::store::Transcripts as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};
use couplet_kit::stanza::bare;

/// Sends a command and waits for its ack.
async fn acked(customer: &mut Customer, frame: Value) -> Value {
    customer.say(frame.clone()).await;
    customer.find(|answer| answer["type"] == "ack" && answer["id"] == frame["id"]).await
}

/// All stored entries of a conversation.
async fn stored(gateway: &Gateway, conversation: &Value) -> Vec<Seq> {
    let id = ConversationId(Uuid::parse_str(conversation.as_str().unwrap()).unwrap());
    let rows = gateway.db.store.entries_after(id, Seq(0), 1_000).await.unwrap();
    rows.iter().filter_map(|row| row.seq).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_id_embedded() {
    a_repeated_id(Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_id_full() {
    a_repeated_id(Ground::Full).await;
}

async fn a_repeated_id(ground: Ground) {
    let mut gateway = Gateway::start(Server::Prosody, ground, "").await;
    let mut ann = gateway.customer().await;
    let start =
        json!({"type": "start", "id": "s1", "subject": "Shoes", "answers": {"name": "Ann"}});
    let message = json!({"type": "message", "id": "m1", "text": "Once"});
    let end = json!({"type": "end", "id": "e1"});
    let mut acks = HashMap::new();
    for frame in [&start, &message, &end] {
        acks.insert(frame["id"].clone(), acked(&mut ann, frame.clone()).await);
    }
    assert_eq!(acks[&json!("m1")]["seq"], 1);

    // On the same socket, in another tab, after a reconnect: the same ack, at any time.
    let mut tab = ann.return_as(gateway.address, None).await;
    for customer in [&mut ann, &mut tab] {
        for frame in [&end, &message, &start, &message] {
            assert_eq!(acked(customer, frame.clone()).await, acks[&frame["id"]]);
        }
    }
    // The id belongs to the command sent first, whatever is sent under it later.
    let changed = json!({"type": "message", "id": "m1", "text": "Twice?"});
    assert_eq!(acked(&mut tab, changed).await, acks[&json!("m1")]);

    drop(tab);
    tokio::join!(gateway.restart(), ann.close_code());
    let mut back = ann.return_as(gateway.address, None).await;
    for frame in [&start, &message, &end] {
        assert_eq!(acked(&mut back, frame.clone()).await, acks[&frame["id"]]);
    }
    assert_eq!(stored(&gateway, &acks[&json!("m1")]["conversation"]).await, [Seq(1), Seq(2)]);

    // Another customer may use the same id.
    let mut bob = gateway.customer().await;
    let bobs = acked(&mut bob, message.clone()).await;
    assert_ne!(bobs["conversation"], acks[&json!("m1")]["conversation"]);
    drop((back, bob));
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs() {
    let gateway =
        Gateway::start(Server::Prosody, Ground::Embedded, "[limits]\nmessage_burst = 500\n").await;
    let mut left = gateway.customer().await;
    let first = left.acked("m0", "Hello?").await;
    let mut right = left.return_as(gateway.address, None).await;
    assert_eq!(right.caught_up().await.len(), 1);

    // Both sockets write at once; the same id from both is one message.
    const EACH: u64 = 50;
    for number in 0..EACH {
        left.write(&format!("l{number}"), &format!("left {number}")).await;
        right.write(&format!("r{number}"), &format!("right {number}")).await;
    }
    left.write("both", "both").await;
    right.write("both", "both").await;
    let all = 2 + 2 * EACH;
    let mut sides = Vec::new();
    for (customer, own) in [(&mut left, 'l'), (&mut right, 'r')] {
        let (mut seen, mut texts) = (1, HashMap::new());
        while seen < all || !texts.contains_key("both") {
            let frame = customer.next().await;
            let is_ack = frame["type"] == "ack";
            if !is_ack && frame["type"] != "entry" {
                continue;
            }
            let (id, seq) = (frame["id"].as_str().unwrap(), frame["seq"].as_u64().unwrap());
            if id != "both" {
                assert_eq!(is_ack, id.starts_with(own), "an ack to the sender alone: {frame}");
            }
            // Only the ack of a command that the other socket sent first may be out of order.
            if !(is_ack && id == "both") {
                assert_eq!(seq, seen + 1, "in order, without a gap: {frame}");
            }
            seen = seen.max(seq);
            texts.insert(id.to_owned(), seq);
        }
        sides.push(texts);
    }
    assert_eq!(sides[0], sides[1], "both see the same log");
    let expected: Vec<Seq> = (1..=all).map(Seq).collect();
    assert_eq!(stored(&gateway, &first["conversation"]).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let mut alice = plan.seat_of("acme", "alice", |alice| alice.capacity = 2).await;
    let mut gateway = plan.open().await;

    // One customer is served, one is offered, one waits.
    let mut served = gateway.customer().await;
    let first = served.acked("m1", "Served").await;
    let chat = alice.accept(&mut served, "Served").await;
    let mut offered = gateway.customer().await;
    offered.acked("m1", "Offered").await;
    let offer = alice.hears("Offered").await;
    let mut waiting = gateway.customer().await;
    waiting.acked("m1", "Waiting").await;
    let place = waiting.until("state").await;
    assert_eq!((&place["state"], &place["position"]), (&json!("waiting"), &json!(2)));
    let mut other = gateway.customer().await;
    other.acked("m1", "Also waiting").await;
    assert_eq!(other.until("state").await["position"], 3);

    let dismissed = async {
        let bye = served.until("bye").await;
        assert_eq!(bye["reason"], "restart");
        assert!(bye["reconnect_after_ms"].is_u64(), "{bye}");
        assert_eq!(served.close_code().await, Some(1012));
        for customer in [&mut offered, &mut waiting, &mut other] {
            assert_eq!(customer.close_code().await, Some(1012));
        }
    };
    tokio::join!(gateway.restart(), dismissed);
    let conversation = first["conversation"].as_str().unwrap();
    let mut served = served.return_as(gateway.address, Some((conversation, 2))).await;
    let missed = served.caught_up().await;
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0]["text"], "Good morning.");
    assert_eq!(served.welcome["conversation"]["agent"]["name"], "Alice");
    let mut waiting = waiting.return_as(gateway.address, None).await;
    waiting.find(|frame| frame["type"] == "state" && frame["position"] == 2).await;

    // The agent continues; a receipt from before the restart is not requested again.
    gateway.until_status(&mut alice, "Alice: available, 1 of 2").await;
    let again = alice.say(&chat, "Are you still there?").await;
    alice.receipt_for(&again).await;
    let entry = served.until("entry").await;
    assert_eq!((&entry["seq"], &entry["text"]), (&json!(4), &json!("Are you still there?")));
    served.acked("m2", "Yes").await;
    alice.hears("Yes").await;

    // The offer is kept: replying accepts it. The next customer in the queue moves up.
    let offered_chat = bare(&offer).to_owned();
    let mut offered = offered.return_as(gateway.address, None).await;
    alice.say(&offered_chat, "And good morning to you.").await;
    offered.find(|frame| frame["text"] == "And good morning to you.").await;
    waiting.find(|frame| frame["type"] == "state" && frame["position"] == 1).await;
    let mut other = other.return_as(gateway.address, None).await;
    other.find(|frame| frame["type"] == "state" && frame["position"] == 2).await;
    alice.say(&offered_chat, "!close").await;
    alice.hears("Waiting").await;

    // A message resent under the same id is confirmed, but not delivered a second time.
    alice.say_as(&again, &chat, "Are you still there?").await;
    alice.receipt_for(&again).await;
    alice.say(&chat, "Good.").await;
    assert_eq!(served.until("entry").await["text"], "Good.");
}

#[tokio::test(flavor = "multi_thread")]
async fn unconfirmed_messages_are_resent_under_the_same_id() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello?").await;
    let chat = alice.accept(&mut ann, "Hello?").await;

    // The agent's client takes a message without confirming it, as if a fault had lost it.
    alice.confirms = false;
    ann.acked("m2", "Did you get this?").await;
    let first = alice.hears("Did you get this?").await;
    alice.confirms = true;
    tokio::join!(gateway.restart(), ann.close_code());
    let again = alice.hears("Did you get this?").await;
    assert_eq!(again.attr("id"), first.attr("id"));
    let mut ann = ann.return_as(gateway.address, None).await;
    if ann.welcome["receipt"]["delivered"] != 4 {
        ann.find(|frame| frame["delivered"] == 4).await;
    }

    // What the client confirmed is not sent again.
    alice.so_far().await;
    tokio::join!(gateway.restart(), ann.close_code());
    gateway.until_status(&mut alice, "Alice: available").await;
    ann.return_as(gateway.address, None).await.acked("m3", "Next").await;
    let next =
        alice.find("from Ann", |el| bare(el) == chat && el.has_child("body", "jabber:client"));
    assert!(String::from(&next.await).contains("Next"));
}
