//! A customer's message reaches the agent who has the conversation, whatever fails on the way.

use serde_json::json;

use crate::support::gateway::{Gateway, Ground, Plan, Server};
use crate::support::seat::{Seat, spoken};
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::OwnServer;

/// The texts received so far, without notices of the desk.
async fn words(seat: &mut Seat) -> Vec<String> {
    let texts = seat.so_far().await.iter().filter_map(spoken).collect::<Vec<_>>();
    texts.into_iter().filter(|text| !text.starts_with('⚙')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_message_in_an_outage() {
    let own = OwnServer::start("prosody").await.unwrap();
    let plan = Plan::on(own.xmpp().clone(), "c", Ground::Embedded, "").await;
    let account = plan.account("alice");
    plan.employ(&format!("{account}@{}", own.xmpp().host), "alice").await;
    let mut gateway = plan.launch().await;
    gateway.until_ready(true).await;
    let mut alice = Seat::login(own.xmpp(), &account).await;
    alice.show("").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    alice.accept(&mut ann, "Is anyone in?").await;

    // The server dies, and with it an undelivered message of the customer, who then leaves; then
    // the gateway restarts as well: the message is only in the database.
    own.kill();
    gateway.until_ready(false).await;
    ann.acked("m2", "Never mind, I found it.").await;
    ann.say(json!({"type": "end", "id": "e1"})).await;
    ann.find(|frame| frame["type"] == "ack" && frame["id"] == "e1").await;
    drop(ann);
    let ((), again) = tokio::join!(gateway.restart(), own.start_again());
    again.unwrap();
    let mut alice = Seat::login(own.xmpp(), &account).await;
    alice.show("").await;
    let word = alice.hears("Never mind, I found it.").await;
    assert!(word.attr("id").is_some_and(|id| id.starts_with('p')));
    alice.hears("⚙ The customer ended the conversation").await;

    // A confirmed message is not sent again to another client of the agent.
    alice.so_far().await;
    let mut phone = Seat::login_as(own.xmpp(), &account, "phone").await;
    phone.show("").await;
    let mut ben = gateway.customer().await;
    ben.acked("m1", "Hello").await;
    phone.hears("Hello").await;
    assert_eq!(words(&mut phone).await, [""; 0]);
    gateway.end().await;
}

async fn an_agents_own_reconnect(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let account = plan.account("alice");
    let gateway = plan.open().await;
    alice.show("").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Hello").await;
    let chat = alice.accept(&mut ann, "Hello").await;

    // The agent's client takes messages without confirming them, then crashes.
    alice.confirms = false;
    ann.acked("m2", "One").await;
    let one = alice.hears("One").await;
    ann.acked("m3", "Two").await;
    alice.hears("Two").await;
    drop(alice);

    // Messages sent while the agent is offline wait for them; all arrive in order, under the same
    // ids.
    ann.acked("m4", "Three").await;
    let mut alice = Seat::login_as(&server.xmpp(), &account, "again").await;
    alice.show("").await;
    assert_eq!(alice.hears("One").await.attr("id"), one.attr("id"));
    alice.hears("Three").await;
    ann.acked("m5", "Four").await;
    alice.hears("Four").await;
    let id = alice.say(&chat, "I am back.").await;
    alice.receipt_for(&id).await;
    ann.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 7).await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_own_reconnect_prosody() {
    an_agents_own_reconnect(Server::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_own_reconnect_ejabberd() {
    an_agents_own_reconnect(Server::Ejabberd).await;
}
