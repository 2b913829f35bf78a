//! Downloads: what is served, to whom, and how.

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Ground, Server};
use crate::support::upload::{self, DOT};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_downloaded_and_never_executed() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.tenant("other", |_| {}).await;
    let gateway = plan.open().await;
    let customer = gateway.customer().await;
    let file = upload::picture(gateway.address, &customer, "my dot; é.png").await;
    let got = upload::get(gateway.address, &file).await;
    assert_eq!(got.status(), 200);
    let header = |name: &str| got.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-length"), DOT.len().to_string());
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"my dot_ _.png\"; filename*=UTF-8''my%20dot%3B%20%C3%A9%2Epng"
    );
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(header("cross-origin-resource-policy"), "cross-origin");
    assert!(header("cache-control").contains("private"));
    let tag = header("etag");

    // Ranges, and what a browser has already cached.
    let url = format!("http://{}{}", gateway.address, file["url"].as_str().unwrap());
    let ask =
        |name: &'static str, value: String| upload::client().get(&url).header(name, value).send();
    let part = ask("range", "bytes=1-3".to_owned()).await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], format!("bytes 1-3/{}", DOT.len()).as_str());
    assert_eq!(part.bytes().await.unwrap(), "PNG");
    assert_eq!(ask("range", "bytes=9999-".to_owned()).await.unwrap().status(), 416);
    assert_eq!(ask("if-none-match", tag).await.unwrap().status(), 304);
    let head = upload::client().head(&url).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], DOT.len().to_string().as_str());

    // Neither without the link's signature, nor under another tenant.
    let path = file["url"].as_str().unwrap();
    let (bare, query) = path.split_once('?').unwrap();
    let until: i64 = query.split(['=', '&']).nth(1).unwrap().parse().unwrap();
    for wrong in [
        bare.to_owned(),
        format!("{bare}?{}", query.replace("mark=", "mark=0")),
        path.replace(&until.to_string(), &(until + 1).to_string()),
        path.replace("/acme/", "/other/"),
        path.replace(file["id"].as_str().unwrap(), "0123456789abcdef0123456789abcdef"),
        "/v1/acme/files/..%2F..%2Fetc/passwd".to_owned(),
    ] {
        let answer = gateway.get(&wrong).await;
        assert_eq!(answer.status(), 404, "{wrong}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], json!(404));
    }
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_file_is_gone() {
    let gateway = Gateway::start(Server::Prosody, Ground::Full, "").await;
    let mut customer = gateway.customer().await;
    let file = upload::picture(gateway.address, &customer, "dot.png").await;
    customer.say(json!({"type": "message", "id": "f1", "files": [file["id"]]})).await;
    let ack = customer.find(|frame| frame["type"] == "ack" && frame["id"] == "f1").await;
    customer.say(json!({"type": "retract", "id": "r1", "target": "f1"})).await;
    customer.find(|frame| frame["type"] == "ack" && frame["id"] == "r1").await;
    assert_eq!(upload::get(gateway.address, &file).await.status(), 404);
    let conversation = ack["conversation"].as_str().unwrap();
    let mut back = customer.return_as(gateway.address, Some((conversation, 0))).await;
    let entries = back.caught_up().await;
    assert_eq!((&entries[0]["files"], &entries[0]["text"]), (&Value::Null, &Value::Null));
    gateway.end().await;
}
