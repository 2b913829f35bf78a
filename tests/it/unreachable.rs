//! Servers that are down at the start, fail later, or do not know us: each is reported clearly,
//! none ends the gateway, and everything works once they are back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use crate::support::customer::Customer;
use crate::support::fault::Way;
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::seat::{Bystanders, Seat, spoken};
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::OwnServer;
use couplet_kit::servers::servers;

#[tokio::test(flavor = "multi_thread")]
async fn the_xmpp_server() {
    let own = OwnServer::start("prosody").await.unwrap();
    own.kill();
    let plan = Plan::on(own.xmpp().clone(), "c", Ground::Embedded, "").await;
    let account = plan.account("alice");
    plan.employ(&format!("{account}@{}", own.xmpp().host), "alice").await;
    let link = format!("link {}", plan.domain);
    let gateway = plan.launch().await;

    // Down at the start: the process lives and reports what is missing; customers' messages are
    // stored.
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    let parts = gateway.until_part("database", true).await;
    assert_eq!((&parts["parts"][&link], &parts["ready"]), (&json!(false), &json!(false)));
    let mut ann = gateway.customer().await;
    assert_eq!(ann.insisted("m1", "Is anyone in?").await["seq"], 1);
    own.start_again().await.unwrap();
    gateway.until_part(&link, true).await;
    let mut alice = Seat::login(own.xmpp(), &account).await;
    alice.show("").await;
    let chat = alice.accept(&mut ann, "Is anyone in?").await;

    // Killed in the middle: messages sent meanwhile are stored, and reach the agent afterwards.
    own.kill();
    let parts = gateway.until_ready(false).await;
    assert_eq!(parts["parts"][&link], false);
    ann.acked("m2", "Hello?").await;
    ann.acked("m3", "Still there?").await;
    own.start_again().await.unwrap();
    let mut alice = Seat::login(own.xmpp(), &account).await;
    alice.confirms = false;
    alice.show("").await;
    let ids: Vec<_> = [alice.hears("Hello?").await, alice.hears("Still there?").await]
        .iter()
        .map(|el| el.attr("id").unwrap().to_owned())
        .collect();
    let said: Vec<_> = alice.so_far().await.iter().filter_map(spoken).collect();
    assert!(
        !said.iter().any(|text| text == "Is anyone in?"),
        "the client has confirmed that one: {said:?}"
    );

    // The agent's client has not confirmed them when the server dies again: they are resent under
    // the same ids.
    own.kill();
    gateway.until_ready(false).await;
    own.start_again().await.unwrap();
    let mut alice = Seat::login(own.xmpp(), &account).await;
    alice.show("").await;
    for (id, text) in ids.iter().zip(["Hello?", "Still there?"]) {
        assert_eq!(alice.hears(text).await.attr("id"), Some(&**id));
    }
    ann.find(|frame| frame["type"] == "receipt" && frame["delivered"] == 5).await;
    alice.say(&chat, "Sorry for that.").await;
    assert_eq!(ann.find(|frame| frame["type"] == "entry").await["text"], "Sorry for that.");

    // Frozen: the customer does not notice, and everything arrives once, in order.
    own.freeze();
    for number in 4..=8 {
        ann.acked(&format!("m{number}"), &format!("Line {number}")).await;
    }
    own.thaw();
    alice.hears("Line 8").await;
    let said: Vec<_> = alice.so_far().await.iter().filter_map(spoken).collect();
    let lines: Vec<_> = said.iter().filter(|text| text.starts_with("Line")).collect();
    assert_eq!(lines, ["Line 4", "Line 5", "Line 6", "Line 7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut way = plan.way_to_database("memory://", "");
    let alice = plan.seat("alice").await;
    let gateway = plan.launch().await;

    // Down at the start: the process lives and reports it.
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    gateway.until_part("database", false).await;
    way.open();
    gateway.until_ready(true).await;
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.go_on().await;
    let known = two.customer.token();

    // Failing later: nothing is acked, and new customers are told when to retry.
    way.close().await;
    two.customer.write("kept", "Do you read me?").await;
    let parts = gateway.until_part("database", false).await;
    assert_eq!(parts["ready"], false);
    let hello = async |mut hello: Value| {
        let mut late = Customer::bare(gateway.address, TENANT).await;
        hello["type"] = "hello".into();
        late.say(hello).await;
        let bye = late.next().await;
        assert_eq!((&bye["type"], &bye["reason"]), (&json!("bye"), &json!("unavailable")));
        assert!(bye["reconnect_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{bye}");
        assert_eq!(late.close_code().await, Some(1011));
    };
    let config = async {
        let refused = gateway.get("/v1/bolt/config").await;
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
    };
    let history = async {
        two.customer.say(json!({"type": "history", "id": "h1"})).await;
        let error = two.customer.find(|frame| frame["for"] == "h1").await;
        assert_eq!(error["code"], "unavailable");
        assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{error}");
    };
    let asked = Instant::now();
    tokio::join!(hello(json!({})), hello(json!({"session": known})), config, history);
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());

    // Back again: a message resent under its id exists once.
    way.open();
    let ack = two.customer.insisted("kept", "Do you read me?").await;
    assert_eq!(ack["seq"], 6, "{ack}");
    two.seat.hears("Do you read me?").await;
    gateway.until_ready(true).await;
    two.seat.say(&two.chat, "Loud and clear.").await;
    let answer = two.customer.find(|frame| frame["text"] == "Loud and clear.").await;
    assert_eq!(answer["seq"], 7);
    let said: Vec<_> = two.seat.so_far().await.iter().filter_map(spoken).collect();
    assert!(!said.iter().any(|text| text == "Do you read me?"), "{said:?}");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    let redis = Url::parse(&servers().redis.url).unwrap();
    let mut way = Way::to(redis.port().unwrap());
    let cache = format!("redis://{}", way.address);
    plan.configure(plan.url().as_str(), &cache, "[limits]\nmessage_burst = 1000\n");
    let alice = plan.seat("alice").await;
    let gateway = plan.launch().await;

    // Down at the start: it is reported, and a single node does not need it.
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    assert_eq!(gateway.until_ready(true).await["parts"]["cache"], false);
    let mut two = Bystanders::meet(gateway.customer().await, alice).await;
    two.go_on().await;
    way.open();
    gateway.until_part("cache", true).await;

    // Silent for a while, then gone: customers in conversation notice nothing.
    way.freeze(true);
    for works in [false, true] {
        let turned = gateway.until_part("cache", works);
        tokio::pin!(turned);
        loop {
            let begun = Instant::now();
            two.go_on().await;
            assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
            if tokio::time::timeout(Duration::from_millis(50), &mut turned).await.is_ok() {
                break;
            }
        }
        way.freeze(false);
    }
    way.close().await;
    gateway.until_part("cache", false).await;
    two.go_on().await;
    assert_eq!(gateway.until_ready(true).await["parts"]["cache"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secrets() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut url = plan.url();
    url.set_password(Some("hunter2")).unwrap();
    plan.configure(url.as_str(), "memory://", "");
    let line = checked(&plan, "database").await;
    assert!(line.contains("FAILED") && line.contains("refuses user and password"), "{line}");
    let gateway = plan.launch().await;
    gateway.until_part("database", false).await;
    assert_eq!(gateway.get("/healthz").await.status(), 200);
    let refused = gateway.get("/v1/acme/config").await;
    assert_eq!(refused.status(), 503);
    let body = refused.text().await.unwrap();
    assert!(!body.contains("hunter2") && !body.contains("root"), "{body}");
    gateway.end().await;

    let mut plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.xmpp.secret = "hunter2".to_owned();
    plan.configure(plan.url().as_str(), "memory://", "");
    let name = format!("link {}", plan.domain);
    let line = checked(&plan, &name).await;
    assert!(line.contains("FAILED") && line.contains("secret"), "{line}");
    let gateway = plan.launch().await;
    let mut ann = gateway.customer().await;
    ann.insisted("m1", "Is anyone in?").await;
    let parts = gateway.until_ready(false).await;
    assert_eq!(
        (&parts["parts"][&name], &parts["parts"]["database"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(gateway.get("/healthz").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_leaves_a_running_link_alone() {
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, "").await;
    gateway.until_ready(true).await;
    let mut check = Command::new(env!("CARGO_BIN_EXE_couplet"));
    let done = check.args(["check", "--config"]).arg(&gateway.config).output().await.unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{out}");
    assert!(out.contains("connected, on node"), "{out}");
    // A second stream on the domain would have ended the first at once.
    assert_eq!(gateway.until_parts(|_| true).await["ready"], true);
    gateway.end().await;
}

/// The report of `couplet check` on a part.
async fn checked(plan: &Plan, name: &str) -> String {
    let mut check = Command::new(env!("CARGO_BIN_EXE_couplet"));
    check.args(["check", "--config"]).arg(&plan.config);
    let done = check.env_clear().output().await.unwrap();
    assert_eq!(done.status.code(), Some(1));
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(!out.contains("hunter2"), "{out}");
    out.lines().find(|line| line.starts_with(name)).expect("a line for each").to_owned()
}
