//! `[admin]`: the listener for operators, supervisors and Prometheus.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use secrecy::{ExposeSecret, SecretString};

use super::http::address;
use super::section::{Refusal, Section};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
const TOKEN_CHARS: usize = 16;

#[derive(Debug, Clone)]
pub struct Admin {
    /// Addresses other than loopback require a token.
    pub listen: SocketAddr,
    /// The Bearer token; it grants all rights.
    pub token: Option<SecretString>,
}

impl Admin {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let tokenless = !section.has_secret("token");
        let read = Self {
            listen: section.parsed("listen", address).unwrap_or(LISTEN),
            token: section.secret("token", long_enough),
        };
        if tokenless && !read.listen.ip().is_loopback() {
            let what = format!(
                "is missing, while admin.listen = {:?} can be reached from other machines; \
                 write one of {TOKEN_CHARS} characters or more",
                read.listen.to_string()
            );
            section.refuse("token", what);
        }
        section.close();
        read
    }
}

fn long_enough(token: SecretString) -> Result<SecretString, Refusal> {
    if token.expose_secret().chars().count() >= TOKEN_CHARS {
        Ok(token)
    } else {
        Err(format!("is too short; write {TOKEN_CHARS} characters or more"))
    }
}
