//! What a gateway refuses, before the upgrade and after it; and that other customers notice
//! nothing.

use couplet_kit::socket::Message;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, Server, TENANT};
use crate::support::seat::Bystanders;

const PAGE: &str = "https://www.acme.example";

/// An upgrade request as a browser sends it, with one header changed.
async fn knock(gateway: &Gateway, tenant: &str, header: &str, value: Option<&str>) -> Response {
    let good = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "couplet.v1"),
        ("origin", PAGE),
    ];
    let url = format!("http://{}/v1/{tenant}/ws", gateway.address);
    let kept = good.into_iter().filter(|(name, _)| *name != header);
    let changed = value.map(|value| (header, value));
    let request = kept
        .chain(changed)
        .fold(Client::new().get(url), |request, (name, value)| request.header(name, value));
    request.send().await.unwrap()
}

/// The status of a problem document; checks that its body has the same status and that any origin
/// may read it.
async fn problem(response: Response) -> (u16, String) {
    let status = response.status();
    let header =
        |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(header("access-control-allow-origin").as_deref(), Some("*"));
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["status"], status.as_u16());
    assert_eq!(document["title"], status.canonical_reason().unwrap());
    (status.as_u16(), document["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_and_their_refusal() {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.tenant("strict", |tenant| tenant.settings.origin_required = true).await;
    let gateway = plan.open().await;

    for (tenant, header, value, expected, said) in [
        ("nobody", "", None, 404, "no such tenant"),
        ("ACME", "", None, 404, "no such tenant"),
        ("..%2facme", "", None, 404, ""),
        (TENANT, "origin", Some("https://www.evil.example"), 403, "origin"),
        (TENANT, "origin", Some("null"), 403, "origin"),
        (TENANT, "origin", Some("https://www.acme.example.evil.example"), 403, "origin"),
        ("strict", "origin", None, 403, "origin"),
        ("strict", "origin", Some(PAGE), 403, "origin"),
        (TENANT, "sec-websocket-protocol", None, 400, "couplet.v1"),
        (TENANT, "sec-websocket-protocol", Some("couplet.v2"), 400, "couplet.v1"),
        (TENANT, "sec-websocket-key", Some("short"), 400, "Sec-WebSocket-Key"),
        (TENANT, "sec-websocket-version", Some("8"), 426, "version 13"),
        (TENANT, "upgrade", None, 426, "WebSocket"),
    ] {
        let refused = knock(&gateway, tenant, header, value).await;
        let name = format!("{tenant} {header} {value:?}");
        if header == "sec-websocket-version" {
            assert_eq!(refused.headers()["sec-websocket-version"], "13");
        }
        let (status, detail) = problem(refused).await;
        assert_eq!(status, expected, "{name}");
        assert!(detail.contains(said), "{name}: {detail}");
    }
    for (tenant, origin) in [
        (TENANT, Some(PAGE)),
        (TENANT, Some("https://www.acme.example:443")),
        (TENANT, None),
        ("strict", Some("https://www.strict.example")),
    ] {
        let opened = knock(&gateway, tenant, "origin", origin).await;
        assert_eq!(opened.status(), StatusCode::SWITCHING_PROTOCOLS, "{tenant} {origin:?}");
    }
    the_config(&gateway).await;
}

/// The configuration, which the widget requests before it opens a socket, and after a refusal.
async fn the_config(gateway: &Gateway) {
    let ask = async |tenant: &str, origin: Option<&str>| {
        let url = format!("http://{}/v1/{tenant}/config", gateway.address);
        let request = Client::new().get(url);
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        request.send().await.unwrap()
    };
    let config = ask(TENANT, Some(PAGE)).await;
    assert_eq!(config.headers()["access-control-allow-origin"], PAGE);
    assert_eq!(config.headers()["vary"], "origin");
    let config: Value = config.json().await.unwrap();
    assert_eq!((&config["name"], &config["online"]), (&json!("Acme"), &json!(false)));
    let everyone = json!([{"key": "default", "name": "Everyone", "open": true}]);
    assert_eq!(config["queues"], everyone);
    assert_eq!(
        config["limits"],
        json!({"text_chars": 8_000, "frame_bytes": 65_536, "file_bytes": 10_485_760})
    );
    assert!(!config.to_string().contains("secret"), "{config}");

    assert!(!ask(TENANT, None).await.headers().contains_key("access-control-allow-origin"));
    let refused = [
        (ask(TENANT, Some("https://www.evil.example")).await, 403),
        (ask("strict", None).await, 403),
        (ask("nobody", Some(PAGE)).await, 404),
        (gateway.get("/v1/acme").await, 404),
        (gateway.get("/v1/acme/config/x").await, 404),
        (
            Client::new().post(format!("http://{}/healthz", gateway.address)).send().await.unwrap(),
            405,
        ),
    ];
    for (response, expected) in refused {
        assert_eq!(problem(response).await.0, expected);
    }
}

/// A gateway with a customer and an agent in conversation, who must not be disturbed.
async fn with_bystanders(more: &str) -> (Gateway, Bystanders) {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, more).await;
    let alice = plan.seat("alice").await;
    let gateway = plan.open().await;
    let bystanders = Bystanders::meet(gateway.customer().await, alice).await;
    (gateway, bystanders)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_frames() {
    let (gateway, mut bystanders) = with_bystanders("").await;
    let deep = format!(r#"{{"type":"ping","n":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let long = format!(r#"{{"type":"message","id":"long","text":"{}"}}"#, "𝒳".repeat(8_001));
    let table = [
        ("", "bad_frame", None),
        ("{", "bad_frame", None),
        ("[]", "bad_frame", None),
        ("null", "bad_frame", None),
        (r#""hello""#, "bad_frame", None),
        (r#"{"id":"a"}"#, "bad_frame", Some("a")),
        (r#"{"type":7,"id":"a"}"#, "bad_frame", Some("a")),
        (r#"{"type":"dance","id":"d1"}"#, "unknown_type", Some("d1")),
        (r#"{"type":"dance"}"#, "unknown_type", None),
        (r#"{"type":"hello"}"#, "bad_frame", None),
        (r#"{"type":"message","text":"x"}"#, "bad_frame", None),
        (r#"{"type":"message","id":"a"}"#, "bad_frame", Some("a")),
        (r#"{"type":"message","id":"a","text":"  "}"#, "bad_frame", Some("a")),
        (r#"{"type":"message","id":"a","text":7}"#, "bad_frame", Some("a")),
        (r#"{"type":"message","id":"a b","text":"x"}"#, "bad_frame", None),
        (r#"{"type":"message","id":"","text":"x"}"#, "bad_frame", None),
        (r#"{"type":"message","id":"a","text":"\ud800"}"#, "bad_frame", Some("a")),
        (r#"{"type":"message","id":"a","text":"x","reply_to":-1}"#, "bad_frame", Some("a")),
        (r#"{"type":"start","id":"a","queue":"No Such"}"#, "unknown_queue", Some("a")),
        (r#"{"type":"start","id":"a","queue":"sales"}"#, "unknown_queue", Some("a")),
        (r#"{"type":"history","id":"a","limit":"many"}"#, "bad_frame", Some("a")),
        (r#"{"type":"history","id":"a","conversation":"'--"}"#, "bad_frame", Some("a")),
        (r#"{"type":"end","id":"e"}"#, "not_open", Some("e")),
        (&deep, "bad_frame", None),
        (&long, "too_large", Some("long")),
    ];
    // Ten bad frames close a socket, so none gets more than nine.
    for part in table.chunks(9) {
        let mut customer = gateway.customer().await;
        for (frame, code, about) in part {
            customer.raw(frame).await;
            let error = customer.next().await;
            assert_eq!(
                (&error["type"], &error["code"]),
                (&json!("error"), &json!(code)),
                "{frame}"
            );
            assert_eq!(error["for"].as_str(), *about, "{frame}");
            assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
        // The socket is still open, and nothing was stored.
        customer.say(json!({"type": "ping", "n": 7})).await;
        assert_eq!(customer.next().await, json!({"type": "pong", "n": 7}));
        bystanders.go_on().await;
    }
    let mut customer = gateway.customer().await;
    customer.raw(r#"{"type":"message","id":"m1","text":"x","colour":[{"deep":1}]}"#).await;
    assert_eq!(customer.until("ack").await["seq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn close_codes() {
    let (gateway, mut bystanders) = with_bystanders("").await;

    let mut customer = Customer::bare(gateway.address, TENANT).await;
    customer.write("m1", "No hello").await;
    assert_eq!(customer.close_code().await, Some(1008));
    bystanders.go_on().await;

    let mut customer = gateway.customer().await;
    for _ in 0..10 {
        customer.raw("nonsense").await;
    }
    for _ in 0..10 {
        assert_eq!(customer.next().await["code"], "bad_frame");
    }
    assert_eq!(customer.close_code().await, Some(1008));
    bystanders.go_on().await;

    let mut customer = gateway.customer().await;
    customer.raw(&format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(65_536))).await;
    assert_eq!(customer.close_code().await, Some(1009));
    bystanders.go_on().await;

    let mut customer = gateway.customer().await;
    let text = "x".repeat(7_990);
    let filler = "x".repeat(65_536 - 8_065);
    let frame = format!(r#"{{"type":"message","id":"m1","text":"{text}","more":"{filler}"}}"#);
    assert!(frame.len() <= 65_536 && frame.len() > 65_500, "{}", frame.len());
    customer.raw(&frame).await;
    assert_eq!(customer.until("ack").await["seq"], 1, "as long as a frame may be");
    customer.send(Message::binary(vec![0; 16])).await;
    assert_eq!(customer.close_code().await, Some(1003));
    bystanders.go_on().await;

    // A customer whose socket was closed comes back to what was stored.
    let mut back = customer.return_as(gateway.address, None).await;
    assert_eq!(back.caught_up().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_fast() {
    let limits = "[limits]\nmessages_per_second = 20\nmessage_burst = 20\n\
                  sockets_per_address = 3\nsessions_per_minute_per_address = 4\n";
    let (gateway, mut bystanders) = with_bystanders(limits).await;

    // More than twenty messages at once are too many; later the same id is accepted.
    let mut customer = gateway.customer().await;
    for number in 0..40 {
        customer.write(&format!("m{number}"), "Now!").await;
    }
    let refused = customer.until("error").await;
    assert_eq!(refused["code"], "rate_limited");
    let id = refused["for"].as_str().unwrap().to_owned();
    let mut pause = refused["retry_after_ms"].as_u64().unwrap();
    assert!((1..=1_000).contains(&pause), "{refused}");
    let ack = loop {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await; // as the gateway asked
        customer.write(&id, "Now!").await;
        let answer = customer.find(|frame| frame["for"] == *id || frame["id"] == *id).await;
        match answer["retry_after_ms"].as_u64() {
            Some(further) => pause = further,
            None => break answer,
        }
    };
    assert_eq!(ack["type"], "ack");
    bystanders.go_on().await;

    // A customer who floods is disconnected.
    for _ in 0..400 {
        customer.send(Message::Ping("x".into())).await;
    }
    let bye = customer.until("bye").await;
    assert!(bye["reconnect_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{bye}");
    assert_eq!(customer.close_code().await, Some(4429));
    bystanders.go_on().await;

    // The number of sockets per address is limited, and so are new sessions per minute.
    let (second, _third) = (gateway.customer().await, gateway.customer().await);
    let (status, detail) = problem(knock(&gateway, TENANT, "", None).await).await;
    assert_eq!(status, 429, "{detail}");
    let token = second.token();
    drop(second);
    let mut fourth = loop {
        // The place is free as soon as the gateway has noticed that the other socket closed.
        if let Ok(customer) = Customer::try_bare(gateway.address, TENANT).await {
            break customer;
        }
    };
    fourth.say(json!({"type": "hello"})).await;
    let bye = fourth.until("bye").await;
    assert!(bye["reconnect_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{bye}");
    assert_eq!(fourth.close_code().await, Some(4429));
    // A known session does not count as a new one.
    let known = json!({"session": token});
    let known = Customer::greet(gateway.address, TENANT, known).await;
    assert_eq!(known.token(), token);
    bystanders.go_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_per_hour() {
    let more = "[limits]\nconversations_per_hour_per_address = 3\n";
    let gateway = Gateway::start(Server::Prosody, Ground::Embedded, more).await;
    // However many messages are sent before the first is stored, they are one conversation.
    let mut ann = gateway.customer().await;
    for number in 0..10 {
        ann.write(&format!("m{number}"), "Hello?").await;
    }
    for number in 0..10 {
        assert_eq!(ann.until("ack").await["id"], format!("m{number}"));
    }
    for number in 2..=3 {
        ann.say(json!({"type": "end", "id": format!("e{number}")})).await;
        ann.find(|frame| frame["state"] == "closed").await;
        ann.acked(&format!("n{number}"), "Once more").await;
    }
    let mut bob = gateway.customer().await;
    bob.write("m1", "And I?").await;
    let refused = bob.until("error").await;
    assert_eq!((&refused["code"], &refused["for"]), (&json!("rate_limited"), &json!("m1")));
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{refused}");
    // Conversations in progress continue.
    ann.acked("m11", "Still here").await;
}
