//! The form before the chat, and a message left while no agent is online.

use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::seat::{Seat, spoken};
use couplet_kit::stanza::bare;

use couplet::ports::settings::FormField;

on_both_servers!(no_agent_is_online, a_tenants_form);

fn field(name: &str, label: Option<&str>, required: bool) -> FormField {
    FormField { name: name.to_owned(), label: label.map(str::to_owned), required }
}

async fn config(gateway: &Gateway, tenant: &str) -> Value {
    gateway.get(&format!("/v1/{tenant}/config")).await.json().await.unwrap()
}

async fn no_agent_is_online(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let account = plan.account("alice");
    plan.employ(&format!("{account}@{}", plan.xmpp.host), "alice").await;
    let xmpp = plan.xmpp.clone();
    let mut gateway = plan.open().await;
    assert_eq!(config(&gateway, TENANT).await["online"], false);
    let mut ann = gateway.customer().await;
    let answers = json!({"name": "Ann", "email": "ann@example.org", "hobby": ""});
    let start = json!({"type": "start", "id": "s1", "subject": "Sizes", "answers": answers});
    let conversation = ann.does(start).await["conversation"].clone();
    ann.acked("m1", "Do the notebooks lie flat?").await;
    ann.does(json!({"type": "edit", "id": "e1", "target": "m1", "text": "Do they lie flat?"}))
        .await;
    ann.acked("m2", "Write to me, please.").await;
    let token = ann.token();
    drop(ann);
    gateway.restart().await;

    // The next agent to come online gets it, with the customer's contact details.
    let mut alice = Seat::login(&xmpp, &account).await;
    alice.show("").await;
    let head = alice.hears_of("is waiting").await;
    let chat = bare(&head).to_owned();
    let text = spoken(&head).unwrap();
    assert!(text.starts_with("⚙ Ann is waiting") && text.contains("“Sizes”"), "{text}");
    let told = alice.hears_of("ann@example.org").await;
    assert_eq!(spoken(&told).unwrap(), "⚙ email: ann@example.org");
    alice.hears("Do they lie flat?").await;
    alice.hears("Write to me, please.").await;
    alice.say(&chat, "!who").await;
    let who = spoken(&alice.hears_of("not online").await).unwrap();
    assert!(who.contains("email: ann@example.org"), "{who}");
    let id = alice.say(&chat, "They do.").await;
    alice.receipt_for(&id).await;

    // The agent's reply is there when the customer comes back.
    let hello = json!({"session": token, "conversation": conversation, "last_seq": 3});
    let mut ann = Customer::greet(gateway.address, TENANT, hello).await;
    let missed = ann.caught_up().await;
    assert_eq!(missed.last().unwrap()["text"], "They do.", "{missed:?}");
    gateway.end().await;
}

async fn a_tenants_form(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let form = vec![field("name", None, true), field("order", Some("Bestellnummer 📦"), false)];
    plan.tenant("bolt", |bolt| bolt.settings.form = form).await;
    let mut carol = plan.seat_of("bolt", "carol", |_| {}).await;
    let gateway = plan.open().await;
    let asked = config(&gateway, "bolt").await;
    assert_eq!(
        asked["form"],
        json!([
            {"name": "name", "required": true},
            {"name": "order", "label": "Bestellnummer 📦", "required": false},
        ])
    );
    assert!(
        config(&gateway, TENANT).await.get("form").is_none(),
        "without a form there is no field for it"
    );

    let mut ann = Customer::arrive(gateway.address, "bolt").await;
    let answers = json!({"name": "⚙ Ann\u{202e}", "order": "17\n18"});
    ann.does(json!({"type": "start", "id": "s1", "answers": answers})).await;
    ann.acked("m1", "Where is it?").await;
    let head = spoken(&carol.hears_of("is waiting").await).unwrap();
    assert!(head.contains("(⚙) Ann is waiting") && !head.contains('\u{202e}'), "{head}");
    let told = spoken(&carol.hears_of("order: ").await).unwrap();
    assert!(told.lines().all(|line| line.starts_with("⚙ ")), "one line per answer: {told}");
    carol.hears("Where is it?").await;
    gateway.end().await;
}
