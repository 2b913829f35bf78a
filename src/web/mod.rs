//! HTTP: the widget, its configuration, WebSocket upgrades, health, and a folder of pages if one is
//! configured.
//!
//! Invariants: every refusal is a problem document that any page may read; every response has the
//! headers that keep a browser from guessing types (`nosniff`) and from framing. Nothing here
//! changes data except an uploaded file that waits for its message ([`files`]): customers change
//! everything else through their sockets. Operators have a listener of their own ([`admin`]).

pub mod address;
pub mod admin;
mod config;
mod files;
mod health;
mod patient;
pub mod problem;
mod request;
mod response;
mod routes;
mod server;
mod socket;
mod state;
#[cfg(test)]
mod tests;
mod upload;
mod widget;

pub use routes::routes;
pub use server::{Listening, Peer, listen, serve};
pub use state::{Readiness, Ready, Web};
