//! Responses of the operators' listener.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

/// A successful response.
pub(super) fn document(media_type: &'static str, text: String) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
