//! From the customer to the agent: JSON frame to command, effect to stanza.

pub mod action;
pub mod iq;
pub mod line;
mod parts;
pub mod roster;
pub mod stanza;
mod xml;
