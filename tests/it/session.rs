//! The customer at a socket: session tokens, signed identities, and the walls between customers.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use couplet::chat::ids::TenantKey;
use couplet::ports::store::Sessions as _;
use couplet::ports::world::World as _;
use couplet::world::SystemWorld;
use ring::digest::{SHA256, digest};
use ring::hmac;
use serde_json::{Value, json};

use crate::support::customer::Customer;
use crate::support::gateway::{Gateway, Ground, IDENTITY_SECRET, Server, TENANT};

/// A gateway with the tenants `acme` and `bolt`, and no agent.
async fn gateway() -> Gateway {
    let plan = Gateway::plan(Server::Prosody, Ground::Embedded, "").await;
    plan.tenant("bolt", |_| {}).await;
    plan.open().await
}

/// Sends hello and returns the first response: the welcome, or an error before it.
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

    // A customer's own token leads back to their conversation; nothing else is replayed.
    let mut again = ann.return_as(gateway.address, None).await;
    assert_eq!(who(&again), who(&ann));
    assert_eq!(again.caught_up().await.len(), 1);

    // A false token, one of another tenant, and an expired one: an error and a fresh session.
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

    // Another customer's conversation looks like one that does not exist, in `hello` and in
    // `history`.
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

    // Nor is a token valid at another tenant.
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

    // Issued when the clock was a year ahead: once used, it expires like one issued now.
    let mut session = stored(&first).await;
    session.expires_at = now.plus(400 * DAY_MS);
    assert!(store.update_session(&session, &session.token).await.unwrap());
    let back = ann.return_as(gateway.address, None).await;
    let second = back.token();
    assert_ne!(first, second);
    assert!(stored(&second).await.expires_at <= SystemWorld.now().plus(30 * DAY_MS));

    // The previous token is valid for a minute after the new one is first used.
    let mut session = stored(&second).await;
    session.previous.as_mut().unwrap().1 = Some(now.plus(400 * DAY_MS));
    assert!(store.update_session(&session, &session.token).await.unwrap());
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

    // Each later entry once, in order, with no gap; a hundred in the welcome, the rest after it.
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

/// Makes every token two days older.
async fn age(gateway: &Gateway) {
    gateway.db.tamper("UPDATE sessions SET expires_at = expires_at - 172800000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_reconnect_together_stay_signed_in() {
    let gateway = gateway().await;
    let mut ann = gateway.customer().await;
    let conversation = ann.acked("m1", "Mine").await["conversation"].clone();
    let anns = who(&ann).to_owned();
    let is_hers = |back: &Customer| {
        assert_eq!(who(back), anns);
        assert_eq!(back.welcome["conversation"]["id"], conversation);
    };
    // At once, and one after the other; whichever is stored last, and used first.
    for round in 0..3 {
        let old = ann.token();
        age(&gateway).await;
        let hello = json!({"session": old});
        let back = async || Customer::greet(gateway.address, TENANT, hello.clone()).await;
        let (one, two, three, four) = tokio::join!(back(), back(), back(), back());
        let late = back().await;
        let mut tabs = [one, two, three, four, late];
        tabs.rotate_left(round);
        for tab in &tabs {
            is_hers(tab);
            assert_ne!(tab.token(), old, "it was due");
            is_hers(&tab.return_as(gateway.address, None).await);
        }
        // The old one is still valid for a minute, and leads to what the others have.
        let straggler = back().await;
        is_hers(&straggler);
        assert_eq!(straggler.token(), tabs[0].token());
        ann.welcome = tabs[0].welcome.clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_replaced_by_the_previous_version_stays_valid() {
    let gateway = gateway().await;
    let ann = gateway.customer().await;
    age(&gateway).await;
    let tab = ann.return_as(gateway.address, None).await;
    // That version drew the new token at random, and only its holder has it.
    gateway.db.tamper("UPDATE sessions SET salt = NULL").await;
    let other = ann.return_as(gateway.address, None).await;
    assert_eq!((who(&other), other.token()), (who(&ann), ann.token()));
    assert_eq!(who(&tab.return_as(gateway.address, None).await), who(&ann));
    // It was lost on the way: nobody used it for two days.
    gateway.db.tamper("UPDATE sessions SET previous_until = NULL").await;
    age(&gateway).await;
    let third = ann.return_as(gateway.address, None).await;
    assert_eq!(who(&third), who(&ann));
    assert_eq!(who(&third.return_as(gateway.address, None).await), who(&ann));
}

fn jwt(claims: Value, secret: &str) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[allow(clippy::disallowed_methods, reason = "the gateway uses the machine's clock")]
fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

fn signed(subject: &str) -> String {
    signed_as(subject, "Ann\u{202e} Lee")
}

/// An identity signed by the page's server.
pub(crate) fn signed_as(subject: &str, name: &str) -> String {
    jwt(json!({"sub": subject, "name": name, "exp": 4_000_000_000_u64}), IDENTITY_SECRET)
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

    // On another device it is the same customer, in another session.
    let phone = greet(json!({"identity": signed("ann")})).await;
    assert_eq!(who(&phone), who(&ann));
    assert_ne!(phone.token(), ann.token());
    assert_eq!(phone.welcome["conversation"]["id"], ann.welcome["conversation"]["id"]);

    // The JWT wins over a token: of another customer's session, and of an anonymous one if the
    // subject already is a customer; neither is merged into the other.
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

    // An invalid identity is refused, whatever token comes with it.
    let none = |claims: Value| {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(json!({"alg": "none", "typ": "JWT"})), part(claims))
    };
    let exp = 4_000_000_000_u64;
    let table = [
        (jwt(json!({"sub": "ann", "exp": exp}), "another secret, of thirty-two ch."), "signature"),
        (jwt(json!({"sub": "ann"}), IDENTITY_SECRET), "exp: missing"),
        (jwt(json!({"exp": exp}), IDENTITY_SECRET), "sub: missing"),
        (jwt(json!({"sub": "ann", "exp": exp, "nbf": in_seconds(600)}), IDENTITY_SECRET), "nbf:"),
        (jwt(json!({"sub": "ann", "exp": "soon"}), IDENTITY_SECRET), "exp:"),
        (jwt(json!({"sub": ["ann"], "exp": exp}), IDENTITY_SECRET), "sub:"),
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
        let told = (&error["code"], &error["reason"]);
        assert_eq!(told, (&json!("unauthorized"), &json!("identity_refused")), "{identity}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert_eq!(refused.close_code().await, Some(4401), "{identity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_jwt_locks_nobody_out() {
    let gateway = gateway().await;
    let at = gateway.address;
    let late =
        |subject: &str| jwt(json!({"sub": subject, "exp": in_seconds(-3600)}), IDENTITY_SECRET);
    let mut ann = Customer::greet(at, TENANT, json!({"identity": signed("ann")})).await;
    let conversation = ann.acked("m1", "Mine").await["conversation"].clone();

    // The session is valid: it continues, and the page is asked for another JWT.
    let fields = json!({"session": ann.token(), "identity": late("ann")});
    let (error, mut back) = hello(&gateway, fields).await;
    assert_eq!(
        (&error["code"], &error["reason"], &error["for"]),
        (&json!("unauthorized"), &json!("identity_expired"), &Value::Null)
    );
    let welcome = back.until("welcome").await;
    assert_eq!(welcome["session"]["customer"], *who(&ann));
    assert_eq!(welcome["conversation"]["id"], conversation);
    back.acked("m2", "Still here").await;

    // So does an anonymous session; it stays anonymous.
    let mut anonymous = gateway.customer().await;
    let fields = json!({"session": anonymous.token(), "identity": late("ann")});
    let (_, mut back) = hello(&gateway, fields).await;
    assert_eq!(back.until("welcome").await["session"]["customer"], *who(&anonymous));
    anonymous.acked("m1", "Not Ann's").await;

    // An expired JWT leads nobody into another's session, nor into their own without a token.
    let bob = json!({"session": ann.token(), "identity": late("bob")});
    let others =
        [bob, json!({"identity": late("ann")}), json!({"session": "x", "identity": late("ann")})];
    for fields in others {
        let (error, mut refused) = hello(&gateway, fields.clone()).await;
        assert_eq!(error["reason"], "identity_expired", "{fields}");
        assert!(error["message"].as_str().unwrap().starts_with("exp:"), "{error}");
        assert_eq!(refused.close_code().await, Some(4401), "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_common_jwt_libraries_are_accepted() {
    let gateway = gateway().await;
    let greet = async |claims: Value| {
        let identity = jwt(claims, IDENTITY_SECRET);
        Customer::greet(gateway.address, TENANT, json!({"identity": identity})).await
    };
    let exp = in_seconds(600);
    let text = greet(json!({"sub": "4711", "exp": exp})).await;
    for aud in [json!("couplet"), json!(["a", "b"]), json!(7), json!({"a": [1]})] {
        let number = greet(json!({"sub": 4711, "exp": exp, "aud": aud, "nbf": exp - 600})).await;
        assert_eq!(who(&number), who(&text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_half_claimed_is_not_given_to_another() {
    let gateway = gateway().await;
    let mut anonymous = gateway.customer().await;
    anonymous.acked("m1", "Ann's own").await;
    let token = anonymous.token();
    let greet = async |subject: &str| {
        let hello = json!({"session": token, "identity": signed(subject)});
        Customer::greet(gateway.address, TENANT, hello).await
    };
    greet("ann").await;
    // As the previous version left it when it died between its two writes.
    gateway.db.tamper("UPDATE sessions SET subject = NULL").await;
    let bob = greet("bob").await;
    assert_ne!(who(&bob), who(&anonymous));
    assert_eq!(bob.welcome["conversation"], Value::Null);
    assert_eq!(who(&greet("ann").await), who(&anonymous));
}
