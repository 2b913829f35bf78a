//! Reactions (XEP-0444) through real servers, both ways; and one that declines an offer.

use couplet_kit::stanza::bare;
use serde_json::json;
use xmpp_parsers::ns;

use crate::support::gateway::{Gateway, Ground, Server};

on_both_servers!(reactions_go_both_ways);

async fn reactions_go_both_ways(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello").await;
    let offer = alice.hears("Hello").await;
    let (chat, hello) = (bare(&offer).to_owned(), offer.attr("id").unwrap().to_owned());
    let morning = alice.say(&chat, "Good morning.").await;
    alice.receipt_for(&morning).await;
    let seq = ann.entry(|entry| entry["text"] == "Good morning.").await["seq"].clone();

    // The customer's reaction is one at the agent's message, and a line for other clients.
    let react = json!({"type": "react", "id": "e1", "target": seq, "emoji": "👍"});
    assert_eq!(ann.does(react).await["type"], "ack");
    let reaction = alice.hears_of("reacted with 👍 to: “Good morning.”").await;
    let reactions = reaction.get_child("reactions", ns::REACTIONS).unwrap();
    assert_eq!(reactions.attr("id"), Some(&*morning));
    assert_eq!(reactions.children().map(|one| one.text()).collect::<Vec<_>>(), ["👍"]);
    let own = json!({"type": "react", "id": "e2", "target": 1, "emoji": "👍"});
    assert_eq!(ann.does(own).await["code"], "conflict", "to their own message");

    // The agent's reaction is an entry, which replaces the one before.
    for (id, emoji) in [("a1", "🎉"), ("a2", "")] {
        let one =
            if emoji.is_empty() { "".to_owned() } else { format!("<reaction>{emoji}</reaction>") };
        let xml = format!(
            "<message to='{chat}' type='chat' id='{id}'>\
             <reactions xmlns='urn:xmpp:reactions:0' id='{hello}'>{one}</reactions>\
             <request xmlns='urn:xmpp:receipts'/><store xmlns='urn:xmpp:hints'/></message>"
        );
        alice.write(&xml).await;
        alice.receipt_for(id).await;
        let entry = ann
            .entry(|entry| entry["kind"] == "reaction" && entry["from"]["kind"] == "agent")
            .await;
        assert_eq!(entry["target"], 1);
        assert_eq!(entry["text"].as_str().unwrap_or_default(), emoji);
    }
    gateway.end().await;
}
