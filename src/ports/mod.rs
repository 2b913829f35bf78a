//! What the runtime needs of the world, as traits that adapters fill.
//!
//! Invariants: a port speaks in the core's words; no type of a database, a cache or XML crosses it.

pub mod bus;
pub mod cache;
pub mod files;
pub mod link;
pub mod store;
pub mod world;
