//! Agents' files: where they are fetched from, and the notice for one that cannot be fetched.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::seat::Seat;
use crate::support::upload::{self, DOT};

/// A server whose responses the test decides.
struct Place {
    port: u16,
    asked: mpsc::UnboundedReceiver<(String, TcpStream)>,
}

impl Place {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    head.push(byte);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                if tell.send((path, stream)).is_err() {
                    return;
                }
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next request.
    async fn next(&mut self) -> (String, TcpStream) {
        let asked = self.asked.recv();
        tokio::time::timeout(crate::support::customer::PATIENCE, asked).await.unwrap().unwrap()
    }

    fn is_unasked(&mut self) -> bool {
        self.asked.try_recv().is_err()
    }
}

async fn answer(mut stream: TcpStream, head: &str, body: &[u8]) {
    let _ =
        stream.write_all(format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.shutdown().await;
}

/// A conversation whose agent may fetch from the test's own server.
async fn talking(more: &str) -> (Gateway, Place, Customer, Seat, String) {
    let place = Place::new().await;
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, more).await;
    let config = std::fs::read_to_string(&plan.config).unwrap();
    let named = format!("upload_hosts = [\"http://127.0.0.1:{}/files\", ", place.port);
    std::fs::write(&plan.config, config.replace("upload_hosts = [", &named)).unwrap();
    let mut seat = plan.seat("alice").await;
    let gateway = plan.open().await;
    let mut customer = gateway.customer().await;
    customer.acked("m1", "Hello?").await;
    let chat = seat.accept(&mut customer, "Hello?").await;
    (gateway, place, customer, seat, chat)
}

/// Sends a link as a client does after an upload; returns the stanza's id.
async fn link(seat: &mut Seat, chat: &str, url: &str) -> String {
    let id = seat.fresh();
    let url = url.replace('&', "&amp;");
    let xml = format!(
        "<message type='chat' id='{id}' to='{chat}'><body>{url}</body>\
         <x xmlns='jabber:x:oob'><url>{url}</url></x><request xmlns='urn:xmpp:receipts'/></message>"
    );
    seat.write(&xml).await;
    seat.receipt_for(&id).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_other_places() {
    let (gateway, mut place, mut customer, mut seat, chat) = talking("").await;
    let port = place.port;
    for url in [
        format!("http://localhost:{port}/a.png"),
        format!("http://0.0.0.0:{port}/a.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
        format!("https://127.0.0.1:{port}/a.png"),
        format!("http://user@127.0.0.1:{port}/a.png"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://localhost:5281/a.png".to_owned(),
        format!("http://{}/healthz", gateway.address),
        "https://evil.example/a.png".to_owned(),
    ] {
        link(&mut seat, &chat, &url).await;
        let line = seat.hears_of("did not reach the customer").await;
        let text = couplet_kit::stanza::body(&line).unwrap();
        assert!(text.contains("your own server"), "{url}: {text}");
    }
    // Nor from outside the configured path.
    for path in ["/", "/admin", "/filesystem/a.png", "/files/../admin", "/files/..%2fadmin"] {
        link(&mut seat, &chat, &place.url(path)).await;
        let line = seat.hears_of("did not reach the customer").await;
        let text = couplet_kit::stanza::body(&line).unwrap();
        assert!(text.contains("your own server"), "{path}: {text}");
    }
    assert!(place.is_unasked());
    // Nor from the target of a redirect.
    link(&mut seat, &chat, &place.url("/files/away.png")).await;
    let (path, stream) = place.next().await;
    assert_eq!(path, "/files/away.png");
    let elsewhere = format!("302 Found\r\nlocation: http://127.0.0.1:{port}/secret.png");
    answer(stream, &elsewhere, b"").await;
    seat.hears_of("be downloaded from your server").await;
    assert!(place.is_unasked(), "a redirect is not followed");
    // The chat went on all the time, and the customer saw nothing of it.
    let id = seat.say(&chat, "Still here").await;
    seat.receipt_for(&id).await;
    let entry = customer.until("entry").await;
    assert_eq!(entry["text"], "Still here");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_told_why_and_the_chat_goes_on() {
    let (gateway, mut place, mut customer, mut seat, chat) =
        talking("[limits]\nfile_megabytes = 1\n").await;
    let million = vec![0; 1024 * 1024];
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("404 Not Found", b"nothing".to_vec(), "be downloaded from your server"),
        ("200 OK\r\ncontent-length: 99999999", DOT.to_vec(), "too large; at most 1 MB"),
        ("200 OK", [DOT, &million].concat(), "too large; at most 1 MB"),
        ("200 OK\r\ncontent-type: image/png", b"<html>no picture".to_vec(), "of this type"),
        ("200 OK\r\ncontent-length: 5000", DOT.to_vec(), "be downloaded from your server"),
        ("200 OK\r\ncontent-length: 0", Vec::new(), "be downloaded from your server"),
    ];
    for (head, body, said) in cases {
        link(&mut seat, &chat, &place.url("/files/a.png")).await;
        let (_, stream) = place.next().await;
        answer(stream, head, &body).await;
        let line = seat.hears_of("did not reach the customer").await;
        let text = couplet_kit::stanza::body(&line).unwrap();
        assert!(text.contains(said), "{head}: {text}");
    }
    // A file that hangs blocks neither messages nor another file.
    link(&mut seat, &chat, &place.url("/files/slow.png")).await;
    let (_, mut slow) = place.next().await;
    slow.write_all(b"HTTP/1.1 200 OK\r\n\r\n\x89PNG").await.unwrap();
    link(&mut seat, &chat, &place.url("/files/my%20cat.png?x=1&y=2")).await;
    let (path, stream) = place.next().await;
    assert_eq!(path, "/files/my%20cat.png?x=1&y=2");
    answer(stream, "200 OK", DOT).await;
    let entry = customer.until("entry").await;
    assert_eq!(entry["files"][0]["name"], "my cat.png");
    let got = upload::get(gateway.address, &entry["files"][0]).await;
    assert_eq!(got.bytes().await.unwrap(), DOT);
    seat.say(&chat, "Still here").await;
    assert_eq!(customer.until("entry").await["text"], "Still here");
    let line = seat.hears_of("did not reach the customer").await;
    assert!(couplet_kit::stanza::body(&line).unwrap().contains("too slow"));
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_survives_a_restart() {
    let (mut gateway, mut place, customer, mut seat, chat) = talking("").await;
    link(&mut seat, &chat, &place.url("/files/cat.png")).await;
    let (_, hanging) = place.next().await;
    gateway.restart().await;
    drop(hanging);
    let (path, stream) = place.next().await;
    assert_eq!(path, "/files/cat.png", "the next owner fetches it");
    answer(stream, "200 OK", DOT).await;
    let mut customer = customer.return_as(gateway.address, None).await;
    let has_file = |entry: &Value| entry["files"][0]["name"] == "cat.png";
    if !customer.caught_up().await.iter().any(has_file) {
        customer.find(|frame| has_file(frame)).await;
    }
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_beside_a_link_is_kept() {
    let (gateway, mut place, mut customer, mut seat, chat) = talking("").await;
    let url = place.url("/files/a.png");
    let id = seat.fresh();
    let xml = format!(
        "<message type='chat' id='{id}' to='{chat}'><body>See {url}</body>\
         <x xmlns='jabber:x:oob'><url>{url}</url></x></message>"
    );
    seat.write(&xml).await;
    assert_eq!(customer.until("entry").await["text"], format!("See {url}"));
    assert!(place.is_unasked());
    gateway.end().await;
}
