//! The operators' listener. Each resource has a file here and a row in the table of `routes.rs`.
//!
//! Invariants: without the token every request gets 401, whether its address exists or not; the
//! listener is opened only if a token is configured.

mod metrics;
mod routes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use warp::reply::Response;

pub use routes::routes;

use crate::runtime::status::Status;

/// What the operator's listener serves from.
pub struct Admin {
    /// The Bearer token that gives all rights.
    pub token: SecretString,
    /// How the node does.
    pub status: Arc<Status>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// A successful response.
fn document(media_type: &'static str, text: String) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

impl Admin {
    /// Compared by their digests: how long it takes says nothing about the token.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        given.is_some_and(|given| hash(given).as_ref() == hash(self.token.expose_secret()).as_ref())
    }
}
