//! From the agent towards the customer: stanza to event, row to JSON frame.

pub mod frame;
pub mod input;
pub mod plain;
