//! The tables, one per file, as the migrations create them.
//!
//! Invariant: nothing here is used outside of `store`.
#![allow(unreachable_pub, reason = "the derived items are public by themselves")]

pub(super) mod agent;
pub(super) mod agent_queue;
pub(super) mod canned_reply;
pub(super) mod closing;
pub(super) mod conversation;
pub(super) mod customer;
pub(super) mod file;
pub(super) mod link;
pub(super) mod log;
pub(super) mod macros;
pub(super) mod queue;
pub(super) mod session;
pub(super) mod tenant;
