//! From the customer to the agent: JSON frame to command, effect to stanza.

pub mod action;
pub mod line;
pub mod stanza;
mod xml;
