//! Cache and bus: in this process, or through Redis.
//!
//! Invariants: every call ends in bounded time. What is kept and what waits is bounded; what
//! does not fit is forgotten, which the ports allow. Several installations may share a server:
//! keys and topics stand under `couplet:`, and topics under the number of the database too.

mod memory;
mod redis;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::ports::bus::Bus;
use crate::ports::cache::{Cache, CacheError};

/// A cache and the bus beside it.
pub type Opened = (Arc<dyn Cache>, Arc<dyn Bus>);

/// Opens the cache and the bus that an address names: `memory://`, or `redis://host/0`.
///
/// Does not wait for a server: one that is away now is tried again at each call, so that a node
/// starts without it. Must be called within the runtime.
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

/// The longest time anything is kept; longer ones are cut, that no clock overflows.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A time to live that every backend can count: whole milliseconds, at least one.
fn ttl(wished: Duration) -> Duration {
    let millis = wished.clamp(Duration::from_millis(1), LONGEST).as_millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
