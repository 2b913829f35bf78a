//! Every test that needs real servers, in one binary. `tests/run.sh` starts the servers and passes
//! their addresses in `COUPLET_TEST_SERVERS`; without a server a test fails, it is never skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a failure is a panic"
)]

/// Runs each test in each case, with what the case passes to it.
macro_rules! in_each_case {
    ({ $($play:ident),+ } $cases:tt) => { $(in_each_case!($play $cases);)+ };
    ($play:ident { $($case:ident $given:tt),+ $(,)? }) => {
        mod $play {
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    super::$play $given.await;
                }
            )+
        }
    };
}

/// Runs each test on each server.
macro_rules! on_both_servers {
    ($($play:ident),+ $(,)?) => {
        in_each_case!({ $($play),+ } {
            prosody(Server::Prosody),
            ejabberd(Server::Ejabberd),
        });
    };
}

mod adhoc;
mod admission;
mod cache;
mod canned;
mod cli;
mod conversation;
mod delivery;
mod durability;
mod edits_and_replies;
mod files;
mod hand_over;
mod hasty;
mod hostile;
mod hours;
mod identity;
mod interruption;
mod layers;
mod leftovers;
mod link;
mod macros;
mod nodes;
mod outages;
mod overload;
mod owner;
mod presence;
mod queue;
mod reactions;
mod restart;
mod rolling;
mod session;
mod store;
mod supervision;
mod support;
mod takeover;
mod terminals;
mod unauthorized;
mod unfit;
mod unreachable;
mod unsaid;
mod words;
