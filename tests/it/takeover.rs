//! A link moves from node to node: the owner is killed, stopped, or frozen. Nothing is lost,
//! nothing arrives twice, and the customers of every node go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::crew::{Crew, Longest};
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::process::Process;
use crate::support::visitor::Visitor;
use couplet_kit::gateway::LIMITS;
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::servers;

on_both_servers!(killed, stopped, frozen);

/// Prints the longest times of a takeover, and checks them against the limit.
fn judged(what: &str, longest: Longest, limit: Duration) {
    eprintln!("{what}: {longest:?}");
    assert!(longest.of_all() < limit, "{what}: {longest:?}");
}

async fn killed(server: Server) {
    let mut crew = Crew::meet(server, 6, 2).await;
    crew.turn(1).await;
    crew.nodes[0].kill();
    crew.turn(2).await;
    crew.turn(3).await;
    judged("killed", crew.judge().await, Duration::from_secs(10));
    crew.nodes[0].ended().await;
    crew.nodes.remove(0);
    crew.end().await;
}

async fn stopped(server: Server) {
    let mut crew = Crew::meet(server, 6, 2).await;
    crew.turn(1).await;
    crew.nodes[0].terminate();
    crew.turn(2).await;
    let (status, took) = crew.nodes[0].ended().await;
    assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");
    crew.turn(3).await;
    judged("stopped", crew.judge().await, Duration::from_secs(2));
    crew.nodes.remove(0);
    crew.end().await;
}

async fn frozen(server: Server) {
    let crew = Crew::meet(server, 6, 2).await;
    crew.turn(1).await;
    // In the middle: messages are sent as the node freezes, while it is frozen, and when it wakes.
    for (who, visitor) in crew.visitors.iter().enumerate() {
        visitor.say(&format!("c{who} 2"));
    }
    crew.nodes[0].freeze();
    let begun = Instant::now();
    crew.answered(2).await;
    crew.turn(3).await;
    while begun.elapsed() < Duration::from_secs(9) {
        tokio::time::sleep(Duration::from_millis(50)).await; // longer than any lease
    }
    for (who, visitor) in crew.visitors.iter().enumerate() {
        visitor.say(&format!("c{who} 4"));
    }
    crew.nodes[0].thaw();
    crew.answered(4).await;
    crew.nodes[0].until_logged("lost the lease of the link").await;
    crew.nodes[0].until_logged("another node holds the lease of the link").await;
    crew.turn(5).await;
    let errors: usize = crew.clerks.iter().map(|clerk| clerk.look().errors.len()).sum();
    eprintln!("{errors} words of agents came back to them");
    judged("frozen", crew.judge().await, Duration::from_secs(15));
    // It is a node like any other again.
    crew.nodes[0].until_ready().await;
    crew.end().await;
}

/// A proxy to a database that, once armed, swallows the first commit and everything after it, so
/// that the server is left with an open transaction.
async fn half_way(target: SocketAddr, armed: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stuck = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(target).await.unwrap();
            let (armed, stuck) = (armed.clone(), stuck.clone());
            let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                (near.into_split(), far.into_split());
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = near_in.read(&mut buffer).await {
                    let part = &buffer[..count];
                    let commits = part.windows(6).any(|word| word == b"COMMIT");
                    if armed.load(Ordering::Relaxed) && commits {
                        stuck.store(true, Ordering::Relaxed);
                    }
                    if stuck.load(Ordering::Relaxed) {
                        return std::future::pending().await;
                    }
                    far_out.write_all(part).await.unwrap();
                }
            });
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut far_in, &mut near_out).await;
            });
        }
    });
    address
}

/// A node that loses power, or its network, holds the lock on its link until the database releases
/// it: that must not take longer than the lease.
#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_transaction() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, LIMITS).await;
    let mut url = plan.url();
    let armed = Arc::new(AtomicBool::new(false));
    let server = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap()));
    url.set_port(Some(half_way(server, armed.clone()).await.port())).unwrap();
    plan.configure(url.as_str(), &servers().redis.url, LIMITS);
    let first = Process::start(&plan.config).await;
    plan.configure(plan.url().as_str(), &servers().redis.url, LIMITS);
    let second = Process::start(&plan.config).await;
    let visitor = Visitor::come(vec![second.address]);
    armed.store(true, Ordering::Relaxed);
    // The first message begins a conversation, which takes more than one statement.
    let waited = visitor.acked("in the middle").await;
    eprintln!("figures: {waited:?}");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    assert!(visitor.look().wrong.is_empty(), "{:?}", visitor.look());
    first.until_logged("lost the lease of the link").await;
}
