//! Canned replies through real servers: added while the gateway runs, and said by an agent.

use couplet::chat::ids::{ReplyKey, TenantKey};
use couplet::chat::settings::CannedReply;
use couplet::ports::directory::Directory as _;

use couplet_kit::stanza::bare;

use crate::support::gateway::{Gateway, Ground, Server, TENANT};

on_both_servers!(an_agent_says_a_canned_reply);

async fn an_agent_says_a_canned_reply(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello").await;
    let chat = bare(&alice.hears("Hello").await).to_owned();
    alice.say(&chat, "!r").await;
    alice.hears("⚙ There are no canned replies. Your operator adds them.").await;

    let text = "Hello {customer.name|there}, {agent.name} here. <{1}>";
    let reply = CannedReply {
        key: ReplyKey::new("hello").unwrap(),
        title: "Greeting".into(),
        text: text.into(),
    };
    gateway.db.store.put_canned(&TenantKey::new(TENANT).unwrap(), &reply).await.unwrap();
    loop {
        alice.say(&chat, "!r").await;
        if alice.answer_from(&chat).await.contains("⚙ hello – Greeting") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }

    let wrong = alice.say(&chat, "!r hello").await;
    let (condition, text) = alice.error_for(&wrong).await;
    assert_eq!(condition, "not-acceptable");
    assert!(text.starts_with("Not sent: hello needs 1 word after it."), "{text}");

    // It accepts the customer; the same stanza says it once.
    for _ in 0..2 {
        alice.say_as("r1", &chat, "!r hello \"A & B\"").await;
        alice.receipt_for("r1").await;
    }
    alice.hears("⚙ Sent hello: Hello there, Alice here. <A & B>").await;
    alice.hears("⚙ Your canned reply was sent").await;
    let entry = ann.entry(|entry| entry["kind"] == "message").await;
    assert_eq!(entry["text"], "Hello there, Alice here. <A & B>");
    assert_eq!(entry["from"]["name"], "Alice");
    alice.say(&chat, "That is all.").await;
    let next = ann.entry(|entry| entry["kind"] == "message").await;
    assert_eq!(next["text"], "That is all.", "nothing came in between");
    assert_eq!(next["seq"], 4);
    alice.say(&chat, "!r? hello").await;
    alice.hears("⚙ hello: Hello there, Alice here. <{1}>").await;
    gateway.end().await;
}
