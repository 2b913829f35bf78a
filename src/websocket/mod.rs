//! One customer's socket.
