//! Uploads: from whom, of which types, how much, how fast.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::upload::{self, DOT, send};

const PAGE: &str = "https://www.acme.example";

async fn gateway(more: &str) -> Gateway {
    Gateway::start(Server::Prosody, Ground::Embedded, more).await
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_need_a_session_and_an_allowed_origin() {
    let gateway = gateway("").await;
    let customer = gateway.customer().await;
    let url = format!("http://{}/v1/acme/files", gateway.address);
    let asked = upload::client().request(Method::OPTIONS, &url).header("origin", PAGE);
    let asked = asked.send().await.unwrap();
    assert_eq!(asked.status(), 204);
    assert_eq!(asked.headers()["access-control-allow-origin"], PAGE);
    assert!(
        asked.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization")
    );
    let evil =
        upload::client().request(Method::OPTIONS, &url).header("origin", "https://evil.test");
    assert_eq!(evil.send().await.unwrap().status(), 403);

    let answer = send(gateway.address, TENANT, &customer.token(), "dot.png", DOT).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["access-control-allow-origin"], PAGE);
    let file: Value = answer.json().await.unwrap();
    assert_eq!(
        (&file["name"], &file["type"], &file["size"]),
        (&json!("dot.png"), &json!("image/png"), &json!(DOT.len()))
    );

    for token in ["", "nonsense"] {
        let refused = send(gateway.address, TENANT, token, "dot.png", DOT).await;
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.headers()["access-control-allow-origin"], "*", "the page can read why");
    }
    let config: Value = gateway.get("/v1/acme/config").await.json().await.unwrap();
    assert_eq!(config["limits"]["file_bytes"], 10 * 1024 * 1024);
    assert!(config["file_types"].as_array().unwrap().contains(&json!("image/*")));
    assert_eq!(customer.welcome["limits"]["file_bytes"], 10 * 1024 * 1024);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_decides_the_type_not_the_name() {
    let gateway = gateway("").await;
    let customer = gateway.customer().await;
    let token = customer.token();
    let hostile: [(&str, &[u8]); 6] = [
        ("cat.png", b"<html><script>alert(1)</script>"),
        ("cat.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("cat.png", b"\xef\xbb\xbf  <?xml version='1.0'?><svg/>"),
        ("cat.jpg", b"MZ\x90\0\x03\0\0\0"),
        ("cat.txt", b"#!/bin/sh\nrm -rf /\n"),
        ("cat.zip", b"PK\x03\x04\x14\0\0\0\x08\0"),
    ];
    for (name, bytes) in hostile {
        let refused = send(gateway.address, TENANT, &token, name, bytes).await;
        assert_eq!(refused.status(), 415, "{name}");
    }
    let names = [
        ("../../../etc/passwd", "passwd.png"),
        ("..\\..\\boot.ini", "boot.ini.png"),
        ("a/../b.png", "b.png"),
        (".htaccess", "htaccess.png"),
        ("page.html", "page.html.png"),
        ("\u{202e}gpj.exe", "gpj.exe.png"),
        ("日本.png", "日本.png"),
    ];
    for (given, kept) in names {
        let answer = send(gateway.address, TENANT, &token, given, DOT).await;
        let file: Value = answer.json().await.unwrap();
        assert_eq!(file["name"], kept, "{given}");
    }
    let text = send(gateway.address, TENANT, &token, "x.html", "just words").await;
    let text: Value = text.json().await.unwrap();
    assert_eq!((&text["type"], &text["name"]), (&json!("text/plain"), &json!("x.html.txt")));
    let empty = send(gateway.address, TENANT, &token, "x.png", "").await;
    assert_eq!(empty.status(), 400);
    // Whatever their names, all files are in one folder, under names that the gateway chose.
    let kept = std::fs::read_dir(gateway.files().join("acme")).unwrap();
    let kept: Vec<String> = kept.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(kept.len(), names.len() + 1);
    assert!(
        kept.iter().all(|name| name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())),
        "{kept:?}"
    );
    gateway.end().await;
}

/// Begins an upload by hand; returns the connection after the request head.
pub(super) async fn by_hand(gateway: &Gateway, token: &str, length: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = format!(
        "POST /v1/acme/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=b\r\n{length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub(super) const FIELD: &[u8] =
    b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x.png\"\r\n\r\n";

async fn status(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_refused_during_the_upload() {
    let gateway = gateway("[limits]\nfile_megabytes = 1\n").await;
    let customer = gateway.customer().await;
    // Announced size too large: nothing of the body is read.
    let length = format!("content-length: {}", 50 * 1024 * 1024);
    let mut said = by_hand(&gateway, &customer.token(), &length).await;
    assert_eq!(status(&mut said).await, "HTTP/1.1 413");
    // No announced size: cut off at the limit, and the connection is closed.
    let mut unsaid = by_hand(&gateway, &customer.token(), "transfer-encoding: chunked").await;
    unsaid.write_all(&chunk(&[FIELD, DOT].concat())).await.unwrap();
    let piece = chunk(&vec![7; 64 * 1024]);
    let mut sent = 0;
    while sent < 64 && unsaid.write_all(&piece).await.is_ok() {
        sent += 1;
        if let Ok(ready) = tokio::time::timeout(Duration::from_millis(20), unsaid.readable()).await
        {
            ready.unwrap();
            break;
        }
    }
    assert!((16..64).contains(&sent), "{sent} pieces went in");
    assert_eq!(status(&mut unsaid).await, "HTTP/1.1 413");
    let mut rest = Vec::new();
    let _ = unsaid.read_to_end(&mut rest).await;
    // A complete upload over the limit, and one of exactly the limit.
    let mut large = DOT.to_vec();
    large.resize(1024 * 1024 + 1, 0);
    let refused = send(gateway.address, TENANT, &customer.token(), "x.png", large.clone()).await;
    assert_eq!(refused.status(), 413);
    large.pop();
    let taken = send(gateway.address, TENANT, &customer.token(), "x.png", large).await;
    assert_eq!(taken.status(), 201);
    let kept = std::fs::read_dir(gateway.files().join("acme")).unwrap().count();
    assert_eq!(kept, 1, "refused uploads leave nothing");
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_upload_is_closed() {
    let gateway = gateway("").await;
    let customer = gateway.customer().await;
    let begun = Instant::now();
    let mut slow = by_hand(&gateway, &customer.token(), "transfer-encoding: chunked").await;
    slow.write_all(&chunk(&[FIELD, DOT].concat())).await.unwrap();
    assert_eq!(status(&mut slow).await, "HTTP/1.1 408");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    // An upload that breaks off leaves nothing either.
    let mut broken = by_hand(&gateway, &customer.token(), "transfer-encoding: chunked").await;
    broken.write_all(&chunk(&[FIELD, DOT].concat())).await.unwrap();
    drop(broken);
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    assert_eq!(upload::get(gateway.address, &file).await.status(), 200);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_told_to_wait() {
    let gateway = gateway("[limits]\nfiles_per_minute_per_address = 2\n").await;
    let customer = gateway.customer().await;
    for _ in 0..2 {
        upload::picture(gateway.address, &customer, "dot.png").await;
    }
    let refused = send(gateway.address, TENANT, &customer.token(), "dot.png", DOT).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_have_their_own_limits() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.tenant("none", |tenant| tenant.settings.files.bytes = Some(0)).await;
    plan.tenant("pdf", |tenant| {
        tenant.settings.files.types = Some(vec!["application/pdf".to_owned()])
    })
    .await;
    let gateway = plan.open().await;
    let at = async |tenant: &str| Customer::arrive(gateway.address, tenant).await;
    let none = at("none").await;
    assert_eq!(none.welcome["limits"]["file_bytes"], 0);
    let config: Value = gateway.get("/v1/none/config").await.json().await.unwrap();
    assert_eq!((&config["limits"]["file_bytes"], &config["file_types"]), (&json!(0), &Value::Null));
    let refused = send(gateway.address, "none", &none.token(), "dot.png", DOT).await;
    assert_eq!(refused.status(), 415);
    let pdf = at("pdf").await;
    assert_eq!(send(gateway.address, "pdf", &pdf.token(), "dot.png", DOT).await.status(), 415);
    let taken = send(gateway.address, "pdf", &pdf.token(), "a.pdf", "%PDF-1.4\n").await;
    assert_eq!(taken.status(), 201);
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sends_anothers_file() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.tenant("other", |_| {}).await;
    let gateway = plan.open().await;
    let mut ann = gateway.customer().await;
    let mut bea = gateway.customer().await;
    let mut stranger = Customer::arrive(gateway.address, "other").await;
    let file = upload::picture(gateway.address, &ann, "dot.png").await;
    // The customer's token is not valid at another tenant, nor is their file.
    let refused = send(gateway.address, "other", &ann.token(), "dot.png", DOT).await;
    assert_eq!(refused.status(), 401);
    let made_up = "0123456789abcdef0123456789abcdef";
    for (who, id) in [(&mut bea, &file["id"]), (&mut stranger, &file["id"])] {
        who.say(json!({"type": "message", "id": "f1", "text": "mine", "files": [id]})).await;
        let error = who.until("error").await;
        assert_eq!((&error["code"], &error["for"]), (&json!("forbidden"), &json!("f1")));
    }
    ann.say(json!({"type": "message", "id": "f0", "files": [file["id"], made_up]})).await;
    assert_eq!(ann.until("error").await["code"], "forbidden");
    ann.say(json!({"type": "message", "id": "f1", "files": [file["id"]]})).await;
    ann.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn common_file_types_are_accepted() {
    let gateway = gateway("").await;
    let customer = gateway.customer().await;
    let docx = include_bytes!("../../files/python-docx.docx");
    let xlsx = include_bytes!("../../files/openpyxl.xlsx");
    let pptx = include_bytes!("../../files/python-pptx.pptx");
    let utf16: Vec<u8> = "\u{feff}Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: [(&str, &[u8], &str); 5] = [
        (
            "letter.docx",
            docx,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("table.xlsx", xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            "talk.pptx",
            pptx,
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        ("table.csv", b"Name;Stra\xdfe\r\nM\xfcller;5", "text/plain"),
        ("note.txt", &utf16, "text/plain"),
    ];
    for (name, bytes, media_type) in files {
        let answer = send(gateway.address, TENANT, &customer.token(), name, bytes).await;
        assert_eq!(answer.status(), 201, "{name}");
        let file: Value = answer.json().await.unwrap();
        assert_eq!((&file["name"], &file["type"]), (&json!(name), &json!(media_type)));
        let got = upload::get(gateway.address, &file).await;
        assert_eq!(got.bytes().await.unwrap(), bytes, "{name}");
    }
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn location_metadata_is_removed() {
    let gateway = gateway("").await;
    let customer = gateway.customer().await;
    let pictures: [(&str, &[u8]); 3] = [
        ("turned.jpg", include_bytes!("../../files/turned.jpg")),
        ("turned.png", include_bytes!("../../files/turned.png")),
        ("turned.webp", include_bytes!("../../files/turned.webp")),
    ];
    for (name, bytes) in pictures {
        let answer = send(gateway.address, TENANT, &customer.token(), name, bytes).await;
        assert_eq!(answer.status(), 201, "{name}");
        let file: Value = answer.json().await.unwrap();
        let got = upload::get(gateway.address, &file).await.bytes().await.unwrap();
        assert_eq!(file["size"], got.len(), "{name}");
        assert!(got.len() < bytes.len() && memchr_of(&got, b"SECRET").is_none(), "{name}");
        let kept = std::fs::read(gateway.files().join("acme").join(file["id"].as_str().unwrap()));
        assert_eq!(kept.unwrap(), got, "{name}");
    }
    gateway.end().await;
}

fn memchr_of(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
