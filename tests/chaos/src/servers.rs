//! The servers of a run: MariaDB, Redis, and Prosody or ejabberd, private ones that may be killed.

use std::path::Path;

use couplet_kit::servers::OwnServer;
use tokio::sync::Mutex;

/// The component domain, privileged on both XMPP servers.
pub(crate) const DOMAIN: &str = "c000.localhost";
/// The host of the agents' accounts.
pub(crate) const HOST: &str = "localhost";

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) own: OwnServer,
    /// Locked by a fault until it is repaired.
    pub(crate) hurt: Mutex<()>,
}

impl Server {
    /// Starts one with a state of its own under `run`.
    async fn start(name: &'static str, run: &Path) -> anyhow::Result<Self> {
        let own = OwnServer::start_in(&run.join(name), name, &[]).await?;
        Ok(Self { own, hurt: Mutex::default() })
    }
}

#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) database: Server,
    pub(crate) redis: Server,
    pub(crate) xmpp: Server,
}

impl Servers {
    pub(crate) async fn start(xmpp: &'static str, run: &Path) -> anyhow::Result<Self> {
        let (database, redis, xmpp) = tokio::try_join!(
            Server::start("mariadb", run),
            Server::start("redis", run),
            Server::start(xmpp, run)
        )?;
        Ok(Self { database, redis, xmpp })
    }

    pub(crate) fn database_url(&self) -> String {
        database_url(self.database.own.port())
    }
}

/// The database's URL through this port.
pub(crate) fn database_url(port: u16) -> String {
    format!("mysql://root@127.0.0.1:{port}/couplet")
}
