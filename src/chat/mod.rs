//! The core: conversations, queues and routing as pure state machines.
//!
//! Invariants: nothing here waits, reads a clock, draws at random, or knows of XML, JSON or SQL.
//! What happens comes in as [`event`]s, what is to be done goes out as [`effect`]s.

pub mod answers;
mod conversation;
pub mod desk;
pub mod effect;
mod ended;
pub mod event;
mod gate;
pub mod ids;
pub mod model;
pub mod namesake;
mod presence;
mod queue;
pub mod refusal;
mod repeats;
mod resent;
mod routing;
mod said;
