//! Who is at a socket: tokens, signed identities, and what is nobody else's business.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use couplet::chat::ids::TenantKey;
use couplet::ports::store::Sessions as _;
use couplet::ports::world::World as _;
use couplet::world::SystemWorld;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, IDENTITY_SECRET, Server, TENANT};

/// A gateway with the tenants `acme` and `bolt`, and nobody to answer.
async fn gateway() -> Gateway {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.tenant("bolt", |_| {}).await;
    plan.open().await
}

/// Says hello and gives what comes first: the welcome, or an error before it.
async fn hello(gateway: &Gateway, fields: Value) -> (Value, Customer) {
    let mut customer = Customer::bare(gateway.address, TENANT).await;
    let mut hello = fields;
    hello["type"] = "hello".into();
    customer.say(hello).await;
    (customer.next().await, customer)
}

fn who(customer: &Customer) -> &str {
    customer.welcome["session"]["customer"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let gateway = gateway().await;
    let mut ann = gateway.customer().await;
    let conversation = ann.acked("m1", "Mine").await["conversation"].clone();

    // Its own token leads back, and nothing but the conversation itself is said again.
    let mut again = ann.return_as(gateway.address, None).await;
    assert_eq!(who(&again), who(&ann));
    assert_eq!(again.caught_up().await.len(), 1);

    // A false one, one of another tenant, and one that has expired: an error and a fresh session.
    let bolt = Customer::arrive(gateway.address, "bolt").await;
    let old = gateway.customer().await;
    let id = who(&old).replace('-', "");
    let expired = "UPDATE sessions SET expires_at = 1";
    gateway.db.tamper(&format!("{expired} WHERE lower(hex(customer)) = '{id}'")).await;
    for token in ["", "x", &"x".repeat(43), &"ä".repeat(10_000), &bolt.token(), &old.token()] {
        let (first, mut fresh) = hello(&gateway, json!({"session": token})).await;
        assert_eq!((&first["type"], &first["code"]), (&json!("error"), &json!("unauthorized")));
        let welcome = fresh.until("welcome").await;
        assert_ne!(welcome["session"]["token"], *token);
        assert_eq!(welcome["conversation"], Value::Null);
        for known in [&ann, &bolt, &old] {
            assert_ne!(welcome["session"]["customer"], *who(known));
        }
    }

    // Another's conversation is as one that does not exist, in `hello` and in `history`.
    let mut eve = gateway.customer().await;
    let nowhere = json!("00000000-0000-4000-8000-000000000000");
    let mut answers = Vec::new();
    for conversation in [&conversation, &nowhere] {
        let hello = json!({"session": eve.token(), "conversation": conversation, "last_seq": 0});
        let welcome = Customer::greet(gateway.address, TENANT, hello).await.welcome;
        assert_eq!((&welcome["conversation"], &welcome["entries"]), (&Value::Null, &json!([])));
        let history = json!({"type": "history", "id": "h1", "conversation": conversation});
        eve.say(history).await;
        answers.push(eve.until("error").await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((&answers[0]["code"], &answers[0]["for"]), (&json!("not_open"), &json!("h1")));

    // Nor does a token name a tenant that is not its own.
    let elsewhere = Customer::greet(gateway.address, "bolt", json!({"session": ann.token()})).await;
    assert_ne!(who(&elsewhere), who(&ann));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_after_the_clock_was_set_back() {
    const DAY_MS: i64 = 24 * 60 * 60_000;
    let gateway = gateway().await;
    let store = &gateway.db.store;
    let tenant = TenantKey::new(TENANT).unwrap();
    let stored = async |token: &str| {
        let hash = digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap();
        store.session(&tenant, &hash).await.unwrap().expect("it is stored")
    };
    let ann = gateway.customer().await;
    let first = ann.token();
    let now = SystemWorld.now();

    // Given out when the clock was a year ahead: used once, it ends as one given out now.
    let mut session = stored(&first).await;
    session.expires_at = now.plus(400 * DAY_MS);
    store.update_session(&session).await.unwrap();
    let back = ann.return_as(gateway.address, None).await;
    let second = back.token();
    assert_ne!(first, second);
    assert!(stored(&second).await.expires_at <= SystemWorld.now().plus(30 * DAY_MS));

    // The one before is good for a minute from when the new one is used.
    let mut session = stored(&second).await;
    session.previous.as_mut().unwrap().1 = Some(now.plus(400 * DAY_MS));
    store.update_session(&session).await.unwrap();
    let again = back.return_as(gateway.address, None).await;
    assert_eq!(again.token(), second);
    let until = stored(&second).await.previous.unwrap().1.unwrap();
    assert!(until <= SystemWorld.now().plus(60_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_and_paging() {
    let gateway =
        Gateway::start(Server::Prosody, Ground::Embedded, "[limits]\nmessage_burst = 500\n").await;
    let mut ann = gateway.customer().await;
    for number in 1..=130 {
        ann.write(&format!("m{number}"), &format!("Line {number}")).await;
    }
    let last = ann.find(|frame| frame["id"] == "m130").await;
    assert_eq!(last["seq"], 130);
    let conversation = last["conversation"].as_str().unwrap().to_owned();

    // Each later entry once, in order, with no gap; a hundred in the welcome, the rest behind it.
    for seen in [0, 29, 30, 31, 129, 130] {
        let mut back = ann.return_as(gateway.address, Some((&conversation, seen))).await;
        let first = back.welcome["entries"].as_array().unwrap().len();
        assert_eq!(first, (130 - seen as usize).min(100));
        let seqs = back.caught_up().await;
        let seqs: Vec<u64> = seqs.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (seen + 1..=130).collect::<Vec<_>>(), "{seen}");
    }

    let mut page = async |fields: Value| {
        let mut frame = fields;
        frame["type"] = "history".into();
        frame["id"] = "h".into();
        ann.say(frame).await;
        let page = ann.find(|frame| frame["for"] == "h").await;
        let seqs = page["entries"].as_array().unwrap().iter();
        let seqs: Vec<u64> = seqs.map(|entry| entry["seq"].as_u64().unwrap()).collect();
        (seqs, page["more"].as_bool().unwrap())
    };
    let table = [
        (json!({"before": 3}), (1..=2).collect(), false),
        (json!({"before": 1}), vec![], false),
        (json!({"before": 0}), vec![], false),
        (json!({"limit": 1}), vec![130], true),
        (json!({"limit": 0}), vec![130], true),
        (json!({"limit": 4_000_000_000_u32}), (31..=130).collect(), true),
        (json!({"limit": 100, "before": 31}), (1..=30).collect(), false),
        (
            json!({"limit": 30, "before": 31, "conversation": conversation}),
            (1..=30).collect(),
            false,
        ),
        (json!({"limit": 29, "before": 31}), (2..=30).collect::<Vec<_>>(), true),
    ];
    for (fields, seqs, more) in table {
        assert_eq!(page(fields.clone()).await, (seqs, more), "{fields}");
    }
}

fn jwt(claims: Value, secret: &str) -> String {
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes()))
        .unwrap()
}

fn signed(subject: &str) -> String {
    jwt(
        json!({"sub": subject, "name": "Ann\u{202e} Lee", "exp": 4_000_000_000_u64}),
        IDENTITY_SECRET,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn identities() {
    let gateway = gateway().await;
    let at = gateway.address;
    let greet = async |fields: Value| Customer::greet(at, TENANT, fields).await;

    // An anonymous session is claimed once, with its conversation.
    let mut anonymous = gateway.customer().await;
    anonymous.acked("m1", "Before I logged in").await;
    let token = anonymous.token();
    let ann = greet(json!({"session": token, "identity": signed("ann")})).await;
    assert_eq!(who(&ann), who(&anonymous));
    assert_eq!(ann.welcome["entries"][0]["text"], "Before I logged in");

    // On another device she is the same customer, in another session.
    let phone = greet(json!({"identity": signed("ann")})).await;
    assert_eq!(who(&phone), who(&ann));
    assert_ne!(phone.token(), ann.token());
    assert_eq!(phone.welcome["conversation"]["id"], ann.welcome["conversation"]["id"]);

    // The JWT wins over a token: of somebody else's session, and of an anonymous one where the
    // subject is a customer already; neither is merged into another.
    let other = gateway.customer().await;
    for token in [ann.token(), other.token()] {
        let (first, mut bob) =
            hello(&gateway, json!({"session": token, "identity": signed("bob")})).await;
        let welcome = if first["type"] == "error" { bob.until("welcome").await } else { first };
        assert_ne!(welcome["session"]["customer"], *who(&ann));
        assert_eq!(welcome["conversation"], Value::Null);
    }
    let late = gateway.customer().await;
    let joined = greet(json!({"session": late.token(), "identity": signed("ann")})).await;
    assert_eq!(who(&joined), who(&ann));
    let untouched = greet(json!({"session": late.token()})).await;
    assert_eq!(who(&untouched), who(&late), "the anonymous session stays as it is");

    // What is not good is refused, whatever token comes with it.
    let none = |claims: Value| {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(json!({"alg": "none", "typ": "JWT"})), part(claims))
    };
    let exp = 4_000_000_000_u64;
    let table = [
        (jwt(json!({"sub": "ann", "exp": exp}), "another secret, of thirty-two ch."), "signature"),
        (jwt(json!({"sub": "ann", "exp": 1}), IDENTITY_SECRET), "expired"),
        (jwt(json!({"sub": "ann"}), IDENTITY_SECRET), "exp and sub"),
        (jwt(json!({"exp": exp}), IDENTITY_SECRET), ""),
        (jwt(json!({"sub": "", "exp": exp}), IDENTITY_SECRET), "sub"),
        (jwt(json!({"sub": "x".repeat(300), "exp": exp}), IDENTITY_SECRET), "sub"),
        (none(json!({"sub": "ann", "exp": exp})), ""),
        (signed("ann") + "x", ""),
        ("a.b.c".to_owned(), ""),
        (String::new(), ""),
    ];
    for (identity, said) in table {
        let fields = json!({"session": ann.token(), "identity": identity});
        let (error, mut refused) = hello(&gateway, fields).await;
        assert_eq!(error["code"], "unauthorized", "{identity}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert_eq!(refused.close_code().await, Some(4401), "{identity}");
    }
}
