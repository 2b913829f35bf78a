//! A gateway of a test's own: its own link, tenant and database, in this process.
#![allow(dead_code, reason = "each test needs some of it")]

use std::net::SocketAddr;
use std::path::PathBuf;

use couplet::app::App;
use couplet::chat::ids::{AgentJid, LinkDomain, QueueKey, TenantKey};
use couplet::chat::model::{AgentSettings, QueueSettings, Role, Strategy};
use couplet::config::Config;
use couplet::ports::store::{Directory as _, Tenant};
use couplet::store::SqlStore;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::agent::Agent;
use super::customer::Customer;
use super::db::{Backend, Db};
use super::domain::{Domain, domain};
use super::servers::{Xmpp, servers};

/// What a gateway stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// SQLite and the in-process cache.
    Embedded,
    /// MariaDB and Redis.
    Full,
}

/// The XMPP server, and whether it lets us write rosters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Prosody, with XEP-0356.
    Prosody,
    /// Prosody, as it comes.
    PlainProsody,
    /// ejabberd.
    Ejabberd,
}

impl Server {
    pub(crate) fn xmpp(self) -> Xmpp {
        match self {
            Self::Prosody | Self::PlainProsody => servers().prosody,
            Self::Ejabberd => servers().ejabberd,
        }
    }

    /// The kind of component domains, see `support::domain`.
    fn kind(self) -> &'static str {
        match self {
            Self::Prosody => "c",
            Self::PlainProsody | Self::Ejabberd => "u",
        }
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) server: Server,
    pub(crate) domain: String,
    _taken: Domain,
    pub(crate) address: SocketAddr,
    pub(crate) db: Db,
    pub(crate) config: PathBuf,
    _folder: TempDir,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

/// A further node.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Node {
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// The tenant of every gateway.
pub(crate) const TENANT: &str = "acme";

impl Gateway {
    /// Starts one; `more` is added to its configuration.
    pub(crate) async fn start(server: Server, ground: Ground, more: &str) -> Self {
        let xmpp = server.xmpp();
        let taken = domain(&xmpp, server.kind());
        let domain = taken.name.to_string();
        let db = Db::new(match ground {
            Ground::Embedded => Backend::Sqlite,
            Ground::Full => Backend::Mysql,
        })
        .await;
        let folder = TempDir::new().unwrap();
        let cache = match ground {
            Ground::Embedded => "memory://".to_owned(),
            Ground::Full => servers().redis.url,
        };
        let config = folder.path().join("couplet.toml");
        let text = format!(
            "{more}\n[database]\nurl = {:?}\n[cache]\nurl = {cache:?}\n\
             [[links]]\ndomain = {domain:?}\nserver = \"127.0.0.1:{}\"\nsecret = {:?}\n\
             agent_hosts = [{:?}]\n",
            db.url.expose_secret(),
            xmpp.component,
            xmpp.secret,
            xmpp.host,
        );
        std::fs::write(&config, text).unwrap();
        add_tenant(&db.store, TENANT, &domain).await;
        let (address, stop, running) = run(&config).await;
        Self { server, domain, _taken: taken, address, db, config, _folder: folder, stop, running }
    }

    /// A further tenant on the same link.
    pub(crate) async fn tenant(&self, key: &str) {
        add_tenant(&self.db.store, key, &self.domain).await;
    }

    /// An agent who is logged in and whom the desk knows to be available.
    pub(crate) async fn agent(&self, name: &str) -> Agent {
        let mut agent = self.absent_agent(name).await;
        agent.show("").await;
        self.until_available(&agent, name).await;
        agent
    }

    /// An agent with an account, logged in, but without presence.
    pub(crate) async fn absent_agent(&self, name: &str) -> Agent {
        self.absent_agent_of(TENANT, name, Role::Agent).await
    }

    pub(crate) async fn absent_agent_of(&self, tenant: &str, name: &str, role: Role) -> Agent {
        let xmpp = self.server.xmpp();
        let jid = self.jid(name);
        let agent = Agent::login(&xmpp, &jid).await;
        let settings = AgentSettings {
            jid: AgentJid::normalised(&jid),
            name: capital(name).as_str().into(),
            capacity: 4,
            role,
            queues: vec![QueueKey::default_queue()],
        };
        self.db.store.put_agent(&TenantKey::new(tenant).unwrap(), &settings).await.unwrap();
        agent
    }

    /// The account of an agent: of this gateway alone, whatever else runs at the same time.
    pub(crate) fn jid(&self, name: &str) -> String {
        let unique = self.domain.split('.').next().unwrap();
        format!("{name}-{unique}@{}", self.server.xmpp().host)
    }

    /// Waits until the desk says that the agent takes conversations, by asking the desk.
    pub(crate) async fn until_available(&self, agent: &Agent, name: &str) {
        let desk = format!("{TENANT}@{}", self.domain);
        let wanted = format!("{}: available", capital(name));
        loop {
            agent.send(&desk, "status").await;
            let answer = agent.message_or_error_from(&desk).await;
            if answer["body"].as_str().is_some_and(|body| body.contains(&wanted)) {
                return;
            }
        }
    }

    /// A customer at the widget's protocol.
    pub(crate) async fn customer(&self) -> Customer {
        Customer::arrive(self.address, TENANT).await
    }

    /// Another node of the same gateway: the same database, cache and link.
    pub(crate) async fn node(&self) -> Node {
        let (address, stop, running) = run(&self.config).await;
        Node { address, stop, running }
    }

    /// Stops the first node in order.
    pub(crate) async fn stop_first(&mut self) {
        self.halt().await;
        self.running = tokio::spawn(async { Ok(()) });
    }

    /// Stops it in order and starts it again, on the same database and link.
    pub(crate) async fn restart(&mut self) {
        self.halt().await;
        let (address, stop, running) = run(&self.config).await;
        (self.address, self.stop, self.running) = (address, stop, running);
    }

    async fn halt(&mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap().unwrap();
    }

    /// Stops it and takes its database away.
    pub(crate) async fn end(mut self) {
        self.halt().await;
        self.db.remove().await;
    }
}

async fn run(
    config: &std::path::Path,
) -> (SocketAddr, CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let _ = tracing_subscriber::fmt()
        .with_env_filter("info,couplet=debug")
        .with_test_writer()
        .try_init();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = App::new(Config::load(Some(config)).unwrap());
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let running = tokio::spawn(async move { app.run(listener, stopped).await });
    (address, stop, running)
}

async fn add_tenant(store: &SqlStore, key: &str, domain: &str) {
    let tenant = Tenant {
        key: TenantKey::new(key).unwrap(),
        name: capital(key).as_str().into(),
        link: LinkDomain::new(domain).unwrap(),
        origins: vec![format!("https://www.{key}.example")],
        origin_required: false,
        color: None,
        locale: None,
        identity_secret: Some("a secret of thirty-two characters".into()),
        idle_close_ms: 30 * 60_000,
    };
    store.add_tenant(&tenant).await.unwrap();
    let patient = QueueSettings {
        key: QueueKey::default_queue(),
        name: "Everyone".into(),
        strategy: Strategy::LeastLoaded,
        offer_ms: 30_000,
    };
    store.put_queue(&tenant.key, &patient).await.unwrap();
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
