//! What the tests stand on.

pub(crate) mod db;
pub(crate) mod domain;
pub(crate) mod servers;
pub(crate) mod xmpp_client;
