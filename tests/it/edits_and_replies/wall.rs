//! No customer changes, answers or rates what belongs to another customer or tenant, however they
//! name it; and a refusal does not reveal what exists.

use serde_json::json;

use super::{Served, edit, reply, retract, told};
use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};
use couplet_kit::stanza::bare;

on_both_servers!(between_customers, between_tenants);

/// Everything a customer may try on a message, a question and a conversation that are not theirs.
async fn tries(ann: &mut Customer, begun: bool) {
    let none = if begun { "conflict" } else { "not_open" };
    for (id, target) in [("x1", "m1"), ("x2", "p1"), ("x3", "s1")] {
        assert_eq!(ann.does(edit(id, target, "Mine now")).await["code"], none, "{target}");
        assert_eq!(ann.does(retract(id, target)).await["code"], none, "{target}");
    }
    let choice = json!({"type": "choice", "id": "x4", "of": 4, "value": "1"});
    assert_eq!(ann.does(choice).await["code"], none);
    let rating = json!({"type": "rate", "id": "x5", "score": 1, "comment": "Mine now"});
    assert_eq!(ann.does(rating).await["code"], none);
}

async fn between_customers(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    on.alice.say(&chat, "!ask Which? | A5 | A4").await;
    on.ann.entry(|entry| entry["seq"] == 4).await;
    let mut eve = on.gateway.customer().await;
    tries(&mut eve, false).await;
    let ack = eve.acked("eve-1", "Good day").await;
    tries(&mut eve, true).await;
    // A customer can only name their own conversation.
    let stolen = json!({"type": "history", "id": "h1", "conversation": on.conversation});
    assert_eq!(eve.does(stolen).await["code"], "not_open");
    assert_eq!(eve.does(reply("eve-2", 4, "Which?")).await["seq"], 2);
    let own = eve.history(ack["conversation"].as_str().unwrap()).await;
    assert_eq!(told(&own[1]), r#"2 message "Which?""#, "not a reply to a message of Eve's");
    let day = on.alice.hears("Good day").await;
    on.alice.hears("Which?").await;
    let eves = bare(&day).to_owned();
    assert_ne!(eves, chat);

    // Nor does the agent of both change in one chat a message of the other.
    let welcome = on.alice.say(&eves, "Welcome.").await;
    on.alice.receipt_for(&welcome).await;
    let id = on.alice.takes_back(&on.morning, &eves).await;
    assert_eq!(on.alice.error_for(&id).await.0, "item-not-found");
    let id = on.alice.corrects(&on.morning, &eves, "Good evening.").await;
    on.alice.receipt_for(&id).await;
    let id = on.alice.replies(&on.hello, &eves, "Hello", "Hello again").await;
    on.alice.receipt_for(&id).await;
    let own = eve.history(ack["conversation"].as_str().unwrap()).await;
    let own: Vec<_> = own.iter().skip(4).map(told).collect();
    let quoted = r#"6 message "> Hello\nHello again""#;
    assert_eq!(own, [r#"5 message "Good evening.""#, quoted], "messages of their own");
    let read: Vec<_> = on.read_anew().await.iter().map(told).collect();
    assert_eq!(
        read,
        [
            r#"1 message "Hello""#,
            "2 joined",
            r#"3 message "Good morning.""#,
            r#"4 message "Which?""#
        ]
    );

    // A customer rates only the end of their own conversation.
    eve.does(json!({"type": "end", "id": "end"})).await;
    let rating = json!({"type": "rate", "id": "r1", "score": 1});
    assert_eq!(
        on.ann.does(rating.clone()).await["code"],
        "conflict",
        "Ann's conversation is still open"
    );
    assert_eq!(eve.does(rating).await["conversation"], ack["conversation"]);
    assert!(super::rating::stored(&on.gateway, &on.conversation).await.is_empty());
    on.gateway.end().await;
}

async fn between_tenants(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    plan.tenant("bolt", |_| {}).await;
    let mut bob = plan.seat_of("bolt", "bob", |_| {}).await;
    let mut on = Served::by(plan).await;
    let chat = on.chat.clone();
    on.alice.say(&chat, "!ask Which? | A5 | A4").await;
    on.ann.entry(|entry| entry["seq"] == 4).await;

    // An agent of the other tenant gets the same response for this address as for one that does not
    // exist.
    let nobody = format!("nobody@{}", on.gateway.domain);
    for address in [&chat, &nobody] {
        let said = [
            bob.takes_back(&on.morning, address).await,
            bob.corrects(&on.morning, address, "Mine now").await,
            bob.corrects(&on.hello, address, "Mine now").await,
            bob.replies(&on.hello, address, "Hello", "Mine now").await,
            bob.say(address, "!ask Mine? | Yes | No").await,
        ];
        for id in said {
            let none = (
                "item-not-found".to_owned(),
                "Not sent: no such customer, or not one of yours.".to_owned(),
            );
            assert_eq!(bob.error_for(&id).await, none, "{address}");
        }
    }
    // Nor does a session of one tenant work at the other.
    let hello = json!({"session": on.ann.token()});
    let mut eve = Customer::greet(on.gateway.address, "bolt", hello).await;
    assert_ne!(eve.welcome["session"]["customer"], on.ann.welcome["session"]["customer"]);
    tries(&mut eve, false).await;
    let ack = eve.acked("eve-1", "Good day").await;
    tries(&mut eve, true).await;
    bob.hears("Good day").await;
    let stolen = json!({"type": "history", "id": "h1", "conversation": on.conversation});
    assert_eq!(eve.does(stolen).await["code"], "not_open");
    eve.does(json!({"type": "end", "id": "end"})).await;
    let rating = json!({"type": "rate", "id": "r1", "score": 1});
    assert_eq!(eve.does(rating).await["conversation"], ack["conversation"]);
    let read: Vec<_> = on.read_anew().await.iter().map(told).collect();
    assert_eq!(read[0], r#"1 message "Hello""#);
    assert_eq!(read[2..], [r#"3 message "Good morning.""#, r#"4 message "Which?""#]);
    assert!(super::rating::stored(&on.gateway, &on.conversation).await.is_empty());
    on.ann.acked("m2", "Still here").await;
    on.alice.hears("Still here").await;
    on.gateway.end().await;
}
