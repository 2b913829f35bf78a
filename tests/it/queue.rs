//! Offers, the queue, agents who are passed over, and agents' commands.

use couplet::chat::ids::{AgentJid, TenantKey};
use couplet::chat::settings::{Role, Strategy};
use couplet::ports::directory::Directory as _;
use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::seat::{Seat, spoken};
use couplet_kit::stanza::bare;

async fn plan() -> Plan {
    Gateway::plan(Server::Prosody, Ground::Embedded, "").await
}

/// A customer who has sent a message under the id `m1`.
async fn asking(gateway: &Gateway, text: &str) -> Customer {
    let mut customer = gateway.customer().await;
    customer.acked("m1", text).await;
    customer
}

/// Waits until the customer is sent this place in the queue.
async fn placed(customer: &mut Customer, position: u64) {
    let told = |frame: &Value| frame["type"] == "state" && frame["position"] == position;
    let state = customer.find(told).await;
    assert_eq!(state["state"], "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_the_queue() {
    let plan = plan().await;
    let mut alice = plan.seat_of(TENANT, "alice", |alice| alice.capacity = 1).await;
    let gateway = plan.open().await;
    let mut first = asking(&gateway, "First").await;
    let chat = alice.accept(&mut first, "First").await;

    // Alice is at full capacity: the others wait, each with their place.
    let mut second = asking(&gateway, "Second").await;
    placed(&mut second, 1).await;
    let mut third = asking(&gateway, "Third").await;
    placed(&mut third, 2).await;
    let mut fourth = asking(&gateway, "Fourth").await;
    placed(&mut fourth, 3).await;
    // Another tab, and a reload, get it too.
    placed(&mut third.return_as(gateway.address, None).await, 2).await;

    // One gives up: those behind move up, and Alice is offered the next once there is room.
    second.say(json!({"type": "end", "id": "e1"})).await;
    second.find(|frame| frame["state"] == "closed").await;
    placed(&mut third, 1).await;
    placed(&mut fourth, 2).await;
    alice.say(&chat, "!close").await;
    let closed = first.find(|frame| frame["state"] == "closed").await;
    assert_eq!(closed["reason"], "agent");
    let next = alice.accept(&mut third, "Third").await;
    placed(&mut fourth, 1).await;
    for element in alice.so_far().await {
        let said = spoken(&element).unwrap_or_default();
        assert!(!said.contains("Second") && !said.contains("Fourth"), "Alice is not asked: {said}");
    }
    alice.say(&next, "!close").await;
    alice.hears("Fourth").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_expires() {
    let plan = plan().await;
    plan.queue(Strategy::LeastLoaded, 1_000).await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let gateway = plan.open().await;
    gateway.until_status(&mut alice, "Bob: busy").await;

    // While Alice is the only agent, the offer does not expire; with another one online, it does.
    let mut ann = asking(&gateway, "Anyone?").await;
    let chat = bare(&alice.hears("Anyone?").await).to_owned();
    bob.show("").await;
    alice.hears("⚙ You didn't answer in time – passed to a colleague").await;
    assert_eq!(bare(&bob.hears_of("is waiting").await), chat, "one customer, one address");
    let accepted = bob.accept(&mut ann, "Anyone?").await;
    assert_eq!(accepted, chat);

    // Alice replies too late and is told who has the customer, who receives nothing of it.
    let late = alice.say(&chat, "Sorry, I was away. How can I help?").await;
    let error = alice.error_for(&late).await;
    assert_eq!(
        error,
        ("conflict".to_owned(), "Not sent: Bob is handling this conversation.".to_owned())
    );
    let late = alice.say(&chat, "!close").await;
    assert_eq!(alice.error_for(&late).await.0, "conflict");
    bob.say(&chat, "So?").await;
    assert_eq!(ann.until("entry").await["text"], "So?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_a_customer() {
    let plan = plan().await;
    plan.queue(Strategy::RingAll, 30_000).await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    let gateway = plan.open().await;
    gateway.until_status(&mut alice, "Alice: available").await;
    gateway.until_status(&mut alice, "Bob: available").await;
    for round in 1..=5 {
        let question = format!("Question {round}");
        let mut ann = asking(&gateway, &question).await;
        let chat = bare(&alice.hears(&question).await).to_owned();
        bob.hears(&question).await;
        let (by_alice, by_bob) = (format!("a{round}"), format!("b{round}"));
        tokio::join!(
            alice.say_as(&by_alice, &chat, "I, Alice"),
            bob.say_as(&by_bob, &chat, "I, Bob")
        );
        let joined = ann.until("entry").await;
        assert_eq!(joined["kind"], "joined");
        let winner = joined["from"]["name"].as_str().unwrap().to_owned();
        assert_eq!(ann.until("entry").await["text"], format!("I, {winner}"));
        let (won, lost, id) = match &*winner {
            "Alice" => (&mut alice, &mut bob, by_bob),
            _ => (&mut bob, &mut alice, by_alice),
        };
        let error = lost.error_for(&id).await;
        assert_eq!(
            error,
            ("conflict".to_owned(), format!("Not sent: {winner} is handling this conversation."))
        );
        lost.hears(&format!("⚙ {winner} took this conversation")).await;
        won.say(&chat, "!close").await;
        let closed = ann.until("entry").await;
        assert_eq!(closed["kind"], "closed", "nothing of the other agent's was delivered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn availability_follows_presence() {
    let plan = plan().await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let gateway = plan.open().await;
    let mut ann = asking(&gateway, "One").await;
    let chat = alice.accept(&mut ann, "One").await;

    // While away, Alice keeps conversations but is offered no new one.
    alice.show("away").await;
    gateway.until_status(&mut alice, "Alice: away").await;
    gateway.until_status(&mut alice, "Bob: busy").await;
    let config: Value = gateway.get("/v1/acme/config").await.json().await.unwrap();
    let mut late = asking(&gateway, "Two").await;
    placed(&mut late, 1).await;
    ann.acked("m2", "Still there?").await;
    alice.hears("Still there?").await;
    alice.say(&chat, "Of course").await;
    ann.find(|frame| frame["text"] == "Of course").await;
    for seat in [&mut alice, &mut bob] {
        let said: Vec<_> = seat.so_far().await.iter().filter_map(spoken).collect();
        assert!(!said.iter().any(|text| text == "Two"), "nobody is offered: {said:?}");
    }
    assert!(config["online"].is_boolean(), "{config}");

    // Back online, Alice is offered; on leaving, the offer goes at once to an agent who is online.
    alice.show("").await;
    let offer = alice.hears("Two").await;
    bob.show("xa").await;
    bob.show("chat").await;
    gateway.until_status(&mut bob, "Bob: available").await;
    alice.show("unavailable").await;
    assert_eq!(bare(&bob.hears("Two").await), bare(&offer));
    bob.say(bare(&offer), "It is me now").await;
    late.find(|frame| frame["text"] == "It is me now").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_agent_gets_the_history() {
    let plan = plan().await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let gateway = plan.open().await;
    let mut ann = asking(&gateway, "⚙ I am the desk").await;
    let chat = alice.accept(&mut ann, "(⚙) I am the desk").await;
    ann.acked("m2", "/me waves").await;
    alice.hears("\u{2060}/me waves").await;
    alice.say(&chat, "/me waves back\nAnn: forged").await;
    let entry = ann.find(|frame| frame["from"]["kind"] == "agent" && frame["kind"] == "message");
    assert_eq!(entry.await["text"], "/me waves back\nAnn: forged");
    bob.show("").await;
    gateway.until_status(&mut bob, "Bob: available").await;

    // Alice is no longer an agent: within moments the gateway treats Alice as a stranger, and
    // Bob has the conversations.
    let tenant = TenantKey::new(TENANT).unwrap();
    let jid = AgentJid::normalised(&alice.jid);
    gateway.db.store.remove_agent(&tenant, &jid).await.unwrap();
    assert_eq!(ann.until("entry").await["kind"], "left");
    let waiting = ann.until("state").await;
    assert_eq!((&waiting["state"], &waiting["position"]), (&json!("waiting"), &json!(1)));
    let mut read = Vec::new();
    while read.len() < 5 {
        let next = bob.find("a line of Ann's", |el| bare(el) == chat && spoken(el).is_some()).await;
        read.push(spoken(&next).unwrap());
    }
    assert!(read.remove(0).contains("is waiting"));
    assert_eq!(
        read,
        [
            "(⚙) I am the desk",
            "⚙ Alice: Good morning.",
            "\u{2060}/me waves",
            "⚙ Alice: /me waves back\n⚙ Alice: Ann: forged",
        ]
    );
    let stranger = alice.say(&chat, "It is still me").await;
    assert_eq!(alice.error_for(&stranger).await.0, "item-not-found");
    bob.say(&chat, "Bob here.").await;
    let joined = ann.until("entry").await;
    assert_eq!((&joined["kind"], &joined["from"]["name"]), (&json!("joined"), &json!("Bob")));
    assert_eq!(ann.until("entry").await["text"], "Bob here.");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands() {
    let plan = plan().await;
    let mut alice = plan.seat("alice").await;
    let mut carol = plan
        .seat_of(TENANT, "carol", |carol| {
            carol.role = Role::Supervisor;
            carol.queues.clear();
        })
        .await;
    let gateway = plan.open().await;
    let desk = gateway.desk();
    let mut ann = gateway.customer().await;
    ann.say(json!({"type": "start", "id": "s1", "answers": {"name": "Ann", "order": "7"}})).await;
    ann.acked("m1", "Hello").await;
    let chat = alice.accept(&mut ann, "Hello").await;

    // What begins with ! is for the desk, which responds; the customer receives nothing of it.
    alice.say(&chat, "!help").await;
    let help = spoken(&alice.hears_of("!close").await).unwrap();
    assert!(help.lines().all(|line| line.starts_with("⚙ ")), "{help}");
    alice.say(&chat, "!who").await;
    let who = spoken(&alice.hears_of("online").await).unwrap();
    assert!(
        who.contains("Ann") && who.contains("order: 7") && who.contains("shop.example/pricing")
    );
    let unknown = alice.say(&chat, "!frobnicate now").await;
    let (condition, text) = alice.error_for(&unknown).await;
    assert_eq!(condition, "item-not-found");
    assert!(text.contains("frobnicate") && text.contains("not sent"), "{text}");
    let escaped = alice.say(&chat, "!!important is CSS").await;
    alice.receipt_for(&escaped).await;
    assert_eq!(ann.until("entry").await["text"], "!important is CSS");

    // The desk itself takes plain words.
    alice.say(&desk, "help").await;
    let help = alice.answer_from(&desk).await;
    assert!(help.contains("status") && !help.contains("!close"), "{help}");
    alice.say(&desk, "status").await;
    let status = alice.answer_from(&desk).await;
    assert!(status.contains("Everyone: nobody waiting") && status.contains("1 of 4"), "{status}");
    let unknown = alice.say(&desk, "dance").await;
    assert_eq!(alice.error_for(&unknown).await.0, "item-not-found");

    // A supervisor may look and close, but not write over the agent without taking the
    // conversation.
    let over = carol.say(&chat, "Let me do this").await;
    let (_, why) = carol.error_for(&over).await;
    assert!(why.starts_with("Not sent: Alice is handling this conversation. !watch "), "{why}");
    carol.say(&chat, "!who").await;
    carol.hears_of("Ann").await;
    carol.say(&chat, "!close").await;
    assert_eq!(ann.until("entry").await["kind"], "closed");
    carol.hears_of("You closed").await;
    alice.hears_of("Carol closed").await;

    // Closed stays closed, until the agent reopens.
    let late = alice.say(&chat, "Oh, and").await;
    let (condition, text) = alice.error_for(&late).await;
    assert!(condition == "conflict" && text.contains("!reopen"), "{condition}: {text}");
    alice.say(&chat, "!reopen").await;
    alice.hears_of("New conversation started").await;
    let active = ann.find(|frame| frame["type"] == "state" && frame["state"] == "active").await;
    alice.say(&chat, "Oh, and one thing more").await;
    let entry = ann.find(|frame| frame["text"] == "Oh, and one thing more").await;
    assert_eq!(entry["conversation"], active["conversation"]);
    let ack = ann.acked("m9", "Yes?").await;
    assert_eq!(ack["conversation"], active["conversation"]);
    alice.hears("Yes?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_created_after_its_agent() {
    let plan = plan().await;
    let mut alice = plan.seat("alice").await;
    let account = plan.account("ghost");
    plan.employ(&format!("{account}@{}", plan.xmpp.host), "ghost").await;
    let xmpp = plan.xmpp.clone();
    let gateway = plan.open().await;

    // It affects nobody else: customers still appear in the rosters of the others.
    let mut ann = asking(&gateway, "Hello?").await;
    let chat = alice.accept(&mut ann, "Hello?").await;
    alice.find("Ann in the roster", |el| String::from(el).contains(&format!("jid='{chat}'"))).await;
    // Once the account exists, it is an agent like any other.
    let mut ghost = Seat::login(&xmpp, &account).await;
    ghost.show("").await;
    gateway.until_status(&mut alice, "Ghost: available").await;
    alice.show("away").await;
    gateway.until_status(&mut alice, "Alice: away").await;
    let mut bob = asking(&gateway, "Anyone?").await;
    ghost.accept(&mut bob, "Anyone?").await;
}
