//! Couplet: customer-service chat that agents answer from any XMPP client.
//!
//! Customers speak JSON over a WebSocket, agents XMPP through their own server; the gateway stands
//! between, as a component of that server. The database holds the truth, each link (component
//! domain) has one writer, and all else may be lost. `docs/architecture.md` tells it at length.
//!
//! # The code, from the inside out
//!
//! | module | what it answers for |
//! |---|---|
//! | [`chat`] | the core: conversations, queues, offers. Pure: events in, effects out |
//! | [`wire`] | the customer's frames as types, and their limits |
//! | [`bridge`] | frames to commands, stanzas to events, effects to both |
//! | [`ports`] | what the runtime needs of the world, as traits |
//! | [`store`] [`cache`] [`files`] [`xmpp`] [`world`] | the adapters that fill them: database, Redis or memory, storage of files, component stream, clock and chance |
//! | [`runtime`] | drives the desks on the node that owns a link, and customers' sockets on every node |
//! | [`websocket`] [`web`] | a customer's socket, and HTTP around it |
//! | [`config`] [`cli`] | settings, and the operator's shell |
//! | [`app`] | puts it together |
//!
//! Imports go one way, from the bottom of this table to its top, and adapters meet only in [`app`];
//! `tests/it/layers.rs` holds that.
//!
//! # The way of a message
//!
//! [`websocket::connection`] → [`bridge::custom_to_xmpp`] → [`runtime::edge`] →
//! [`chat::desk::Desk`] → the store → and only then the acknowledgement, and through [`xmpp`] the
//! agent. An answer comes back through [`bridge::xmpp_to_custom`] and the same desk.
//!
//! # Where to start
//!
//! [`chat::event::Event`] and [`chat::effect::Effect`] are all that can happen and all that can
//! follow. `src/chat/desk/tests/plays.rs` tells the rules as stories.

pub mod app;
pub mod bridge;
pub mod cache;
#[cfg(feature = "chaos")]
pub mod chaos;
pub mod chat;
pub mod cli;
pub mod config;
pub mod files;
pub mod ports;
pub mod runtime;
pub mod store;
pub mod web;
pub mod websocket;
pub mod wire;
pub mod world;
pub mod xmpp;
