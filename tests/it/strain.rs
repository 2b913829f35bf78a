//! A store that is behind, in time: who hears of it when, that nothing is acked that is not stored,
//! and that nobody waits for what is frozen.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use crate::support::customer::Customer;
use crate::support::fault::{OwnBackend, Way};
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::seat::Bystanders;

/// What agents at work are told.
const STOPPED: &str = "⚙ Messages cannot be stored at the moment. Customers are asked to wait; what shows a ✓ is safe.";
const AGAIN: &str = "⚙ Messages are stored again.";

/// Waits until a part is said to work, or not to.
async fn until_part(gateway: &Gateway, part: &str, works: bool) {
    gateway.until_parts(|answer| answer["parts"][part] == works).await;
}

/// The answers to a command that is to be said again later.
fn told_to_wait(frame: &serde_json::Value, id: &str) {
    assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!("unavailable")));
    assert_eq!(frame["for"], id);
    assert!(frame["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{frame}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut url = plan.url();
    let mut way = Way::to(url.port().unwrap());
    url.set_port(Some(way.address.port())).unwrap();
    plan.configure(url.as_str(), "memory://", "");
    way.open();
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.go_on().await;

    // A hiccup: who waits hears of it once, what comes is turned away, and the ack comes by itself.
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
    assert!(frozen.elapsed() < waited + Duration::from_secs(1), "turned away at once");
    let refused = two.seat.say(&two.chat, "Not now.").await;
    assert_eq!(two.seat.error_for(&refused).await.0, "resource-constraint");
    way.freeze(false);
    let ack = two.customer.next().await;
    assert_eq!((&ack["type"], &ack["id"]), (&json!("ack"), &json!("kept")), "{ack}");
    two.seat.hears("Do you read me?").await;
    gateway.until_ready(true).await;
    two.customer.find(|frame| frame["type"] == "receipt").await;
    two.go_on().await;

    // For longer than a lease holds: agents at work are told before the stream goes, and after.
    way.freeze(true);
    two.customer.write("long", "For how long?").await;
    two.seat.hears(STOPPED).await;
    until_part(&gateway, "database", false).await;
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
async fn a_database_that_is_gone_is_noticed_soon() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut url = plan.url();
    let mut way = Way::to(url.port().unwrap());
    url.set_port(Some(way.address.port())).unwrap();
    plan.configure(url.as_str(), "memory://", "");
    way.open();
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    ann.acked("m1", "Is anyone in?").await;
    way.close().await;
    let gone = Instant::now();
    until_part(&gateway, "database", false).await;
    assert!(gone.elapsed() < Duration::from_secs(5), "{:?}", gone.elapsed());
    ann.write("m2", "Hello?").await;
    told_to_wait(&ann.find(|frame| frame["for"] == "m2").await, "m2");
    assert!(gone.elapsed() < Duration::from_secs(8), "{:?}", gone.elapsed());
    way.open();
    ann.insisted("m2", "Hello?").await;
}

/// A file that may not grow is as good as a full disk; only a process of its own can have one.
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
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let limit = async |bytes: &str| {
        let pid = gateway.id().unwrap().to_string();
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]);
        assert!(prlimit.status().await.unwrap().success());
    };
    let ready = async |wanted: u16| {
        let asking = async {
            loop {
                let answer = reqwest::get(format!("http://{}/readyz", public)).await;
                if answer.is_ok_and(|answer| answer.status() == wanted) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
    };
    ready(200).await;
    let customer = Customer::arrive(public, TENANT).await;
    let mut two = Bystanders::meet(customer, alice).await;

    limit("1").await;
    two.customer.write("kept", "Do you read me?").await;
    told_to_wait(&two.customer.find(|frame| frame["for"] == "kept").await, "kept");
    two.seat.hears(STOPPED).await;
    ready(503).await;

    limit("unlimited").await;
    two.customer.insisted("kept", "Do you read me?").await;
    two.seat.hears("Do you read me?").await;
    two.seat.hears(AGAIN).await;
    ready(200).await;
    gateway.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_and_an_emptied_redis() {
    let own = OwnBackend::redis().await;
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
    // The owner's customers notice nothing; the other's are told to wait; nobody is made to.
    two.go_on().await;
    told_to_wait(&ben.find(|frame| frame["for"] == "b2").await, "b2");
    until_part(&gateway, "cache", false).await;
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
    until_part(&gateway, "cache", true).await;

    // Emptied: it held nothing that is not known elsewhere.
    let flushed = Command::new("redis-cli").args(["-u", &url, "FLUSHALL"]).output().await.unwrap();
    assert!(flushed.status.success());
    ben.insisted("b3", "And now?").await;
    two.seat.hears("And now?").await;
    two.go_on().await;
    other.end().await;
    gateway.end().await;
}
