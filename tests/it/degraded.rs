//! What does not work, and how customers, agents and the operator hear of it: each in his own way,
//! soon, and that it is over as well.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;
use url::Url;

use crate::support::customer::Customer;
use crate::support::fault::{OwnServer, Way};
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::seat::{Bystanders, Seat, bare};
use crate::support::servers::servers;

const TOKEN: &str = "a token of the operator";

/// The operator's window on a node.
struct Operator {
    url: String,
    config: String,
}

impl Operator {
    fn new() -> Self {
        // Free a moment ago, and nobody else is told of it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!("[admin]\nlisten = \"{free}\"\ntoken = \"{TOKEN}\"\n");
        Self { url: format!("http://{free}/metrics"), config }
    }

    /// The value of a metric.
    async fn reads(&self, metric: &str) -> f64 {
        let request = reqwest::Client::new().get(&self.url).bearer_auth(TOKEN);
        let text = request.send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(metric));
        line.unwrap_or_else(|| panic!("{metric} is not in {text}")).trim().parse().unwrap()
    }
}

/// A database that answers, and stores nothing.
async fn a_database_that_takes_nothing(errno: u32, text: &str) {
    let operator = Operator::new();
    let plan = Gateway::plan(Server::Prosody, Ground::Full, &operator.config).await;
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.go_on().await;
    assert_eq!(operator.reads("couplet_part_up{part=\"database\"}").await, 1.0);
    assert!(operator.reads("couplet_messages_total{direction=\"in\"}").await >= 2.0);

    gateway.db.refuse(errno, text).await;
    let begun = Instant::now();
    two.customer.write("w1", "Is it stored?").await;
    let told = two.customer.find(|frame| frame["for"] == "w1").await;
    assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("unavailable")));
    assert!(told["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(4), "told after {:?}", begun.elapsed());
    // What comes now is turned away at once.
    let begun = Instant::now();
    two.customer.write("w2", "And this?").await;
    let told = two.customer.find(|frame| frame["for"] == "w2").await;
    assert_eq!(told["code"], "unavailable");
    assert!(begun.elapsed() < Duration::from_secs(1), "turned away after {:?}", begun.elapsed());
    let id = two.seat.say(&two.chat, "What do I do now?").await;
    assert_eq!(two.seat.error_for(&id).await.0, "resource-constraint");
    let line = two.seat.hears_of("Messages cannot be stored at the moment").await;
    assert_eq!(bare(&line), gateway.desk());
    let parts = gateway.until_ready(false).await;
    assert_eq!(parts["parts"]["database"], false);
    assert_eq!(operator.reads("couplet_part_up{part=\"database\"}").await, 0.0);
    let link = format!("{{link=\"{}\"}}", gateway.domain);
    assert!(operator.reads(&format!("couplet_rows_oldest_seconds{link}")).await > 2.0);

    // What was under way is stored after all, and acknowledged as ever; the rest is said again.
    gateway.db.take_again().await;
    let ack = two.customer.find(|frame| frame["id"] == "w1").await;
    assert_eq!(ack["type"], "ack", "never an entry to the socket that said it: {ack}");
    two.seat.hears_of("Messages are stored again").await;
    gateway.until_ready(true).await;
    let ack = two.customer.insisted("w2", "And this?").await;
    two.seat.hears("And this?").await;
    two.seat.say_as(&id, &two.chat, "What do I do now?").await;
    two.seat.receipt_for(&id).await;
    let entry = two.customer.until("entry").await;
    assert_eq!(entry["seq"].as_u64(), ack["seq"].as_u64().map(|seq| seq + 1));
    assert_eq!(operator.reads("couplet_part_up{part=\"database\"}").await, 1.0);
    assert_eq!(operator.reads(&format!("couplet_rows_waiting{link}")).await, 0.0);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_only_reads() {
    let text = "The MariaDB server is running with the --read-only option";
    a_database_that_takes_nothing(1290, text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_full() {
    a_database_that_takes_nothing(1114, "The table log is full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_xmpp_server() {
    let operator = Operator::new();
    let own = OwnServer::start().await;
    let plan = Plan::on(own.xmpp.clone(), "c", Ground::Embedded, &operator.config).await;
    let account = plan.account("alice");
    plan.employ(&format!("{account}@{}", own.xmpp.host), "alice").await;
    let gateway = plan.open().await;
    let alice = Seat::login(&own.xmpp, &account).await;
    let mut alice = alice;
    alice.show("").await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;

    own.freeze();
    let begun = Instant::now();
    two.customer.acked("m1", "Can you hear me?").await;
    let link = format!("link {}", gateway.domain);
    let parts = gateway.until_parts(|answer| answer["parts"][&link] == false).await;
    assert_eq!(parts["ready"], false);
    assert!(begun.elapsed() < Duration::from_secs(10), "seen after {:?}", begun.elapsed());
    let age = format!("couplet_barrier_age_seconds{{link=\"{}\"}}", gateway.domain);
    assert!(operator.reads(&age).await > 0.0);
    two.customer.acked("m2", "What is said is stored.").await;
    own.thaw();
    gateway.until_ready(true).await;
    two.seat.hears("Can you hear me?").await;
    two.seat.hears("What is said is stored.").await;
    two.go_on().await;
    gateway.end().await;
}

/// What its owner knows is not in there; who is elsewhere waits no longer than he is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_cache() {
    let gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let alice = gateway.agent("alice").await;
    let redis = Url::parse(&servers().redis.url).unwrap();
    let mut way = Way::to(redis.port().unwrap());
    way.open();
    let node = gateway.node_by(way.address).await;
    let mut there = Customer::arrive(node.address, TENANT).await;
    there.insisted("m1", "Hello from there").await;
    alice.message_of("Hello from there").await;

    way.freeze(true);
    let begun = Instant::now();
    // The node goes on as far as the database goes.
    let mut late = Customer::arrive(node.address, TENANT).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "greeted after {:?}", begun.elapsed());
    let asked = reqwest::get(format!("http://{}/v1/{TENANT}/config", node.address)).await.unwrap();
    assert_eq!(asked.status(), 200);
    late.write("m1", "Is it stored?").await;
    way.freeze(false);
    // Whatever became of it: said again it is there once.
    let ack = late.insisted("m1", "Is it stored?").await;
    assert_eq!(ack["seq"], 1);
    let ack = there.insisted("m2", "Still there").await;
    assert_eq!(ack["seq"], 2);
    node.end().await;
    gateway.end().await;
}
