//! The operators' listener. Each resource has a file here and a row in the table of `routes.rs`.
//!
//! Invariants: without the token every request gets 401, whether its address exists or not; the
//! listener is opened only if a token is configured.

mod metrics;
mod response;
mod routes;
mod state;
#[cfg(test)]
mod tests;

pub use routes::routes;
pub use state::Admin;
