//! Test clients, servers and fixtures.

pub(crate) mod agent;
pub(crate) mod clerk;
pub(crate) mod crew;
pub(crate) mod customer;
pub(crate) mod db;
pub(crate) mod domain;
pub(crate) mod fault;
pub(crate) mod file_storage;
pub(crate) mod gateway;
pub(crate) mod process;
pub(crate) mod seat;
pub(crate) mod terminal;
pub(crate) mod upload;
pub(crate) mod visitor;
pub(crate) mod xmpp_client;
