//! What `tests/it`, `tests/chaos` and `tests/bench` share. It is written against the protocols and
//! the command line, and uses nothing of `src/`: a mistake there cannot hide here.
//!
//! | module | purpose |
//! |---|---|
//! | [`socket`] | a customer's WebSocket, frame by frame |
//! | [`stream`] [`stanza`] | an agent's XMPP stream, and what is said on it |
//! | [`servers`] | the servers of a run, and servers that a test may harm |
//! | [`gateway`] | a node's configuration, its tenant, its process |
//! | [`process`] | signals and free ports |
//!
//! Nothing here waits with a limit of its own, except where it says so: each caller knows how long
//! is too long.

pub mod gateway;
pub mod process;
pub mod servers;
pub mod socket;
pub mod stanza;
pub mod stream;
