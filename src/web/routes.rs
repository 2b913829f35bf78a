//! The routes of the public listener.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::patient::Patient;
use super::problem::{self, Problem};
use super::{Peer, Web, address, files, upload, widget};
use crate::chat::ids::TenantKey;
use crate::ports::settings::FormField;
use crate::runtime::edge::{TenantError, TenantView};
use crate::websocket::backend::Backend;
use crate::websocket::connection::{self, SocketContext};
use crate::websocket::origin::{self, Verdict};
use crate::websocket::upgrade;
use crate::wire;

/// When to retry after the database was unavailable, in seconds.
pub(super) const STORE_RETRY_S: u16 = 2;
/// When to retry after too many sockets from an address, in seconds.
const SOCKETS_RETRY_S: u16 = 10;

/// All routes of the public listener.
pub fn routes<D: Backend>(web: Web<D>) -> BoxedFilter<(Response,)> {
    let site = web.site.clone();
    let web = Arc::new(web);
    let with_web = {
        let web = Arc::clone(&web);
        warp::any().map(move || Arc::clone(&web))
    };
    let reading = || warp::get().or(warp::head()).unify();

    let health = warp::path!("healthz")
        .and(reading())
        .map(|| json(StatusCode::OK, &serde_json::json!({"alive": true})));
    let readiness = warp::path!("readyz")
        .and(reading())
        .and(with_web.clone())
        .map(|web: Arc<Web<D>>| ready(&web));
    let script = warp::path!(String)
        .and_then(|name: String| async move {
            if widget::is_script(&name) { Ok(name) } else { Err(warp::reject::not_found()) }
        })
        .and(reading())
        .and(warp::header::headers_cloned())
        .map(|name: String, headers: HeaderMap| widget::script(&name, &headers));
    let config = warp::path!("v1" / String / "config")
        .and(reading())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(with_web.clone())
        .then(|key: String, headers: HeaderMap, peer, web: Arc<Web<D>>| async move {
            answered(config(&web, &key, &headers, peer).await)
        });
    let socket = warp::path!("v1" / String / "ws")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(with_web.clone())
        .then(|key: String, headers: HeaderMap, peer, upgrade, web: Arc<Web<D>>| async move {
            answered(socket(&web, &key, &headers, peer, upgrade).await)
        });

    let may_send = warp::path!("v1" / String / "files")
        .and(warp::options())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(with_web.clone())
        .then(|key: String, headers: HeaderMap, peer, web: Arc<Web<D>>| async move {
            answered(upload::allowed(&web, &key, &headers, peer).await)
        });
    let sent = warp::path!("v1" / String / "files")
        .and(warp::post())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(warp::body::stream())
        .and(with_web.clone())
        .then(|key: String, headers: HeaderMap, peer, body, web: Arc<Web<D>>| async move {
            answered(upload::receive(&web, &key, &headers, peer, body).await)
        });
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let given = warp::path!("v1" / String / "files" / String / String)
        .and(warp::get().or(warp::head()).unify())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .and(query)
        .and(with_web)
        .then(
            |key: String,
             id: String,
             _,
             method: Method,
             headers: HeaderMap,
             peer,
             query: String,
             web: Arc<Web<D>>| async move {
                let named = (&*key, &*id, &*query);
                answered(files::give(&web, named, &method, &headers, peer).await)
            },
        );
    let sharing = may_send.or(sent).unify().or(given).unify();

    let api = health.or(readiness).unify().or(script).unify().or(config).unify().or(socket).unify();
    let api = api.or(sharing).unify();
    let api = api.map(|response| guarded(response, true)).boxed();
    let all = match site {
        None => api,
        Some(folder) => {
            let agent = warp::path!("agent").and(warp::fs::file(folder.join("agent.html")));
            let pages = agent.or(warp::fs::dir(folder)).map(|page| guarded(page, false));
            api.or(pages).unify().boxed()
        }
    };
    all.recover(|rejection: Rejection| async move {
        let refused = problem::of(&rejection).into_response();
        Ok::<_, Rejection>(guarded(refused, true))
    })
    .unify()
    .boxed()
}

fn answered(outcome: Result<Response, Problem>) -> Response {
    outcome.unwrap_or_else(Problem::into_response)
}

fn ready<D>(web: &Web<D>) -> Response {
    #[derive(Serialize)]
    struct Answer {
        ready: bool,
        parts: serde_json::Map<String, serde_json::Value>,
    }
    let now = web.readiness.now();
    let status = if now.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let parts = now.parts.into_iter().map(|(name, works)| (name, works.into())).collect();
    json(status, &Answer { ready: now.ready, parts })
}

/// What the widget must know before it opens a socket.
#[derive(Debug, Serialize)]
struct Config<'a> {
    tenant: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome: Option<&'a str>,
    queues: Vec<Queue<'a>>,
    online: bool,
    #[serde(skip_serializing_if = "<[FormField]>::is_empty")]
    form: &'a [FormField],
    /// Media types of files that are accepted, such as `image/png` or `image/*`.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    file_types: &'a [String],
    limits: Limits,
}

#[derive(Debug, Serialize)]
struct Queue<'a> {
    key: &'a str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct Limits {
    text_chars: usize,
    frame_bytes: usize,
    /// 0 if no files are accepted.
    file_bytes: u64,
}

async fn config<D: Backend>(
    web: &Web<D>,
    key: &str,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Response, Problem> {
    let view = tenant(web, key, address::of(peer, headers, &web.trusted_proxies)).await?;
    let page = match origin::judge(headers, &view.tenant) {
        Verdict::Page(page) => Some(HeaderValue::try_from(page)),
        Verdict::Native => None,
        Verdict::Refused => return Err(refused(upgrade::Refusal::Origin)),
    };
    let queue = |(key, name)| Queue { key, name };
    let settings = &view.tenant.settings;
    let config = Config {
        tenant: view.tenant.key.as_str(),
        name: &settings.name,
        color: settings.color.as_deref(),
        locale: settings.locale.as_deref(),
        welcome: settings.welcome.as_deref(),
        queues: view.queues.iter().map(|(key, name)| (key.as_str(), &**name)).map(queue).collect(),
        online: view.online,
        form: &settings.form,
        file_types: if view.files.bytes > 0 { &view.files.types } else { &[] },
        limits: Limits {
            text_chars: wire::TEXT_CHARS,
            frame_bytes: wire::FRAME_BYTES,
            file_bytes: view.files.bytes,
        },
    };
    let mut response = json(StatusCode::OK, &config);
    response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    if let Some(Ok(page)) = page {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
    }
    Ok(response)
}

/// Sends the upgrade response, and takes over the connection once it is sent.
async fn socket<D: Backend>(
    web: &Web<D>,
    key: &str,
    headers: &HeaderMap,
    peer: Option<Peer>,
    upgrade: Option<OnUpgrade>,
) -> Result<Response, Problem> {
    let address = address::of(peer, headers, &web.trusted_proxies);
    let view = tenant(web, key, address).await?;
    let answer = upgrade::check(headers, &view.tenant).map_err(refused)?;
    let upgrade = upgrade.ok_or_else(|| refused(upgrade::Refusal::NotASocket))?;
    let guard = web.admission.socket(address).ok_or_else(|| {
        let detail = "too many sockets are open from this address";
        Problem::for_now(StatusCode::TOO_MANY_REQUESTS, detail, SOCKETS_RETRY_S)
    })?;
    let limits = *web.admission.limits();
    let stop = web.sockets.stop();
    let context = Box::new(SocketContext { tenant: view, address, limits, guard, stop });
    web.sockets.spawn(taken_over(upgrade, web.backend.clone(), context));
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = answer;
    Ok(response)
}

async fn taken_over<D: Backend>(upgrade: OnUpgrade, backend: D, context: Box<SocketContext>) {
    // The memory of the request is freed here; the socket keeps the bare TCP stream.
    let Ok(upgraded) = upgrade.await else { return };
    if let Ok(parts) = upgraded.downcast::<TokioIo<Patient>>() {
        let early = parts.read_buf.to_vec();
        let stream = parts.io.into_inner().into_inner();
        drop(parts.read_buf);
        connection::serve(stream, early, backend, context).await;
    }
}

pub(super) async fn tenant<D: Backend>(
    web: &Web<D>,
    key: &str,
    address: IpAddr,
) -> Result<Arc<TenantView>, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "there is no such tenant");
    let key = TenantKey::new(key).map_err(|_| unknown())?;
    match web.backend.tenant(&key, address).await {
        Ok(found) => found.ok_or_else(unknown),
        Err(TenantError::TooMany(early)) => {
            let seconds = u16::try_from(early.retry_after_ms / 1_000 + 1).unwrap_or(u16::MAX);
            let detail = "too many requests for unknown tenants from this address";
            Err(Problem::for_now(StatusCode::TOO_MANY_REQUESTS, detail, seconds))
        }
        Err(TenantError::Store(error)) => {
            tracing::warn!(%error, "cannot read a tenant");
            let detail = "the gateway cannot answer now";
            Err(Problem::for_now(StatusCode::SERVICE_UNAVAILABLE, detail, STORE_RETRY_S))
        }
    }
}

pub(super) fn refused(refusal: upgrade::Refusal) -> Problem {
    let problem = Problem::new(refusal.status(), refusal.to_string());
    match refusal.header() {
        Some((name, value)) => problem.with(name, value),
        None => problem,
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_string(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
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
