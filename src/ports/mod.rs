//! What the runtime needs from the outside, as traits that adapters implement.
//!
//! Invariant: a port uses the core's types; no type of a database, a cache or XML crosses it.

pub mod bus;
pub mod cache;
pub mod directory;
pub mod files;
pub mod link;
pub mod routing;
pub mod settings;
pub mod store;
pub mod store_error;
pub mod world;
