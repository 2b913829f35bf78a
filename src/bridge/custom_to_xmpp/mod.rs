//! From the customer to the agent: JSON frame to command, effect to stanza.

pub mod action;
mod canned;
mod hand_over;
pub mod iq;
pub mod line;
mod macros;
pub(in crate::bridge) mod parts;
mod piece;
mod reaction;
pub mod roster;
pub mod stanza;
mod xml;
