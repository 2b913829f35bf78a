//! Contract of the cache and the message bus: one suite, run against the in-process implementation
//! and Redis; then failures that only a networked server can have.
#![allow(clippy::disallowed_methods, reason = "names are random, to keep tests apart")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use couplet::cache::connect;
use couplet::ports::bus::Bus;
use couplet::ports::cache::Cache;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use couplet_kit::servers::servers;

mod failover;
mod wire;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(500);
const PAST_SHORT: Duration = Duration::from_millis(1000);
const SILENCE: Duration = Duration::from_millis(200);

type Pair = (Arc<dyn Cache>, Arc<dyn Bus>);

fn memory() -> Pair {
    connect(&"memory://".into()).unwrap()
}

fn redis() -> Pair {
    connect(&servers().redis.url.into()).unwrap()
}

/// A name that no other test uses.
fn unique(name: &str) -> String {
    format!("test:{}:{name}", uuid::Uuid::new_v4().simple())
}

async fn next(receiver: &mut mpsc::Receiver<Bytes>) -> Option<Bytes> {
    timeout(Duration::from_secs(5), receiver.recv()).await.expect("something comes in time")
}

async fn nothing_comes(receiver: &mut mpsc::Receiver<Bytes>) {
    let silence = timeout(SILENCE, receiver.recv()).await;
    assert!(silence.is_err(), "{silence:?}");
}

macro_rules! suite {
    ($($case:ident)*) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(super::memory()).await })*
        }
        mod in_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(super::redis()).await })*
        }
    };
}

suite! {
    any_bytes_are_stored_unchanged
    a_value_expires
    a_rewritten_value_gets_its_new_lifetime
    a_key_of_256_bytes_and_odd_times
    the_server_responds
    messages_arrive_in_order_and_at_the_own_node
    every_subscriber_receives_and_topics_are_separate
    publishing_needs_no_subscriber
    a_dropped_subscriber_affects_no_other
    a_slow_subscriber_loses_the_newest_and_blocks_nobody
    receivers_end_with_the_bus
}

async fn any_bytes_are_stored_unchanged((cache, _): Pair) {
    let megabyte: Vec<u8> = (0..=255).cycle().take(1024 * 1024).collect();
    for value in [b"".as_slice(), b"a\0b\r\n\0", "🦀👩‍👩‍👧".as_bytes(), &[0xff, 0xfe], &megabyte]
    {
        let key = unique("bytes");
        cache.set(&key, Bytes::copy_from_slice(value), LONG).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap().as_deref(), Some(value));
        cache.set(&key, Bytes::from_static(b"anew"), LONG).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap().as_deref(), Some(b"anew".as_slice()));
    }
}

async fn a_value_expires((cache, _): Pair) {
    let (short, long) = (unique("short"), unique("long"));
    cache.set(&short, "x".into(), SHORT).await.unwrap();
    cache.set(&long, "x".into(), LONG).await.unwrap();
    assert!(cache.get(&short).await.unwrap().is_some());
    sleep(PAST_SHORT).await;
    assert!(cache.get(&short).await.unwrap().is_none());
    assert!(cache.get(&long).await.unwrap().is_some());
}

async fn a_rewritten_value_gets_its_new_lifetime((cache, _): Pair) {
    let key = unique("anew");
    cache.set(&key, "x".into(), SHORT).await.unwrap();
    cache.set(&key, "y".into(), LONG).await.unwrap();
    sleep(PAST_SHORT).await;
    assert_eq!(cache.get(&key).await.unwrap(), Some("y".into()));
}

async fn a_key_of_256_bytes_and_odd_times((cache, _): Pair) {
    let key = format!("{:~<256}", unique("key"));
    cache.set(&key, "x".into(), Duration::MAX).await.unwrap();
    assert!(cache.get(&key).await.unwrap().is_some());
    cache.set(&key, "x".into(), Duration::ZERO).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(cache.get(&key).await.unwrap().is_none());
}

async fn the_server_responds((cache, _): Pair) {
    cache.ping().await.unwrap();
}

async fn messages_arrive_in_order_and_at_the_own_node((_, bus): Pair) {
    let topic = unique("order");
    let mut receiver = bus.subscribe(&topic).await.unwrap();
    for n in 0..500_u32 {
        bus.publish(&topic, Bytes::copy_from_slice(&n.to_be_bytes())).await.unwrap();
    }
    bus.publish(&topic, vec![0; 1024 * 1024].into()).await.unwrap();
    for n in 0..500_u32 {
        assert_eq!(next(&mut receiver).await.as_deref(), Some(n.to_be_bytes().as_slice()));
    }
    assert_eq!(next(&mut receiver).await.map(|large| large.len()), Some(1024 * 1024));
}

async fn every_subscriber_receives_and_topics_are_separate((_, bus): Pair) {
    let (topic, other) = (unique("shared"), unique("apart"));
    let mut first = bus.subscribe(&topic).await.unwrap();
    let mut second = bus.subscribe(&topic).await.unwrap();
    let mut stranger = bus.subscribe(&other).await.unwrap();
    bus.publish(&topic, "to both".into()).await.unwrap();
    assert_eq!(next(&mut first).await, Some("to both".into()));
    assert_eq!(next(&mut second).await, Some("to both".into()));
    nothing_comes(&mut stranger).await;
    nothing_comes(&mut first).await;
}

async fn publishing_needs_no_subscriber((_, bus): Pair) {
    bus.publish(&unique("void"), "x".into()).await.unwrap();
}

async fn a_dropped_subscriber_affects_no_other((_, bus): Pair) {
    let topic = unique("left");
    let gone = bus.subscribe(&topic).await.unwrap();
    let mut stays = bus.subscribe(&topic).await.unwrap();
    drop(gone);
    bus.publish(&topic, "one".into()).await.unwrap();
    assert_eq!(next(&mut stays).await, Some("one".into()));
    drop(stays);
    bus.publish(&topic, "two".into()).await.unwrap();
    let mut back = bus.subscribe(&topic).await.unwrap();
    bus.publish(&topic, "three".into()).await.unwrap();
    let heard = next(&mut back).await;
    // A bus may be late: what was published before the subscription may still arrive.
    let heard = if heard == Some("two".into()) { next(&mut back).await } else { heard };
    assert_eq!(heard, Some("three".into()));
}

async fn a_slow_subscriber_loses_the_newest_and_blocks_nobody((_, bus): Pair) {
    let topic = unique("slow");
    let mut slow = bus.subscribe(&topic).await.unwrap();
    let mut quick = bus.subscribe(&topic).await.unwrap();
    for hundred in 0..50_u32 {
        let numbers = (100 * hundred)..(100 * hundred + 100);
        for n in numbers.clone() {
            bus.publish(&topic, Bytes::copy_from_slice(&n.to_be_bytes())).await.unwrap();
        }
        for n in numbers {
            assert_eq!(next(&mut quick).await.as_deref(), Some(n.to_be_bytes().as_slice()));
        }
    }
    let mut heard = 0_u32;
    while let Ok(message) = slow.try_recv() {
        assert_eq!(&*message, heard.to_be_bytes().as_slice(), "the oldest are kept, in order");
        heard += 1;
    }
    assert!((1..5_000).contains(&heard), "{heard} were kept");
}

async fn receivers_end_with_the_bus((cache, bus): Pair) {
    let mut receiver = bus.subscribe(&unique("end")).await.unwrap();
    drop((cache, bus));
    assert_eq!(next(&mut receiver).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_in_process_cache_uses_the_test_clock() {
    let (cache, _) = memory();
    cache.set("key", "x".into(), LONG).await.unwrap();
    tokio::time::advance(LONG - Duration::from_millis(1)).await;
    assert!(cache.get("key").await.unwrap().is_some());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(cache.get("key").await.unwrap().is_none());
}

#[tokio::test]
async fn an_invalid_url_is_refused_without_its_password() {
    for url in ["postgres://u:hunter2@h/0", "redis://u:hunter2@h/zero", "hunter2"] {
        let said = connect(&url.into()).err().expect("is refused").to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_in_time_and_without_its_password() {
    let (cache, bus) = connect(&"redis://:hunter2@127.0.0.1:1/3".into()).unwrap();
    let began = Instant::now();
    let said = [
        cache.ping().await.unwrap_err().to_string(),
        cache.get("key").await.unwrap_err().to_string(),
        bus.publish("topic", "x".into()).await.unwrap_err().to_string(),
        bus.subscribe("topic").await.unwrap_err().to_string(),
        bus.subscribe("topic").await.unwrap_err().to_string(),
    ];
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for said in said {
        assert!(said.contains("Redis at 127.0.0.1:1/3: ") && said.contains("refused"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
