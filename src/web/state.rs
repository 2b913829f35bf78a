//! What the public listener serves from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

use crate::runtime::admission::Admission;
use crate::runtime::files::Files;
use crate::websocket::Sockets;

/// What the public listener serves from.
#[derive(Debug)]
pub struct Web<D> {
    /// Where sockets are opened.
    pub backend: D,
    /// Rate limits.
    pub admission: Arc<Admission>,
    pub readiness: Readiness,
    /// Proxies whose headers tell a customer's address.
    pub trusted_proxies: Vec<IpNet>,
    /// A folder of pages for `/`.
    pub site: Option<PathBuf>,
    pub sockets: Sockets,
    /// `None` if no storage is configured.
    pub files: Option<Files>,
}

/// The result of `/readyz`. The names of parts are public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    /// Whether customers should be sent to this node.
    pub ready: bool,
    /// The parts, and whether each works.
    pub parts: Vec<(String, bool)>,
}

/// A check that returns immediately.
#[derive(Clone)]
pub struct Readiness(Arc<dyn Fn() -> Ready + Send + Sync>);

impl Readiness {
    pub fn new(ask: impl Fn() -> Ready + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub fn now(&self) -> Ready {
        (self.0)()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.now()).finish()
    }
}
