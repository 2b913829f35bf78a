//! Cache and message bus through Redis, or a compatible server.
//!
//! Invariants: no call waits longer than [`server::PATIENCE`] for the server, or twice that if it
//! is retried. An error names the server and never its password.

mod bus;
mod cache;
mod listener;
mod role;
mod server;

pub(super) use bus::Wire;
pub(super) use cache::Shared;
pub(super) use server::Server;
