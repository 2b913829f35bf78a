//! A file belongs to one message for good: a second message with the same file is refused, so its
//! author cannot retract the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::talking;
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::upload::{self, DOT};

/// The response to a message with a file.
async fn say(customer: &mut Customer, id: &str, file: &Value) -> Value {
    customer.say(json!({"type": "message", "id": id, "text": id, "files": [file]})).await;
    customer.find(|frame| frame["id"] == id || frame["for"] == id).await
}

async fn a_file_is_sent_once(ground: Ground) {
    let gateway = Gateway::start(Server::Prosody, ground, "").await;
    let (mut customer, alice, chat) = talking(&gateway).await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    // Two at once: the file was free for both when it was looked up.
    for id in ["f1", "f2"] {
        let both = json!({"type": "message", "id": id, "text": id, "files": [file["id"]]});
        customer.say(both).await;
    }
    let ack = customer.find(|frame| frame["id"] == "f1").await;
    assert_eq!(ack["type"], "ack");
    assert_eq!(customer.find(|frame| frame["for"] == "f2").await["code"], "forbidden");
    // Later, too; but a resent message is not a second one.
    assert_eq!(say(&mut customer, "f3", &file["id"]).await["code"], "forbidden");
    assert_eq!(say(&mut customer, "f1", &file["id"]).await["seq"], ack["seq"]);
    // Nothing was stored that could be retracted.
    customer.say(json!({"type": "retract", "id": "r1", "target": "f3"})).await;
    assert_eq!(customer.find(|frame| frame["for"] == "r1").await["code"], "conflict");
    assert_eq!(upload::get(gateway.address, &file).await.bytes().await.unwrap(), DOT);

    // A customer cannot send an agent's file.
    let upload = json!({
        "do": "upload", "to": chat, "name": "cat.png", "type": "image/png",
        "data": STANDARD.encode(DOT),
    });
    alice.perform(upload).await;
    let entry = customer.find(|frame| frame["files"][0]["name"] == "cat.png").await;
    let cat = &entry["files"][0];
    assert_eq!(say(&mut customer, "f4", &cat["id"]).await["code"], "forbidden");
    assert_eq!(upload::get(gateway.address, cat).await.bytes().await.unwrap(), DOT);
    // Nor a retracted one.
    customer.say(json!({"type": "retract", "id": "r2", "target": "f1"})).await;
    customer.find(|frame| frame["id"] == "r2").await;
    assert_eq!(upload::get(gateway.address, &file).await.status(), 404);
    assert_eq!(say(&mut customer, "f5", &file["id"]).await["code"], "forbidden");
    assert_eq!(say(&mut customer, "f1", &file["id"]).await["seq"], ack["seq"]);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_once_sqlite() {
    a_file_is_sent_once(Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_once_mysql() {
    a_file_is_sent_once(Ground::Full).await;
}
