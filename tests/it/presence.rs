//! Whether agents are there, as real servers tell it: over a restart of the gateway, after a lost
//! connection, of a client that is there by name only, and of one that hides.

use std::time::Duration;

use couplet::chat::model::Strategy;

use crate::support::gateway::{Ground, Plan, Server};
use crate::support::seat::{Seat, bare};

/// Every server, with the privilege to write rosters and without, where it has one.
macro_rules! everywhere {
    ($($play:ident),* $(,)?) => {$(
        mod $play {
            use crate::support::gateway::Server;

            #[tokio::test(flavor = "multi_thread")]
            async fn prosody() {
                super::$play(Server::Prosody, "c").await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn plain_prosody() {
                super::$play(Server::Prosody, "u").await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn ejabberd() {
                super::$play(Server::Ejabberd, "c").await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn plain_ejabberd() {
                super::$play(Server::Ejabberd, "u").await;
            }
        }
    )*};
}

everywhere!(online_over_a_restart, a_desk_taken_out_of_the_list);

on_both_servers!(a_client_by_name_only, one_who_hides, a_lost_client_of_two);

const PING: &str = "urn:xmpp:ping";

async fn plan(server: Server, kind: &str) -> Plan {
    Plan::on(server.xmpp(), kind, Ground::Embedded, "").await
}

/// Answers the next ping of the gateway.
async fn answers_a_ping(seat: &mut Seat) {
    let ping = seat.find("a ping", |el| el.name() == "iq" && el.has_child("ping", PING)).await;
    let (id, from) = (ping.attr("id").unwrap(), ping.attr("from").unwrap());
    seat.write(&format!("<iq type='result' id='{id}' to='{from}'/>")).await;
}

/// Agents who stay online are asked about customers after the gateway has stopped and come back,
/// though they do nothing; and whose connection is lost is not.
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

/// The desk is out of the agent's contact list: they are gone, until they ask for it again (with the
/// privilege it is put back at once).
async fn a_desk_taken_out_of_the_list(server: Server, kind: &str) {
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

/// A client whose machine sleeps: its connection stands, and nothing answers. What it was asked about
/// goes to another long before the offer runs out.
async fn a_client_by_name_only(server: Server) {
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
    // Nobody reads what she is sent from here on. The desk sees it after as long as two may wait.
    gateway.until_status(&mut bob, "Alice: offline").await;
    let chat = bob.accept(&mut ann, "Is anyone in?").await;
    // She wakes: what waits in her connection is read, and she is there as before.
    answers_a_ping(&mut alice).await;
    gateway.until_status(&mut bob, "Alice: available").await;
    bob.say(&chat, "!close").await;
    gateway.end().await;
}

/// Unavailable, but still connected: a client that confirms and types says nothing of its agent.
async fn one_who_hides(server: Server) {
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
        assert!(begun.elapsed() < Duration::from_secs(40), "she is there for ever");
    }
    gateway.end().await;
}

/// An agent with two clients, one of which is killed: what its server gives back for it takes no
/// customer from the agent, who answers from the other.
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
    // Its server waits for it, and says then that it is gone.
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
