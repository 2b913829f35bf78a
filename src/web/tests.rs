//! The public listener over real connections, with a scripted backend.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;
use crate::ports::store_error::StoreError;
use crate::runtime::admission::{Admission, Limits};
use crate::runtime::edge::{ByeReason, Outbound};
use crate::websocket::Sockets;
use crate::websocket::test_backend::{Hand, Part, TestBackend};

const PAGE: &str = "https://www.acme.example";

struct Server {
    address: SocketAddr,
    hand: Hand,
    sockets: Sockets,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

struct Setting {
    part: Part,
    site: Option<PathBuf>,
    limits: Limits,
    ready: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self { part: Part::default(), site: None, limits: Limits::default(), ready: true }
    }
}

impl Server {
    async fn start(setting: Setting) -> Self {
        let (backend, hand) = TestBackend::new(setting.part);
        let ready = Ready {
            ready: setting.ready,
            parts: vec![("database".to_owned(), true), ("link".to_owned(), setting.ready)],
        };
        let sockets = Sockets::default();
        let web = Web {
            backend,
            admission: Admission::new(setting.limits),
            readiness: Readiness::new(move || ready.clone()),
            trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
            site: setting.site,
            sockets: sockets.clone(),
            files: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(listener, routes(web), Listening::default(), async {
            let _ = stopped.await;
        }));
        Self { address, hand, sockets, stop, served }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    async fn open(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<WebSocketStream<TcpStream>, Error> {
        let mut request = format!("ws://{}/v1/acme/ws", self.address).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await?;
        tokio_tungstenite::client_async(request, stream).await.map(|(socket, _)| socket)
    }
}

const OFFER: (&str, &str) = ("sec-websocket-protocol", "couplet.v1");

async fn hello(socket: &mut WebSocketStream<TcpStream>) -> Value {
    socket.send(Message::text(r#"{"type":"hello"}"#)).await.unwrap();
    frame(socket).await
}

async fn frame(socket: &mut WebSocketStream<TcpStream>) -> Value {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let status = response.status().as_u16();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["status"], status);
    assert!(document["title"].is_string() && document["detail"].is_string());
    document
}

#[tokio::test]
async fn health_and_readiness_are_told_apart() {
    let server = Server::start(Setting { ready: false, ..Setting::default() }).await;
    let alive = server.get("/healthz").await;
    assert_eq!(alive.status(), 200);
    assert_eq!(alive.headers()["cache-control"], "no-store");
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    let told: Value = ready.json().await.unwrap();
    assert_eq!(told, json!({"ready": false, "parts": {"database": true, "link": false}}));

    let server = Server::start(Setting::default()).await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    assert_eq!(server.ask(Method::HEAD, "/readyz", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_page_of_the_tenant_reads_the_config() {
    let server = Server::start(Setting::default()).await;
    let answer = server.ask(Method::GET, "/v1/acme/config", &[("origin", PAGE)]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], PAGE);
    assert_eq!(answer.headers()["vary"], "origin");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let told: Value = answer.json().await.unwrap();
    let expected = json!({
        "tenant": "acme", "name": "Acme", "color": "#112233", "welcome": "Hello!", "online": true,
        "open": true,
        "queues": [
            {"key": "default", "name": "Everyone", "open": true},
            {"key": "sales", "name": "Sales & more", "open": false, "next": 1_767_603_600_000_i64},
        ],
        "form": [{"name": "name", "required": false}, {"name": "order", "label": "Order number", "required": true}],
        "file_types": crate::runtime::files::TYPES,
        "limits": {"text_chars": 8000, "frame_bytes": 65536, "file_bytes": 1000},
    });
    assert_eq!(told, expected);

    let native = server.get("/v1/acme/config").await;
    assert_eq!(native.status(), 200);
    assert!(!native.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_refused_page_can_read_why() {
    let server = Server::start(Setting::default()).await;
    let evil = ("origin", "https://evil.example");
    let table =
        [("/v1/acme/config", 403), ("/v1/nobody/config", 404), ("/v1/Not%20A%20Key/config", 404)];
    for (path, status) in table {
        let answer = server.ask(Method::GET, path, &[evil]).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        problem(answer).await;
    }
}

#[tokio::test]
async fn without_a_store_nothing_is_claimed() {
    let tenant = Err(StoreError::Unavailable("mysql://root@secret".to_owned()));
    let part = Part { tenant, ..Part::default() };
    let server = Server::start(Setting { part, ..Setting::default() }).await;
    let answer = server.get("/v1/acme/config").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "2");
    assert!(!problem(answer).await.to_string().contains("secret"));
}

#[tokio::test]
async fn whatever_is_not_there_is_a_problem() {
    let server = Server::start(Setting::default()).await;
    for path in
        ["/", "/agent", "/v1/acme", "/v1/acme/ws/x", "/x.js", "/couplet.css", "/couplet..%2fx.js"]
    {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        problem(answer).await;
    }
    for path in ["/healthz", "/v1/acme/config", "/v1/acme/ws"] {
        let answer = server.ask(Method::POST, path, &[]).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        problem(answer).await;
    }
}

#[tokio::test]
async fn a_script_is_there_or_says_how_to_build_it() {
    let server = Server::start(Setting::default()).await;
    let answer = server.get("/couplet.js").await;
    match answer.status() {
        StatusCode::OK => {
            assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
            assert_eq!(answer.headers()["access-control-allow-origin"], "*");
            let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
            let again = server.ask(Method::GET, "/couplet.js", &[("if-none-match", &tag)]).await;
            assert_eq!(again.status(), 304);
            assert_eq!(server.get("/couplet-none.js").await.status(), 404);
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            let told = problem(answer).await;
            assert!(told.to_string().contains("npm --prefix widget run build"));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_folder_of_pages_is_served_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("secret.txt");
    let site = folder.path().join("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(&outside, "secret").unwrap();
    std::fs::write(site.join("index.html"), "<title>Shop</title>").unwrap();
    std::fs::write(site.join("agent.html"), "<title>Agent</title>").unwrap();
    let server = Server::start(Setting { site: Some(site), ..Setting::default() }).await;
    for (path, title) in [("/", "Shop"), ("/agent", "Agent"), ("/agent.html", "Agent")] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["content-type"], "text/html");
        assert!(answer.text().await.unwrap().contains(title), "{path}");
    }
    for path in ["/nothing", "/%2e%2e/secret.txt", "/..%2fsecret.txt"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        problem(answer).await;
    }
    assert_eq!(server.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn a_socket_opens_talks_and_closes() {
    let mut server = Server::start(Setting::default()).await;
    let mut socket = server.open(&[OFFER, ("origin", PAGE)]).await.unwrap();
    assert_eq!(hello(&mut socket).await["type"], "welcome");
    assert_eq!(server.sockets.open(), 1);
    socket.send(Message::text(r#"{"type":"ping","n":1}"#)).await.unwrap();
    assert_eq!(frame(&mut socket).await, json!({"type": "pong", "n": 1}));
    socket.close(None).await.unwrap();
    assert!(server.sockets.drain(Duration::from_secs(5)).await);
    assert!(server.hand.heard.recv().await.is_some());
}

#[tokio::test]
async fn a_socket_is_refused_before_the_upgrade() {
    let server = Server::start(Setting::default()).await;
    let table: [(&[(&'static str, &str)], u16); 3] = [
        (&[], 400),
        (&[("sec-websocket-protocol", "xmpp")], 400),
        (&[OFFER, ("origin", "https://evil.example")], 403),
    ];
    for (headers, status) in table {
        match server.open(headers).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), status, "{headers:?}"),
            other => panic!("{headers:?}: {:?}", other.map(drop)),
        }
    }
    let plain = server.get("/v1/acme/ws").await;
    assert_eq!(plain.status(), 426);
    assert_eq!(plain.headers()["upgrade"], "websocket");
    problem(plain).await;
    assert_eq!(server.get("/v1/nobody/ws").await.status(), 404);
    assert_eq!(server.sockets.open(), 0);
}

#[tokio::test]
async fn sockets_are_counted_by_the_customers_address() {
    let limits = Limits { sockets_per_address: 1, ..Limits::default() };
    let server = Server::start(Setting { limits, ..Setting::default() }).await;
    let from = |address| [OFFER, ("x-forwarded-for", address)];
    let first = server.open(&from("198.51.100.7")).await.unwrap();
    match server.open(&from("203.0.113.1, 198.51.100.7")).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 429);
            assert!(answer.headers().contains_key("retry-after"));
        }
        other => panic!("{:?}", other.map(drop)),
    }
    assert!(server.open(&from("198.51.100.8")).await.is_ok());
    drop(first);
    while server.sockets.open() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(server.open(&from("198.51.100.7")).await.is_ok());
}

#[tokio::test]
async fn a_stop_is_orderly() {
    let server = Server::start(Setting::default()).await;
    let mut greeted = server.open(&[OFFER]).await.unwrap();
    hello(&mut greeted).await;
    let mut silent = server.open(&[OFFER]).await.unwrap();
    server.stop.send(()).unwrap();
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");
    assert_eq!(server.sockets.open(), 2, "sockets live on");
    let bye = Outbound::Bye { reason: ByeReason::Restart, reconnect_after_ms: 5 };
    server.hand.say.send(bye).unwrap();
    let read = tokio::spawn(async move {
        assert_eq!(frame(&mut greeted).await["reason"], "restart");
        assert_eq!(frame(&mut silent).await["reason"], "restart");
        for mut socket in [greeted, silent] {
            let Some(Ok(Message::Close(Some(close)))) = socket.next().await else { panic!() };
            assert_eq!(u16::from(close.code), 1012);
            while socket.next().await.is_some() {}
        }
    });
    assert!(server.sockets.drain(Duration::from_secs(5)).await);
    read.await.unwrap();
}

#[tokio::test]
async fn a_frame_far_too_long_gets_its_close_code() {
    let server = Server::start(Setting::default()).await;
    let mut socket = server.open(&[OFFER]).await.unwrap();
    hello(&mut socket).await;
    let _ = socket.send(Message::text("x".repeat(1024 * 1024))).await;
    match socket.next().await {
        Some(Ok(Message::Close(Some(close)))) => assert_eq!(u16::from(close.code), 1009),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_invalid_request_ends_the_connection() {
    let server = Server::start(Setting::default()).await;
    let table =
        ["GET / HTTP/9.9\r\n\r\n", "\u{1}\u{2}\u{3}\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    for garbage in table {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(garbage.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    }
    let mut huge = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
    let _ = huge.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    huge.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}
