//! The converters between Couplet's JSON and XMPP, by way of the core's types.
//!
//! Invariants: pure; everything a customer or an agent wrote is cleaned here on its way in and
//! rendered here on its way out. What cannot be converted never causes a panic or closes a stream.

pub mod address;
pub mod adhoc;
pub mod agent_command;
pub mod clean;
pub mod custom_to_xmpp;
pub mod emoji;
pub mod file;
pub mod mark;
pub mod origin;
pub mod quote;
pub mod xmlns;
pub mod xmpp_to_custom;

#[cfg(test)]
mod tests;
