//! All of it with a stock client, in both directions: slixmpp with XEP-0308, 0424 and 0461.

use serde_json::json;

use super::{edit, reply, retract, told};
use crate::support::agent::bare;
use crate::support::gateway::{Gateway, Ground, Server};

on_both_servers!(both_ways);

async fn both_ways(server: Server) {
    let gateway = Gateway::start(server, Ground::Embedded, "").await;
    let alice = gateway.agent("alice").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Do you ship to Norwey?").await;
    let offer = alice.message_of("Do you ship to Norwey?").await;
    let (chat, asked) = (bare(&offer).to_owned(), offer["id"].as_str().unwrap().to_owned());
    let yes = alice.send(&chat, "Yse, we do.").await;
    ann.entry(|entry| entry["kind"] == "message").await;

    // The features announced for the customer are those that the widget shows.
    let info = alice.perform(json!({"do": "disco", "to": format!("{chat}/web")})).await;
    let features = info["features"].as_array().unwrap();
    for feature in ["message-correct:0", "message-retract:1", "reply:0", "fallback:0"] {
        assert!(
            features.contains(&json!(format!("urn:xmpp:{feature}"))),
            "{feature}: {features:?}"
        );
    }

    // An edit by the customer, and one by the agent.
    let ack = ann.does(edit("m2", "m1", "Do you ship to Norway?")).await;
    assert_eq!(ack["seq"], 4);
    let edited = alice.message_of("Do you ship to Norway?").await;
    assert_eq!(edited["replace"], asked.as_str());
    ann.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 4).await;
    alice.perform(json!({"do": "send", "to": chat, "body": "Yes, we do.", "replace": yes})).await;
    let entry = ann.until("entry").await;
    assert_eq!(told(&entry), r#"5 edit target 3 "Yes, we do.""#);

    // Replies in both directions; a client that supports replies shows no quote.
    ann.does(reply("m3", 3, "How fast?")).await;
    let answer = alice.message_with("How fast?").await;
    let how_fast = answer["id"].clone();
    assert_eq!((&answer["reply"], &answer["shown"]), (&json!(yes), &json!("How fast?")));
    assert_eq!(answer["body"], "> ⚙ Yes, we do.\nHow fast?");
    let answer = json!({"do": "reply", "to": chat, "said": asked, "quote": "Do you ship to Norway?",
                        "body": "To Oslo: two days."});
    let two_days = alice.perform(answer).await["id"].as_str().unwrap().to_owned();
    let entry = ann.until("entry").await;
    assert_eq!(told(&entry), r#"7 message reply_to 1 "To Oslo: two days.""#);
    alice.receipt_for(&two_days).await;

    // Retractions in both directions.
    alice.perform(json!({"do": "retract", "to": chat, "said": two_days})).await;
    assert_eq!(told(&ann.until("entry").await), "8 retract target 7");
    ann.does(retract("m4", "m3")).await;
    let back = alice.message_of("⚙ The customer deleted a message").await;
    assert_eq!(back["retract"], how_fast);

    // Another device loads the latest version.
    let mut device = ann.return_as(gateway.address, None).await;
    let read: Vec<_> = device.caught_up().await.iter().map(told).collect();
    assert_eq!(
        read,
        [
            r#"1 message "Do you ship to Norway?""#,
            "2 joined",
            r#"3 message "Yes, we do.""#,
            r#"4 edit target 1 "Do you ship to Norway?""#,
            r#"5 edit target 3 "Yes, we do.""#,
            "6 message reply_to 3",
            "7 message reply_to 1",
            "8 retract target 7",
            "9 retract target 6",
        ]
    );
    gateway.end().await;
}
