//! Overload: one culprit is cut off, and the others notice nothing; thousands who reconnect at once
//! are all served.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use couplet::chat::ids::{LinkDomain, NodeId};
use couplet::ports::store::{Lease, Leases as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;
use xmpp_parsers::minidom::Element;

use crate::support::clerk::Clerk;
use crate::support::crew::Crew;
use crate::support::customer::Customer;
use crate::support::domain::domain;
use crate::support::gateway::{Gateway, Ground, Plan, Server, TENANT};
use crate::support::process::Process;
use crate::support::seat::{Bystanders, Seat, spoken};
use crate::support::visitor::Visitor;
use couplet_kit::gateway::LIMITS;
use couplet_kit::process::Faulty as _;
use couplet_kit::servers::servers;

// On ejabberd: Prosody, as configured for the tests, would throttle it first.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_floods() {
    let server = Server::Ejabberd;
    let plan = Gateway::plan(server, Ground::Embedded, LIMITS).await;
    let (seat, account) = (plan.seat("alice").await, plan.account("mallory"));
    let mut mallory = Seat::login(&server.xmpp(), &account).await;
    plan.hire(&mallory.jid, 1).await;
    mallory.show("away").await;
    let gateway = plan.open().await;
    let mut two = Bystanders::meet(gateway.customer().await, seat).await;
    let desk = gateway.desk();
    let last = 1_500;
    for number in 0..=last {
        mallory.say_as(&format!("f{number}"), &desk, "status").await;
    }
    for _ in 0..5 {
        let begun = Instant::now();
        two.go_on().await;
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    let refused = mallory
        .find("an error", |el| el.attr("type") == Some("error") && el.name() == "message")
        .await;
    let text = String::from(&refused);
    assert!(text.contains("resource-constraint") && text.contains("wait"), "{text}");
    // At a lower rate, they are accepted again.
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        mallory.so_far().await;
        let id = mallory.say(&desk, "status").await;
        let answers = |el: &Element| {
            el.attr("id") == Some(&id) || spoken(el).is_some_and(|text| text.contains("waiting"))
        };
        if mallory.find("an answer", answers).await.attr("type") != Some("error") {
            break;
        }
    }
    two.go_on().await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_comes_back_to_a_node_that_knows_no_tenant_yet() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, "").await;
    let mut way = plan.way_to_database("memory://", LIMITS);
    way.open();
    let gateway = plan.open().await;
    way.freeze(true);
    let upgrade = format!(
        "GET /v1/{TENANT}/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: couplet.v1\r\n\r\n"
    );
    let mut asking = Vec::new();
    for _ in 0..200 {
        let mut socket = TcpStream::connect(gateway.address).await.unwrap();
        socket.write_all(upgrade.as_bytes()).await.unwrap();
        asking.push(socket);
    }
    way.freeze(false);
    for mut socket in asking {
        let mut status = [0; 12];
        socket.read_exact(&mut status).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 101");
    }
    gateway.end().await;
}

/// A proxy to a server that ends the stream at a certain word, as a server does that cannot handle
/// a stanza.
async fn ends_stream_at(target: u16, word: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
            tokio::spawn(async move {
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                    (near.into_split(), far.into_split());
                let forth = async {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(count @ 1..) = near_in.read(&mut buffer).await {
                        let part = &buffer[..count];
                        if part.windows(word.len()).any(|bytes| bytes == word) {
                            return;
                        }
                        far_out.write_all(part).await.unwrap();
                    }
                };
                let back = async {
                    let mut buffer = vec![0; 64 * 1024];
                    while let Ok(count @ 1..) = far_in.read(&mut buffer).await {
                        if near_out.write_all(&buffer[..count]).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = forth => {}
                    () = back => {}
                }
                let end = "<stream:error><policy-violation \
                     xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
                let _ = near_out.write_all(end.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stanza_that_ends_the_stream_twice() {
    let mut plan = Gateway::plan(Server::Prosody, Ground::Embedded, LIMITS).await;
    let account = plan.account("clerk");
    plan.hire(&format!("{account}@{}", plan.xmpp.host), 50).await;
    let clerk = Clerk::come(&plan.xmpp, &account, "c").await;
    plan.xmpp.component = ends_stream_at(plan.xmpp.component, b"unbearable").await.port();
    plan.configure(plan.url().as_str(), "memory://", LIMITS);
    let node = Process::start(&plan.config).await;
    let visitors = [0, 1].map(|_| Visitor::come(vec![node.address]));
    for (who, visitor) in visitors.iter().enumerate() {
        visitor.say(&format!("c{who} 0"));
        visitor.hears(&format!("re c{who} 0")).await;
    }
    visitors[0].say("c0 1");
    visitors[0].say("this is unbearable");
    visitors[0].say("c0 2");
    visitors[1].say("c1 1");
    node.until_logged("left out an outgoing stanza that ended the stream twice").await;
    for (visitor, text) in [(0, "re c0 1"), (0, "re c0 2"), (1, "re c1 1")] {
        visitors[visitor].hears(text).await;
    }
    // And nothing ends it a third time.
    visitors[0].say("c0 3");
    visitors[0].hears("re c0 3").await;
    assert_eq!(visitors[0].look().heard, ["re c0 0", "re c0 1", "re c0 2", "re c0 3"]);
    assert!(!clerk.look().arrived.iter().any(|one| one.text.contains("unbearable")));
    assert!(node.has_logged("Row(Pos("), "the log names the row");
    assert!(!node.has_logged("unbearable"), "but not its text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_dies_and_all_its_customers_reconnect_at_once() {
    reconnect(400).await;
}

/// The same, measured by hand: `cargo nextest run --run-ignored all two_thousand`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes long, and four thousand open files"]
async fn two_thousand_reconnect_at_once() {
    reconnect(2_000).await;
}

async fn reconnect(count: usize) {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, LIMITS).await;
    let account = plan.account("clerk");
    plan.hire(&format!("{account}@{}", plan.xmpp.host), 1).await;
    let _clerk = Clerk::come(&plan.xmpp, &account, "c").await;
    let staying = Process::start(&plan.config).await;
    let mut dying = Process::start(&plan.config).await;
    // One customer is served, all others wait in the queue behind them, on the other node.
    let served = Visitor::come(vec![staying.address]);
    served.say("c0 0");
    served.hears("re c0 0").await;
    let mut crowd = Vec::new();
    for number in 0..count {
        let visitor = Visitor::of_many(vec![dying.address, staying.address]);
        visitor.say(&format!("x{number}"));
        crowd.push(visitor);
        // Not all at once: a refused customer would try the other node.
        if crowd.len() % 50 == 0 {
            for visitor in &crowd {
                visitor.until("an ack", |record| record.said[0].acked.is_some()).await;
            }
        }
    }
    let here = |visitor: &Visitor| visitor.look().welcomes[0].0 == dying.address;
    assert!(crowd.iter().all(here), "all are connected to one node");
    dying.kill();
    let killed = Instant::now();
    let going_on = async {
        let mut longest = Duration::ZERO;
        for turn in 1.. {
            longest = longest.max(served.acked(&format!("c0 {turn}")).await);
            served.hears(&format!("re c0 {turn}")).await;
            if crowd.iter().all(|visitor| visitor.look().welcomes.len() > 1) {
                return longest;
            }
        }
        longest
    };
    let longest = tokio::time::timeout(Duration::from_secs(60), going_on).await.expect("all come");
    let back = crowd.iter().map(|visitor| visitor.look().welcomes[1].1 - killed).max().unwrap();
    let sent_away: usize = crowd.iter().map(|visitor| visitor.look().byes.len()).sum();
    eprintln!(
        "figures: {count} back within {back:?}, {sent_away} were told to come later; who was \
         served waited {longest:?} at most"
    );
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    for visitor in &crowd {
        let record = visitor.look();
        assert!(record.wrong.is_empty(), "{:?}", record.wrong);
    }
    dying.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_moves_from_node_to_node() {
    let crew = Crew::open(Gateway::plan(Server::Prosody, Ground::Full, LIMITS).await, 1).await;
    let mut ann = Customer::arrive(crew.nodes[2].address, TENANT).await;
    let ack = ann.insisted("m0", "c0 0").await;
    let conversation = ack["conversation"].as_str().unwrap().to_owned();
    let mut seen = ack["seq"].as_u64().unwrap();
    let mut texts = Vec::new();
    for turn in 0..9_u64 {
        // A customer changes nodes and misses the reply meanwhile; it is in the welcome.
        let at = crew.nodes[turn as usize % 3].address;
        ann = ann.return_as(at, Some((&conversation, seen))).await;
        let mut news = ann.caught_up().await;
        while !news.iter().any(|entry| entry["text"] == format!("re c0 {turn}")) {
            news.push(ann.until("entry").await);
        }
        for entry in news {
            seen += 1;
            assert_eq!(entry["seq"], seen, "in order, without a gap: {entry}");
            texts.extend(entry["text"].as_str().map(str::to_owned));
        }
        let id = format!("m{}", turn + 1);
        let ack = ann.insisted(&id, &format!("c0 {}", turn + 1)).await;
        // Entries from in between come before it.
        seen = ack["seq"].as_u64().unwrap();
        // The same message again, through another node: it exists once.
        let other = crew.nodes[(turn as usize + 1) % 3].address;
        let mut tab = ann.return_as(other, Some((&conversation, seen))).await;
        let again = tab.insisted(&id, &format!("c0 {}", turn + 1)).await;
        assert_eq!(again["seq"], ack["seq"]);
    }
    texts.retain(|text| text.starts_with("re "));
    let expected: Vec<_> = (0..9).map(|turn| format!("re c0 {turn}")).collect();
    assert_eq!(texts, expected);
    drop(ann);
    crew.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_links_on_two_nodes() {
    let plan = Gateway::plan(Server::Prosody, Ground::Full, LIMITS).await;
    let second = domain(&plan.xmpp, "c");
    let name = second.name.to_string();
    let more = |plan: &Plan| {
        let text = std::fs::read_to_string(&plan.config).unwrap();
        let link = format!(
            "\n[[links]]\ndomain = {name:?}\nserver = \"127.0.0.1:{}\"\nsecret = {:?}\n\
             agent_hosts = [{:?}]\n",
            plan.xmpp.component, plan.xmpp.secret, plan.xmpp.host
        );
        std::fs::write(&plan.config, text + &link).unwrap();
    };
    plan.configure(plan.url().as_str(), &servers().redis.url, LIMITS);
    more(&plan);
    plan.tenant("bolt", |tenant| tenant.link = LinkDomain::new(&name).unwrap()).await;
    let mut alice = plan.seat("alice").await;
    let mut bob = plan.seat_of("bolt", "bob", |_| {}).await;

    // The test holds the second link until the first node owns the first one, and is frozen.
    let store = &plan.db.store;
    let held = store.acquire(&second.name, NodeId(Uuid::from_u128(7)), Duration::from_secs(60));
    let Ok(Lease::Granted { epoch, .. }) = held.await else { panic!("nobody else has it") };
    let unready = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let one = Process::launch(&plan.config, unready);
    one.until_logged("component stream connected").await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let two = Process::launch(&plan.config, free);
    two.until_logged("another node holds the lease of the link").await;
    one.freeze();
    store.release(&second.name, epoch).await.unwrap();
    two.until_logged("component stream connected").await;
    one.thaw();
    let three = Process::start(&plan.config).await;
    one.until_ready().await;
    let (first, other) = (
        store.owner(&plan.taken_name()).await.unwrap().unwrap().node,
        store.owner(&second.name).await.unwrap().unwrap().node,
    );
    assert_ne!(first, other, "each has one");

    // Any node serves any customer of any tenant.
    for (number, node) in [&one, &two, &three].into_iter().enumerate() {
        for (tenant, seat) in [(TENANT, &mut alice), ("bolt", &mut bob)] {
            let mut customer = Customer::greet(node.address, tenant, json!({})).await;
            let words = format!("Hello from {number} to {tenant}");
            customer.insisted("m1", &words).await;
            seat.accept(&mut customer, &words).await;
            customer.say(json!({"type": "end", "id": "e1"})).await;
            customer.find(|frame| frame["state"] == "closed").await;
        }
    }
}
