//! HTTP: the widget, what it asks before it opens a socket, the socket's backend, health, and a
//! folder of pages where one is configured.
//!
//! Invariants: whatever is refused is a problem document that any page may read; whatever is
//! answered carries the headers that keep a browser from guessing (`nosniff`) and framing. Nothing
//! here changes anything but by a file that comes in and waits for its message ([`files`]):
//! customers change things through their sockets. What is for operators has a listener of its own
//! ([`admin`]).

pub mod address;
pub mod admin;
mod files;
mod patient;
pub mod problem;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod upload;
mod widget;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

pub use routes::routes;
pub use server::{Listening, Peer, listen, serve};

use crate::runtime::admission::Admission;
use crate::runtime::files::Files;
use crate::websocket::Sockets;

/// What the public listener serves from.
#[derive(Debug)]
pub struct Web<D> {
    /// Where customers come in.
    pub backend: D,
    /// How many of them.
    pub admission: Arc<Admission>,
    /// Whether the node can work.
    pub readiness: Readiness,
    /// Whose word on a customer's address counts.
    pub trusted_proxies: Vec<IpNet>,
    /// A folder of pages for `/`.
    pub site: Option<PathBuf>,
    /// All open sockets.
    pub sockets: Sockets,
    /// Files; none where there is no place for them.
    pub files: Option<Files>,
}

/// Whether the node can work, and each of its parts does. Names of parts are public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    /// Whether customers are to be sent here.
    pub ready: bool,
    /// Each part by its name.
    pub parts: Vec<(String, bool)>,
}

/// Says at any time, without waiting, whether the node can work.
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Ready + Send + Sync>);

impl Readiness {
    /// Asks this each time.
    pub fn new(ask: impl Fn() -> Ready + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// How it stands now.
    pub fn now(&self) -> Ready {
        (self.0)()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.now()).finish()
    }
}
