//! The core, the frames and the converters of `src/`, and nothing else of the gateway: without
//! database and network they are built with optimisation in seconds, and their cost can be counted
//! to the instruction.

#[path = "../../../src/bridge/mod.rs"]
pub mod bridge;
#[path = "../../../src/chaos.rs"]
pub mod chaos;
#[path = "../../../src/chat/mod.rs"]
pub mod chat;
#[path = "../../../src/wire/mod.rs"]
pub mod wire;
