//! Opens the connections to the database.
//!
//! Invariant: a SQLite file has one connection that writes, so its writers queue fairly and never wait
//! for each other's locks; for another process's lock they do wait.

use std::sync::Arc;

use secrecy::SecretString;

use super::append;
use super::batcher::Batcher;
use super::error::seconds;
use super::lease;
use super::pool::{Pool, Reader};
use super::server::Server;
use super::session_insert::SessionInserts;
use super::session_lookup::{ByToken, OpenOf};
use super::sql_store::{Options, SqlStore};
use super::url::{OWNERS_SILENCE, SILENCE, Url};
use crate::ports::store_error::StoreError;

/// Connections of links' owners on MySQL, besides those for rows.
const OWNERS: u32 = 4;

/// Connections on MySQL for changes by customers and administrators.
const WRITERS: u32 = 4;

/// Connections to MySQL that may be opened at the same time, for each [`Pool`].
const OPENED: u32 = 8;

impl SqlStore {
    /// Connects to `mysql://user:password@host/database` or `sqlite://file?mode=rwc`. Fails at
    /// once, with the reason, if the database is unreachable; a database that becomes unreachable
    /// later is reconnected automatically.
    pub async fn connect(url: &SecretString, options: Options) -> Result<Self, StoreError> {
        let store = Self::open(url, options)?;
        tokio::time::timeout(options.patience, store.url.probe()).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
                "the server of [database] url did not respond within {}",
                seconds(options.patience)
            )))
        })?;
        Ok(store)
    }

    /// Like [`SqlStore::connect`] without connecting: while the database is unreachable, each call
    /// fails. Must be called within the runtime.
    pub fn open(url: &SecretString, options: Options) -> Result<Self, StoreError> {
        let url = Url::parse(url)?;
        let Options { connections, patience } = options;
        let server = Arc::new(Server::default());
        let pool = |connections, silence| url.pool(connections, patience, silence, &server);
        let (read, write, owner, moment, pool) = match &url {
            Url::MySql(_) => {
                // Pools of their own, which are always empty, so opening a connection never waits
                // for another one's work.
                let kept = |silence, most| Pool::of(&pool(OPENED, silence), silence, most, &server);
                let all = pool(WRITERS, SILENCE);
                let owner = pool(OWNERS, OWNERS_SILENCE);
                let read = kept(SILENCE, Some(connections));
                (read, all, owner.clone(), owner, kept(OWNERS_SILENCE, None))
            }
            Url::Sqlite(_) => {
                let writer = pool(1, SILENCE);
                let readers = pool(connections.min(4), SILENCE);
                let kept = |pool| Pool::of(pool, SILENCE, None, &server);
                let (read, pool) = (kept(&readers), kept(&writer));
                (read, writer.clone(), writer, readers, pool)
            }
        };
        let reader = |pool| Reader { pool, patience };
        let (read, pool) = (reader(Arc::new(read)), Arc::new(pool));
        let desk = match &url {
            Url::MySql(_) => reader(pool.clone()),
            Url::Sqlite(_) => read.clone(),
        };
        let backend = owner.get_database_backend();
        let newcomers = SessionInserts::new(pool.clone(), backend);
        Ok(Self {
            newcomers: Batcher::receive(newcomers, patience),
            by_token: Batcher::receive(ByToken(read.clone()), patience),
            open_of: Batcher::receive(OpenOf(read.clone()), patience),
            read,
            write,
            owner,
            pool,
            desk,
            moment,
            append: Arc::new(append::Statements::new(backend)),
            renewal: lease::renewal_text(backend).into(),
            links: Arc::default(),
            server,
            options,
            url,
        })
    }

    /// Closes all connections; later calls fail.
    pub async fn close(&self) {
        for connection in [&self.write, &self.owner, &self.moment] {
            // Closing twice is not an error; other errors do not matter any more.
            let _ = connection.close_by_ref().await;
        }
        for pool in [&self.pool, &self.read.pool] {
            pool.close().await;
        }
    }
}
