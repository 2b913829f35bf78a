//! The servers of this test run.
#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
pub struct Xmpp {
    /// Port where clients log in, on loopback.
    pub c2s: u16,
    /// Port where components connect.
    pub component: u16,
    /// Port of HTTP, with `/xmpp-websocket`.
    pub http: u16,
    /// The host of the agents' accounts.
    pub host: String,
    /// The secret of every component domain.
    pub secret: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Url {
    pub url: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Servers {
    /// Prosody: `c000.localhost`… are privileged (XEP-0356), `u000.localhost`… are not.
    pub prosody: Xmpp,
    /// ejabberd, with the same domains.
    pub ejabberd: Xmpp,
    /// MariaDB, as an administrator who may create databases.
    pub mysql: Url,
    pub redis: Url,
}

pub fn servers() -> Servers {
    let text = std::fs::read_to_string(file()).expect("servers.json can be read");
    serde_json::from_str(&text).expect("servers.json is as tests/servers.sh writes it")
}

#[allow(clippy::disallowed_methods, reason = "the test run passes the servers' addresses")]
fn file() -> PathBuf {
    let path = std::env::var("COUPLET_TEST_SERVERS").expect(
        "COUPLET_TEST_SERVERS names servers.json: run ./tests/run.sh, or tests/servers.sh start",
    );
    path.into()
}
