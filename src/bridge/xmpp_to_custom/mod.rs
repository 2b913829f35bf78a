//! From the agent to the customer: stanza to event, row to JSON frame.

mod about;
pub mod decoded;
mod foreign;
pub mod frame;
pub mod input;
pub mod plain;
mod words;
