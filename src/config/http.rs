//! `[http]`: the listener for customers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use super::section::{Refusal, Section};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

#[derive(Debug, Clone)]
pub struct Http {
    pub listen: SocketAddr,
    /// The second address of `localhost:PORT` (IPv6); unused on a machine without IPv6.
    pub listen_also: Option<SocketAddr>,
    /// The URL at which browsers reach the gateway through a proxy: `https://chat.example.com`.
    pub public_url: Option<Url>,
    /// The proxies whose `Forwarded` and `X-Forwarded-For` headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// A folder whose files are served at `/`, as in the demo. Only `serve` checks that it exists:
    /// the other commands may run on other machines.
    pub site: Option<PathBuf>,
}

impl Http {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let (listen, listen_also) = section.parsed("listen", addresses).unwrap_or((LISTEN, None));
        let read = Self {
            listen,
            listen_also,
            public_url: section.parsed("public_url", public_url),
            trusted_proxies: section.list("trusted_proxies", network).unwrap_or_default(),
            site: section.parsed("site", folder),
        };
        section.close();
        read
    }
}

fn addresses(text: &str) -> Result<(SocketAddr, Option<SocketAddr>), Refusal> {
    let port = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    match port {
        Some(port) => Ok((
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            Some(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)),
        )),
        None => address(text).map(|address| (address, None)),
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| "is not an address; write IP:port, e.g. 127.0.0.1:8080".to_owned())
}

fn public_url(text: &str) -> Result<Url, Refusal> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| "is not a web address; write e.g. https://chat.example.com".to_owned())
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse()).map_err(|_| {
        "is not a network; write an address or ADDRESS/BITS, e.g. 10.0.0.0/8".to_owned()
    })
}

fn folder(text: &str) -> Result<PathBuf, Refusal> {
    if text.is_empty() {
        Err("is empty; name a folder or remove the key".to_owned())
    } else {
        Ok(text.into())
    }
}
