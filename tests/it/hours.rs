//! Opening hours: what customers are told outside them, and when a message that was left is offered.

use std::time::Duration;

use couplet::chat::ids::{TenantKey, Timestamp};
use couplet::hours;
use couplet::ports::directory::Directory as _;
use couplet::ports::settings::OpeningHours;
use couplet::ports::world::World as _;
use couplet::world::SystemWorld;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::seat::spoken;

on_both_servers!(left_until_the_opening);

const DAY_MS: i64 = 24 * 60 * 60_000;

async fn config(gateway: &Gateway, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..100 {
        last = gateway.get(&format!("/v1/{TENANT}/config")).await.json().await.unwrap();
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not what was wanted: {last}");
}

fn written(text: &str) -> OpeningHours {
    OpeningHours {
        hours: Some(text.to_owned()),
        zone: Some("Asia/Kolkata".to_owned()),
        ..OpeningHours::default()
    }
}

/// Hours that are closed now, and open for an hour each day, half a day from now.
fn closed_now(now: Timestamp) -> OpeningHours {
    let minutes = (now.0 / 60_000 + 5 * 60 + 30 + 12 * 60) % (24 * 60);
    let wall = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    written(&format!("{}-{}", wall(minutes), wall((minutes + 60) % (24 * 60))))
}

async fn left_until_the_opening(server: Server) {
    let plan = Gateway::plan(server, Ground::Embedded, "").await;
    let tenant = TenantKey::new(TENANT).unwrap();
    let now = SystemWorld.now();
    let hours = closed_now(now);
    plan.db.store.put_hours(&tenant, None, &hours).await.unwrap();
    let mut alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    gateway.until_status(&mut alice, "Alice: available").await;

    // Closed: the page and the customer read when somebody will be in.
    let next = hours::around(&hours, now).unwrap().unwrap().next_after(now).unwrap();
    assert!(next.since(now) > 0 && next.since(now) < DAY_MS);
    let told = config(&gateway, |told| told["open"] == false).await;
    assert_eq!((&told["online"], &told["next"]), (&json!(false), &json!(next.0)), "{told}");
    assert_eq!(told["queues"][0]["next"], json!(next.0), "{told}");
    let mut customer = gateway.customer().await;
    customer.acked("m1", "Anyone?").await;
    let state = customer.find(|frame| frame["open_at"].is_number()).await;
    assert_eq!((&state["state"], &state["open_at"]), (&json!("waiting"), &json!(next.0)));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let said: Vec<String> = alice.so_far().await.iter().filter_map(spoken).collect();
    assert!(!said.iter().any(|text| text.contains("Anyone?")), "not offered: {said:?}");

    // The queue opens: the message that was left is offered.
    gateway.db.store.put_hours(&tenant, None, &written("24/7")).await.unwrap();
    alice.accept(&mut customer, "Anyone?").await;
    let told = config(&gateway, |told| told["open"] == true).await;
    assert!(told.get("next").is_none(), "{told}");
}
