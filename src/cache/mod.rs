//! Cache and message bus: in this process, or through Redis.
//!
//! Invariants: every call returns in bounded time. Stored values and queued messages are bounded;
//! the excess is dropped, which the ports permit. Several installations may share a server: keys
//! and topics begin with `couplet:`, and topics also carry the database number.

mod memory;
mod redis;
mod topics;
mod ttl;

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::ports::bus::Bus;
use crate::ports::cache::{Cache, CacheError};

/// A cache and its message bus.
pub type Opened = (Arc<dyn Cache>, Arc<dyn Bus>);

/// Opens the cache and the message bus of an address: `memory://`, or `redis://host/0`.
///
/// Does not wait for the server: an unreachable one is retried at each call, so that a node starts
/// without it. Must be called within the runtime.
pub fn connect(url: &SecretString) -> Result<Opened, CacheError> {
    match url.expose_secret().split_once("://") {
        Some(("memory", _)) => {
            Ok((Arc::new(memory::Memory::new()), Arc::new(memory::Local::new())))
        }
        Some(("redis", _)) => {
            let server = redis::Server::new(url)?;
            Ok((Arc::new(redis::Shared::new(&server)?), Arc::new(redis::Wire::new(server))))
        }
        _ => Err(CacheError("its address begins with neither memory:// nor redis://".to_owned())),
    }
}
