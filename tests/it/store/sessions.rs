//! Sessions and customers, and the walls between tenants.

use std::sync::Arc;

use couplet::chat::ids::{LinkDomain, TenantKey};
use couplet::ports::store::{Directory, Session, Sessions, StoreError};

use super::fixture::*;
use crate::support::db::Db;

suite!(
    token_rotation,
    created_again,
    those_who_come_at_once,
    those_who_return_at_once,
    walls_between_tenants,
    one_customer_a_subject,
    localpart_is_unique_on_its_link,
    names,
);

async fn get(db: &Db, tenant: &TenantKey, token: [u8; 32]) -> Option<Session> {
    db.store.session(tenant, &token).await.expect("read")
}

async fn token_rotation(db: &Db) {
    acme(&db.store).await;
    let mut session = session(1, &customer(1));
    assert_eq!(get(db, &key("acme"), [1; 32]).await, Some(session.clone()));
    assert_eq!(get(db, &key("acme"), [0; 32]).await, None);
    for until in [None, Some(T0.plus(60_000))] {
        session.previous = Some((session.token, until));
        session.token = [100 + u8::from(until.is_some()); 32];
        session.expires_at = session.expires_at.plus(7);
        db.store.update_session(&session).await.expect("written");
        let old = session.previous.expect("one before").0;
        assert_eq!(get(db, &key("acme"), session.token).await, Some(session.clone()));
        assert_eq!(get(db, &key("acme"), old).await, Some(session.clone()));
    }
    assert_eq!(get(db, &key("acme"), [1; 32]).await, None, "two before is gone");
    session.previous = None;
    session.subject = Some("user 1 ".into());
    db.store.update_session(&session).await.expect("written");
    assert_eq!(get(db, &key("acme"), session.token).await, Some(session.clone()));
    let taken = Session { token: [2; 32], ..session.clone() };
    let refused = db.store.update_session(&taken).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let unknown = super::fixture::session(99, &customer(1));
    let refused = db.store.update_session(&unknown).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
}

async fn created_again(db: &Db) {
    acme(&db.store).await;
    let again = session(1, &customer(1));
    db.store.create_session(&again, T0).await.expect("the answer to the first was lost");
    let second = session(9, &customer(1));
    db.store.create_session(&second, T0).await.expect("another browser of his");
    assert_eq!(get(db, &key("acme"), [9; 32]).await.expect("there").customer, customer(1));
    let stolen = Session { token: [1; 32], ..session(8, &customer(1)) };
    let refused = db.store.create_session(&stolen, T0).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let mut nobody = customer(77);
    nobody.tenant = key("nobody");
    let refused = db.store.create_session(&session(7, &nobody), T0).await;
    assert_eq!(refused, Err(StoreError::Missing("the tenant nobody".to_owned())));
}

async fn those_who_come_at_once(db: &Db) {
    acme(&db.store).await;
    let mut comers: Vec<Session> = (20..80).map(|n| session(n, &customer(n.into()))).collect();
    // Among them: an answer that was lost, another browser of one who is known, two who may not.
    comers[10] = session(1, &customer(1));
    comers[20] = session(40, &customer(2));
    comers[30].token = comers[0].token;
    comers[40].customer.tenant = key("nobody");
    comers[50].customer.tenant = key("beta");
    comers[50].customer.id = customer(3).id;
    db.store.add_tenant(&tenant("beta")).await.expect("added");
    let all = comers.iter().map(|comer| db.store.create_session(comer, T0));
    let answers = futures_util::future::join_all(all).await;
    let taken = |n: usize| matches!(answers[n], Err(StoreError::Exists(_)));
    assert!(taken(0) ^ taken(30), "{:?} {:?}: one token, one session", answers[0], answers[30]);
    assert_eq!(answers[40], Err(StoreError::Missing("the tenant nobody".to_owned())));
    assert!(taken(50), "{:?}: another tenant's customer", answers[50]);
    for (n, comer) in comers.iter().enumerate().filter(|(n, _)| ![0, 30, 40, 50].contains(n)) {
        assert_eq!(answers[n], Ok(()), "{n}");
        let found = get(db, &key("acme"), comer.token).await.expect("there");
        assert_eq!(found, *comer, "{n}");
    }
}

async fn those_who_return_at_once(db: &Db) {
    acme(&db.store).await;
    db.store.add_tenant(&tenant("beta")).await.expect("added");
    let mut known: Vec<Session> = (20..60).map(|n| session(n, &customer(n.into()))).collect();
    for session in &known {
        db.store.create_session(session, T0).await.expect("created");
    }
    // One has a new token, and does not know of it.
    let before = known[7].token;
    known[7].previous = Some((before, None));
    known[7].token = [207; 32];
    db.store.update_session(&known[7]).await.expect("written");
    let (acme, beta) = (key("acme"), key("beta"));
    let mut asks: Vec<_> = known.iter().map(|session| (&acme, session.token)).collect();
    // Two tabs of one, a token from before, one nobody has, and one at another tenant's door.
    asks.extend([
        (&acme, known[3].token),
        (&acme, before),
        (&acme, [0; 32]),
        (&beta, known[3].token),
    ]);
    let all = asks.iter().map(|(tenant, token)| get(db, tenant, *token));
    let found = futures_util::future::join_all(all).await;
    for (n, session) in known.iter().enumerate() {
        assert_eq!(found[n].as_ref(), Some(session), "{n}");
    }
    let strangers = [Some(known[3].clone()), Some(known[7].clone()), None, None];
    assert_eq!(found[known.len()..], strangers);
}

async fn walls_between_tenants(db: &Db) {
    acme(&db.store).await;
    db.store.add_tenant(&tenant("beta")).await.expect("added");
    let mut session = session(1, &customer(1));
    session.subject = Some("u1".into());
    db.store.update_session(&session).await.expect("written");
    db.store.update_customer(&customer(1), Some("u1")).await.expect("written");
    assert_eq!(get(db, &key("beta"), [1; 32]).await, None);
    assert_eq!(db.store.customer_of(&key("beta"), "u1").await, Ok(None));
    let mut disguised = customer(1);
    disguised.tenant = key("beta");
    let refused = db.store.update_customer(&disguised, None).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    let refused =
        db.store.update_session(&Session { customer: disguised.clone(), ..session }).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    let refused = db.store.create_session(&super::fixture::session(9, &disguised), T0).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let elsewhere = LinkDomain::new("other.example.org").expect("a domain");
    let found = db.store.customer_at(&elsewhere, &customer(1).localpart).await;
    assert_eq!(found, Ok(None));
}

async fn one_customer_a_subject(db: &Db) {
    acme(&db.store).await;
    db.store.update_customer(&customer(1), Some("u1")).await.expect("bound");
    db.store.update_customer(&customer(1), Some("u1")).await.expect("the same again");
    let refused = db.store.update_customer(&customer(2), Some("u1")).await;
    let expected = Err(StoreError::Exists("a customer with this subject".to_owned()));
    assert_eq!(refused, expected);
    let fresh = Session { subject: Some("u1".into()), ..session(9, &customer(9)) };
    assert_eq!(db.store.create_session(&fresh, T0).await, expected);
    // Subjects are compared to the last blank and by their case.
    for (number, other) in [(2, "U1"), (3, "u1 ")] {
        db.store.update_customer(&customer(number), Some(other)).await.expect("another subject");
        let found = db.store.customer_of(&key("acme"), other).await.expect("read");
        assert_eq!(found, Some(customer(number)));
    }
    db.store.update_customer(&customer(1), Some("u9")).await.expect("written");
    assert_eq!(db.store.customer_of(&key("acme"), "u9").await, Ok(None), "bound once");
    assert_eq!(db.store.customer_of(&key("acme"), "u1").await, Ok(Some(customer(1))));
    let fresh = Session { subject: Some("u10".into()), ..session(10, &customer(10)) };
    db.store.create_session(&fresh, T0).await.expect("a new customer with a subject");
    assert_eq!(db.store.customer_of(&key("acme"), "u10").await, Ok(Some(customer(10))));
}

async fn localpart_is_unique_on_its_link(db: &Db) {
    acme(&db.store).await;
    db.store.add_tenant(&tenant("beta")).await.expect("added");
    let mut twin = customer(20);
    twin.localpart = customer(1).localpart;
    twin.tenant = key("beta");
    let refused = db.store.create_session(&session(20, &twin), T0).await;
    assert_eq!(refused, Err(StoreError::Exists("a customer at this address".to_owned())));
    assert_eq!(get(db, &key("beta"), [20; 32]).await, None, "nothing of it remains");
    let mut gamma = tenant("gamma");
    gamma.link = LinkDomain::new("other.example.org").expect("a domain");
    db.store.add_tenant(&gamma).await.expect("added");
    twin.tenant = key("gamma");
    db.store.create_session(&session(20, &twin), T0).await.expect("on another link");
    let found = db.store.customer_at(&gamma.link, &twin.localpart).await.expect("read");
    assert_eq!(found, Some((twin, None)));
}

async fn names(db: &Db) {
    acme(&db.store).await;
    let mut customer = customer(1);
    for name in [Some("Ærø 🏝️ "), None, Some("b")] {
        customer.name = name.map(Arc::from);
        db.store.update_customer(&customer, None).await.expect("written");
        let found = db.store.customer_at(&link(), &customer.localpart).await.expect("read");
        assert_eq!(found, Some((customer.clone(), None)));
    }
}
