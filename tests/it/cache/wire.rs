//! Network failures between the gateway and Redis: cut, silent, restored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use url::Url;

use super::{connect, next, nothing_comes, servers, unique};

/// The state of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Whole,
    /// Connections are closed, and new ones closed at once.
    Cut,
    /// Nothing is passed on, and no connection is closed.
    Silent,
}

/// A proxy to Redis that can be cut, and its address.
async fn wire() -> (watch::Sender<Wire>, String) {
    let mut url = Url::parse(&servers().redis.url).unwrap();
    let far = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(6379));
    let near = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(near.local_addr().unwrap().port())).unwrap();
    let (state, seen) = watch::channel(Wire::Whole);
    let far: Arc<str> = far.into();
    tokio::spawn(async move {
        while let Ok((client, _)) = near.accept().await {
            tokio::spawn(carry(client, Arc::clone(&far), seen.clone()));
        }
    });
    (state, url.into())
}

/// Cuts the connections, and waits until all of them are closed.
async fn cut(state: &watch::Sender<Wire>) {
    state.send_replace(Wire::Cut);
    while state.receiver_count() > 1 {
        sleep(Duration::from_millis(5)).await;
    }
}

async fn carry(mut client: TcpStream, far: Arc<str>, mut state: watch::Receiver<Wire>) {
    let mut server = TcpStream::connect(&*far).await.unwrap();
    loop {
        let now = *state.borrow_and_update();
        match now {
            Wire::Cut => return,
            Wire::Silent => {
                if state.changed().await.is_err() {
                    return;
                }
            }
            Wire::Whole => tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => return,
                changed = state.changed() => if changed.is_err() { return },
            },
        }
    }
}

#[tokio::test]
async fn a_subscription_survives_a_cut_connection() {
    let (state, url) = wire().await;
    let (cache, bus) = connect(&url.into()).unwrap();
    let topic = unique("cut");
    let mut receiver = bus.subscribe(&topic).await.unwrap();
    bus.publish(&topic, "before".into()).await.unwrap();
    assert_eq!(next(&mut receiver).await, Some("before".into()));
    cache.ping().await.unwrap();

    cut(&state).await;
    bus.publish(&topic, "lost".into()).await.expect_err("the wire is cut");
    bus.subscribe(&unique("other")).await.expect_err("the wire is cut");
    cache.ping().await.expect_err("the wire is cut");

    state.send_replace(Wire::Whole);
    cache.ping().await.unwrap();
    // The response for a new topic shows that the listener has reconnected, with all older
    // subscriptions.
    let began = Instant::now();
    while bus.subscribe(&unique("probe")).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "it does not come back");
    }
    bus.publish(&topic, "after".into()).await.unwrap();
    assert_eq!(next(&mut receiver).await, Some("after".into()));
    nothing_comes(&mut receiver).await;
}

#[tokio::test]
async fn a_short_cut_is_repaired_by_the_next_command() {
    let (state, url) = wire().await;
    let (cache, bus) = connect(&url.into()).unwrap();
    bus.publish(&unique("topic"), "x".into()).await.unwrap();
    cache.ping().await.unwrap();
    cut(&state).await;
    state.send_replace(Wire::Whole);
    bus.publish(&unique("topic"), "x".into()).await.unwrap();
    cache.ping().await.unwrap();
}

#[tokio::test]
async fn a_silent_server_is_detected_and_disconnected() {
    let (state, url) = wire().await;
    let (cache, bus) = connect(&url.clone().into()).unwrap();
    let topic = unique("silent");
    let mut receiver = bus.subscribe(&topic).await.unwrap();
    cache.ping().await.unwrap();
    bus.publish(&topic, "before".into()).await.unwrap();
    assert_eq!(next(&mut receiver).await, Some("before".into()));

    state.send_replace(Wire::Silent);
    let began = Instant::now();
    let (ping, publish, subscribe) = tokio::join!(
        cache.ping(),
        bus.publish(&topic, "unheard".into()),
        bus.subscribe("test:silent:other"),
    );
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    for said in [
        ping.unwrap_err().to_string(),
        publish.unwrap_err().to_string(),
        subscribe.unwrap_err().to_string(),
    ] {
        assert!(said.contains("Redis at 127.0.0.1:"), "{said}");
    }

    // The subscribers of the old connections are gone; new connections are opened.
    cut(&state).await;
    state.send_replace(Wire::Whole);
    let (_, other) = connect(&url.into()).unwrap();
    let began = Instant::now();
    loop {
        other.publish(&topic, "after".into()).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(100), receiver.recv()).await;
        if heard.is_ok_and(|message| message == Some("after".into())) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(15), "it does not come back");
    }
}

#[tokio::test]
async fn a_dropped_subscription_is_unsubscribed_at_the_server() {
    let url = servers().redis.url;
    let (_, bus) = connect(&url.clone().into()).unwrap();
    let topic = unique("dropped");
    let listeners = async || {
        let client = deadpool_redis::redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let (_, count): (String, u32) = deadpool_redis::redis::cmd("PUBSUB")
            .arg("NUMSUB")
            .arg(format!("couplet:{}:{topic}", client.get_connection_info().redis_settings().db()))
            .query_async(&mut connection)
            .await
            .unwrap();
        count
    };
    let (first, second) =
        (bus.subscribe(&topic).await.unwrap(), bus.subscribe(&topic).await.unwrap());
    assert_eq!(listeners().await, 1, "one connection carries them all");
    drop(first);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(listeners().await, 1);
    drop(second);
    let began = Instant::now();
    while listeners().await > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "it is still subscribed");
        sleep(Duration::from_millis(10)).await;
    }
}
