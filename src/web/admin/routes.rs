//! The table of the operators' listener: it decides what is served, and is itself the response to
//! `GET /`. A test compares it with docs/operations.md.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, StatusCode};
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Reply};

use super::metrics;
use super::response::document;
use super::state::Admin;
use crate::web::problem::{self, Problem};

/// A method of a resource.
struct Route {
    method: Method,
    path: &'static str,
    /// What the response is, in Markdown.
    about: &'static str,
    handler: fn(Arc<Admin>) -> BoxFuture<'static, Result<Response, Problem>>,
}

static ROUTES: [Route; 2] = [
    Route {
        method: Method::GET,
        path: "/",
        about: "this table",
        handler: |_| async { Ok(document("text/markdown; charset=utf-8", listing())) }.boxed(),
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        about: "[the metrics](#metrics), in the OpenMetrics text format",
        handler: |admin| metrics::show(admin).boxed(),
    },
];

/// The routes as a table in Markdown.
pub(super) fn listing() -> String {
    let rows = ROUTES
        .iter()
        .map(|Route { method, path, about, .. }| format!("| `{method} {path}` | {about} |\n"));
    let head = "| request | response |\n|---|---|\n".to_owned();
    std::iter::once(head).chain(rows).collect()
}

/// All routes of the operator's listener.
pub fn routes(admin: Admin) -> BoxedFilter<(Response,)> {
    let admin = Arc::new(admin);
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .then(move |method, path: FullPath, headers| {
            let admin = Arc::clone(&admin);
            async move {
                let response = respond(admin, &method, path.as_str(), &headers).await;
                response.unwrap_or_else(Reply::into_response)
            }
        })
        .boxed()
}

async fn respond(
    admin: Arc<Admin>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if !admin.knows(headers) {
        let detail = "send admin.token as a Bearer token";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    let same_path = |route: &&Route| route.path.trim_end_matches('/') == path.trim_end_matches('/');
    let mut here = ROUTES.iter().filter(same_path).peekable();
    if here.peek().is_none() {
        return Err(problem::not_found());
    }
    let route = here.find(|route| route.method == *method);
    (route.ok_or_else(problem::method_not_allowed)?.handler)(admin).await
}
