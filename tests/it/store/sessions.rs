//! Sessions and customers, and the walls between tenants.

use couplet::chat::ids::{LinkDomain, Localpart, TenantKey};
use couplet::ports::directory::Directory;
use couplet::ports::store::{Claim, Log, Naming, Session, Sessions};
use couplet::ports::store_error::StoreError;

use super::fixture::*;
use crate::support::db::Db;

suite!(
    token_rotation,
    created_again,
    sessions_created_together,
    sessions_resumed_together,
    walls_between_tenants,
    one_customer_per_subject,
    localpart_is_unique_on_its_link,
    names,
    a_token_is_replaced_once,
    a_session_is_claimed_once,
    a_session_is_adopted_by_a_known_customer,
    a_first_name_may_set_the_address,
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
        let was = session.token;
        session.previous = Some((was, until));
        session.token = [100 + u8::from(until.is_some()); 32];
        session.salt = until.map(|_| [7; 32]);
        session.expires_at = session.expires_at.plus(7);
        assert_eq!(db.store.update_session(&session, &was).await, Ok(true));
        let old = session.previous.expect("one before").0;
        assert_eq!(get(db, &key("acme"), session.token).await, Some(session.clone()));
        assert_eq!(get(db, &key("acme"), old).await, Some(session.clone()));
    }
    assert_eq!(get(db, &key("acme"), [1; 32]).await, None, "two before is gone");
    session.previous = None;
    assert_eq!(db.store.update_session(&session, &session.token).await, Ok(true));
    assert_eq!(get(db, &key("acme"), session.token).await, Some(session.clone()));
    let taken = Session { token: [2; 32], ..session.clone() };
    let refused = db.store.update_session(&taken, &session.token).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let unknown = super::fixture::session(99, &customer(1));
    assert_eq!(db.store.update_session(&unknown, &unknown.token).await, Ok(false));
}

async fn a_token_is_replaced_once(db: &Db) {
    acme(&db.store).await;
    let session = session(1, &customer(1));
    let by = |number: u8| Session {
        token: [number; 32],
        previous: Some((session.token, None)),
        salt: Some([number; 32]),
        ..session.clone()
    };
    // Two tabs, on two nodes, that have read the same token.
    let (one, other) = (by(101), by(102));
    let (first, second) = tokio::join!(
        db.store.update_session(&one, &session.token),
        db.store.update_session(&other, &session.token),
    );
    let (first, second) = (first.expect("written"), second.expect("written"));
    assert!(first ^ second, "one of them replaces it: {first} {second}");
    let stands = if first { one } else { other };
    assert_eq!(get(db, &key("acme"), session.token).await, Some(stands));
}

async fn a_session_is_claimed_once(db: &Db) {
    acme(&db.store).await;
    let subject_of = async |session: &Session| {
        get(db, &key("acme"), session.token).await.expect("there").subject
    };
    // Two subjects at once: one gets both the session and its customer, the other nothing.
    let first = session(1, &customer(1));
    let (ann, bob) = tokio::join!(db.store.claim(&first, "ann"), db.store.claim(&first, "bob"));
    let winner = match (ann.expect("done"), bob.expect("done")) {
        (Claim::Made, Claim::Refused) => "ann",
        (Claim::Refused, Claim::Made) => "bob",
        other => panic!("{other:?}"),
    };
    assert_eq!(subject_of(&first).await.as_deref(), Some(winner));
    assert_eq!(db.store.customer_of(&key("acme"), winner).await, Ok(Some(customer(1))));
    assert_eq!(db.store.claim(&first, winner).await, Ok(Claim::Made), "the response was lost");

    // The previous version bound the customer first, and may have died before it bound the session.
    let second = session(2, &customer(2));
    let id = customer(2).id.0.simple().to_string();
    db.tamper(&format!("UPDATE customers SET subject = x'636c656f' WHERE lower(hex(id)) = '{id}'"))
        .await;
    assert_eq!(db.store.claim(&second, "dan").await, Ok(Claim::Refused));
    assert_eq!(subject_of(&second).await, None, "neither is written");
    assert_eq!(db.store.claim(&second, "cleo").await, Ok(Claim::Made));

    // A subject has one customer, and none of another tenant.
    let third = session(3, &customer(3));
    assert_eq!(db.store.claim(&third, "cleo").await, Ok(Claim::Known));
    assert_eq!(subject_of(&third).await, None);
    let mut disguised = third.clone();
    disguised.customer.tenant = key("beta");
    assert_eq!(db.store.claim(&disguised, "eve").await, Ok(Claim::Refused));
    // Subjects are compared exactly, including trailing blanks and case.
    assert_eq!(db.store.claim(&third, "Cleo ").await, Ok(Claim::Made));
    assert_eq!(db.store.customer_of(&key("acme"), "Cleo ").await, Ok(Some(customer(3))));
}

async fn created_again(db: &Db) {
    acme(&db.store).await;
    let again = session(1, &customer(1));
    db.store.create_session(&again, T0).await.expect("the response to the first was lost");
    let second = session(9, &customer(1));
    db.store.create_session(&second, T0).await.expect("another browser of the same customer");
    assert_eq!(get(db, &key("acme"), [9; 32]).await.expect("there").customer, customer(1));
    let stolen = Session { token: [1; 32], ..session(8, &customer(1)) };
    let refused = db.store.create_session(&stolen, T0).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let mut nobody = customer(77);
    nobody.tenant = key("nobody");
    let refused = db.store.create_session(&session(7, &nobody), T0).await;
    assert_eq!(refused, Err(StoreError::Missing("the tenant nobody".to_owned())));
}

async fn sessions_created_together(db: &Db) {
    acme(&db.store).await;
    let mut comers: Vec<Session> = (20..80).map(|n| session(n, &customer(n.into()))).collect();
    // Among them: a retry after a lost response, another browser of a known customer, and two that
    // are refused.
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

async fn sessions_resumed_together(db: &Db) {
    acme(&db.store).await;
    db.store.add_tenant(&tenant("beta")).await.expect("added");
    let mut known: Vec<Session> = (20..60).map(|n| session(n, &customer(n.into()))).collect();
    for session in &known {
        db.store.create_session(session, T0).await.expect("created");
    }
    // One has a new token, and does not know it yet.
    let before = known[7].token;
    known[7].previous = Some((before, None));
    known[7].token = [207; 32];
    assert_eq!(db.store.update_session(&known[7], &before).await, Ok(true));
    let (acme, beta) = (key("acme"), key("beta"));
    let mut asks: Vec<_> = known.iter().map(|session| (&acme, session.token)).collect();
    // Two tabs of one customer, an older token, an unknown one, and one at another tenant.
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
    let session = session(1, &customer(1));
    assert_eq!(db.store.claim(&session, "u1").await, Ok(Claim::Made));
    assert_eq!(get(db, &key("beta"), [1; 32]).await, None);
    assert_eq!(db.store.customer_of(&key("beta"), "u1").await, Ok(None));
    let mut disguised = customer(1);
    disguised.tenant = key("beta");
    let refused = db.store.name_customer(&disguised, &naming("Eve", true)).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    let (was, session) = (session.token, Session { customer: disguised.clone(), ..session });
    assert_eq!(db.store.update_session(&session, &was).await, Ok(false));
    let refused = db.store.create_session(&super::fixture::session(9, &disguised), T0).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
    let elsewhere = LinkDomain::new("other.example.org").expect("a domain");
    let found = db.store.customer_at(&elsewhere, &customer(1).localpart).await;
    assert_eq!(found, Ok(None));
}

async fn one_customer_per_subject(db: &Db) {
    acme(&db.store).await;
    assert_eq!(db.store.claim(&session(1, &customer(1)), "u1").await, Ok(Claim::Made));
    let expected = Err(StoreError::Exists("a customer with this subject".to_owned()));
    let fresh = Session { subject: Some("u1".into()), ..session(9, &customer(9)) };
    assert_eq!(db.store.create_session(&fresh, T0).await, expected);
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
    db.tamper("UPDATE customers SET name = NULL").await;
    // The first name stays unless it is to be replaced, whatever the caller has read.
    for (name, replaces, stands) in
        [("Ærø 🏝️ ", false, "Ærø 🏝️ "), ("b", false, "Ærø 🏝️ "), ("b", true, "b")]
    {
        let named = db.store.name_customer(&customer, &naming(name, replaces)).await;
        customer.name = Some(stands.into());
        assert_eq!(named, Ok(customer.clone()));
        let found = db.store.customer_at(&link(), &customer.localpart).await.expect("read");
        assert_eq!(found, Some((customer.clone(), None)));
        customer.name = None;
    }
}

fn naming(name: &str, replaces: bool) -> Naming {
    Naming { name: name.into(), replaces, address: None }
}

async fn a_session_is_adopted_by_a_known_customer(db: &Db) {
    let epoch = acme(&db.store).await;
    let (ann, anonymous) = (session(1, &customer(1)), session(2, &customer(2)));
    assert_eq!(db.store.claim(&ann, "ann").await, Ok(Claim::Made));
    let home = customer(1).id;
    assert_eq!(db.store.open_kin(home).await, Ok(None));
    assert_eq!(db.store.adopt(&anonymous, home, "ann").await, Ok(true));
    assert_eq!(db.store.adopt(&anonymous, home, "ann").await, Ok(true), "the response was lost");
    let found = get(db, &key("acme"), anonymous.token).await.expect("there");
    assert_eq!(found.subject.as_deref(), Some("ann"));
    assert_eq!((found.customer.id, found.same_as), (customer(2).id, Some(home)));
    // Neither it nor its customer can be claimed by another subject.
    assert_eq!(db.store.claim(&anonymous, "bob").await, Ok(Claim::Refused));
    assert_eq!(db.store.adopt(&anonymous, customer(3).id, "bob").await, Ok(false));
    // Nor can a claimed session be adopted.
    assert_eq!(db.store.adopt(&ann, customer(3).id, "cleo").await, Ok(false));
    assert_eq!(get(db, &key("acme"), ann.token).await.expect("there").same_as, None);

    let same = async |one: u128, other: u128| {
        db.store.is_same(customer(one).id, customer(other).id).await.expect("read")
    };
    assert!(same(1, 2).await && same(2, 1).await);
    assert!(!same(1, 3).await && !same(2, 3).await && !same(2, 99).await);
    db.store.append(&link(), epoch, &[opened(1, 2)]).await.expect("stored");
    let kin = db.store.open_kin(home).await.expect("read").expect("one is open");
    assert_eq!(kin.id, customer(2).id);

    db.store.move_session(&found, home).await.expect("moved");
    let moved = get(db, &key("acme"), anonymous.token).await.expect("there");
    assert_eq!((moved.customer.id, moved.same_as), (home, None));
    db.store.move_session(&found, customer(3).id).await.expect("another tab was quicker");
    assert_eq!(get(db, &key("acme"), anonymous.token).await, Some(moved));
}

async fn a_first_name_may_set_the_address(db: &Db) {
    let epoch = acme(&db.store).await;
    db.tamper("UPDATE customers SET name = NULL").await;
    let address = |text: &str| Some(Localpart::new(text).expect("a localpart"));
    let naming = |name: &str, at: &str| Naming { address: address(at), ..naming(name, false) };
    let taken = db.store.name_customer(&customer(1), &naming("Ann", "c2")).await;
    assert_eq!(taken, Err(StoreError::Exists("a customer at this address".to_owned())));
    let ann = db.store.name_customer(&customer(1), &naming("Ann", "ann-67kb")).await;
    let ann = ann.expect("written");
    assert_eq!((ann.name.as_deref(), ann.localpart.as_str()), (Some("Ann"), "ann-67kb"));
    // A customer who has a name keeps their address, and so does one who has been shown to an
    // agent.
    let again = db.store.name_customer(&ann, &naming("Bea", "bea-1234")).await;
    assert_eq!(again, Ok(ann));
    db.store.append(&link(), epoch, &[opened(1, 2)]).await.expect("stored");
    let cleo = db.store.name_customer(&customer(2), &naming("Cleo", "cleo-1234")).await;
    let cleo = cleo.expect("written");
    assert_eq!((cleo.name.as_deref(), cleo.localpart.as_str()), (Some("Cleo"), "c2"));
}
