//! What the tests stand on.

pub(crate) mod agent;
pub(crate) mod customer;
pub(crate) mod db;
pub(crate) mod domain;
pub(crate) mod fault;
pub(crate) mod gateway;
pub(crate) mod seat;
pub(crate) mod servers;
pub(crate) mod xmpp_client;
