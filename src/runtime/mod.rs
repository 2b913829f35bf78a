//! Drives the desks: events in, effects out, on the node that owns the link; and customers'
//! sockets on every node.

pub mod admission;
pub mod edge;
