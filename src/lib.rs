//! Couplet: customer-service chat that agents answer from any XMPP client.

pub mod app;
pub mod bridge;
pub mod cache;
pub mod chat;
pub mod cli;
pub mod config;
pub mod ports;
pub mod runtime;
pub mod store;
pub mod web;
pub mod websocket;
pub mod wire;
pub mod world;
pub mod xmpp;
