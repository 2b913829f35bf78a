//! The tables, one a file, as the migrations make them.
//!
//! Invariant: nothing in here is known outside `store`.
#![allow(unreachable_pub, reason = "the derived items are public by themselves")]

pub(super) mod agent;
pub(super) mod agent_queue;
pub(super) mod closing;
pub(super) mod conversation;
pub(super) mod customer;
pub(super) mod file;
pub(super) mod link;
pub(super) mod log;
pub(super) mod queue;
pub(super) mod session;
pub(super) mod tenant;
