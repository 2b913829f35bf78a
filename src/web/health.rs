//! `GET /healthz` and `GET /readyz`: whether the node runs, and whether customers should be sent to
//! it.

use hyper::StatusCode;
use serde::Serialize;
use warp::reply::Response;

use super::problem::Problem;
use super::request::Request;
use super::response::json;

pub(super) fn alive() -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, &serde_json::json!({"alive": true})))
}

pub(super) fn ready<D>(request: Request<D>) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Answer {
        ready: bool,
        parts: serde_json::Map<String, serde_json::Value>,
    }
    let now = request.web.readiness.now();
    let status = if now.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let parts = now.parts.into_iter().map(|(name, works)| (name, works.into())).collect();
    Ok(json(status, &Answer { ready: now.ready, parts }))
}
