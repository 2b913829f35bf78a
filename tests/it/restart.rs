//! A link with very many open conversations is taken over.
//!
//! By hand with two million rows: `COUPLET_TEST_OPEN_ROWS=2000000 cargo nextest run --test it -E
//! 'test(much_is_open)' --no-capture`.

use std::time::Duration;

use couplet::chat::ids::{LinkDomain, TenantKey};
use couplet::ports::directory::Directory as _;
use couplet::ports::link::FromLink;
use couplet::ports::store::{Leases as _, Log as _};
use couplet::ports::world::World as _;
use couplet::world::SystemWorld;
use tokio::time::{Instant, timeout};

use crate::owner::{Double, node, tenant};
use crate::support::db::{Backend, Db};

const EACH: u64 = 1_000;

/// Open conversations with a thousand messages each, half of them confirmed by an agent's client.
async fn fill(db: &Db, rows: u64) {
    let (link, now) = ("(SELECT id FROM links LIMIT 1)", SystemWorld.now().0);
    let id = |n: &str| format!("UNHEX(LPAD(HEX({n}), 32, '0'))");
    db.tamper("CREATE TABLE numbers (n BIGINT PRIMARY KEY)").await;
    db.tamper(&format!(
        "INSERT INTO numbers SELECT a.n + 10 * b.n + 100 * c.n + 1 FROM \
         {digits} a, {digits} b, {digits} c",
        digits = "(SELECT 0 n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
                  SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)"
    ))
    .await;
    for first in (0..rows / EACH).step_by(100) {
        let here = format!("n <= {}", (rows / EACH - first).min(100));
        let it = id(&format!("n + {first}"));
        db.tamper(&format!(
            "INSERT INTO customers (id, tenant, link, localpart, conversations) \
             SELECT {it}, 'acme', {link}, CONCAT('c', n + {first}), 1 FROM numbers WHERE {here}"
        ))
        .await;
        db.tamper(&format!(
            "INSERT INTO conversations (id, link, tenant, customer, queue, state, open, agent, \
             opened_at, waiting_since, priority, active_at, head, delivered, read_upto, confirmed) \
             SELECT {it}, {link}, 'acme', {it}, 'default', 'active', 1, 'alice@example.com', {now}, \
             {now}, 0, {now}, 0, 0, 0, IF(n % 2, 0, {}) FROM numbers WHERE {here}",
            EACH - 1
        ))
        .await;
        db.tamper(&format!(
            "INSERT INTO log (link, pos, conversation, tenant, customer, seq, at, kind, author, text) \
             SELECT {link}, ({first} + c.n - 1) * {EACH} + m.n, {it_c}, 'acme', {it_c}, m.n, {now}, \
             'message', 'customer', 'Where is my order? It was to come on Monday.' \
             FROM numbers c, numbers m WHERE c.{here}",
            it_c = id(&format!("c.n + {first}"))
        ))
        .await;
    }
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "set by those who run it by hand")]
async fn a_link_is_taken_over_while_much_is_open() {
    let wanted = std::env::var("COUPLET_TEST_OPEN_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: u64 = wanted.unwrap_or(40_000);
    let db = Db::new(Backend::Mysql).await;
    let acme = TenantKey::new("acme").unwrap();
    let domain = LinkDomain::new("chat.example.com").unwrap();
    db.store.add_tenant(&tenant(&acme, &domain)).await.unwrap();
    fill(&db, rows).await;

    let begun = Instant::now();
    let snapshot = db.store.snapshot(&domain, SystemWorld.now()).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(snapshot.conversations.len() as u64, rows / EACH);
    let unconfirmed = rows / EACH / 2 * (EACH + 200);
    assert_eq!(
        snapshot.messages.len() as u64,
        unconfirmed,
        "half of them whole, of half the latest"
    );
    println!("{rows} rows, {unconfirmed} messages read in {took:?}");
    drop(snapshot);

    let (mut link, handle) = Double::new();
    let begun = Instant::now();
    let node = node(&db, handle, std::sync::Arc::new(SystemWorld));
    let opened = timeout(Duration::from_secs(600), link.opened_patiently()).await;
    let epoch = opened.expect("it is restored");
    println!("the link was opened {:?} after the start", begun.elapsed());
    assert_eq!(epoch.0, 1, "at the first try: the lease never ran out meanwhile");
    link.say.send(FromLink::Up { stream: 1 }).await.unwrap();
    assert!(db.store.owner(&domain).await.unwrap().is_some());
    drop(link);
    node.stop().await;
    db.remove().await;
}
