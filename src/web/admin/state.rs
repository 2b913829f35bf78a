//! What the operators' listener serves from, and who may ask.

use std::fmt;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

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

impl Admin {
    /// Whether a request has the token. Compared by their digests: how long it takes says nothing about the token.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        given.is_some_and(|given| hash(given).as_ref() == hash(self.token.expose_secret()).as_ref())
    }
}
