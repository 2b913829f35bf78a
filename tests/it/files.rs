//! Files in both directions: from a customer over HTTP to an agent's real client, and from an
//! agent's upload to the customer, on both servers; and what must not result from them.

mod agents;
mod coming_in;
mod given_out;
mod hostile;
mod storage;
mod twice;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use couplet::chat::ids::{AgentJid, TenantKey};
use couplet::ports::directory::Directory as _;
use serde_json::json;

use crate::support::agent::{Agent, bare};
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::upload::{self, DOT};

/// A customer and an agent in conversation, and the agent's address for the customer.
async fn talking(gateway: &Gateway) -> (Customer, Agent, String) {
    let alice = gateway.agent("alice").await;
    let mut customer = gateway.customer().await;
    customer.acked("m1", "Hello?").await;
    let offer = alice.message_of("Hello?").await;
    let chat = bare(&offer).to_owned();
    alice.send(&chat, "Good morning.").await;
    customer.find(|frame| frame["text"] == "Good morning.").await;
    (customer, alice, chat)
}

async fn a_picture_in_each_direction(server: Server, ground: Ground) {
    let gateway = Gateway::start(server, ground, "").await;
    let (mut customer, alice, chat) = talking(&gateway).await;

    // From the customer: the agent's client shows the file, because the message's text is its link.
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    let message = json!({"type": "message", "id": "f1", "files": [file["id"]]});
    customer.say(message.clone()).await;
    let ack = customer.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    let shown = alice.event(|event| event["oob"].is_string()).await;
    assert_eq!(shown["body"], shown["oob"]);
    assert_eq!(shown["receipt_requested"], true);
    let url = shown["oob"].as_str().unwrap().to_owned();
    let got = upload::client().get(&url).send().await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/png");
    assert_eq!(got.bytes().await.unwrap(), DOT);
    let seq = ack["seq"].clone();
    customer.find(|frame| frame["type"] == "receipt" && frame["delivered"] == seq).await;

    // Resent, it is the same message; on another device it is an entry.
    customer.say(message).await;
    let again = customer.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    assert_eq!(again["seq"], ack["seq"]);
    let conversation = ack["conversation"].as_str().unwrap().to_owned();
    let before = ack["seq"].as_u64().unwrap() - 1;
    let mut other = customer.return_as(gateway.address, Some((&conversation, before))).await;
    let entries = other.caught_up().await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["files"][0]["name"], "dot.png");
    assert_eq!(entries[0]["files"][0]["size"], DOT.len());
    let got = upload::get(gateway.address, &entries[0]["files"][0]).await;
    assert_eq!(got.bytes().await.unwrap(), DOT);

    // From the agent, uploaded to their own server: the customer gets our link.
    let sent = alice
        .perform(json!({
            "do": "upload", "to": chat, "name": "cat.png", "type": "image/png",
            "data": STANDARD.encode(DOT),
        }))
        .await;
    alice.receipt_for(sent["id"].as_str().unwrap()).await;
    let entry = customer.find(|frame| frame["files"].is_array()).await;
    assert_eq!(
        (&entry["from"]["name"], &entry["files"][0]["name"]),
        (&json!("Alice"), &json!("cat.png"))
    );
    assert_eq!(entry["files"][0]["type"], "image/png");
    assert!(!entry.to_string().contains(sent["url"].as_str().unwrap()), "{entry}");
    let got = upload::get(gateway.address, &entry["files"][0]).await;
    assert_eq!(got.bytes().await.unwrap(), DOT);

    // Retracted by the agent, it is gone for everybody.
    let file = entry["files"][0].clone();
    let retract = format!(
        "<message type='chat' id='r1' to='{chat}'><retract xmlns='urn:xmpp:message-retract:1' id='{}'/>\
         <body>taken back</body></message>",
        sent["id"].as_str().unwrap()
    );
    alice.perform(json!({"do": "raw", "xml": retract})).await;
    let retracted = customer.find(|frame| frame["kind"] == "retract").await;
    assert_eq!(retracted["target"], entry["seq"]);
    assert_eq!(upload::get(gateway.address, &file).await.status(), 404);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_each_direction_on_prosody() {
    a_picture_in_each_direction(Server::Prosody, Ground::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_each_direction_on_ejabberd() {
    a_picture_in_each_direction(Server::Ejabberd, Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_text_and_several_files_reaches_the_next_agent_too() {
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, "").await;
    let (mut customer, alice, chat) = talking(&gateway).await;
    let first = upload::picture(gateway.address, &customer, "one.png").await;
    let second = upload::picture(gateway.address, &customer, "two.png").await;
    let files = json!([first["id"], second["id"], first["id"]]);
    customer.say(json!({"type": "message", "id": "f1", "text": "Both", "files": files})).await;
    let ack = customer.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    let words = alice.message_of("Both").await;
    let one = alice.message_with("/one.png?").await;
    let two = alice.message_with("/two.png?").await;
    assert_eq!(
        (&words["receipt_requested"], &one["receipt_requested"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(two["receipt_requested"], true, "only the last requests a receipt, for all");
    let row = words["id"].as_str().unwrap();
    assert_eq!(one["id"], format!("{row}-1"));
    assert_eq!(two["id"], format!("{row}-2"));
    let seq = ack["seq"].clone();
    customer.find(|frame| frame["type"] == "receipt" && frame["delivered"] == seq).await;

    // Both reply to a file.
    customer.say(json!({"type": "message", "id": "f2", "text": "This", "reply_to": seq})).await;
    alice.message_of("> Both\nThis").await;
    let reply = format!(
        "<message type='chat' id='q1' to='{chat}'><body>Which?</body>\
         <reply xmlns='urn:xmpp:reply:0' to='{chat}/web' id='{row}-1'/></message>"
    );
    alice.perform(json!({"do": "raw", "xml": reply})).await;
    let entry = customer.find(|frame| frame["text"] == "Which?").await;
    assert_eq!(entry["reply_to"], ack["seq"]);

    // Alice leaves; Bob gets everything, with Alice's messages under the name Alice.
    alice
        .perform(json!({
            "do": "upload", "to": chat, "name": "cat.png", "type": "image/png",
            "data": STANDARD.encode(DOT),
        }))
        .await;
    customer.find(|frame| frame["files"][0]["name"] == "cat.png").await;
    let bob = gateway.agent("bob").await;
    let (tenant, jid) = (TenantKey::new(TENANT).unwrap(), AgentJid::normalised(&alice.jid));
    gateway.db.store.remove_agent(&tenant, &jid).await.unwrap();
    bob.message_of("Both").await;
    bob.message_with("/one.png?").await;
    bob.message_with("/two.png?").await;
    bob.message_of("⚙ Alice: cat.png").await;
    let cat = bob.message_with("/cat.png?").await;
    assert_eq!(cat["oob"], cat["body"]);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_survives_a_restart_between_upload_and_message() {
    let mut gateway = Gateway::start(Server::Ejabberd, Ground::Full, "").await;
    let (customer, alice, _) = talking(&gateway).await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    gateway.restart().await;
    let mut customer = customer.return_as(gateway.address, None).await;
    customer.say(json!({"type": "message", "id": "f1", "files": [file["id"]]})).await;
    customer.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    let shown = alice.message_with("/dot.png?").await;
    let path = shown["body"].as_str().unwrap().split_once("/v1/").unwrap().1.to_owned();
    let got = gateway.get(&format!("/v1/{path}")).await;
    assert_eq!(got.bytes().await.unwrap(), DOT);
    gateway.end().await;
}
