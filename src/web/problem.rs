//! Errors as problem documents (RFC 9457).
//!
//! Invariants: a problem contains nothing that only the operator should know. Any page may read it,
//! so that the widget learns why it was refused.

use headers::{Header, HeaderMapExt as _};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::{HeaderMap, StatusCode};
use serde::Serialize;
use warp::reply::Response;
use warp::{Rejection, Reply};

use crate::websocket::upgrade;

/// When to retry after the database was unavailable, in seconds.
pub(super) const STORE_RETRY_S: u16 = 2;

#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    headers: Box<HeaderMap>,
}

/// The document; its type is `about:blank`, so the title is that of the status.
#[derive(Debug, Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), headers: Box::default() }
    }

    /// A problem to retry after this many seconds.
    pub fn for_now(status: StatusCode, detail: impl Into<String>, retry_after_s: u16) -> Self {
        Self::new(status, detail).with(RETRY_AFTER, retry_after_s.into())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn typed(mut self, header: impl Header) -> Self {
        self.headers.typed_insert(header);
        self
    }
}

impl Reply for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(*self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

/// The problem for a request that becomes no socket.
impl From<upgrade::Refusal> for Problem {
    fn from(refusal: upgrade::Refusal) -> Self {
        let problem = Self::new(refusal.status(), refusal.to_string());
        match refusal.header() {
            Some((name, value)) => problem.with(name, value),
            None => problem,
        }
    }
}

/// The problem for a request that no route accepted.
pub(super) fn of(rejection: &Rejection) -> Problem {
    if rejection.is_not_found() {
        not_found()
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        method_not_allowed()
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "this request cannot be understood")
    }
}

pub(super) fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")
}

pub(super) fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not support the method")
}
