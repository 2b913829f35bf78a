//! Questions with buttons and forms: asked by the agent, answered in the widget, and shown to the
//! agent as text.

use serde_json::{Value, json};

use super::{Served, told};
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::{REPLY, about, spoken};

on_both_servers!(buttons, a_form, the_next_agent_sees_the_question, answers_after_a_restart);

const ASKED: &str = "⚙ Question sent";

fn chosen(id: &str, of: u64, value: impl Into<Value>) -> Value {
    json!({"type": "choice", "id": id, "of": of, "value": value.into()})
}

async fn buttons(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    for wrong in
        ["!ask", "!ask Which size?", "!ask | A5", &format!("!ask Which?{}", " | x".repeat(11))]
    {
        let id = on.alice.say(&chat, wrong).await;
        let (condition, text) = on.alice.error_for(&id).await;
        assert_eq!(condition, "bad-request", "{wrong}");
        assert!(text.starts_with("Not sent. Example: !ask "), "{text}");
    }
    for _ in 0..2 {
        // The agent's client resends it; the question is asked once.
        on.alice.say_as("ask", &chat, "!ask Which size? | A5 | A4 <wide>").await;
        on.alice.hears(ASKED).await;
    }
    let question = on.ann.until("entry").await;
    assert_eq!(told(&question), r#"4 message "Which size?""#);
    assert_eq!(question["from"], json!({"kind": "agent", "name": "Alice"}));
    let offered = json!([{"value": "1", "label": "A5"}, {"value": "2", "label": "A4 <wide>"}]);
    assert_eq!((&question["buttons"], &question["form"]), (&offered, &Value::Null));

    // A value that was not offered, or an entry that is no question, is refused.
    let form = json!({"1": "A5"});
    for (of, value) in [
        (4, json!("3")),
        (4, json!("A5")),
        (4, form),
        (3, json!("1")),
        (1, json!("1")),
        (99, json!("1")),
    ] {
        let refused = on.ann.does(chosen("no", of, value.clone())).await;
        assert_eq!(refused["code"], "conflict", "{value} of {of}");
    }
    assert_eq!(on.ann.does(chosen("c1", 4, "2")).await["seq"], 5);
    assert_eq!(on.ann.does(chosen("c1", 4, "2")).await["seq"], 5, "once");
    let answer = on.alice.hears("> ⚙ Which size?\nA4 <wide>").await;
    assert_eq!(about(&answer, "reply", REPLY), Some("ask"));
    on.ann.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 5).await;

    // The customer changes their answer from another device.
    on.ann.does(chosen("c2", 4, "1")).await;
    on.alice.hears("> ⚙ Which size?\nA5").await;
    let read: Vec<_> = on.read_anew().await.iter().map(told).collect();
    assert_eq!(read[4..], [r#"5 choice reply_to 4 "A4 <wide>""#, r#"6 choice reply_to 4 "A5""#]);

    on.alice.say(&chat, "!close").await;
    on.ann.find(|frame| frame["state"] == "closed").await;
    assert_eq!(on.ann.does(chosen("c3", 4, "1")).await["code"], "not_open");
    let late = on.alice.say(&chat, "!ask Late? | Yes | No").await;
    assert_eq!(on.alice.error_for(&late).await.0, "conflict");
    on.gateway.end().await;
}

async fn a_form(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    on.alice.say(&chat, "!form Your order\nNumber\nE-mail").await;
    on.alice.hears(ASKED).await;
    let question = on.ann.until("entry").await;
    assert_eq!(told(&question), r#"4 message "Your order""#);
    let fields = json!([{"name": "1", "label": "Number"}, {"name": "2", "label": "E-mail"}]);
    assert_eq!((&question["form"], &question["buttons"]), (&fields, &Value::Null));
    for wrong in [json!("1"), json!({}), json!({"1": "  "}), json!({"3": "x"})] {
        let refused = on.ann.does(chosen("no", 4, wrong.clone())).await;
        assert_eq!(refused["code"], "conflict", "{wrong}");
    }
    let both = json!({"2": "ann@example.org", "1": " 17 "});
    assert_eq!(on.ann.does(chosen("c1", 4, both)).await["seq"], 5);
    let quoted = "> ⚙ Your order\n";
    on.alice.hears(&format!("{quoted}Number: 17\nE-mail: ann@example.org")).await;
    on.ann.does(chosen("c2", 4, json!({"1": "18", "2": ""}))).await;
    on.alice.hears(&format!("{quoted}Number: 18")).await;
    on.gateway.end().await;
}

/// Asking a question accepts a waiting customer, as a reply does. The next agent sees the question
/// as its text and options.
async fn the_next_agent_sees_the_question(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let gateway = plan.open().await;
    gateway.until_status(&mut bob, "Bob: busy").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello").await;
    let hello = alice.hears("Hello").await;
    let chat = couplet_kit::stanza::bare(&hello).to_owned();
    alice.say(&chat, "!ask Which size? | A5 | A4").await;
    let question = ann.entry(|entry| entry["kind"] == "message").await;
    assert_eq!(question["buttons"][1]["label"], "A4");
    alice.confirms = false;
    ann.does(chosen("c1", 3, "1")).await;
    let answer = alice.hears("> ⚙ Which size?\nA5").await;

    bob.show("").await;
    gateway.until_status(&mut bob, "Bob: available").await;
    alice.gives_back(answer.attr("id").unwrap(), &chat).await;
    bob.hears("⚙ Alice: Which size?\n⚙ Alice: · A5\n⚙ Alice: · A4").await;
    let read = bob.hears_of("\nA5").await;
    assert_eq!(spoken(&read).unwrap(), "> ⚙ Alice: Which size?\nA5");
    bob.say(&chat, "A5 it is.").await;
    ann.entry(|entry| entry["text"] == "A5 it is.").await;
    // The question can still be answered, whoever asked it.
    ann.does(chosen("c2", 3, "2")).await;
    bob.hears("> ⚙ Alice: Which size?\nA4").await;
    gateway.end().await;
}

async fn answers_after_a_restart(server: Server) {
    let mut on = Served::on(server).await;
    let chat = on.chat.clone();
    on.alice.say(&chat, "!form Your order | Number").await;
    on.ann.entry(|entry| entry["seq"] == 4).await;
    on.alice.say(&chat, "!ask Which size? | A5 | A4").await;
    on.ann.entry(|entry| entry["seq"] == 5).await;
    on.gateway.restart().await;
    on.comes_back(3).await;
    let asked = on.ann.caught_up().await;
    assert_eq!(asked[0]["form"][0]["label"], "Number");
    assert_eq!(asked[1]["buttons"][0]["label"], "A5");
    assert_eq!(on.ann.does(chosen("c1", 5, "1")).await["seq"], 6);
    assert_eq!(on.ann.does(chosen("c2", 4, json!({"1": "17"}))).await["seq"], 7);
    on.alice.hears("> ⚙ Which size?\nA5").await;
    on.alice.hears("> ⚙ Your order\nNumber: 17").await;
    on.gateway.end().await;
}
