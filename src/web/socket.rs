//! `GET /v1/TENANT/ws`: a request that becomes a customer's socket.

use hyper::StatusCode;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use warp::reply::Response;

use super::patient::Patient;
use super::problem::Problem;
use super::request::Request;
use crate::websocket::backend::Backend;
use crate::websocket::connection::{self, SocketContext};
use crate::websocket::upgrade;

/// When to retry after too many sockets from an address, in seconds.
const SOCKETS_RETRY_S: u16 = 10;

/// Sends the upgrade response, and takes over the connection once it is sent.
pub(super) async fn open<D: Backend>(
    key: String,
    request: Request<D>,
    upgrade: Option<OnUpgrade>,
) -> Result<Response, Problem> {
    let (web, address) = (&request.web, request.address());
    let view = request.tenant(&key, address).await?;
    let answer = upgrade::check(&request.headers, &view.tenant)?;
    let upgrade = upgrade.ok_or(upgrade::Refusal::NotASocket)?;
    let guard = web.admission.socket(address).ok_or_else(|| {
        let detail = "too many sockets are open from this address";
        Problem::for_now(StatusCode::TOO_MANY_REQUESTS, detail, SOCKETS_RETRY_S)
    })?;
    let limits = *web.admission.limits();
    let stop = web.sockets.stop();
    let context = Box::new(SocketContext { tenant: view, address, limits, guard, stop });
    let key = context.tenant.tenant.key.clone();
    web.sockets.spawn(&key, taken_over(upgrade, web.backend.clone(), context));
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
