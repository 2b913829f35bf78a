//! A file belongs to one message for good: who says it again gets nothing that they could take back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::talking;
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::upload::{self, DOT};

/// What comes of a message with a file.
async fn say(customer: &mut Customer, id: &str, file: &Value) -> Value {
    customer.say(json!({"type": "message", "id": id, "text": id, "files": [file]})).await;
    customer.find(|frame| frame["id"] == id || frame["for"] == id).await
}

async fn a_file_is_said_once(ground: Ground) {
    let gateway = Gateway::start(Server::Prosody, ground, "").await;
    let (mut customer, alice, chat) = talking(&gateway).await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    // Two at once: of both the file was free when it was looked up.
    for id in ["f1", "f2"] {
        let both = json!({"type": "message", "id": id, "text": id, "files": [file["id"]]});
        customer.say(both).await;
    }
    let ack = customer.find(|frame| frame["id"] == "f1").await;
    assert_eq!(ack["type"], "ack");
    assert_eq!(customer.find(|frame| frame["for"] == "f2").await["code"], "forbidden");
    // Later, too; but a repeat of the message is one.
    assert_eq!(say(&mut customer, "f3", &file["id"]).await["code"], "forbidden");
    assert_eq!(say(&mut customer, "f1", &file["id"]).await["seq"], ack["seq"]);
    // Nothing was said that could be taken back.
    customer.say(json!({"type": "retract", "id": "r1", "target": "f3"})).await;
    assert_eq!(customer.find(|frame| frame["for"] == "r1").await["code"], "conflict");
    assert_eq!(upload::get(gateway.address, &file).await.bytes().await.unwrap(), DOT);

    // An agent's file is not the customer's to say.
    let upload = json!({
        "do": "upload", "to": chat, "name": "cat.png", "type": "image/png",
        "data": STANDARD.encode(DOT),
    });
    alice.perform(upload).await;
    let entry = customer.find(|frame| frame["files"][0]["name"] == "cat.png").await;
    let cat = &entry["files"][0];
    assert_eq!(say(&mut customer, "f4", &cat["id"]).await["code"], "forbidden");
    assert_eq!(upload::get(gateway.address, cat).await.bytes().await.unwrap(), DOT);
    // Nor is one that was taken back.
    customer.say(json!({"type": "retract", "id": "r2", "target": "f1"})).await;
    customer.find(|frame| frame["id"] == "r2").await;
    assert_eq!(upload::get(gateway.address, &file).await.status(), 404);
    assert_eq!(say(&mut customer, "f5", &file["id"]).await["code"], "forbidden");
    assert_eq!(say(&mut customer, "f1", &file["id"]).await["seq"], ack["seq"]);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_said_once_sqlite() {
    a_file_is_said_once(Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_said_once_mysql() {
    a_file_is_said_once(Ground::Full).await;
}
