//! The routes of the public listener. Each resource has a file here, and its rows in the table of
//! [`api`].

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::upgrade::OnUpgrade;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply, path};

use super::problem::{self, Problem};
use super::request::Request;
use super::server::Peer;
use super::state::Web;
use super::{config, files, health, socket, upload, widget};
use crate::websocket::backend::Backend;

/// All routes of the public listener.
pub fn routes<D: Backend>(web: Web<D>) -> BoxedFilter<(Response,)> {
    let site = web.site.clone();
    let api = api(web);
    let all = match site {
        None => api,
        Some(folder) => {
            let agent = path!("agent").and(warp::fs::file(folder.join("agent.html")));
            let pages = agent.or(warp::fs::dir(folder)).map(|page| guarded(page, false));
            api.or(pages).unify().boxed()
        }
    };
    all.recover(|rejection: Rejection| async move {
        Ok::<_, Rejection>(guarded(problem::of(&rejection), true))
    })
    .unify()
    .boxed()
}

/// Filters, of which the first that accepts a request responds to it.
macro_rules! first {
    ($one:expr, $($other:expr),+ $(,)?) => { $one$(.or($other).unify())+ };
}

fn api<D: Backend>(web: Web<D>) -> BoxedFilter<(Response,)> {
    let web = Arc::new(web);
    let request = warp::header::headers_cloned()
        .and(warp::ext::optional::<Peer>())
        .map(move |headers, peer| Request { web: Arc::clone(&web), headers, peer });
    let request = || request.clone();
    let reading = || warp::get().or(warp::head()).unify();
    let upgrade = warp::ext::optional::<OnUpgrade>();
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let script = path!(String).and_then(|name: String| async move {
        widget::is_script(&name).then_some(name).ok_or_else(warp::reject::not_found)
    });
    let part = path!("v1" / String / "files" / String / String);
    first![
        path!("healthz").and(reading()).map(health::alive),
        path!("readyz").and(reading()).and(request()).map(health::ready),
        script.and(reading()).and(request()).map(widget::script),
        path!("v1" / String / "config").and(reading()).and(request()).then(config::show),
        path!("v1" / String / "ws").and(warp::get()).and(request()).and(upgrade).then(socket::open),
        path!("v1" / String / "files").and(warp::options()).and(request()).then(upload::allowed),
        path!("v1" / String / "files")
            .and(warp::post())
            .and(request())
            .and(warp::body::stream())
            .then(upload::receive),
        part.and(reading()).and(warp::method()).and(query).and(request()).then(files::give),
    ]
    .map(|response: Result<Response, Problem>| guarded(response, true))
    .boxed()
}

/// Adds the headers that every response has. What is not a page needs no rights in a browser.
fn guarded(reply: impl Reply, is_api: bool) -> Response {
    let mut response = reply.into_response();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let headers = response.headers_mut();
    let mut set =
        |name: HeaderName, value| drop(headers.insert(name, HeaderValue::from_static(value)));
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(X_FRAME_OPTIONS, if is_api { "DENY" } else { "SAMEORIGIN" });
    if is_api && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, nothing);
    }
    response
}
