//! Customers who upload, and strangers who request, as much as they can: only they are slowed down.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::coming_in::{FIELD, by_hand, chunk};
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::upload::{self, DOT, send};

const PROXIES: &str = "[http]\ntrusted_proxies = [\"127.0.0.1\"]\n";

/// A gateway with its own settings for files.
async fn with_files(more: &str, files: &str) -> Gateway {
    let plan: Plan = Gateway::plan(Server::Prosody, Ground::Full, more).await;
    let config = std::fs::read_to_string(&plan.config).unwrap();
    std::fs::write(&plan.config, config.replace("[files]\n", &format!("[files]\n{files}\n")))
        .unwrap();
    plan.open().await
}

/// Sends a file from an address behind a proxy.
async fn send_from(
    gateway: SocketAddr,
    token: &str,
    from: &str,
    bytes: Vec<u8>,
) -> reqwest::Response {
    let part = Part::bytes(bytes).file_name("dot.png");
    let sent = upload::client()
        .post(format!("http://{gateway}/v1/{TENANT}/files"))
        .bearer_auth(token)
        .header("x-forwarded-for", from)
        .multipart(Form::new().part("file", part));
    sent.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_block_nobody() {
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, PROXIES).await;
    let hostile = gateway.customer().await;
    let customer = gateway.customer().await;
    // Twenty uploads, each sending a byte now and then.
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = by_hand(&gateway, &hostile.token(), "transfer-encoding: chunked").await;
        stream.write_all(&chunk(&[FIELD, &DOT[..8]].concat())).await.unwrap();
        slow.push(stream);
    }
    let begun = Instant::now();
    for from in ["192.0.2.1", "192.0.2.2"] {
        let sent = send_from(gateway.address, &customer.token(), from, DOT.to_vec()).await;
        assert_eq!(sent.status(), 201, "{:?}", sent.text().await);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // Those beyond two were told to wait; the two were closed because nothing came.
    let mut told = Vec::new();
    for mut stream in slow {
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        told.push(String::from_utf8(answer).unwrap());
    }
    let count = |status: &str| told.iter().filter(|one| one.ends_with(status)).count();
    assert_eq!(count("408") + count("429"), 20, "{told:?}");
    // Two have a turn, for ten seconds each; of two spans of ten seconds either may end first.
    assert!(count("429") >= 10, "{told:?}");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_a_file_is_closed() {
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, "").await;
    let customer = gateway.customer().await;
    let mut stream = by_hand(&gateway, &customer.token(), "transfer-encoding: chunked").await;
    let piece = chunk(&vec![b'x'; 8 * 1024]);
    for _ in 0..64 {
        if stream.write_all(&piece).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn daily_limits_per_customer_and_per_tenant() {
    let quotas = "megabytes_per_customer_per_day = 1\nmegabytes_per_tenant_per_day = 2";
    let gateway = with_files("[limits]\nfile_megabytes = 1\n", quotas).await;
    let megabyte = vec![b'x'; 1024 * 1024];
    let sent = async |token: String| {
        let answer = send(gateway.address, TENANT, &token, "x.txt", megabyte.clone()).await;
        let retry = answer.headers().get("retry-after").cloned();
        let status = answer.status().as_u16();
        let told: Value = answer.json().await.unwrap();
        (status, retry.map(|retry| retry.to_str().unwrap().to_owned()), told["detail"].clone())
    };
    let (first, second, third) =
        (gateway.customer().await, gateway.customer().await, gateway.customer().await);
    assert_eq!(sent(first.token()).await.0, 201);
    let (status, retry, detail) = sent(first.token()).await;
    assert_eq!((status, retry.as_deref()), (429, Some("3600")), "{detail}");
    assert_eq!(detail, "no more files are taken from you today");
    assert_eq!(sent(second.token()).await.0, 201);
    let (status, retry, detail) = sent(third.token()).await;
    assert_eq!((status, retry.as_deref()), (507, Some("3600")), "{detail}");
    assert_eq!(detail, "no more files are taken here today");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessed_links_are_rate_limited() {
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, PROXIES).await;
    let customer = gateway.customer().await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    let url = format!("http://{}{}", gateway.address, file["url"].as_str().unwrap());
    let made_up = url.replace(file["id"].as_str().unwrap(), "0123456789abcdef0123456789abcdef");
    let client = upload::client();
    let ask = async |url: &str, from: &str| {
        client.get(url).header("x-forwarded-for", from).send().await.unwrap().status().as_u16()
    };
    let mut refused = 0;
    for _ in 0..80 {
        match ask(&made_up, "192.0.2.1").await {
            404 => {}
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!((10..=20).contains(&refused), "{refused}");
    // A malformed link costs nothing and returns no file.
    for wrong in [url.replace("mark=", "mark=x"), url.replace("until=", "until=9")] {
        assert_eq!(ask(&wrong, "192.0.2.1").await, 404);
    }
    assert_eq!(ask(&url, "192.0.2.2").await, 200, "others are not hindered");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_per_address_are_limited() {
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, "").await;
    let mut open = Vec::new();
    for _ in 0..110 {
        open.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    // The last connections were closed at once; the first when they sent no request.
    let mut byte = [0];
    let last = open.last_mut().unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), last.read(&mut byte)).await;
    assert!(!matches!(closed.expect("closed"), Ok(1..)));
    let first = open.first_mut().unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), first.read(&mut byte)).await;
    assert!(!matches!(closed.expect("closed"), Ok(1..)));
    while gateway.get("/healthz").await.status() != 200 {}
    gateway.end().await;
}
