//! The notice to agents after an unclean stop, and which bounces and repeated orders do not count.

use std::time::Duration;

use couplet::chat::ids::{LinkDomain, NodeId};
use couplet::ports::store::{Lease, Leases as _};
use uuid::Uuid;

use crate::support::gateway::{Gateway, Ground, Plan, Server};
use crate::support::seat::{Seat, spoken};
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::OwnServer;
use couplet_kit::stanza::bare;

const LINE: &str = "Connection lost ";

/// Waits until the desk knows that the agent is online: every notice for them has arrived by then.
async fn all_that_came(gateway: &Gateway, seat: &mut Seat, name: &str) -> Vec<String> {
    gateway.until_status(seat, &format!("{name}: available")).await;
    seat.so_far().await.iter().filter_map(spoken).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_prosody() {
    a_killed_server(OwnServer::start("prosody").await.unwrap(), "c").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ejabberd() {
    a_killed_server(OwnServer::start("ejabberd").await.unwrap(), "u").await;
}

async fn a_killed_server(own: OwnServer, kind: &str) {
    let plan = Plan::on(own.xmpp().clone(), kind, Ground::Embedded, "").await;
    let names = ["alice", "bob"].map(|name| plan.account(name));
    for (account, name) in names.iter().zip(["alice", "bob"]) {
        plan.employ(&format!("{account}@{}", own.xmpp().host), name).await;
    }
    let mut gateway = plan.open().await;
    let mut alice = Seat::login(own.xmpp(), &names[0]).await;
    alice.show("").await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    let chat = alice.accept(&mut ann, "Is anyone in?").await;
    let last = alice.say(&chat, "One moment.").await;
    alice.receipt_for(&last).await;

    own.kill();
    gateway.until_ready(false).await;
    own.start_again().await.unwrap();
    gateway.until_ready(true).await;
    let mut alice = Seat::login(own.xmpp(), &names[0]).await;
    let mut bob = Seat::login(own.xmpp(), &names[1]).await;
    for seat in [&mut alice, &mut bob] {
        seat.show("").await;
        // An ejabberd that is killed forgets the subscriptions of the last seconds.
        seat.write(&format!("<presence to='{}'/>", gateway.desk())).await;
    }
    // Stored messages are confirmed before the notice, so a message without a receipt by now is not
    // stored.
    let line = alice.hears_of(LINE).await;
    assert_eq!(bare(&line), gateway.desk());
    let text = spoken(&line).unwrap();
    assert!(text.contains(" UTC (") && text.ends_with("please send it again."), "{text}");
    alice.receipt_for(&last).await;
    let told = all_that_came(&gateway, &mut bob, "Bob").await;
    assert!(!told.iter().any(|text| text.contains(LINE)), "Bob has no chat: {told:?}");

    // Sent once, and not at all after an orderly stop.
    alice.show("away").await;
    drop(ann);
    gateway.restart().await;
    alice.show("").await;
    alice.write(&format!("<presence to='{}'/>", gateway.desk())).await;
    let told = all_that_came(&gateway, &mut alice, "Alice").await;
    assert!(!told.iter().any(|text| text.contains(LINE)), "{told:?}");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_not_released_prosody() {
    a_lease_that_was_not_released(Server::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_not_released_ejabberd() {
    a_lease_that_was_not_released(Server::Ejabberd).await;
}

async fn a_lease_that_was_not_released(server: Server) {
    let plan = Gateway::plan(server, Ground::Full, "").await;
    let mut alice = plan.seat("alice").await;
    let mut gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    alice.accept(&mut ann, "Is anyone in?").await;
    drop(ann);
    gateway.stop_first().await;

    // A node takes the link and dies. The next one has to wait until the lease expires.
    let link = LinkDomain::new(&gateway.domain).unwrap();
    let dead = NodeId(Uuid::from_u128(7));
    let lease = gateway.db.store.acquire(&link, dead, Duration::from_secs(5)).await.unwrap();
    assert!(matches!(lease, Lease::Granted { silent: None, .. }), "given up: {lease:?}");
    let node = gateway.node().await;
    let line = alice.hears_of(LINE).await;
    assert_eq!(bare(&line), gateway.desk());
    let text = spoken(&line).unwrap();
    let seconds: u32 = text.split_once('(').unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!((5..=15).contains(&seconds), "{text}");
    node.end().await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_bounces() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat_of("acme", "bob", |bob| bob.capacity = 1).await;
    bob.show("dnd").await;
    alice.confirms = false;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    let offer = alice.hears_of("is waiting").await;
    let head = offer.attr("id").unwrap().to_owned();
    let first = alice.hears("Is anyone in?").await;
    let (chat, first) = (bare(&first).to_owned(), first.attr("id").unwrap().to_owned());
    alice.say(&chat, "I am.").await;
    ann.find(|frame| frame["state"] == "active").await;

    // A bounce from another agent's address counts for that agent only.
    bob.gives_back(&first, &chat).await;
    alice.say(&chat, "How can I help?").await;
    let entry = ann
        .find(|frame| {
            frame["kind"] != "message" && frame["type"] == "entry"
                || frame["text"] == "How can I help?"
        })
        .await;
    assert_eq!(entry["text"], "How can I help?", "{entry}");

    // A bounce of a message from before the agent last wrote takes no customer away: a client of
    // theirs is alive.
    alice.gives_back(&first, &chat).await;
    // A bounce of a later message does; the agent replies late and gets the customer back.
    ann.acked("m2", "I have a question.").await;
    let unheard = alice.hears("I have a question.").await.attr("id").unwrap().to_owned();
    alice.gives_back(&unheard, &chat).await;
    let next = ann.find(|frame| frame["kind"] == "left" || frame["kind"] == "message").await;
    assert_eq!(next["kind"], "left", "{next}");
    alice.hears_of("no longer yours").await;
    alice.say(&chat, "Sorry, here I am.").await;
    ann.find(|frame| frame["state"] == "active").await;

    // Messages from an earlier assignment bounce now: this does not count for the current one.
    for id in [&head, &first, &first] {
        alice.gives_back(id, &chat).await;
    }
    alice.say(&chat, "Where were we?").await;
    let next =
        ann.find(|frame| frame["type"] == "entry" && frame["text"] != "Sorry, here I am.").await;
    assert_eq!(next["text"], "Where were we?", "{next}");

    // A bounce of a message from the current assignment counts.
    ann.acked("m3", "At the beginning.").await;
    let second = alice.hears("At the beginning.").await.attr("id").unwrap().to_owned();
    alice.gives_back(&second, &chat).await;
    ann.find(|frame| frame["kind"] == "left").await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_a_client_resends() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let mut alice = plan.seat("alice").await;
    let mut gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    let chat = alice.accept(&mut ann, "Is anyone in?").await;
    alice.say_as("close-1", &chat, "!close").await;
    ann.find(|frame| frame["state"] == "closed").await;
    alice.hears_of("You closed").await;
    ann.acked("m2", "One more thing.").await;
    alice.accept(&mut ann, "One more thing.").await;

    // The agent's client was cut off and resends what it has no confirmation for, now and after a
    // restart.
    for restarted in [false, true] {
        if restarted {
            drop(ann);
            gateway.restart().await;
            gateway.until_status(&mut alice, "Alice: available").await;
            ann = gateway.customer().await;
        }
        alice.so_far().await;
        alice.say_as("close-1", &chat, "!close").await;
        assert!(alice.answer_from(&chat).await.contains("You closed the conversation"));
        gateway.until_status(&mut alice, "Alice: available, 1 of 4").await;
    }
    drop(ann);
    gateway.end().await;
}
