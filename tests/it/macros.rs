//! Macros through real servers: several commands of an agent in one step.

use couplet::chat::ids::{MacroKey, ReplyKey, TenantKey};
use couplet::chat::settings::{CannedReply, Macro};
use couplet::ports::directory::Directory as _;
use couplet_kit::stanza::bare;

use crate::support::gateway::{Gateway, Ground, Server, TENANT};

on_both_servers!(an_agent_runs_a_macro);

async fn an_agent_runs_a_macro(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello").await;
    let chat = bare(&alice.hears("Hello").await).to_owned();
    alice.say(&chat, "!m").await;
    alice.hears("⚙ There are no macros. Your operator adds them.").await;

    let tenant = TenantKey::new(TENANT).unwrap();
    let reply = CannedReply {
        key: ReplyKey::new("hello").unwrap(),
        title: "Greeting".into(),
        text: "Hello {customer.name|there}".into(),
    };
    gateway.db.store.put_canned(&tenant, &reply).await.unwrap();
    let one = |key: &str, steps: &[&str]| Macro {
        key: MacroKey::new(key).unwrap(),
        title: "Greet".into(),
        steps: steps.iter().map(|step| (*step).into()).collect(),
    };
    let steps = ["!r hello", "!transfer nobody", "!close"];
    gateway.db.store.put_macro(&tenant, &one("stop", &steps)).await.unwrap();
    let steps = ["!ask Which size? | A5 | A4", "!close Good bye"];
    gateway.db.store.put_macro(&tenant, &one("bye", &steps)).await.unwrap();
    loop {
        alice.say(&chat, "!m").await;
        if alice.answer_from(&chat).await.contains("⚙ bye – Greet") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }

    // It accepts the customer, and stops where a step is refused.
    let stopped = alice.say(&chat, "!m stop").await;
    let (condition, text) = alice.error_for(&stopped).await;
    assert_eq!(condition, "item-not-found");
    assert!(
        text.starts_with("Not done: stop stopped at step 2 of 3, “!transfer nobody”."),
        "{text}"
    );
    let said = |entry: &serde_json::Value| entry["kind"] == "message";
    assert_eq!(ann.entry(said).await["text"], "Hello there");

    // The same stanza runs it once.
    for _ in 0..2 {
        alice.say_as("m9", &chat, "!m bye").await;
        alice.receipt_for("m9").await;
    }
    alice.hears("⚙ Done: bye (2 steps)").await;
    let question = ann.entry(|entry| entry["kind"] != "joined").await;
    assert_eq!(question["text"], "Which size?");
    assert_eq!(ann.entry(said).await["text"], "Good bye");
    ann.entry(|entry| entry["kind"] == "closed").await;
    gateway.end().await;
}
