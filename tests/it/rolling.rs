//! Orderly stops: under load, one node after the other; and with a backend that does not respond.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::interval;

use crate::support::clerk::Clerk;
use crate::support::crew::Crew;
use crate::support::customer::Customer;
use crate::support::fault::Way;
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::process::Process;
use crate::support::visitor::Visitor;
use couplet_kit::gateway::LIMITS;
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::OwnServer;
use couplet_kit::servers::servers;

/// No stop takes longer, whatever is unreachable.
const STOP: Duration = Duration::from_secs(15);
/// No conversation waits longer while nodes are restarted one after the other.
const WAIT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_one_after_the_other_on_prosody() {
    under_load(Server::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_one_after_the_other_on_ejabberd() {
    under_load(Server::Ejabberd).await;
}

async fn under_load(server: Server) {
    let mut crew = Crew::meet(server, 20, 4).await;
    let mut nodes = std::mem::take(&mut crew.nodes);
    let mut stops = Vec::new();
    let restarting = async {
        for node in &mut nodes {
            stops.push(node.stop().await);
            node.start_again().await;
            // All conversations have been established, and continue.
            let heard: Vec<_> =
                crew.visitors.iter().map(|visitor| visitor.look().heard.len()).collect();
            for (visitor, heard) in crew.visitors.iter().zip(heard) {
                visitor.until("more answers", |record| record.heard.len() > heard + 4).await;
            }
        }
    };
    // All customers keep writing, about fifty messages a second together.
    let talking = async {
        let mut pace = interval(Duration::from_millis(400));
        for turn in 1.. {
            pace.tick().await;
            for (who, visitor) in crew.visitors.iter().enumerate() {
                visitor.say(&format!("c{who} {turn}"));
            }
        }
    };
    tokio::select! {
        () = restarting => {}
        () = talking => {}
    }
    crew.nodes = nodes;
    let turns = crew.visitors[0].look().said.len() as u64;
    assert!(turns > 5, "somebody talked meanwhile: {turns}");
    for turn in 1..turns {
        crew.answered(turn).await;
    }
    crew.turn(1_000_000).await;
    let longest = crew.judge().await;
    let words = turns * crew.visitors.len() as u64;
    eprintln!("figures: {words} words, {longest:?}, stops took {stops:?}");
    assert!(longest.of_all() < WAIT, "{longest:?}");
    assert!(stops.iter().all(|stop| *stop < Duration::from_secs(6)), "{stops:?}");
    crew.end().await;
}

/// A node with one customer and one agent in conversation.
async fn one(plan: &Plan) -> (Process, Visitor, Clerk) {
    let account = plan.account("clerk");
    plan.hire(&format!("{account}@{}", plan.xmpp.host), 50).await;
    let clerk = Clerk::come(&plan.xmpp, &account, "c").await;
    let node = Process::start(&plan.config).await;
    let visitor = Visitor::come(vec![node.address]);
    visitor.say("c0 0");
    visitor.hears("re c0 0").await;
    (node, visitor, clerk)
}

/// A plan on MariaDB, behind a proxy that can be frozen.
async fn behind_a_way() -> (Plan, Way) {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, LIMITS).await;
    let mut way = plan.way_to_database(&servers().redis.url, LIMITS);
    way.open();
    (plan, way)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_frozen() {
    let (plan, way) = behind_a_way().await;
    let (mut node, visitor, _clerk) = one(&plan).await;
    way.freeze(true);
    let number = visitor.say("c0 1");
    node.terminate();
    let (status, took) = node.ended().await;
    eprintln!("figures: {took:?}");
    assert!(status.success() && took < STOP, "{status} after {took:?}");
    assert_eq!(visitor.look().said[number].acked, None, "nothing is acked that is not stored");
    way.freeze(false);
    node.start_again().await;
    visitor.hears("re c0 1").await;
    assert!(visitor.look().wrong.is_empty(), "{:?}", visitor.look());
    assert_eq!(visitor.look().heard, ["re c0 0", "re c0 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let (plan, way) = behind_a_way().await;
    let (mut node, _visitor, _clerk) = one(&plan).await;
    way.freeze(true);
    node.terminate();
    node.until_logged("stopping").await;
    node.terminate();
    let (status, took) = node.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_xmpp_server_is_frozen() {
    let own = OwnServer::start("prosody").await.unwrap();
    let plan = Plan::on(own.xmpp().clone(), "c", Ground::Full, LIMITS).await;
    let (mut node, visitor, clerk) = one(&plan).await;
    let second = Process::start(&plan.config).await;
    let other = Visitor::come(vec![second.address]);
    other.say("c1 0");
    other.hears("re c1 0").await;
    own.freeze();
    visitor.acked("c0 1").await;
    node.terminate();
    // The customer's node has lost the link, but the other one takes it over at once.
    let waited = other.acked("c1 1").await;
    let (status, took) = node.ended().await;
    eprintln!("figures: the stop took {took:?}, a customer elsewhere waited {waited:?}");
    assert!(status.success() && took < STOP, "{status} after {took:?}");
    assert!(waited < WAIT, "{waited:?}");
    own.thaw();
    other.hears("re c1 1").await;
    clerk.gets("c0 1").await;
    let arrived: Vec<_> = clerk.look().arrived.clone();
    for text in ["c0 1", "c1 1"] {
        let mut ids: Vec<_> =
            arrived.iter().filter(|one| one.text == text).map(|one| &one.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{arrived:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_customer_does_not_read() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, LIMITS).await;
    let (mut node, visitor, _clerk) = one(&plan).await;
    let mut deaf = Customer::arrive(node.address, TENANT).await;
    let long = "x".repeat(7_900);
    for number in 0..100 {
        deaf.acked(&format!("m{number}"), &long).await;
    }
    // Some 80 MB are requested, and none is read.
    for number in 0..100 {
        deaf.say(json!({"type": "history", "id": format!("h{number}"), "limit": 100})).await;
    }
    visitor.acked("c0 1").await;
    node.terminate();
    let (status, took) = node.ended().await;
    eprintln!("figures: {took:?}");
    assert!(status.success() && took < STOP, "{status} after {took:?}");
    let byes = visitor.look().byes.clone();
    assert!(matches!(byes.as_slice(), [(reason, ..20)] if reason == "restart"), "{byes:?}");
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_link_is_released_in_time() {
    // Another node must not get the link before this one's stream is closed: so it closes the
    // stream itself, even if the XMPP server reads nothing any more.
    let own = OwnServer::start("prosody").await.unwrap();
    let plan = Plan::on(own.xmpp().clone(), "c", Ground::Full, LIMITS).await;
    let mut way = plan.way_to_database(&servers().redis.url, LIMITS);
    way.open();
    let (node, visitor, _clerk) = one(&plan).await;
    own.freeze();
    // More than the link buffers for a server that reads nothing, so that nothing from us arrives
    // either.
    let mut ann = Customer::arrive(node.address, TENANT).await;
    for hundred in 0..16 {
        for number in 0..100 {
            ann.write(&format!("m{hundred}-{number}"), &format!("word {hundred} {number}")).await;
        }
        for _ in 0..100 {
            ann.until("ack").await;
        }
    }
    let frozen = Instant::now();
    way.freeze(true);
    node.until_logged("closed the component stream because the lease was about to expire").await;
    let left = frozen.elapsed();
    eprintln!("figures: left after {left:?}");
    assert!(left < Duration::from_secs(6), "another node may hold the lease by now: {left:?}");
    way.freeze(false);
    own.thaw();
    node.until_ready().await;
    visitor.acked("c0 1").await;
}
