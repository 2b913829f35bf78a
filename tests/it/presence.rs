//! Agents' presence as real servers report it: across a restart of the gateway, after a lost
//! connection, of a client whose machine sleeps, and of an agent who is invisible.

use std::time::Duration;

use couplet::chat::settings::Strategy;

use crate::support::gateway::{Ground, Plan, Server};
use crate::support::seat::Seat;
use couplet_kit::stanza::bare;

// Every server, with and without the privilege to write rosters where it has one.
in_each_case!({ online_over_a_restart, a_desk_removed_from_the_roster } {
    prosody(Server::Prosody, "c"),
    plain_prosody(Server::Prosody, "u"),
    ejabberd(Server::Ejabberd, "c"),
    plain_ejabberd(Server::Ejabberd, "u"),
});

on_both_servers!(a_client_that_sleeps, an_invisible_agent, a_lost_client_of_two);

const PING: &str = "urn:xmpp:ping";

async fn plan(server: Server, kind: &str) -> Plan {
    Plan::on(server.xmpp(), kind, Ground::Embedded, "").await
}

/// Answers the gateway's next ping.
async fn answers_a_ping(seat: &mut Seat) {
    let ping = seat.find("a ping", |el| el.name() == "iq" && el.has_child("ping", PING)).await;
    let (id, from) = (ping.attr("id").unwrap(), ping.attr("from").unwrap());
    seat.write(&format!("<iq type='result' id='{id}' to='{from}'/>")).await;
}

/// Agents who stay online are offered customers after the gateway has restarted, although they do
/// nothing; agents whose connection is lost are not.
async fn online_over_a_restart(server: Server, kind: &str) {
    let plan = plan(server, kind).await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    bob.show("dnd").await;
    let mut gateway = plan.open().await;
    gateway.until_status(&mut alice, "Alice: available").await;
    gateway.restart().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    alice.accept(&mut ann, "Is anyone in?").await;

    drop(alice);
    gateway.until_status(&mut bob, "Alice: offline").await;
    gateway.end().await;
}

/// The desk is removed from the agent's roster: the agent counts as offline until they subscribe
/// again (with the privilege the entry is restored at once).
async fn a_desk_removed_from_the_roster(server: Server, kind: &str) {
    let plan = plan(server, kind).await;
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    gateway.until_status(&mut alice, "Alice: available").await;
    let desk = gateway.desk();
    alice
        .write(&format!(
            "<iq type='set' id='out'><query xmlns='jabber:iq:roster'>\
             <item jid='{desk}' subscription='remove'/></query></iq>"
        ))
        .await;
    alice.find("an answer", |el| el.name() == "iq" && el.attr("id") == Some("out")).await;
    alice.write(&format!("<presence type='subscribe' to='{desk}'/>")).await;
    gateway.until_status(&mut alice, "Alice: available").await;
    alice.show("away").await;
    gateway.until_status(&mut alice, "Alice: away").await;
    gateway.end().await;
}

/// A client whose machine sleeps: its connection is open, and nothing answers. Its offer goes to
/// another agent long before it expires.
async fn a_client_that_sleeps(server: Server) {
    let plan = plan(server, "u").await;
    plan.queue(Strategy::LeastLoaded, 600_000).await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat("bob").await;
    let gateway = plan.open().await;
    gateway.until_status(&mut alice, "Alice: available").await;
    answers_a_ping(&mut alice).await;
    bob.show("dnd").await;
    gateway.until_status(&mut bob, "Bob: busy").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    bob.show("").await;
    // From here on nobody reads what is sent to Alice. The desk notices after the time of two
    // pings.
    gateway.until_status(&mut bob, "Alice: offline").await;
    let chat = bob.accept(&mut ann, "Is anyone in?").await;
    // The client wakes up, reads what is waiting in its connection, and Alice is available as
    // before.
    answers_a_ping(&mut alice).await;
    gateway.until_status(&mut bob, "Alice: available").await;
    bob.say(&chat, "!close").await;
    gateway.end().await;
}

/// Unavailable but still connected: receipts and typing of a client do not make its agent
/// available.
async fn an_invisible_agent(server: Server) {
    let plan = plan(server, "u").await;
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    let chat = alice.accept(&mut ann, "Is anyone in?").await;
    alice.show("unavailable").await;
    let types = format!(
        "<message type='chat' to='{chat}'>\
         <composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
    );
    let left = ann.find(|frame| frame["kind"] == "left");
    tokio::pin!(left);
    let mut typing = tokio::time::interval(Duration::from_secs(2));
    let begun = tokio::time::Instant::now();
    loop {
        tokio::select! {
            _ = &mut left => break,
            _ = typing.tick() => alice.write(&types).await,
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "Alice stays available for ever");
    }
    gateway.end().await;
}

/// An agent with two clients, one of which is killed: what its server bounces takes no customer
/// from the agent, who replies from the other client.
async fn a_lost_client_of_two(server: Server) {
    let plan = plan(server, "u").await;
    let mut alice = plan.seat("alice").await;
    let mut phone = Seat::login_as(&plan.xmpp, &plan.account("alice"), "phone").await;
    phone.confirms = false;
    phone.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    phone.find("resumption", |el| el.name() == "enabled").await;
    phone.show("").await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    phone.hears("Is anyone in?").await;
    drop(phone);
    let chat = alice.accept(&mut ann, "Is anyone in?").await;
    ann.acked("m2", "Good.").await;
    alice.hears("Good.").await;
    // Its server keeps the session for a while, and then reports it gone.
    let gone = |el: &xmpp_parsers::minidom::Element| {
        el.attr("type") == Some("unavailable")
            && el.attr("from").is_some_and(|from| from.ends_with("/phone"))
    };
    let mut turns = 0;
    while !alice.so_far().await.iter().any(gone) {
        turns += 1;
        assert!(turns < 240, "the phone is there for ever");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let id = alice.say(&chat, "Still here.").await;
    alice.receipt_for(&id).await;
    let next = ann.find(|frame| frame["kind"] == "left" || frame["text"] == "Still here.").await;
    assert_eq!(next["text"], "Still here.", "{next}");
    ann.acked("m3", "I see.").await;
    let word = alice.hears("I see.").await;
    assert_eq!(bare(&word), chat);
    gateway.end().await;
}
