//! A link goes from node to node: the owner is killed, asked to stop, or frozen. Nothing is lost,
//! nothing comes twice, and the customers of every node go on.

use std::time::{Duration, Instant};

use crate::support::crew::{Crew, Longest};
use crate::support::customer::Customer;
use crate::support::gateway::{Server, TENANT};

macro_rules! on_both_servers {
    ($($play:ident),* $(,)?) => {$(
        mod $play {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn prosody() {
                super::$play(Server::Prosody).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn ejabberd() {
                super::$play(Server::Ejabberd).await;
            }
        }
    )*};
}

on_both_servers!(killed, stopped, frozen);

/// Asks all that can be asked of the first owner's end, and what it must not take longer than.
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
    // In the middle of things: they go on when it freezes, while it is frozen, and when it wakes. It
    // is writing, most likely; a transaction that stays open must not keep the others from the link.
    let mut busy = Customer::arrive(crew.nodes[0].address, TENANT).await;
    for number in 0..200 {
        busy.write(&format!("b{number}"), "busy").await;
    }
    busy.until("ack").await;
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
    drop(busy);
    crew.nodes[0].until_logged("the link is not ours any more").await;
    crew.nodes[0].until_logged("another node owns the link").await;
    crew.turn(5).await;
    let errors: usize = crew.clerks.iter().map(|clerk| clerk.look().errors.len()).sum();
    eprintln!("{errors} words of agents came back to them");
    judged("frozen", crew.judge().await, Duration::from_secs(15));
    // It is a node like any other again.
    crew.nodes[0].until_ready().await;
    crew.end().await;
}
