//! A Redis that becomes a replica while another server takes over: it closes no connection and
//! accepts publications, so the failover has to be detected actively.

use std::process::Command;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{LONG, connect, next, unique};
use crate::support::fault::Way;
use couplet_kit::servers::OwnServer;

fn ask(redis: &OwnServer, words: &[&str]) -> String {
    let mut cli = Command::new("redis-cli");
    let done = cli.args(["-u", &redis.url("redis://", "/0")]).args(words).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// The number of a server's clients besides the one that asks: subscribers and others.
fn clients(redis: &OwnServer) -> usize {
    let count = |kind| ask(redis, &["CLIENT", "LIST", "TYPE", kind]).lines().count();
    count("pubsub") + count("normal") - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_replica_are_replaced() {
    let (old, new) =
        (OwnServer::start("redis").await.unwrap(), OwnServer::start("redis").await.unwrap());
    let mut way = Way::to(old.port());
    way.open();
    let url = format!("redis://{}/0", way.address);
    let (cache, bus) = connect(&url.into()).unwrap();
    let topic = unique("moved");
    let mut heard = bus.subscribe(&topic).await.unwrap();
    bus.publish(&topic, "before".into()).await.unwrap();
    assert_eq!(next(&mut heard).await, Some("before".into()));
    cache.set("key", "value".into(), LONG).await.unwrap();
    cache.ping().await.unwrap();

    // The other server is not there yet: what works keeps working, and the operator is notified.
    ask(&old, &["REPLICAOF", "127.0.0.1", &new.port().to_string()]);
    let told = async {
        loop {
            match cache.ping().await {
                Ok(()) => sleep(Duration::from_millis(50)).await,
                Err(error) => return error.to_string(),
            }
        }
    };
    let told = timeout(Duration::from_secs(10), told).await.expect("the failover is detected");
    assert!(told.contains("replica"), "{told}");
    bus.publish(&topic, "meanwhile".into()).await.unwrap();
    assert_eq!(next(&mut heard).await, Some("meanwhile".into()));

    // From here on new connections lead to the other server.
    way.lead_to(new.port());
    let works = async {
        while cache.ping().await.is_err() || clients(&old) > 0 {
            // A publisher detects the failover.
            bus.publish(&topic, "meanwhile".into()).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), works).await.expect("all connections are reopened");
    cache.set("key", "new".into(), LONG).await.unwrap();
    assert_eq!(cache.get("key").await.unwrap(), Some("new".into()));
    let heard_there = async {
        loop {
            bus.publish(&topic, "after".into()).await.unwrap();
            match timeout(Duration::from_millis(200), heard.recv()).await {
                Ok(Some(word)) if word == "after" => return,
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(10), heard_there).await.expect("it receives again");
    assert!(clients(&new) >= 2, "there");
}
