//! Edits, retractions and replies while something fails: the customer's socket, the stream to the
//! server, the node that owns the link.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Served, edit, greeted, reply, retract, told};
use crate::support::customer::Customer;
use crate::support::fault::Way;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::process::Process;
use crate::support::seat::{CORRECT, REPLY, RETRACT, about, spoken};
use couplet_kit::gateway::LIMITS;
use couplet_kit::process::Faulty as _;

on_both_servers!(a_cut_socket, a_lost_stream, a_takeover, an_agent_who_was_offline);

const TAKEN_BACK: &str = "⚙ The customer deleted a message";

async fn a_cut_socket(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    // Stored, but the customer's socket breaks before the ack arrives.
    on.ann.say(edit("e1", "m1", "Hello there")).await;
    on.alice.hears("Hello there").await;
    // Meanwhile the agent corrects, replies and retracts.
    on.alice.corrects(&on.morning, &chat, "Good evening.").await;
    on.alice.replies(&on.hello, &chat, "Hello", "How can I help?").await;
    let wrong = on.alice.say(&chat, "Wrong window").await;
    let back = on.alice.takes_back(&wrong, &chat).await;
    on.alice.receipt_for(&back).await;
    on.comes_back(3).await;
    let missed: Vec<_> = on.ann.caught_up().await.iter().map(told).collect();
    assert_eq!(
        missed,
        [
            r#"4 edit target 1 "Hello there""#,
            r#"5 edit target 3 "Good evening.""#,
            r#"6 message reply_to 1 "How can I help?""#,
            "7 message",
            "8 retract target 7",
        ]
    );
    assert_eq!(on.ann.does(edit("e1", "m1", "Hello there")).await["seq"], 4, "executed already");
    on.ann.acked("m2", "So?").await;
    on.alice.hears("So?").await;
    let heard = on.alice.so_far().await;
    assert!(heard.iter().all(|el| about(el, "replace", CORRECT).is_none()), "once: {heard:?}");
    on.gateway.end().await;
}

async fn a_lost_stream(server: Server) {
    let mut plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut way = Way::to(plan.xmpp.component);
    way.open();
    plan.xmpp.component = way.address.port();
    plan.configure(plan.db.url.expose_secret(), "memory://", "");
    let mut on = Served::by(plan).await;
    let chat = on.chat.clone();
    way.close().await;
    on.gateway.until_ready(false).await;
    on.ann.does(edit("e1", "m1", "Hello there")).await;
    on.ann.does(reply("m2", 3, "Are you in?")).await;
    on.ann.acked("m3", "Forget it").await;
    on.ann.does(retract("e2", "m3")).await;
    way.open();
    on.gateway.until_ready(true).await;

    // Everything arrives, in order, and nothing of what was retracted.
    assert_eq!(about(&on.alice.hears("Hello there").await, "replace", CORRECT), Some(&*on.hello));
    let answer = on.alice.hears("> ⚙ Good morning.\nAre you in?").await;
    assert_eq!(about(&answer, "reply", REPLY), Some(&*on.morning));
    let back = on.alice.find("a retraction", |el| about(el, "retract", RETRACT).is_some()).await;
    assert_eq!(spoken(&back).as_deref(), Some(TAKEN_BACK));
    on.ann.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 7).await;
    let heard: Vec<_> = on.alice.so_far().await.iter().filter_map(spoken).collect();
    assert!(!heard.iter().any(|text| text.contains("Forget")), "{heard:?}");

    // The agent's client resends what it has no receipt for.
    for _ in 0..2 {
        on.alice.corrects_as("once", &on.morning, &chat, "Good evening.").await;
        on.alice.receipt_for("once").await;
    }
    on.alice.say(&chat, "Back again.").await;
    assert_eq!(told(&on.ann.until("entry").await), r#"8 edit target 3 "Good evening.""#);
    assert_eq!(told(&on.ann.until("entry").await), r#"9 message "Back again.""#);
    on.gateway.end().await;
}

async fn a_takeover(server: Server) {
    let plan = Gateway::plan(server, Ground::Full, LIMITS).await;
    let mut alice = plan.seat("alice").await;
    let first = Process::start(&plan.config).await;
    let mut second = Process::start(&plan.config).await;
    let mut ann = Customer::arrive(second.address, TENANT).await;
    let (_, chat, hello, morning) = greeted(&mut ann, &mut alice).await;
    let asked = alice.say(&chat, "!ask Which size? | A5 | A4").await;
    let question = ann.entry(|entry| entry["text"] == "Which size?").await;
    assert_eq!(question["seq"], 4);
    first.kill();

    // The other node owns the link now, and knows only what is in the database.
    assert_eq!(ann.insists(edit("e1", "m1", "Hello there")).await["seq"], 5);
    assert_eq!(about(&alice.hears("Hello there").await, "replace", CORRECT), Some(&*hello));
    assert_eq!(ann.insists(edit("e1", "m1", "Hello there")).await["seq"], 5, "once");
    alice.corrects(&morning, &chat, "Good evening.").await;
    assert_eq!(told(&ann.until("entry").await), r#"6 edit target 3 "Good evening.""#);
    alice.replies(&hello, &chat, "Hello there", "Hello to you.").await;
    assert_eq!(told(&ann.until("entry").await), r#"7 message reply_to 1 "Hello to you.""#);
    let choice = json!({"type": "choice", "id": "c1", "of": 4, "value": "2"});
    assert_eq!(ann.insists(choice).await["seq"], 8);
    alice.hears("> ⚙ Which size?\nA4").await;
    ann.insists(reply("m2", 3, "And to you")).await;
    let answer = alice.hears("> ⚙ Good evening.\nAnd to you").await;
    assert_eq!(about(&answer, "reply", REPLY), Some(&*morning));
    ann.insists(retract("e2", "m1")).await;
    assert_eq!(about(&alice.hears(TAKEN_BACK).await, "retract", RETRACT), Some(&*hello));
    alice.say_as(&asked, &chat, "!ask Which size? | A5 | A4").await;
    alice.takes_back(&morning, &chat).await;
    assert_eq!(told(&ann.until("entry").await), "11 retract target 3", "asked once");
    alice.say(&chat, "!close").await;
    ann.find(|frame| frame["state"] == "closed").await;
    second.stop().await;
    plan.db.remove().await;
}

/// An agent's client was offline: messages changed meanwhile arrive in their latest version.
async fn an_agent_who_was_offline(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let mut on = Served::by(plan).await;
    on.alice.show("unavailable").await;
    on.gateway.until_status(&mut bob, "Alice: offline").await;
    on.ann.acked("m2", "Is it blue?").await;
    on.ann.does(edit("e1", "m2", "Is it green?")).await;
    on.ann.acked("m3", "Forget it").await;
    on.ann.does(retract("e2", "m3")).await;
    on.alice.show("").await;
    let back = on.alice.find("a retraction", |el| about(el, "retract", RETRACT).is_some()).await;
    assert_eq!(spoken(&back).as_deref(), Some(TAKEN_BACK));
    let heard: Vec<_> = on.alice.so_far().await.iter().filter_map(spoken).collect();
    assert!(heard.contains(&"Is it green?".to_owned()), "{heard:?}");
    let old = |text: &String| text.contains("Forget") || text.contains("blue");
    assert!(!heard.iter().any(old), "{heard:?}");
    on.ann.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 7).await;
    on.gateway.end().await;
}
