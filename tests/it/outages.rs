//! Outages, and how customers, agents and the operator learn of them: soon, each by their own
//! means, and of the end as well. Nothing is acked that is not stored, and nobody waits for a
//! frozen server.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::seat::{Bystanders, Seat};
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::OwnServer;
use couplet_kit::stanza::bare;

const TOKEN: &str = "a token of the operator";

/// The notice to agents at work.
const STOPPED: &str = "⚙ We can't save messages right now. Customers have been asked to wait; anything with a ✓ is safe.";
const AGAIN: &str = "⚙ Messages are being saved again.";

/// Checks that a command was refused and is to be resent later.
fn told_to_wait(frame: &serde_json::Value, id: &str) {
    assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!("unavailable")));
    assert_eq!(frame["for"], id);
    assert!(frame["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{frame}");
}

/// The operator's view of a node.
pub(crate) struct Operator {
    url: String,
    pub(crate) config: String,
}

impl Operator {
    pub(crate) fn new() -> Self {
        // A port that was free a moment ago, and that no other process is given.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = format!("[admin]\nlisten = \"{free}\"\ntoken = \"{TOKEN}\"\n");
        Self { url: format!("http://{free}/metrics"), config }
    }

    pub(crate) async fn reads(&self, metric: &str) -> f64 {
        let request = reqwest::Client::new().get(&self.url).bearer_auth(TOKEN);
        let text = request.send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(metric));
        line.unwrap_or_else(|| panic!("{metric} is not in {text}")).trim().parse().unwrap()
    }
}

/// A database that responds, but stores nothing.
async fn a_database_that_stores_nothing(errno: u32, text: &str) {
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
    told_to_wait(&two.customer.find(|frame| frame["for"] == "w1").await, "w1");
    assert!(begun.elapsed() < Duration::from_secs(4), "told after {:?}", begun.elapsed());
    // New commands are refused at once.
    let begun = Instant::now();
    two.customer.write("w2", "And this?").await;
    told_to_wait(&two.customer.find(|frame| frame["for"] == "w2").await, "w2");
    assert!(begun.elapsed() < Duration::from_secs(1), "refused after {:?}", begun.elapsed());
    let id = two.seat.say(&two.chat, "What do I do now?").await;
    assert_eq!(two.seat.error_for(&id).await.0, "resource-constraint");
    let line = two.seat.hears(STOPPED).await;
    assert_eq!(bare(&line), gateway.desk());
    let parts = gateway.until_ready(false).await;
    assert_eq!(parts["parts"]["database"], false);
    assert_eq!(operator.reads("couplet_part_up{part=\"database\"}").await, 0.0);
    let link = format!("{{link=\"{}\"}}", gateway.domain);
    assert!(operator.reads(&format!("couplet_rows_oldest_seconds{link}")).await > 2.0);

    // A command in flight is stored after all, and acknowledged as usual; the others are resent.
    gateway.db.take_again().await;
    let ack = two.customer.find(|frame| frame["id"] == "w1").await;
    assert_eq!(ack["type"], "ack", "never an entry to the socket that sent it: {ack}");
    two.seat.hears(AGAIN).await;
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
async fn a_read_only_database() {
    let text = "The MariaDB server is running with the --read-only option";
    a_database_that_stores_nothing(1290, text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database() {
    a_database_that_stores_nothing(1114, "The table log is full").await;
}

/// Its owner announces how far the conversation has got before it is stored; that must not make it
/// look like a past one.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_begins_while_nothing_is_stored() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.seat.say(&two.chat, "!close").await;
    two.customer.find(|frame| frame["kind"] == "closed").await;

    gateway.db.refuse(1114, "The table log is full").await;
    two.customer.write("w1", "One more thing").await;
    told_to_wait(&two.customer.find(|frame| frame["for"] == "w1").await, "w1");
    // Longer than the interval of these announcements, which is five seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    gateway.db.take_again().await;
    let ack = two.customer.find(|frame| frame["id"] == "w1").await;
    assert_eq!((&ack["type"], &ack["seq"]), (&json!("ack"), &json!(1)));
    two.seat.hears("One more thing").await;
    two.seat.say(&two.chat, "Yes?").await;
    let entry = two.customer.find(|frame| frame["text"] == "Yes?").await;
    assert_eq!(entry["type"], "entry");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_xmpp_server() {
    let operator = Operator::new();
    let own = OwnServer::start("prosody").await.unwrap();
    let plan = Plan::on(own.xmpp().clone(), "c", Ground::Embedded, &operator.config).await;
    let account = plan.account("alice");
    plan.employ(&format!("{account}@{}", own.xmpp().host), "alice").await;
    let gateway = plan.open().await;
    let mut alice = Seat::login(own.xmpp(), &account).await;
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

/// The cache lacks what only the owner knows; a customer on another node waits no longer than
/// announced.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_cache() {
    let gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let alice = gateway.agent("alice").await;
    let (node, way) = gateway.node_with_its_way().await;
    let mut there = Customer::arrive(node.address, TENANT).await;
    there.insisted("m1", "Hello from there").await;
    alice.message_of("Hello from there").await;

    way.freeze(true);
    let begun = Instant::now();
    // The node works as far as the database does.
    let mut late = Customer::arrive(node.address, TENANT).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "greeted after {:?}", begun.elapsed());
    let asked = reqwest::get(format!("http://{}/v1/{TENANT}/config", node.address)).await.unwrap();
    assert_eq!(asked.status(), 200);
    late.write("m1", "Is it stored?").await;
    way.freeze(false);
    // Whatever happened to it: resent, it exists once.
    let ack = late.insisted("m1", "Is it stored?").await;
    assert_eq!(ack["seq"], 1);
    let ack = there.insisted("m2", "Still there").await;
    assert_eq!(ack["seq"], 2);
    node.end().await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut way = plan.way_to_database("memory://", "");
    way.open();
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.go_on().await;

    // A short outage: waiting customers are told once, new commands are refused, and the ack comes
    // by itself.
    way.freeze(true);
    let frozen = Instant::now();
    two.customer.write("kept", "Do you read me?").await;
    told_to_wait(&two.customer.next().await, "kept");
    let waited = frozen.elapsed();
    assert!(waited >= Duration::from_millis(1_900), "{waited:?}");
    assert!(waited < Duration::from_millis(3_500), "{waited:?}");
    two.customer.write("new", "And me?").await;
    told_to_wait(&two.customer.next().await, "new");
    two.customer.write("kept", "Do you read me?").await;
    told_to_wait(&two.customer.next().await, "kept");
    assert!(frozen.elapsed() < waited + Duration::from_secs(1), "refused at once");
    let refused = two.seat.say(&two.chat, "Not now.").await;
    assert_eq!(two.seat.error_for(&refused).await.0, "resource-constraint");
    way.freeze(false);
    let ack = two.customer.next().await;
    assert_eq!((&ack["type"], &ack["id"]), (&json!("ack"), &json!("kept")), "{ack}");
    two.seat.hears("Do you read me?").await;
    gateway.until_ready(true).await;
    two.customer.find(|frame| frame["type"] == "receipt").await;
    // Refused commands are resent before any new one: the order is kept.
    two.customer.insisted("new", "And me?").await;
    two.seat.hears("And me?").await;
    two.go_on().await;

    // Longer than a lease: agents at work are notified before the stream closes, and after.
    way.freeze(true);
    two.customer.write("long", "For how long?").await;
    two.seat.hears(STOPPED).await;
    gateway.until_part("database", false).await;
    way.freeze(false);
    two.customer.insisted("long", "For how long?").await;
    two.seat.hears("For how long?").await;
    two.seat.hears(AGAIN).await;
    gateway.until_ready(true).await;
    let said = two.seat.so_far().await;
    let lines = said.iter().filter_map(crate::support::seat::spoken);
    assert_eq!(lines.filter(|text| text == STOPPED || text == AGAIN).count(), 0, "once each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_is_detected_soon() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut way = plan.way_to_database("memory://", "");
    way.open();
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    way.close().await;
    let gone = Instant::now();
    gateway.until_part("database", false).await;
    assert!(gone.elapsed() < Duration::from_secs(5), "{:?}", gone.elapsed());
    ann.write("m2", "Hello?").await;
    told_to_wait(&ann.find(|frame| frame["for"] == "m2").await, "m2");
    assert!(gone.elapsed() < Duration::from_secs(8), "{:?}", gone.elapsed());
    way.open();
    ann.insisted("m2", "Hello?").await;
}

/// A limit on file size acts like a full disk; only a separate process can have one.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite() {
    let public = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let more = format!("[http]\nlisten = \"{public}\"\n");
    plan.configure(plan.url().as_str(), "memory://", &more);
    let alice = plan.seat("alice").await;
    let mut gateway = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\""])
        .arg(env!("CARGO_BIN_EXE_couplet"))
        .arg(&plan.config)
        // The log is on the full disk too.
        .stderr(std::fs::File::create(plan.config.with_extension("log")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let limit = async |bytes: &str| {
        let pid = gateway.id().unwrap().to_string();
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
        assert!(prlimit.status().await.unwrap().success());
    };
    let until = async |pointer: &str, works: bool| {
        let asking = async {
            loop {
                if let Ok(answer) = reqwest::get(format!("http://{public}/readyz")).await {
                    let answer: serde_json::Value = answer.json().await.unwrap();
                    if answer.pointer(pointer) == Some(&json!(works)) {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
    };
    until("/ready", true).await;
    let customer = Customer::arrive(public, TENANT).await;
    let mut two = Bystanders::meet(customer, alice).await;

    limit("1").await;
    two.customer.write("kept", "Do you read me?").await;
    told_to_wait(&two.customer.find(|frame| frame["for"] == "kept").await, "kept");
    two.seat.hears(STOPPED).await;
    until("/ready", false).await;

    limit("unlimited").await;
    two.customer.insisted("kept", "Do you read me?").await;
    two.seat.hears("Do you read me?").await;
    two.seat.hears(AGAIN).await;
    until("/ready", true).await;

    // Longer than a lease.
    limit("1").await;
    two.customer.write("long", "For how long?").await;
    two.seat.hears(STOPPED).await;
    until(&format!("/parts/link {}", plan.domain), false).await;
    limit("unlimited").await;
    two.customer.insisted("long", "For how long?").await;
    two.seat.hears("For how long?").await;
    two.seat.hears(AGAIN).await;
    until("/ready", true).await;
    gateway.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_and_an_emptied_redis() {
    let own = OwnServer::start("redis").await.unwrap();
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let url = own.url("redis://", "/0");
    plan.configure(plan.url().as_str(), &url, "[limits]\nmessage_burst = 1000\n");
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let other = gateway.node().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    let mut ben = Customer::arrive(other.address, TENANT).await;
    ben.insisted("b1", "From elsewhere.").await;
    two.seat.hears("From elsewhere.").await;

    own.freeze();
    ben.write("b2", "Still?").await;
    // The owner's customers notice nothing; the other node's are told to wait; nobody hangs.
    two.go_on().await;
    told_to_wait(&ben.find(|frame| frame["for"] == "b2").await, "b2");
    gateway.until_part("cache", false).await;
    for _ in 0..3 {
        let asked = Instant::now();
        let answer =
            reqwest::get(format!("http://{}/v1/acme/config", other.address)).await.unwrap();
        assert_eq!(answer.status(), 200);
        drop(Customer::arrive(other.address, TENANT).await);
        assert!(asked.elapsed() < Duration::from_millis(1_500), "{:?}", asked.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    two.go_on().await;
    own.thaw();
    ben.insisted("b2", "Still?").await;
    two.seat.hears("Still?").await;
    gateway.until_part("cache", true).await;

    // Emptied: it held nothing that is not known elsewhere.
    let flushed = Command::new("redis-cli").args(["-u", &url, "FLUSHALL"]).output().await.unwrap();
    assert!(flushed.status.success());
    ben.insisted("b3", "And now?").await;
    two.seat.hears("And now?").await;
    two.go_on().await;
    other.end().await;
    gateway.end().await;
}
