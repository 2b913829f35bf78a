//! The main path: a customer at the protocol and an agent in a real client write to each other
//! through real servers, on every combination of backends.

use serde_json::{Value, json};

use crate::support::agent::{Agent, bare};
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};

in_each_case!({ a_conversation } {
    prosody_embedded(Server::Prosody, Ground::Embedded),
    prosody_full(Server::Prosody, Ground::Full),
    plain_prosody_embedded(Server::PlainProsody, Ground::Embedded),
    ejabberd_embedded(Server::Ejabberd, Ground::Embedded),
    ejabberd_full(Server::Ejabberd, Ground::Full),
});

/// Texts that must arrive unchanged in both directions.
fn texts() -> Vec<String> {
    vec![
        "👩‍👩‍👧‍👦 🇩🇪 🙂".to_owned(),
        "שלום, مرحبا".to_owned(),
        "<b>&amp;]]> <!-- --> &#0; '\"".to_owned(),
        " leading, trailing \n\n lines\ttabs ".to_owned(),
        "𝒳".repeat(8_000),
    ]
}

async fn a_conversation(server: Server, ground: Ground) {
    let gateway = Gateway::start(server, ground, "").await;
    let alice = gateway.agent("alice").await;
    let mut customer = gateway.customer().await;

    // The customer's first message is offered to the agent.
    let ack = customer.acked("m1", "Hello?").await;
    assert_eq!(ack["seq"], 1);
    let waiting = customer.until("state").await;
    assert_eq!((&waiting["state"], &waiting["position"]), (&json!("waiting"), &json!(1)));
    let line = alice.message_with("⚙").await;
    let text = line["body"].as_str().unwrap();
    assert!(text.contains("is waiting") && text.contains("shop.example/pricing"), "{text}");
    assert!(!text.contains("secret"), "of a page only origin and path are shown: {text}");
    let offer = alice.message_of("Hello?").await;
    let chat = bare(&offer).to_owned();
    assert!(chat.ends_with(&gateway.domain), "{chat}");

    // The agent's client has confirmed it before the agent has replied.
    customer.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 1).await;

    // A reply accepts the conversation; it is stored before the receipt is sent.
    let id = alice.send(&chat, "Good morning.").await;
    alice.receipt_for(&id).await;
    let joined = customer.until("entry").await;
    assert_eq!((&joined["kind"], &joined["seq"]), (&json!("joined"), &json!(2)));
    let active = customer.until("state").await;
    assert_eq!((&active["state"], &active["agent"]["name"]), (&json!("active"), &json!("Alice")));
    let answer = customer.until("entry").await;
    assert_eq!((&answer["seq"], &answer["text"]), (&json!(3), &json!("Good morning.")));
    assert_eq!(answer["from"], json!({"kind": "agent", "name": "Alice"}));

    // The agent has read the customer's message, and the customer the agent's.
    let first = offer["id"].as_str().unwrap();
    alice.perform(json!({"do": "marker", "to": chat, "for": first})).await;
    customer.find(|frame| frame["type"] == "receipt" && frame["read"] == 1).await;
    customer.say(json!({"type": "read", "seq": 3})).await;
    alice.event(|event| event["event"] == "marker" && event["for"] == *id).await;

    // Typing, in both directions.
    alice.perform(json!({"do": "chatstate", "to": chat, "state": "composing"})).await;
    let typing = customer.until("typing").await;
    assert_eq!((&typing["on"], &typing["name"]), (&json!(true), &json!("Alice")));
    customer.say(json!({"type": "typing", "on": true})).await;
    alice.event(|event| event["event"] == "chatstate" && event["state"] == "composing").await;

    // Every text arrives unchanged.
    for (number, text) in texts().iter().enumerate() {
        let id = format!("t{number}");
        customer.acked(&id, text).await;
        alice.message_of(text).await;
        alice.send(&chat, text).await;
        let entry = customer.until("entry").await;
        assert_eq!(entry["text"].as_str(), Some(text.as_str()));
    }

    // A reload in the middle: the same session, the rest of the log.
    let conversation = ack["conversation"].as_str().unwrap();
    let mut back = customer.return_as(gateway.address, Some((conversation, 3))).await;
    assert_eq!(back.welcome["session"]["customer"], customer.welcome["session"]["customer"]);
    let seqs: Vec<u64> =
        back.caught_up().await.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (4..4 + 2 * texts().len() as u64).collect::<Vec<_>>());
    assert_eq!(back.welcome["conversation"]["agent"]["name"], "Alice");
    let mut customer = back;

    // The agent closes; a later message of theirs is refused with a hint.
    alice.send(&chat, "!close").await;
    let closed = customer.find(|frame| frame["kind"] == "closed").await;
    assert_eq!(closed["from"]["kind"], "agent");
    let state = customer.find(|frame| frame["state"] == "closed").await;
    assert_eq!(state["reason"], "agent");
    let late = alice.send(&chat, "One more thing").await;
    let error = alice.error_for(&late).await;
    assert_eq!(error["error"]["condition"], "conflict");
    assert!(error["error"]["text"].as_str().unwrap().contains("!reopen"), "{error}");

    returning(&gateway, &alice, customer, &chat).await;
    gateway.end().await;
}

/// A customer who comes back has the same address and gets a new conversation.
async fn returning(gateway: &Gateway, alice: &Agent, customer: Customer, chat: &str) {
    let mut again = customer.return_as(gateway.address, None).await;
    assert_eq!(again.welcome["conversation"], Value::Null);
    let ack = again.acked("n1", "Me again").await;
    assert_eq!(ack["seq"], 1);
    let offer = alice.message_of("Me again").await;
    assert_eq!(bare(&offer), chat);
    again.say(json!({"type": "end", "id": "e1"})).await;
    let ack = again.find(|frame| frame["type"] == "ack" && frame["id"] == "e1").await;
    assert_eq!(ack["seq"], 2);
    again.find(|frame| frame["state"] == "closed" && frame["reason"] == "customer").await;
    again.say(json!({"type": "end", "id": "e2"})).await;
    let error = again.until("error").await;
    assert_eq!((&error["code"], &error["for"]), (&json!("not_open"), &json!("e2")));
}
