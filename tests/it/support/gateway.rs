//! A gateway for each test, with its own link, tenant and database, in this process.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use couplet::app::App;
use couplet::chat::ids::{AgentJid, LinkDomain, QueueKey, TenantKey};
use couplet::chat::settings::{AgentSettings, QueueSettings, Role, Strategy};
use couplet::config::Config;
use couplet::ports::directory::{Directory as _, Tenant};
use couplet::store::SqlStore;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::agent::Agent;
use super::customer::{Customer, PATIENCE};
use super::db::{Backend, Db};
use super::domain::{Domain, domain};
use super::fault::Way;
use super::seat::Seat;
pub(crate) use couplet_kit::gateway::TENANT;
use couplet_kit::gateway::configuration;
use couplet_kit::servers::{Xmpp, servers};

/// The backends of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    Embedded,
    Full,
}

/// The XMPP server, and whether it lets us write rosters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Prosody, with XEP-0356.
    Prosody,
    /// Prosody, by default.
    PlainProsody,
    Ejabberd,
}

impl Server {
    pub(crate) fn xmpp(self) -> Xmpp {
        match self {
            Self::Prosody | Self::PlainProsody => servers().prosody,
            Self::Ejabberd => servers().ejabberd,
        }
    }

    /// The kind of component domain, see `support::domain`.
    fn kind(self) -> &'static str {
        match self {
            Self::Prosody => "c",
            Self::PlainProsody | Self::Ejabberd => "u",
        }
    }
}

/// The backends of a gateway before it runs: agents created now are known from its start, and tests
/// need not wait until changed settings are picked up.
pub(crate) struct Plan {
    pub(crate) xmpp: Xmpp,
    pub(crate) domain: String,
    taken: Domain,
    pub(crate) db: Db,
    pub(crate) config: PathBuf,
    folder: TempDir,
}

pub(crate) struct Gateway {
    xmpp: Xmpp,
    pub(crate) domain: String,
    _taken: Domain,
    pub(crate) address: SocketAddr,
    pub(crate) db: Db,
    pub(crate) config: PathBuf,
    _folder: TempDir,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

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

/// The secret of the tenants' identity tokens.
pub(crate) const IDENTITY_SECRET: &str = "a secret of thirty-two characters";

impl Plan {
    /// Prepares a gateway on this server, on a domain of this kind.
    pub(crate) async fn on(xmpp: Xmpp, kind: &str, ground: Ground, more: &str) -> Self {
        let taken = domain(&xmpp, kind);
        let domain = taken.name.to_string();
        let db = Db::new(match ground {
            Ground::Embedded => Backend::Sqlite,
            Ground::Full => Backend::Mysql,
        })
        .await;
        let cache = match ground {
            Ground::Embedded => "memory://".to_owned(),
            Ground::Full => servers().redis.url,
        };
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("couplet.toml");
        let plan = Self { xmpp, domain, taken, db, config, folder };
        let url = plan.db.url.expose_secret().to_owned();
        plan.configure(&url, &cache, more);
        add_tenant(&plan.db.store, TENANT, &plan.domain).await;
        plan
    }

    pub(crate) fn taken_name(&self) -> LinkDomain {
        self.taken.name.clone()
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(self.db.url.expose_secret()).unwrap()
    }

    /// Puts a proxy between the gateway and its database, closed at first.
    pub(crate) fn way_to_database(&self, cache: &str, more: &str) -> Way {
        let mut url = self.url();
        let way = Way::to(url.port().unwrap());
        url.set_port(Some(way.address.port())).unwrap();
        self.configure(url.as_str(), cache, more);
        way
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// Rewrites the configuration.
    pub(crate) fn configure(&self, database: &str, cache: &str, more: &str) {
        let text = format!(
            "{more}\n{}upload_hosts = [\"http://localhost:{}\"]\n[files]\nurl = \"file:{}\"\n",
            configuration(database, cache, &self.domain, &self.xmpp),
            self.xmpp.http,
            self.files().display(),
        );
        std::fs::write(&self.config, text).unwrap();
    }

    /// The localpart of an agent's account, unique to this gateway.
    pub(crate) fn account(&self, name: &str) -> String {
        account(&self.domain, name)
    }

    /// An available agent with a minimal client.
    pub(crate) async fn seat(&self, name: &str) -> Seat {
        self.seat_of(TENANT, name, |_| {}).await
    }

    /// The same, of a given tenant and with given settings.
    pub(crate) async fn seat_of(
        &self,
        tenant: &str,
        name: &str,
        set: impl FnOnce(&mut AgentSettings),
    ) -> Seat {
        let mut seat = Seat::login(&self.xmpp, &self.account(name)).await;
        let mut settings = settings(&seat.jid, name, Role::Agent);
        set(&mut settings);
        self.db.store.put_agent(&TenantKey::new(tenant).unwrap(), &settings).await.unwrap();
        seat.show("").await;
        seat
    }

    /// Makes an account an agent, whether it exists or not.
    pub(crate) async fn employ(&self, jid: &str, name: &str) {
        let settings = settings(jid, name, Role::Agent);
        self.db.store.put_agent(&TenantKey::new(TENANT).unwrap(), &settings).await.unwrap();
    }

    /// The same, with a capacity.
    pub(crate) async fn hire(&self, jid: &str, capacity: u32) {
        let settings = AgentSettings { capacity, ..settings(jid, "clerk", Role::Agent) };
        self.db.store.put_agent(&TenantKey::new(TENANT).unwrap(), &settings).await.unwrap();
    }

    /// An available account of the server that is no agent.
    pub(crate) async fn stranger(&self, name: &str) -> Seat {
        let mut seat = Seat::login(&self.xmpp, &self.account(name)).await;
        seat.show("").await;
        seat
    }

    /// Another tenant on the same link.
    pub(crate) async fn tenant(&self, key: &str, set: impl FnOnce(&mut Tenant)) {
        let mut tenant = tenant(key, &self.domain);
        set(&mut tenant);
        self.db.store.add_tenant(&tenant).await.unwrap();
    }

    /// Rewrites the queue `default`.
    pub(crate) async fn queue(&self, strategy: Strategy, offer_ms: i64) {
        let key = TenantKey::new(TENANT).unwrap();
        self.db.store.put_queue(&key, &queue(strategy, offer_ms)).await.unwrap();
    }

    /// Starts the gateway, and waits until it is ready.
    pub(crate) async fn open(self) -> Gateway {
        let gateway = self.launch().await;
        gateway.until_ready(true).await;
        gateway
    }

    /// Starts the gateway without waiting, whatever is unreachable.
    pub(crate) async fn launch(self) -> Gateway {
        let Self { xmpp, domain, taken, db, config, folder } = self;
        let (address, stop, running) = run(&config).await;
        Gateway { xmpp, domain, _taken: taken, address, db, config, _folder: folder, stop, running }
    }
}

impl Gateway {
    /// Starts a gateway; `more` is appended to its configuration.
    pub(crate) async fn start(server: Server, ground: Ground, more: &str) -> Self {
        Self::plan(server, ground, more).await.open().await
    }

    /// Prepares a gateway.
    pub(crate) async fn plan(server: Server, ground: Ground, more: &str) -> Plan {
        Plan::on(server.xmpp(), server.kind(), ground, more).await
    }

    /// Another tenant on the same link.
    pub(crate) async fn tenant(&self, key: &str) {
        add_tenant(&self.db.store, key, &self.domain).await;
    }

    /// A logged-in agent whom the desk knows to be available.
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
        let jid = self.jid(name);
        let agent = Agent::login(&self.xmpp, &jid).await;
        let settings = settings(&jid, name, role);
        self.db.store.put_agent(&TenantKey::new(tenant).unwrap(), &settings).await.unwrap();
        agent
    }

    /// The account of an agent, unique to this gateway.
    pub(crate) fn jid(&self, name: &str) -> String {
        format!("{}@{}", account(&self.domain, name), self.xmpp.host)
    }

    /// Asks the desk until it reports the agent as available.
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

    /// The same, with its own proxy to the cache, open.
    pub(crate) async fn node_with_its_way(&self) -> (Node, Way) {
        let config = std::fs::read_to_string(&self.config).unwrap();
        let theirs = Url::parse(&servers().redis.url).unwrap();
        let mut way = Way::to(theirs.port().unwrap());
        way.open();
        let mut ours = theirs.clone();
        ours.set_port(Some(way.address.port())).unwrap();
        let path = self.config.with_file_name("other.toml");
        std::fs::write(&path, config.replace(theirs.as_str(), ours.as_str())).unwrap();
        let (address, stop, running) = run(&path).await;
        (Node { address, stop, running }, way)
    }

    /// Stops the first node in order.
    pub(crate) async fn stop_first(&mut self) {
        self.halt().await;
        self.running = tokio::spawn(async { Ok(()) });
    }

    pub(crate) fn desk(&self) -> String {
        format!("{TENANT}@{}", self.domain)
    }

    /// Asks the desk until its status contains this.
    pub(crate) async fn until_status(&self, seat: &mut Seat, wanted: &str) {
        let desk = self.desk();
        loop {
            seat.say(&desk, "status").await;
            if seat.answer_from(&desk).await.contains(wanted) {
                return;
            }
            // Faster requests are treated as a flood and get errors.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A request to the public listener.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("http://{}{path}", self.address)).await.unwrap()
    }

    /// Waits until the node reports that it is ready, or that it is not; returns the report on its
    /// parts.
    pub(crate) async fn until_ready(&self, ready: bool) -> Value {
        self.until_parts(|answer| answer["ready"] == ready).await
    }

    /// Waits until one of its parts works, or does not; returns the report.
    pub(crate) async fn until_part(&self, part: &str, works: bool) -> Value {
        self.until_parts(|answer| answer["parts"][part] == works).await
    }

    /// Waits until the report on its parts matches.
    pub(crate) async fn until_parts(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            loop {
                pace.tick().await;
                let response = self.get("/readyz").await;
                let status = response.status().as_u16();
                let answer: Value = response.json().await.unwrap();
                assert_eq!(status, if answer["ready"] == true { 200 } else { 503 });
                if wanted(&answer) {
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("its readiness changes in time")
    }

    /// Stops it in order and restarts it on the same database and link.
    pub(crate) async fn restart(&mut self) {
        self.halt().await;
        let (address, stop, running) = run(&self.config).await;
        (self.address, self.stop, self.running) = (address, stop, running);
        self.until_ready(true).await;
    }

    async fn halt(&mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap().unwrap();
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.config.with_file_name("files")
    }

    /// Stops it and drops its database.
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
    let tenant = tenant(key, domain);
    store.add_tenant(&tenant).await.unwrap();
    store.put_queue(&tenant.key, &queue(Strategy::LeastLoaded, 30_000)).await.unwrap();
}

fn tenant(key: &str, domain: &str) -> Tenant {
    let link = LinkDomain::new(domain).unwrap();
    let mut tenant = Tenant::new(TenantKey::new(key).unwrap(), &capital(key), link);
    tenant.identity_secret = Some(IDENTITY_SECRET.into());
    tenant.settings.origins = vec![format!("https://www.{key}.example")];
    tenant
}

fn queue(strategy: Strategy, offer_ms: i64) -> QueueSettings {
    QueueSettings { key: QueueKey::default_queue(), name: "Everyone".into(), strategy, offer_ms }
}

fn settings(jid: &str, name: &str, role: Role) -> AgentSettings {
    AgentSettings {
        jid: AgentJid::normalised(jid),
        name: capital(name).as_str().into(),
        capacity: 4,
        role,
        queues: vec![QueueKey::default_queue()],
    }
}

fn account(domain: &str, name: &str) -> String {
    format!("{name}-{}", domain.split('.').next().unwrap())
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
