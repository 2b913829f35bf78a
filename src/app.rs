//! The composition root: the only file that names adapters.
//!
//! Invariant: the gateway starts even while the database, the cache or the XMPP server is
//! unreachable, and logs it. What can never work (a port in use, an invalid database URL) aborts
//! the start.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use futures_util::future::OptionFuture;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bridge::agent_command;
use crate::chat::desk::DeskLimits;
use crate::chat::ids::Timestamp;
use crate::cli::{Backends, Failure};
use crate::config::{Config, Link, Storage};
use crate::files::{At, HttpFetcher, S3, StoredFiles, Upload, UploadHosts};
use crate::ports::cache::Cache;
use crate::ports::store::Store;
use crate::ports::world::World;
use crate::runtime::admission::{Admission, Limits};
use crate::runtime::files::{FileParts, FileQuotas, FileRules, Files};
use crate::runtime::status::Status;
use crate::runtime::{Node, Parts};
use crate::store::{Options, SqlStore};
use crate::web::admin::{self, Admin};
use crate::web::{Listening, Readiness, Ready, Web};
use crate::websocket::Sockets;
use crate::world::SystemWorld;
use crate::xmpp::LinkSettings;
use crate::{cache, web, xmpp};

/// How long customers' sockets have to close at shutdown.
const SOCKETS_GRACE: Duration = Duration::from_secs(3);

/// How long the database connections have to close at shutdown.
const CLOSING: Duration = Duration::from_secs(2);
const MEGABYTE: u64 = 1024 * 1024;

/// The real backends, as configured.
#[derive(Debug)]
pub struct App {
    config: Config,
}

impl App {
    /// Opens no connection yet.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Runs the gateway until `stop`.
    ///
    /// # Errors
    /// If the listener's address cannot be read, or an address in the configuration is invalid.
    pub async fn run(&self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        self.run_at(listener, None, stop).await
    }

    /// Like [`App::run`], with an optional second listener (see `http.listen_also`).
    async fn run_at(
        &self,
        listener: TcpListener,
        second: Option<TcpListener>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let config = &self.config;
        let store = Arc::new(SqlStore::open(&config.database.url, Options::default())?);
        let (cache, bus) = cache::connect(&config.cache.url)?;
        let world: Arc<dyn World> = Arc::new(SystemWorld);
        let admission = Admission::new(self.limits());
        tokio::spawn(admission.clone().keep_small());

        let links = TaskTracker::new();
        let cut = CancellationToken::new();
        let files = Files::new(self.file_parts(store.clone(), world.clone())?);
        tokio::spawn(files.clone().keep_tidy(stop.clone()));
        let site = self.site(&listener)?;
        let supervise = |link: &Link| {
            xmpp::spawn(link_settings(link, &site), world.clone(), &links, cut.clone())
        };
        let node = Node::start(Parts {
            store: store.clone(),
            cache,
            bus,
            world: world.clone(),
            admission: admission.clone(),
            files: files.clone(),
            desk: self.desk_limits(),
            outbound_frames: config.limits.outbound_frames as usize,
            links: config.links.iter().map(supervise).collect(),
        });
        let sockets = Sockets::default();
        let routes = web::routes(Web {
            backend: node.edge().clone(),
            admission,
            readiness: readiness(node.status().clone()),
            trusted_proxies: config.http.trusted_proxies.clone(),
            site: config.http.site.clone(),
            sockets: sockets.clone(),
            files: Some(files),
        });
        let operators = self.admin_listener()?;
        let admin = operators.map(|(listener, token)| {
            let routes = admin::routes(Admin { token, status: node.status().clone() });
            web::serve(listener, routes, Listening::default(), stop.clone().cancelled_owned())
        });
        tracing::info!(address = %listener.local_addr()?, "serving customers");
        // The listeners, the customers' sockets and the links shut down concurrently: a slow one
        // does not hold up the others.
        let listening = self.listening();
        let serve = |listener| {
            let stopped = stop.clone().cancelled_owned();
            web::serve(listener, routes.clone(), listening.clone(), stopped)
        };
        let serving = async {
            tokio::join!(serve(listener), OptionFuture::from(second.map(serve)));
        };
        let dismissing = async {
            node.dismiss().await;
            if !sockets.drain(SOCKETS_GRACE).await {
                tracing::warn!(left = sockets.open(), "some sockets did not close in time");
            }
        };
        let giving_up = async {
            stop.cancelled().await;
            tracing::info!(sockets = sockets.open(), "stopping");
            node.stop().await;
            cut.cancel();
            links.close();
            links.wait().await;
        };
        tokio::join!(serving, OptionFuture::from(admin), dismissing, giving_up);
        if timeout(CLOSING, store.close()).await.is_err() {
            tracing::warn!("timed out closing the database connections");
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// The operators' listener; none without a token for it.
    fn admin_listener(&self) -> anyhow::Result<Option<(TcpListener, SecretString)>> {
        let admin = &self.config.admin;
        let Some(token) = admin.token.clone() else {
            tracing::info!("no admin.token configured: /metrics is not served");
            return Ok(None);
        };
        let address = admin.listen;
        let listener = web::listen(address).with_context(|| {
            format!(
                "admin.listen = \"{address}\" cannot be listened on; stop the process that uses it, or choose another port"
            )
        })?;
        tracing::info!(address = %listener.local_addr()?, "serving operators");
        Ok(Some((listener, token)))
    }

    /// A secret that all nodes share: that of the link whose domain sorts first, however the
    /// settings order them.
    fn shared_secret(&self) -> SecretString {
        let first = self.config.links.iter().min_by_key(|link| link.domain.as_str());
        first.map_or_else(SecretString::default, |link| link.secret.clone())
    }

    fn file_parts(
        &self,
        store: Arc<dyn Store>,
        world: Arc<dyn World>,
    ) -> anyhow::Result<FileParts> {
        let (limits, files) = (&self.config.limits, &self.config.files);
        Ok(FileParts {
            store,
            storage: Arc::new(self.storage()),
            fetcher: Arc::new(self.fetcher()?),
            world,
            rules: FileRules::usual(u64::from(limits.file_megabytes) * MEGABYTE),
            quotas: FileQuotas {
                of_customer: u64::from(files.megabytes_per_customer_per_day) * MEGABYTE,
                of_tenant: u64::from(files.megabytes_per_tenant_per_day) * MEGABYTE,
            },
            secret: self.shared_secret(),
        })
    }

    /// The address of this gateway, as agents' clients reach it.
    fn site(&self, listener: &TcpListener) -> std::io::Result<String> {
        Ok(match &self.config.http.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", listener.local_addr()?),
        })
    }

    fn desk_limits(&self) -> DeskLimits {
        DeskLimits {
            waiting: self.config.limits.queue_length as usize,
            rows: self.config.limits.conversation_rows.into(),
            reads: agent_command::step,
        }
    }

    fn listening(&self) -> Listening {
        let config = &self.config;
        Listening {
            per_address: config.limits.sockets_per_address,
            proxies: config.http.trusted_proxies.clone(),
            prefix: prefix(config.http.public_url.as_ref()),
            ..Listening::default()
        }
    }

    fn storage(&self) -> StoredFiles {
        crate::files::open(match self.config.files.storage.clone() {
            Storage::Folder(folder) => At::Folder(folder),
            Storage::S3 { bucket, prefix, endpoint, region, key } => {
                let endpoint = endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned());
                At::Bucket(S3 { bucket, prefix, endpoint, region, key })
            }
        })
    }

    fn fetcher(&self) -> anyhow::Result<HttpFetcher> {
        let hosts = |link: &Link| {
            let named = link.upload_hosts.iter().cloned();
            let named = named.map(|place| Upload {
                scheme: place.scheme,
                host: place.host,
                port: place.port,
                path: place.path,
            });
            (
                link.domain.clone(),
                UploadHosts { named: named.collect(), domains: link.agent_hosts.clone() },
            )
        };
        let links = self.config.links.iter().map(hosts).collect();
        HttpFetcher::new(links).context("cannot set up the HTTP client for agents' files")
    }

    fn limits(&self) -> Limits {
        let limits = &self.config.limits;
        Limits {
            messages_per_second: limits.messages_per_second,
            message_burst: limits.message_burst,
            messages_per_second_per_address: limits.messages_per_second_per_address,
            kilobytes_per_second: limits.kilobytes_per_second,
            kilobytes_per_second_per_address: limits.kilobytes_per_second_per_address,
            reads_per_minute: limits.reads_per_minute,
            reads_per_minute_per_address: limits.reads_per_minute_per_address,
            sockets_per_address: limits.sockets_per_address,
            sessions_per_minute_per_address: limits.sessions_per_minute_per_address,
            conversations_per_hour_per_address: limits.conversations_per_hour_per_address,
            files_per_minute_per_address: limits.files_per_minute_per_address,
        }
    }

    async fn serve_until_signal(&self) -> anyhow::Result<()> {
        if let Some(site) = self.config.http.site.as_ref().filter(|site| !site.is_dir()) {
            anyhow::bail!(
                "http.site = {site:?} is not a folder on this machine; create it, or remove the key"
            );
        }
        let address = self.config.http.listen;
        let listener = web::listen(address).with_context(|| {
            format!(
                "http.listen = \"{address}\" cannot be listened on; stop the process that uses it, or choose another port"
            )
        })?;
        let second = self.config.http.listen_also.and_then(|address| {
            let listener = web::listen(address);
            // A machine without IPv6 works just as well.
            listener
                .inspect_err(
                    |error| tracing::info!(%address, %error, "not listening on the second address"),
                )
                .ok()
        });
        let stop = CancellationToken::new();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut asked = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let running = self.run_at(listener, second, stop.clone());
        tokio::select! {
            ended = running => ended,
            () = async { asked().await; stop.cancel(); asked().await } => {
                anyhow::bail!("second signal: exiting at once; the leases expire on their own")
            }
        }
    }
}

fn link_settings(link: &Link, site: &str) -> LinkSettings {
    LinkSettings {
        domain: link.domain.clone(),
        server: link.server.clone(),
        secret: link.secret.clone(),
        agent_hosts: link.agent_hosts.clone(),
        site: site.to_owned(),
    }
}

/// Ready if the database responds and every link is connected, on this node or another one. An
/// unreachable cache is reported but does not make the node unready.
fn readiness(status: Arc<Status>) -> Readiness {
    Readiness::new(move || {
        let parts: Vec<(String, bool)> =
            status.parts().into_iter().map(|(name, trouble)| (name, trouble.is_none())).collect();
        Ready { ready: status.is_ready(), parts }
    })
}

#[async_trait]
impl Backends for App {
    async fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        Ok(Arc::new(SqlStore::connect(&self.config.database.url, Options::default()).await?))
    }

    async fn cache(&self) -> Result<Arc<dyn Cache>, Failure> {
        Ok(cache::connect(&self.config.cache.url)?.0)
    }

    async fn files(&self) -> Result<(), Failure> {
        Ok(self.storage().check().await?)
    }

    async fn migrate(&self) -> Result<(), Failure> {
        let store = SqlStore::connect(&self.config.database.url, Options::default()).await?;
        Ok(store.migrate().await?)
    }

    fn now(&self) -> Timestamp {
        SystemWorld.now()
    }

    async fn probe(&self, link: &Link) -> Result<(), Failure> {
        Ok(xmpp::probe(&link.domain, &link.server, &link.secret).await?)
    }

    async fn serve(&self) -> Result<(), Failure> {
        Ok(self.serve_until_signal().await?)
    }
}

/// The path prefix of the gateway as browsers see it; empty if it is at the root.
fn prefix(public: Option<&url::Url>) -> String {
    public.map_or_else(String::new, |url| url.path().trim_end_matches('/').to_owned())
}
