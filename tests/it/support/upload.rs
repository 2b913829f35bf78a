//! Customers' uploads, over HTTP as a browser sends them.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use serde_json::Value;

use super::customer::Customer;
use super::gateway::TENANT;

/// A picture of one pixel.
pub(crate) const DOT: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdac\xfc\xcf\xc0P\x0f\0\x04\x85\x01\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82";

/// An HTTP client that follows no redirect.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// Uploads a file with a session's token.
pub(crate) async fn send(
    address: SocketAddr,
    tenant: &str,
    token: &str,
    name: &str,
    bytes: impl Into<Vec<u8>>,
) -> Response {
    let part = Part::bytes(bytes.into()).file_name(name.to_owned());
    let part = part.mime_str("image/png").unwrap();
    client()
        .post(format!("http://{address}/v1/{tenant}/files"))
        .bearer_auth(token)
        .header("origin", format!("https://www.{tenant}.example"))
        .multipart(Form::new().part("file", part))
        .send()
        .await
        .unwrap()
}

/// Uploads a picture; returns the gateway's description of it.
pub(crate) async fn picture(address: SocketAddr, customer: &Customer, name: &str) -> Value {
    let answer = send(address, TENANT, &customer.token(), name, DOT).await;
    assert_eq!(answer.status(), 201, "{:?}", answer.text().await);
    answer.json().await.unwrap()
}

/// Downloads a file from its address.
pub(crate) async fn get(address: SocketAddr, file: &Value) -> Response {
    let url = format!("http://{address}{}", file["url"].as_str().unwrap());
    client().get(url).send().await.unwrap()
}
