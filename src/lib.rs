//! Couplet: customer-service chat that agents answer from any XMPP client.
//!
//! Customers speak JSON over a WebSocket, agents speak XMPP through their own server. The gateway
//! sits between them, as a component of that server. The database is the source of truth, each link
//! (component domain) has one writer, and everything else may be lost. `docs/architecture.md`
//! explains this at length.
//!
//! # The code, from the inside out
//!
//! | module | responsibility |
//! |---|---|
//! | [`chat`] | the core: conversations, queues, offers. Pure: events in, effects out |
//! | [`wire`] | the customer's frames as types, and their limits |
//! | [`bridge`] | converts frames to commands, stanzas to events, effects to both |
//! | [`ports`] | what the runtime needs from the outside, as traits |
//! | [`store`] [`cache`] [`files`] [`xmpp`] [`world`] | the adapters that implement the ports: database, Redis or memory, file storage, component stream, clock and randomness |
//! | [`hours`] | opening hours as operators write them, and the moments they mean |
//! | [`runtime`] | drives the desks on the node that owns a link, and customers' sockets on every node |
//! | [`websocket`] [`web`] | a customer's socket, and HTTP around it |
//! | [`config`] [`cli`] | settings, and the operator's command line |
//! | [`app`] | wires everything together |
//!
//! Imports go in one direction, from the bottom of this table to its top, and adapters meet only in
//! [`app`]; `tests/it/layers.rs` checks that.
//!
//! # The path of a message
//!
//! [`websocket::connection`] → [`bridge::custom_to_xmpp`] → [`runtime::edge`] →
//! [`chat::desk::Desk`] → the store. Only after the commit does the customer get the
//! acknowledgement, and the agent the message, through [`xmpp`]. The agent's message comes back
//! through [`bridge::xmpp_to_custom`] and the same desk.
//!
//! # Where to start
//!
//! [`chat::event::Event`] lists everything that can happen, [`chat::effect::Effect`] everything
//! that can follow. `src/chat/desk/tests/plays.rs` shows the rules as stories.

pub mod app;
pub mod bridge;
pub mod cache;
pub mod chaos;
pub mod chat;
pub mod cli;
pub mod config;
pub mod files;
pub mod hours;
pub mod ports;
pub mod runtime;
pub mod store;
pub mod web;
pub mod websocket;
pub mod wire;
pub mod world;
pub mod xmpp;
