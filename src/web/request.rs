//! A request, and what every handler asks about it.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::HeaderValue;
use hyper::{HeaderMap, StatusCode};

use super::address;
use super::problem::{Problem, STORE_RETRY_S};
use super::server::Peer;
use super::state::Web;
use crate::chat::ids::TenantKey;
use crate::ports::directory::Tenant;
use crate::runtime::edge::{TenantError, TenantView};
use crate::websocket::backend::Backend;
use crate::websocket::origin::{self, Verdict};
use crate::websocket::upgrade;

pub(super) struct Request<D> {
    pub(super) web: Arc<Web<D>>,
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<Peer>,
}

impl<D> Request<D> {
    /// The client's address.
    pub(super) fn address(&self) -> IpAddr {
        address::of(self.peer, &self.headers, &self.web.trusted_proxies)
    }

    /// The origin of the page; `None` if the client is not a page.
    pub(super) fn page(&self, tenant: &Tenant) -> Result<Option<HeaderValue>, Problem> {
        match origin::judge(&self.headers, tenant) {
            Verdict::Page(page) => Ok(HeaderValue::try_from(page).ok()),
            Verdict::Native => Ok(None),
            Verdict::Refused => Err(upgrade::Refusal::Origin.into()),
        }
    }
}

impl<D: Backend> Request<D> {
    /// The tenant with a key.
    pub(super) async fn tenant(
        &self,
        key: &str,
        address: IpAddr,
    ) -> Result<Arc<TenantView>, Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "there is no such tenant");
        let key = TenantKey::new(key).map_err(|_| unknown())?;
        match self.web.backend.tenant(&key, address).await {
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
}
