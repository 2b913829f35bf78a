//! One hostile customer (or stranger) at full speed, next to ordinary ones, who must hardly notice.
//!
//! By hand, as measured for a release: `COUPLET_HOSTILE_CUSTOMERS=200 COUPLET_HOSTILE_SECONDS=30
//! cargo nextest run --release --test it -E 'test(hostile)' -j 1 --no-capture`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use couplet_kit::socket::{Message, Socket};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::customer::{Customer, PATIENCE};
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::process::Process;
use crate::support::seat::Seat;
use crate::support::upload;
use couplet_kit::process::Faulty as _;

/// The address of the hostile one. The ordinary ones each have an address of their own.
const HOSTILE: &str = "203.0.113.7";

/// What the attack leaves in the database.
const ROWS: &str = "SELECT COUNT(*) FROM log";

/// Delays that a busy machine causes now and then. An unoptimised build is ten times slower than
/// its attacker on the same two cores: there it only has to keep serving.
const NOISE: Duration =
    if cfg!(debug_assertions) { Duration::from_secs(3) } else { Duration::from_millis(250) };

/// How much the node may grow, in kB, including the buffers for a few thousand frames.
const GROWN_KB: u64 = 96 * 1024;

#[allow(clippy::disallowed_methods, reason = "set by those who run it by hand")]
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn span() -> Duration {
    Duration::from_secs(number("COUPLET_HOSTILE_SECONDS", 3))
}

/// A node in its own process, with ordinary customers.
struct Scene {
    plan: Plan,
    node: Process,
    ordinary: Vec<Customer>,
    said: u64,
}

impl Scene {
    async fn new() -> Self {
        let more = "[http]\ntrusted_proxies = [\"127.0.0.1/32\"]\n";
        let plan = Gateway::plan(Server::Prosody, Ground::Full, more).await;
        let node = Process::start(&plan.config).await;
        let mut ordinary = Vec::new();
        for number in 0..number("COUPLET_HOSTILE_CUSTOMERS", 12) {
            let from = format!("198.51.{}.{}", 100 + number / 200, number % 200 + 1);
            let mut customer = Customer::arrive_from(node.address, TENANT, &from).await;
            customer.acked("first", "Good morning").await;
            ordinary.push(customer);
        }
        let said = ordinary.len() as u64;
        Self { plan, node, ordinary, said }
    }

    /// The ordinary customers send a message twice a second; returns the 99th percentile of their
    /// waits.
    async fn talk(&mut self) -> Duration {
        let until = Instant::now() + span();
        let round = self.said;
        let mut talking = JoinSet::new();
        for (place, mut customer) in self.ordinary.drain(..).enumerate() {
            talking.spawn(async move {
                // Not all at the same moment.
                sleep(Duration::from_millis(37 * place as u64 % 500)).await;
                let mut waited = Vec::new();
                while Instant::now() < until {
                    let (id, begun) = (format!("t{round}-{}", waited.len()), Instant::now());
                    customer.acked(&id, "An ordinary question").await;
                    waited.push(begun.elapsed());
                    sleep(Duration::from_millis(500)).await; // people do not type faster
                }
                (customer, waited)
            });
        }
        let mut waited = Vec::new();
        while let Some(done) = talking.join_next().await {
            let (customer, each) = done.expect("an ordinary customer gets each ack");
            self.ordinary.push(customer);
            waited.extend(each);
        }
        self.said += waited.len() as u64;
        waited.sort_unstable();
        waited[(waited.len() - 1) * 99 / 100]
    }

    fn resident_kb(&self) -> u64 {
        let status = format!("/proc/{}/status", self.node.pid().unwrap());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Calm, then under attack: what the ordinary customers notice, and what remains.
    async fn compare(
        mut self,
        name: &str,
        most_rows_a_second: u64,
        hostile: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let calm = self.talk().await;
        let (before, said, memory) =
            (self.plan.db.count(ROWS).await, self.said, self.resident_kb());
        let hostile = tokio::spawn(hostile);
        let p99 = self.talk().await;
        assert!(!hostile.is_finished(), "{name} went on all the time");
        hostile.abort();
        let rows = u64::try_from(self.plan.db.count(ROWS).await - before).unwrap();
        let rows = rows.saturating_sub(self.said - said);
        let grown = self.resident_kb().saturating_sub(memory);
        eprintln!("{name}: calm {calm:?}, hostile {p99:?}, {rows} rows, {grown} kB more");
        assert!(p99 <= (calm * 2).max(NOISE), "{name}: {calm:?} became {p99:?}");
        // The allowed burst, and the allowed rate during the attack.
        let most = most_rows_a_second * (span().as_secs() + 5);
        assert!(rows <= most, "{name} left {rows} rows, more than {most}");
        assert!(grown <= GROWN_KB, "{name} left {grown} kB");
        self
    }

    async fn end(mut self) {
        self.node.stop().await;
        self.plan.db.remove().await;
    }
}

/// A socket that is reopened whenever it is closed, and that sends frames as fast as the gateway
/// reads them. It keeps its session.
async fn flood(address: SocketAddr, mut token: Option<String>, frame: impl Fn(u64) -> String) {
    let mut sent = 0;
    loop {
        let Ok(socket) = Socket::open(address, TENANT, &[("X-Forwarded-For", HOSTILE)]).await
        else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (mut write, mut read) = socket.0.split();
        let hello = json!({"type": "hello", "session": token}).to_string();
        if write.send(Message::text(hello)).await.is_err() {
            continue;
        }
        let Some(Ok(Message::Text(welcome))) = read.next().await else { continue };
        let welcome: Value = serde_json::from_str(&welcome).unwrap();
        if let Some(fresh) = welcome["session"]["token"].as_str() {
            token = Some(fresh.to_owned());
        }
        let reading = tokio::spawn(async move { while let Some(Ok(_)) = read.next().await {} });
        while write.send(Message::text(frame(sent))).await.is_ok() {
            sent += 1;
        }
        reading.abort();
    }
}

/// A session with `messages` sent, whose conversation is over if `ended`.
async fn with_a_past(scene: &Scene, messages: u64, ended: bool) -> String {
    let mut customer = Customer::arrive_from(scene.node.address, TENANT, HOSTILE).await;
    for number in 0..messages {
        customer.insisted(&format!("p{number}"), &"Long words. ".repeat(600)).await;
    }
    if ended {
        customer.insists(json!({"type": "end", "id": "end"})).await;
    }
    customer.token()
}

#[tokio::test(flavor = "multi_thread")]
async fn starts() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let token = with_a_past(&scene, 1, false).await;
    let hostile = flood(address, Some(token), |n| {
        let answers: serde_json::Map<_, _> = (0..20)
            .map(|field| (format!("f{field}"), format!("{n}{}", "x".repeat(900)).into()))
            .collect();
        json!({"type": "start", "id": format!("s{n}"), "answers": answers}).to_string()
    });
    scene.compare("starts", 10, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_missing_messages() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let token = with_a_past(&scene, 10, false).await;
    let hostile = flood(address, Some(token), |n| {
        json!({"type": "edit", "id": format!("e{n}"), "target": format!("no{n}"), "text": "x"})
            .to_string()
    });
    scene.compare("edits", 1, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sockets() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let hostile = async move {
        let mut sockets = JoinSet::new();
        for socket in 0..100 {
            sockets.spawn(flood(address, None, move |n| {
                json!({"type": "message", "id": format!("m{socket}-{n}"), "text": "Flood"})
                    .to_string()
            }));
        }
        while sockets.join_next().await.is_some() {}
    };
    // The limit per address; each conversation and session has rows of its own.
    scene.compare("many sockets", 60, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let token = with_a_past(&scene, 20, false).await;
    let hostile = flood(address, Some(token), |n| {
        json!({"type": "history", "id": format!("h{n}"), "limit": 100}).to_string()
    });
    scene.compare("history", 1, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hellos() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let token = with_a_past(&scene, 20, false).await;
    let hostile = async move {
        let mut sockets = JoinSet::new();
        for _ in 0..20 {
            let token = token.clone();
            // Ten bad frames close the socket, and it says hello again; nothing that arrives is
            // read.
            sockets.spawn(flood(address, Some(token), |_| "nonsense".to_owned()));
        }
        while sockets.join_next().await.is_some() {}
    };
    scene.compare("hellos", 1, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ratings() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let token = with_a_past(&scene, 1, true).await;
    let hostile = flood(address, Some(token), |n| {
        json!({"type": "rate", "id": format!("r{n}"), "score": n % 5 + 1}).to_string()
    });
    scene.compare("ratings", 1, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_do_not_exist() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let hostile = async move {
        let client = upload::client();
        for number in 0_u64.. {
            let url = format!("http://{address}/v1/none{number}/config");
            let asked = client.get(url).header("X-Forwarded-For", HOSTILE).send().await;
            assert!([404, 429].contains(&asked.unwrap().status().as_u16()));
        }
    };
    scene.compare("unknown tenants", 1, hostile).await.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads() {
    let scene = Scene::new().await;
    let address = scene.node.address;
    let token = with_a_past(&scene, 1, false).await;
    let hostile = async move {
        let mut slow = JoinSet::new();
        for _ in 0..40 {
            slow.spawn(slow_upload(address, token.clone()));
        }
        while slow.join_next().await.is_some() {}
    };
    let scene = scene.compare("slow uploads", 1, hostile).await;
    // Meanwhile others upload files.
    let token = with_a_past(&scene, 0, false).await;
    let mut slow = JoinSet::new();
    for _ in 0..40 {
        slow.spawn(slow_upload(address, token.clone()));
    }
    let other = Customer::arrive(address, TENANT).await;
    let sending = upload::picture(address, &other, "photo.png");
    timeout(PATIENCE, sending).await.expect("the slow uploads block nobody");
    drop(slow);
    scene.end().await;
}

/// Uploads a file byte by byte, and again when the gateway closes the connection.
async fn slow_upload(address: SocketAddr, token: String) {
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        let head = format!(
            "POST /v1/{TENANT}/files HTTP/1.1\r\nHost: {address}\r\nX-Forwarded-For: {HOSTILE}\r\n\
             Authorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary=b\r\n\
             Content-Length: 1000000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"x.png\"\r\n\r\n"
        );
        if stream.write_all(head.as_bytes()).await.is_err() {
            continue;
        }
        let mut buffer = [0; 512];
        loop {
            tokio::select! {
                read = stream.read(&mut buffer) => if !matches!(read, Ok(1..)) { break },
                () = sleep(Duration::from_millis(200)) => {
                    if stream.write_all(b"x").await.is_err() { break }
                }
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers() {
    let scene = Scene::new().await;
    let mut stranger = scene.plan.stranger("mallory").await;
    let chat = format!("abcdefghij@{}", scene.plan.domain);
    let mut alice: Seat = scene.plan.seat("alice").await;
    let hostile = async move {
        let body = "I am a stranger. ".repeat(40);
        for number in 0_u64.. {
            let head = format!("type='chat' id='m{number}' to='{chat}'");
            stranger.write(&format!("<message {head}><body>{body}</body></message>")).await;
        }
    };
    let mut scene = scene.compare("strangers", 1, hostile).await;
    // Agents keep receiving what is theirs.
    let mut customer = scene.ordinary.pop().unwrap();
    customer.acked("last", "Is anybody there?").await;
    alice.hears_of("An ordinary question").await;
    scene.end().await;
}
