//! The core: conversations, queues and routing as pure state machines.
//!
//! Invariants: nothing here waits, reads a clock, draws random numbers, or knows XML, JSON or SQL.
//! What happens comes in as an [`event`], what is to be done goes out as an [`effect`].

pub mod agent_command;
pub mod answers;
pub mod canned;
pub mod clock;
pub mod commands;
mod conversation;
mod dedup;
pub mod desk;
pub mod digest;
pub mod effect;
pub mod event;
pub mod forms;
mod gate;
mod handed;
pub mod hours;
pub mod ids;
pub mod macros;
pub mod menu;
mod message_ref;
mod missing;
pub mod model;
pub mod namesake;
mod notes;
pub mod notice;
mod past_assignments;
pub mod patience;
mod presence;
pub mod question;
mod queue;
mod reasons;
pub mod refusal;
mod resent;
pub mod routes;
mod routing;
pub mod row;
pub mod settings;
pub mod silence;
pub mod snapshot;
pub mod steps;
pub mod supervision;
pub mod tags;
pub mod target;
