//! Leases: one owner at a time, by the database's clock.

use std::time::Duration;

use couplet::chat::ids::Epoch;
use couplet::ports::store::{Lease, Leases, LinkOwner};
use couplet::ports::store_error::StoreError;

use super::fixture::*;
use crate::support::db::Db;

suite!(
    one_of_many_wins,
    held_until_it_expires,
    renewed_and_fenced,
    released,
    set_back,
    asked_again_by_its_owner
);

async fn one_of_many_wins(db: &Db) {
    let others = [db.another().await, db.another().await, db.another().await];
    // The first time, when the link has no row yet, and once more afterwards.
    for round in 0..2_u128 {
        let link = link();
        let ask = |n: usize| {
            let store = &others[n];
            let by = node(round * 10 + n as u128 + 1);
            store.acquire(&link, by, MINUTE)
        };
        let (a, b, c) = tokio::join!(ask(0), ask(1), ask(2));
        let answers = [a, b, c].map(|answer| answer.expect("an answer"));
        let granted: Vec<Epoch> = answers
            .iter()
            .filter_map(|answer| match answer {
                Lease::Granted { epoch, .. } => Some(*epoch),
                Lease::Held { .. } => None,
            })
            .collect();
        assert_eq!(granted.len(), 1, "{answers:?}");
        let owner = db.store.owner(&link).await.expect("an answer").expect("owned").node;
        for answer in answers {
            if let Lease::Held { by, remaining } = answer {
                assert_eq!(by, owner);
                assert!(remaining > MINUTE / 2 && remaining <= MINUTE, "{remaining:?}");
            }
        }
        db.store.release(&link, granted[0]).await.expect("given up");
    }
    for other in others {
        other.close().await;
    }
}

async fn held_until_it_expires(db: &Db) {
    let short = Duration::from_millis(1500);
    let first = db.store.acquire(&link(), node(1), short).await.expect("an answer");
    let Lease::Granted { epoch: first, .. } = first else { panic!("{first:?}") };
    let held = db.store.acquire(&link(), node(2), short).await.expect("an answer");
    let Lease::Held { by, remaining } = held else { panic!("{held:?}") };
    assert_eq!(by, node(1));
    assert!(remaining <= short);
    tokio::time::sleep(remaining + Duration::from_millis(20)).await;
    assert_eq!(db.store.owner(&link()).await, Ok(None));
    let second = db.store.acquire(&link(), node(2), short).await.expect("an answer");
    let Lease::Granted { epoch, silent: Some(silent) } = second else { panic!("{second:?}") };
    assert_eq!(epoch, first.next());
    // Not released: the lease was certainly held when granted, and not after it expired.
    assert!(silent >= short && silent < 2 * short, "{silent:?}");
    assert_eq!(db.store.renew(&link(), first, MINUTE, true).await, Err(StoreError::Fenced));
}

async fn renewed_and_fenced(db: &Db) {
    let lease = db.store.acquire(&link(), node(1), Duration::from_millis(1)).await;
    let Ok(Lease::Granted { epoch, .. }) = lease else { panic!("{lease:?}") };
    tokio::time::sleep(Duration::from_millis(20)).await;
    db.store.renew(&link(), epoch, MINUTE, true).await.expect("run out, but nobody took it");
    let owner = LinkOwner { node: node(1), stands: true };
    assert_eq!(db.store.owner(&link()).await, Ok(Some(owner)));
    for wrong in [Epoch(0), epoch.next()] {
        assert_eq!(db.store.renew(&link(), wrong, MINUTE, true).await, Err(StoreError::Fenced));
    }
}

async fn released(db: &Db) {
    assert_eq!(db.store.owner(&link()).await, Ok(None));
    let epoch = take(&db.store, 1).await;
    assert_eq!(db.store.release(&link(), epoch.next()).await, Err(StoreError::Fenced));
    db.store.release(&link(), epoch).await.expect("given up");
    assert_eq!(db.store.owner(&link()).await, Ok(None));
    assert_eq!(db.store.renew(&link(), epoch, MINUTE, true).await, Err(StoreError::Fenced));
    let next = db.store.acquire(&link(), node(2), MINUTE).await.expect("an answer");
    let Lease::Granted { epoch: next, silent: None } = next else { panic!("{next:?}") };
    assert!(next > epoch);
}

async fn set_back(db: &Db) {
    // A lease of an hour, as it would be granted while the database's clock was an hour ahead.
    let short = Duration::from_millis(1500);
    let ahead = db.store.acquire(&link(), node(1), Duration::from_secs(3600)).await;
    let Ok(Lease::Granted { epoch, silent: None }) = ahead else { panic!("{ahead:?}") };
    let held = db.store.acquire(&link(), node(2), short).await;
    assert_eq!(held, Ok(Lease::Held { by: node(1), remaining: short }));
    // Its owner may be alive: an owner who renews in time keeps it.
    db.store.renew(&link(), epoch, short, true).await.expect("still held");
    let held = db.store.acquire(&link(), node(2), short).await.expect("an answer");
    let Lease::Held { remaining, .. } = held else { panic!("{held:?}") };
    tokio::time::sleep(remaining + Duration::from_millis(20)).await;
    let taken = db.store.acquire(&link(), node(2), short).await;
    assert!(matches!(taken, Ok(Lease::Granted { silent: Some(_), .. })), "{taken:?}");
}

async fn asked_again_by_its_owner(db: &Db) {
    let first = take(&db.store, 1).await;
    let second = take(&db.store, 1).await;
    assert!(second > first, "an answer was lost: a new term begins");
    assert_eq!(db.store.renew(&link(), first, MINUTE, true).await, Err(StoreError::Fenced));
}
