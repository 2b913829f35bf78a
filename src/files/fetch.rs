//! Fetches the files that agents link to.
//!
//! Invariants: a URL is fetched only if the settings of the XMPP link allow its host, with the
//! scheme, port and paths allowed there. A redirect is an error. A host that is allowed because it
//! belongs to an agent's domain is contacted only at public addresses, resolved for this very
//! connection.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use url::{Host, Url};

use super::address::is_public;
use crate::chat::ids::LinkDomain;
use crate::chat::row::FetchError;
use crate::ports::files::{ByteStream, Fetcher};

/// How long connecting to a server may take.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);

/// The usual HTTPS ports of file uploads: a proxy's, ejabberd's, Prosody's.
const PORTS: [u16; 3] = [443, 5443, 5281];

/// A location configured by the operator (`upload_hosts`): `https://upload.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// `https`, or `http` within a private network.
    pub scheme: String,
    pub host: String,
    pub port: u16,
    /// The prefix of the files' paths, without a trailing `/`; empty if any path is allowed.
    pub path: String,
}

impl Upload {
    /// Whether a path is below this location, however the server decodes it.
    fn has(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.path.as_str());
        let below = below.filter(|below| self.path.is_empty() || below.starts_with('/'));
        // The URL parser has resolved `..`, except in a form that hides a `/`.
        let hides = |below: &str| {
            let below = below.to_ascii_lowercase();
            ["%2f", "%5c"].iter().any(|hidden| below.contains(hidden))
        };
        below.is_some_and(|below| self.path.is_empty() || !hides(below))
    }
}

/// The places from which a link's agents' files may be fetched.
#[derive(Debug, Clone, Default)]
pub struct UploadHosts {
    /// Configured by the operator.
    pub named: Vec<Upload>,
    /// The hosts of the agents' accounts: each with its subdomains, over https.
    pub domains: Vec<String>,
}

/// Which addresses a URL may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Any address, since the operator named the host.
    Named,
    /// Public addresses only.
    Public,
}

impl UploadHosts {
    fn way(&self, url: &Url) -> Option<Way> {
        let (host, port) = (url.host()?, url.port_or_known_default()?);
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let written = host.to_string();
        let is_it = |named: &Upload| {
            (&*named.scheme, &*named.host, named.port) == (url.scheme(), &*written, port)
                && named.has(url.path())
        };
        if self.named.iter().any(is_it) {
            return Some(Way::Named);
        }
        let Host::Domain(host) = host else { return None };
        let below = |domain: &String| {
            let rest = host.strip_suffix(domain.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let of_agents = url.scheme() == "https" && PORTS.contains(&port);
        (of_agents && self.domains.iter().any(below)).then_some(Way::Public)
    }
}

pub struct HttpFetcher {
    links: HashMap<LinkDomain, UploadHosts>,
    named: Client,
    public: Client,
}

impl fmt::Debug for HttpFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFetcher").field("links", &self.links).finish_non_exhaustive()
    }
}

impl HttpFetcher {
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(links: HashMap<LinkDomain, UploadHosts>) -> Result<Self, io::Error> {
        let client = || {
            Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .referer(false)
                .connect_timeout(CONNECT)
                .user_agent(concat!("couplet/", env!("CARGO_PKG_VERSION")))
        };
        let named = client().build().map_err(io::Error::other)?;
        let public = client().dns_resolver(Arc::new(PublicOnly)).build();
        Ok(Self { links, named, public: public.map_err(io::Error::other)? })
    }
}

#[async_trait]
impl Fetcher for HttpFetcher {
    async fn fetch(
        &self,
        link: &LinkDomain,
        url: &str,
        most: u64,
    ) -> Result<ByteStream, FetchError> {
        let url = Url::parse(url).map_err(|_| FetchError::Forbidden)?;
        let hosts = self.links.get(link).ok_or(FetchError::Forbidden)?;
        let client = match hosts.way(&url).ok_or(FetchError::Forbidden)? {
            Way::Named => &self.named,
            Way::Public => &self.public,
        };
        let asked = tokio::time::timeout(ANSWER, client.get(url).send()).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_timeout() => return Err(FetchError::Slow),
            Ok(Err(error)) if is_private(&error) => return Err(FetchError::Forbidden),
            Ok(Err(error)) => {
                tracing::debug!(error = %error.without_url(), "could not fetch an agent's file");
                return Err(FetchError::Broken);
            }
            Err(_) => return Err(FetchError::Slow),
        };
        if answer.status() != StatusCode::OK {
            tracing::debug!(status = %answer.status(), "could not fetch an agent's file");
            return Err(FetchError::Broken);
        }
        if answer.content_length().is_some_and(|length| length > most) {
            return Err(FetchError::TooLarge(most));
        }
        let pieces = answer.bytes_stream().map_err(|error| io::Error::other(error.without_url()));
        Ok(pieces.boxed())
    }
}

/// Resolves a name to its public addresses only.
struct PublicOnly;

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the host has private addresses only")]
struct Private;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                found.filter(|address: &SocketAddr| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Private.into());
            }
            let public: Addrs = Box::new(public.into_iter());
            Ok(public)
        })
    }
}

fn is_private(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.downcast_ref::<Private>().is_some() {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> UploadHosts {
        let named = Upload {
            scheme: "http".to_owned(),
            host: "10.0.0.7".to_owned(),
            port: 5280,
            path: "/file_share".to_owned(),
        };
        UploadHosts { named: vec![named], domains: vec!["example.org".to_owned()] }
    }

    #[test]
    fn only_allowed_places_are_gone_to() {
        let table = [
            ("http://10.0.0.7:5280/file_share/x/a.png", Some(Way::Named)),
            ("https://example.org/upload/x/a.png", Some(Way::Public)),
            ("https://upload.example.org:5281/file_share/x/a.png", Some(Way::Public)),
            ("https://EXAMPLE.org:5443/x", Some(Way::Public)),
            ("http://10.0.0.7:5280/file_share", None),
            ("http://10.0.0.7:5280/file_share/", Some(Way::Named)),
            ("http://10.0.0.7:5280/", None),
            ("http://10.0.0.7:5280/admin/", None),
            ("http://10.0.0.7:5280/file_shared/x", None),
            ("http://10.0.0.7:5280/FILE_SHARE/x", None),
            ("http://10.0.0.7:5280/file_share/../admin", None),
            ("http://10.0.0.7:5280/file_share/%2e%2e/admin", None),
            ("http://10.0.0.7:5280/file_share/..%2fadmin", None),
            ("http://10.0.0.7:5280/file_share/..%5Cadmin", None),
            ("http://10.0.0.7:5280/file_share/x/100%25.png", Some(Way::Named)),
            ("http://10.0.0.7:5280/file_share/..\\admin", None),
            ("http://10.0.0.7:5280/file_share/x/my%20cat.png", Some(Way::Named)),
            ("https://10.0.0.7:5280/x", None),
            ("http://10.0.0.7/x", None),
            ("http://upload.example.org/x", None),
            ("https://upload.example.org:22/x", None),
            ("https://evilexample.org/x", None),
            ("https://example.org.evil.test/x", None),
            ("https://example.org@evil.test/x", None),
            ("https://user@example.org/x", None),
            ("https://evil.test/?https://example.org", None),
            ("https://127.0.0.1/x", None),
            ("https://[::1]/x", None),
            ("https://2130706433/x", None),
            ("https://example.org\\@evil.test/x", Some(Way::Public)),
            ("ftp://example.org/x", None),
            ("file:///etc/passwd", None),
        ];
        for (url, way) in table {
            assert_eq!(hosts().way(&Url::parse(url).unwrap()), way, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inwards_is_not_followed() {
        let hosts = UploadHosts { named: Vec::new(), domains: vec!["localhost".to_owned()] };
        let link = LinkDomain::new("chat.localhost").unwrap();
        let fetcher = HttpFetcher::new(HashMap::from([(link.clone(), hosts)])).unwrap();
        let fetched = fetcher.fetch(&link, "https://localhost:5281/x", 10).await;
        assert_eq!(fetched.err(), Some(FetchError::Forbidden));
        let other = LinkDomain::new("other.localhost").unwrap();
        let fetched = fetcher.fetch(&other, "https://localhost:5281/x", 10).await;
        assert_eq!(fetched.err(), Some(FetchError::Forbidden), "another link's hosts");
    }
}
