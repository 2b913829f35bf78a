//! Contract of the link, tested with real servers: Prosody and ejabberd.

use std::sync::Arc;
use std::time::Duration;

use couplet::bridge::address;
use couplet::chat::effect::{Contact, ContactPresence, ToAgent, ToAgentContent};
use couplet::chat::event::{AgentContent, AgentInput, Availability, Event, Peer};
use couplet::chat::ids::{
    AgentJid, ConversationId, CustomerId, Epoch, LinkDomain, Localpart, Pos, Seq, TenantKey,
};
use couplet::chat::model::Customer;
use couplet::chat::row::{Author, Row, RowKind};
use couplet::chat::settings::Role;
use couplet::ports::link::{FromLink, LinkHandle, ToLink};
use couplet::ports::world::World;
use couplet::world::SystemWorld;
use couplet::xmpp::{LinkSettings, ProbeError, probe, spawn};
use secrecy::SecretString;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use xmpp_parsers::minidom::Element;

use crate::support::domain::{Domain, domain};
use crate::support::xmpp_client::Client;
use couplet_kit::servers::{Xmpp, servers};

const PATIENCE: Duration = Duration::from_secs(20);
const ROSTER: &str = "jabber:iq:roster";

/// A running link with one tenant, `acme`.
struct Link {
    handle: LinkHandle,
    domain: Domain,
    // Held so that the supervisor ends with the test.
    _tracker: TaskTracker,
    _cancel: tokio_util::sync::DropGuard,
}

impl Link {
    /// A link that has not been told to open.
    fn spawn(server: &Xmpp, kind: &str) -> Self {
        let domain = domain(server, kind);
        let address = format!("127.0.0.1:{}", server.component);
        Self::at(server, domain, &address)
    }

    fn at(server: &Xmpp, domain: Domain, address: &str) -> Self {
        let settings = LinkSettings {
            domain: domain.name.clone(),
            server: address.to_owned(),
            secret: SecretString::from(server.secret.clone()),
            agent_hosts: Vec::new(),
            site: "https://chat.example.com".to_owned(),
        };
        let tracker = TaskTracker::new();
        let cancel = CancellationToken::new();
        let world: Arc<dyn World> = Arc::new(SystemWorld);
        let handle = spawn(settings, world, &tracker, cancel.clone());
        handle.until.send_replace(tokio::time::Instant::now() + Duration::from_secs(3_600));
        Self { handle, domain, _tracker: tracker, _cancel: cancel.drop_guard() }
    }

    /// A connected link that knows these agents.
    async fn up(server: &Xmpp, kind: &str, agents: &[&Client]) -> Self {
        let mut link = Self::spawn(server, kind);
        link.agents(agents).await;
        link.say(ToLink::Open { epoch: Epoch(1) }).await;
        link.until_up().await;
        link
    }

    /// Waits until the stream is open, and writes to it from then on.
    async fn until_up(&mut self) {
        let stands = |said: &FromLink| matches!(said, FromLink::Up { .. });
        if let FromLink::Up { stream } = self.until("up", stands).await {
            self.say(ToLink::Begin { stream }).await;
        }
    }

    async fn say(&self, said: ToLink) {
        self.handle.to.send(said).await.expect("the link lives");
    }

    async fn agents(&self, agents: &[&Client]) {
        let agents = agents.iter().map(|client| (acme(), agent(client))).collect();
        self.say(ToLink::Agents(agents)).await;
    }

    async fn next(&mut self) -> FromLink {
        let next = timeout(PATIENCE, self.handle.from.recv()).await;
        next.expect("the link says something in time").expect("the link lives")
    }

    async fn until(&mut self, what: &str, wished: impl Fn(&FromLink) -> bool) -> FromLink {
        let mut passed = Vec::new();
        let search = async {
            loop {
                match self.handle.from.recv().await {
                    Some(said) if wished(&said) => return said,
                    Some(said) => passed.push(said),
                    None => panic!("the link has ended"),
                }
            }
        };
        match timeout(PATIENCE, search).await {
            Ok(said) => said,
            Err(_) => panic!("{what} did not come; what came: {passed:#?}"),
        }
    }

    async fn presence(&mut self, who: &Client, is: Availability) {
        let who = agent(who);
        self.until(&format!("{is:?} of {who}"), |said| {
            matches!(said, FromLink::Event(Event::Presence { agent, availability, .. })
                if *agent == who && *availability == is)
        })
        .await;
    }

    async fn input(&mut self) -> AgentInput {
        let said =
            self.until("an agent's words", |said| matches!(said, FromLink::Event(Event::Agent(_))));
        match said.await {
            FromLink::Event(Event::Agent(input)) => *input,
            other => panic!("{other:?}"),
        }
    }

    async fn accepted(&mut self, pos: u64) {
        let reached =
            |said: &FromLink| matches!(said, FromLink::Accepted { pos: at } if at.0 >= pos);
        self.until(&format!("acceptance of {pos}"), reached).await;
    }

    fn jid(&self, local: &str) -> String {
        format!("{local}@{}", self.domain.name)
    }

    /// The address that the customer's messages come from.
    fn customer(&self) -> String {
        format!("{}/web", self.jid("k3f9"))
    }

    async fn desk(&self, client: &Client) {
        let contact = Contact::Desk { tenant: acme(), name: "Acme".into(), role: Role::Agent };
        self.say(ToLink::Contact { agent: agent(client), contact: Box::new(contact) }).await;
    }

    async fn shown(&self, client: &Client, presence: ContactPresence) {
        let contact = Contact::Shown { customer: ann(), group: "Acme".into(), presence };
        self.say(ToLink::Contact { agent: agent(client), contact: Box::new(contact) }).await;
    }
}

fn acme() -> TenantKey {
    TenantKey::new("acme").unwrap()
}

fn agent(client: &Client) -> AgentJid {
    address::agent(&client.jid).unwrap()
}

fn ann() -> Customer {
    Customer {
        id: CustomerId(Uuid::from_u128(7)),
        tenant: acme(),
        localpart: Localpart::new("k3f9").unwrap(),
        name: Some("Ann".into()),
        conversations: 3,
    }
}

/// A customer's message as a row for one agent.
fn row(client: &Client, pos: u64, text: &str) -> ToLink {
    let row = Row {
        pos: Pos(pos),
        tenant: acme(),
        conversation: ConversationId(Uuid::from_u128(9)),
        customer: ann().id,
        seq: Some(Seq(pos)),
        at: SystemWorld.now(),
        author: Author::Customer,
        key: None,
        stanza: None,
        kind: RowKind::Message { text: text.into(), reply_to: None },
        recipients: vec![agent(client)],
    };
    ToLink::Send(Box::new(ToAgent {
        agent: agent(client),
        resource: None,
        from: Peer::Customer(ann().localpart),
        conversation: Some(row.conversation),
        content: ToAgentContent::Row { row: Arc::new(row), name: Some("Ann".into()), quoted: None },
    }))
}

async fn client(server: &Xmpp, who: &str) -> Client {
    let mut secret = [0; 6];
    SystemWorld.secret(&mut secret);
    let name = secret.iter().fold(who.to_owned(), |name, byte| format!("{name}{byte:02x}"));
    Client::login(server, &name, "test").await
}

fn shown(elements: &[Element]) -> Vec<String> {
    elements.iter().map(String::from).collect()
}

/// The condition of an error, and its type.
fn error(element: &Element) -> Option<(String, String)> {
    let error = element.children().find(|child| child.name() == "error")?;
    let condition = error.children().find(|child| child.name() != "text")?;
    Some((error.attr("type")?.to_owned(), condition.name().to_owned()))
}

/// Runs each test of the link on both servers.
macro_rules! on_each_server {
    ($($name:ident),+ $(,)?) => {
        mod prosody {
            $(#[tokio::test] async fn $name() { super::$name(&super::servers().prosody).await; })+
        }
        mod ejabberd {
            $(#[tokio::test] async fn $name() { super::$name(&super::servers().ejabberd).await; })+
        }
    };
}

on_each_server!(
    a_login_is_refused_for_its_reason,
    a_link_waits_for_a_server_that_is_down,
    a_lost_stream_is_reopened,
    rows_are_accepted_once_the_server_has_them,
    messages_go_both_ways,
    a_link_is_closed_in_order,
    without_privilege_the_desk_subscribes_once,
    with_privilege_rosters_are_written,
    strangers_get_one_response,
    every_query_is_answered,
    what_would_end_the_stream_is_left_out,
    typing_is_sent_to_available_agents_only,
);

async fn a_login_is_refused_for_its_reason(server: &Xmpp) {
    let domain = domain(server, "u");
    let address = format!("127.0.0.1:{}", server.component);
    let secret = SecretString::from(server.secret.clone());
    let wrong = SecretString::from("wrong");

    probe(&domain.name, &address, &secret).await.expect("as it should be");
    let refused = probe(&domain.name, &address, &wrong).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Secret { .. }), "{refused}");
    if server.component == servers().prosody.component {
        // ejabberd accepts any domain whose component knows the secret.
        let unknown = LinkDomain::new("nobody.example").unwrap();
        let refused = probe(&unknown, &address, &secret).await.unwrap_err();
        assert!(matches!(refused, ProbeError::Domain { .. }), "{refused}");
    }
    let refused = probe(&domain.name, "127.0.0.1:1", &secret).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Connect { .. }), "{refused}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_at = silent.local_addr().unwrap().to_string();
    let started = std::time::Instant::now();
    let refused = probe(&domain.name, &silent_at, &secret).await.unwrap_err();
    assert!(matches!(refused, ProbeError::Other { .. }), "{refused}");
    assert!(started.elapsed() < Duration::from_secs(12));
}

async fn a_link_waits_for_a_server_that_is_down(server: &Xmpp) {
    // A free port, which leads to the server later.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut link = Link::at(server, domain(server, "u"), &address.to_string());
    link.say(ToLink::Open { epoch: Epoch(1) }).await;
    let down = link.next().await;
    assert!(
        matches!(&down, FromLink::Down { reason, conflict: false, heard: None } if reason.contains("connect")),
        "{down:?}"
    );
    let relay = Relay::start(address.to_string(), server.component).await;
    link.until_up().await;
    drop(relay);
}

/// A proxy to the server that can be cut.
struct Relay(tokio::task::JoinHandle<()>);

impl Relay {
    async fn start(at: String, port: u16) -> Self {
        let listener = TcpListener::bind(at).await.expect("the port is still free");
        Self(tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.expect("a connection");
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
                // A link needs one connection at a time; it ends when either side closes it.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        }))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn a_lost_stream_is_reopened(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let relay = Relay::start(address.clone(), server.component).await;
    let mut link = Link::at(server, domain(server, "u"), &address);
    link.agents(&[&alice]).await;
    link.say(ToLink::Open { epoch: Epoch(1) }).await;
    link.until_up().await;
    link.say(row(&alice, 1, "before")).await;
    link.accepted(1).await;
    assert_eq!(alice.message().await.1, "before");

    drop(relay);
    let down = |said: &FromLink| matches!(said, FromLink::Down { conflict: false, .. });
    link.until("down", down).await;
    let _relay = Relay::start(address, server.component).await;
    link.until_up().await;
    link.say(row(&alice, 2, "after")).await;
    link.accepted(2).await;
    assert_eq!(alice.message().await.1, "after");
}

async fn rows_are_accepted_once_the_server_has_them(server: &Xmpp) {
    const ROWS: u64 = 1_000;
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    let to = link.handle.to.clone();
    let rows = (1..=ROWS).map(|pos| row(&alice, pos, &format!("number {pos}"))).collect::<Vec<_>>();
    let sending = tokio::spawn(async move {
        for row in rows {
            to.send(row).await.expect("the link lives");
        }
    });
    link.accepted(ROWS).await;
    sending.await.unwrap();
    for pos in 1..=ROWS {
        let (message, body) = alice.message().await;
        assert_eq!(body, format!("number {pos}"));
        assert_eq!(message.attr("id"), Some(format!("p{pos}").as_str()));
    }
}

async fn messages_go_both_ways(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    link.say(row(&alice, 5, "⚙ <b>&amp;</b> \u{1f600}")).await;
    let (message, body) = alice.message().await;
    assert_eq!(body, "(⚙) <b>&amp;</b> \u{1f600}");
    assert_eq!(message.attr("from"), Some(link.customer().as_str()));
    assert!(message.has_child("request", "urn:xmpp:receipts"));

    let customer = link.jid("k3f9");
    alice
        .write(&format!(
            "<message to='{customer}/web' type='chat'><received xmlns='urn:xmpp:receipts' id='p5'/></message>\
             <message to='{customer}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>\
             <message to='{customer}' type='chat' id='a1'><body>Hello &lt;Ann&gt;</body>\
             <request xmlns='urn:xmpp:receipts'/></message>\
             <message to='{customer}' type='chat' id='a2'><body>!close</body></message>"
        ))
        .await;
    assert_eq!(link.input().await.content, AgentContent::Received { pos: Pos(5) });
    assert_eq!(link.input().await.content, AgentContent::Typing { on: true });
    let said = link.input().await;
    assert_eq!((said.agent, said.resource), (agent(&alice), "test".into()));
    assert_eq!(said.to, Peer::Customer(ann().localpart));
    assert!(
        said.wants_receipt
            && matches!(&said.content, AgentContent::Text { text, .. } if **text == *"Hello <Ann>")
    );
    assert!(matches!(link.input().await.content, AgentContent::Command { .. }));

    let receipt = ToAgent {
        agent: agent(&alice),
        resource: Some("test".into()),
        from: Peer::Customer(ann().localpart),
        conversation: None,
        content: ToAgentContent::Received { stanza: "a1".into() },
    };
    link.say(ToLink::Send(Box::new(receipt))).await;
    let receipt =
        alice.until("a receipt", |el| el.has_child("received", "urn:xmpp:receipts")).await;
    let received = receipt.get_child("received", "urn:xmpp:receipts").unwrap();
    assert_eq!(received.attr("id"), Some("a1"));
}

async fn a_link_is_closed_in_order(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    for pos in 1..=100 {
        link.say(row(&alice, pos, "last words")).await;
    }
    link.say(ToLink::Close).await;
    link.accepted(100).await;
    link.until("closed", |said| matches!(said, FromLink::Closed { .. })).await;
    for _ in 1..=100 {
        alice.message().await;
    }
    link.say(ToLink::Open { epoch: Epoch(2) }).await;
    link.until_up().await;
    link.say(ToLink::Close).await;
    link.until("closed again", |said| matches!(said, FromLink::Closed { .. })).await;
}

async fn without_privilege_the_desk_subscribes_once(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    link.desk(&alice).await;
    link.shown(&alice, ContactPresence::Online(Some("https://example.com/pricing".into()))).await;
    let desk = link.jid("acme");
    let asked = alice.until("a request", |el| el.attr("type") == Some("subscribe")).await;
    assert_eq!(asked.attr("from"), Some(desk.as_str()));
    let seen = alice.everything().await;
    assert!(seen.iter().all(|el| el.attr("type") != Some("subscribe")), "{:#?}", shown(&seen));
    let customer = link.customer();
    let directed = seen.iter().find(|el| el.attr("from") == Some(&customer)).expect("presence");
    let text = |name, ns| directed.get_child(name, ns).map(Element::text);
    assert_eq!(text("nick", "http://jabber.org/protocol/nick").as_deref(), Some("Ann"));
    assert_eq!(text("status", "jabber:client").as_deref(), Some("https://example.com/pricing"));

    alice
        .write(&format!(
            "<presence to='{desk}' type='subscribed'/><presence to='{desk}' type='subscribe'/>"
        ))
        .await;
    link.presence(&alice, Availability::Free).await;
    let push = alice.until("the desk in the roster", |el| {
        let item = el.get_child("query", ROSTER).and_then(|query| query.get_child("item", ROSTER));
        item.is_some_and(|item| item.attr("subscription") == Some("both"))
    });
    assert!(String::from(&push.await).contains(&desk));
    alice.write("<presence><show>dnd</show></presence>").await;
    link.presence(&alice, Availability::Busy).await;
    drop(alice);
    link.until("gone", |said| {
        matches!(said, FromLink::Event(Event::Presence { availability: Availability::Gone, .. }))
    })
    .await;
}

/// ejabberd 23.01 does not advertise the privilege (or does not honour it): there the desk sends
/// subscription requests, on a privileged domain as well. In every case the agent ends up with the
/// customer in their roster.
async fn with_privilege_rosters_are_written(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let mut link = Link::up(server, "c", &[&alice]).await;
    link.desk(&alice).await;
    link.shown(&alice, ContactPresence::Away).await;
    let (desk, customer) = (link.jid("acme"), link.jid("k3f9"));
    let seen = alice.everything().await;
    let asked = seen.iter().find(|el| el.attr("type") == Some("subscribe"));
    if let Some(asked) = asked {
        assert_eq!(asked.attr("from"), Some(desk.as_str()));
    } else {
        let item = |jid: &str| {
            let mut items = seen
                .iter()
                .filter_map(|el| el.get_child("query", ROSTER)?.get_child("item", ROSTER));
            items
                .rfind(|item| item.attr("jid") == Some(jid))
                .unwrap_or_else(|| panic!("{jid} is not in the roster: {:#?}", shown(&seen)))
        };
        for (jid, name) in [(&desk, "Acme"), (&customer, "Ann")] {
            let item = item(jid);
            assert_eq!(item.attr("name"), Some(name));
            assert_eq!(item.attr("subscription"), Some("both"));
            assert_eq!(item.get_child("group", ROSTER).map(Element::text).as_deref(), Some("Acme"));
        }
        link.presence(&alice, Availability::Free).await;
        alice.write("<presence><show>away</show></presence>").await;
        link.presence(&alice, Availability::Away).await;
    }
    let presence =
        seen.iter().find(|el| el.attr("from") == Some(format!("{customer}/web").as_str()));
    let presence = presence.unwrap_or_else(|| panic!("no presence: {:#?}", shown(&seen)));
    assert_eq!(
        presence.get_child("show", "jabber:client").map(Element::text).as_deref(),
        Some("away")
    );

    let removed = Contact::Removed { localpart: ann().localpart };
    link.say(ToLink::Contact { agent: agent(&alice), contact: Box::new(removed) }).await;
    let from = format!("{customer}/web");
    alice
        .until("the customer gone", |el| {
            el.attr("type") == Some("unavailable") && el.attr("from") == Some(from.as_str())
        })
        .await;
}

async fn strangers_get_one_response(server: &Xmpp) {
    let alice = client(server, "alice").await;
    let mut mallory = client(server, "mallory").await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    let domain = link.domain.name.clone();
    for to in [
        format!("k3f9@{domain}"),
        format!("acme@{domain}"),
        format!("nobody@{domain}/x"),
        domain.to_string(),
    ] {
        mallory
            .write(&format!(
                "<message to='{to}' type='chat' id='m'><body>hello</body></message>\
                 <presence to='{to}'/><presence to='{to}' type='subscribe'/>\
                 <presence to='{to}' type='probe'/>\
                 <iq to='{to}' type='get' id='q'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>\
                 <iq to='{to}' type='set' id='s'><whatever xmlns='urn:example'/></iq>"
            ))
            .await;
        let seen = mallory.everything().await;
        let ours = seen
            .iter()
            .filter(|el| el.attr("from").is_some_and(|from| from.contains(domain.as_str())));
        let heard = ours.map(|el| (el.name().to_owned(), error(el))).collect::<Vec<_>>();
        let refused = Some(("cancel".to_owned(), "item-not-found".to_owned()));
        let mut expected = ["message", "iq", "iq"].map(|name| (name.to_owned(), refused.clone()));
        if to == domain.as_str() {
            // What the domain is, is no secret.
            expected[1].1 = None;
        }
        assert_eq!(heard, expected, "{to}: {:#?}", shown(&seen));
    }
    link.say(row(&alice, 1, "For Alice alone")).await;
    let next = link.next().await;
    assert!(matches!(next, FromLink::Accepted { .. }), "nothing reached the desk: {next:?}");
}

async fn every_query_is_answered(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    alice.available().await;
    let link = Link::up(server, "u", &[&alice]).await;
    link.desk(&alice).await;
    link.shown(&alice, ContactPresence::Away).await;
    // Once the customer's first message has arrived, the link knows the customer.
    alice
        .until("the customer's presence", |el| el.attr("from") == Some(link.customer().as_str()))
        .await;
    let (domain, desk, customer) =
        (link.domain.name.to_string(), link.jid("acme"), link.customer());
    let disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let card = "<vCard xmlns='vcard-temp'/>";
    let version = "<query xmlns='jabber:iq:version'/>";
    let last = "<query xmlns='jabber:iq:last'/>";
    let omemo = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                 <items node='eu.siacs.conversations.axolotl.devicelist'/></pubsub>";
    let empty = "";
    let ok = "result";
    for (to, type_, payload, expected) in [
        (&domain, "get", disco, ok),
        (&desk, "get", disco, ok),
        (&customer, "get", disco, ok),
        (&domain, "get", items, ok),
        (&desk, "get", items, ok),
        (&customer, "get", items, ok),
        (&domain, "get", ping, ok),
        (&desk, "get", ping, ok),
        (&customer, "get", ping, ok),
        (&desk, "get", card, ok),
        (&customer, "get", card, ok),
        (&domain, "get", card, "service-unavailable"),
        (&customer, "get", version, ok),
        (&customer, "get", last, "service-unavailable"),
        (&customer, "get", omemo, "item-not-found"),
        (&desk, "get", omemo, "item-not-found"),
        (&customer, "set", ping, "service-unavailable"),
        (&customer, "set", "<jingle xmlns='urn:xmpp:jingle:1'/>", "service-unavailable"),
        (&desk, "get", empty, "service-unavailable"),
    ] {
        alice.write(&format!("<iq to='{to}' type='{type_}' id='q1'>{payload}</iq>")).await;
        let answer = alice.answer("q1").await;
        let got = error(&answer).map_or(ok.to_owned(), |(_, condition)| condition);
        // Servers refuse an iq without a payload themselves.
        if payload != empty {
            assert_eq!(got, expected, "{type_} {to} {payload}: {}", String::from(&answer));
            assert_eq!(answer.attr("from"), Some(to.as_str()));
        }
        if payload == card && expected == ok {
            let name = if *to == desk { "Acme" } else { "Ann" };
            assert!(
                String::from(&answer).contains(&format!(">{name}<")),
                "{}",
                String::from(&answer)
            );
        }
    }
}

async fn what_would_end_the_stream_is_left_out(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    let mut mallory = client(server, "mallory").await;
    alice.available().await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    let customer = link.jid("k3f9");
    let long = "x".repeat(9_000);
    // ejabberd 23.01 itself crashes on 5,000.
    let depth = if server.component == servers().prosody.component { 5_000 } else { 300 };
    let deep = format!("{}{}", "<a xmlns='urn:example'>".repeat(depth), "</a>".repeat(depth));
    mallory
        .write(&format!(
            "<message to='{customer}' id='{long}'><body>a</body></message>\
             <message to='{customer}' type='chat'><body>b</body><x xmlns='urn:example' y='{long}'/></message>\
             <message to='{customer}' type='chat'><body>c</body>{deep}</message>"
        ))
        .await;
    alice
        .write(&format!(
            "<message to='{customer}' type='chat' id='a1'><body>one</body><x xmlns='urn:example' y='{long}'/></message>\
             <message to='{customer}' type='chat' id='a2'><body>two</body>{deep}</message>\
             <message to='{customer}' type='chat' id='a3'><body>three</body></message>"
        ))
        .await;
    for expected in ["one", "two", "three"] {
        let said = link.input().await.content;
        assert!(
            matches!(&said, AgentContent::Text { text, .. } if **text == *expected),
            "{said:?}"
        );
    }
    // Characters that we must not send are left out, and the stream stays open.
    link.say(row(&alice, 1, "nul \0, bell \u{7}, \u{ffff}")).await;
    link.accepted(1).await;
    assert_eq!(alice.message().await.1, "nul \u{fffd}, bell \u{fffd}, \u{fffd}");
    alice.write(&format!("<message to='{customer}' type='chat'><body>four</body></message>")).await;
    let last = timeout(PATIENCE, async {
        loop {
            match link.next().await {
                FromLink::Event(Event::Agent(input)) => return input,
                FromLink::Down { reason, .. } => panic!("the stream was lost: {reason}"),
                _ => {}
            }
        }
    });
    let last = last.await.expect("in time").content;
    assert!(matches!(&last, AgentContent::Text { text, .. } if **text == *"four"), "{last:?}");
}

async fn typing_is_sent_to_available_agents_only(server: &Xmpp) {
    let mut alice = client(server, "alice").await;
    let mut link = Link::up(server, "u", &[&alice]).await;
    link.desk(&alice).await;
    let typing = || {
        ToLink::Send(Box::new(ToAgent {
            agent: agent(&alice),
            resource: None,
            from: Peer::Customer(ann().localpart),
            conversation: None,
            content: ToAgentContent::Typing { on: true },
        }))
    };
    let typing = [typing(), typing()];
    let [before, after] = typing;
    link.say(before).await;
    alice.available().await;
    let desk = link.jid("acme");
    alice.until("a request", |el| el.attr("type") == Some("subscribe")).await;
    alice.write(&format!("<presence to='{desk}' type='subscribed'/>")).await;
    link.presence(&alice, Availability::Free).await;
    let composing =
        |el: &Element| el.has_child("composing", "http://jabber.org/protocol/chatstates");
    let seen = alice.everything().await;
    assert!(!seen.iter().any(composing), "{:#?}", shown(&seen));
    link.say(after).await;
    let typing = alice.until("typing", composing).await;
    assert!(typing.has_child("no-store", "urn:xmpp:hints"));
}

/// Prosody, as configured for the tests, accepts the newer stream and ends the older one.
#[tokio::test]
async fn a_second_stream_is_a_conflict() {
    let server = servers().prosody;
    let mut link = Link::up(&server, "u", &[]).await;
    let address = format!("127.0.0.1:{}", server.component);
    let secret = SecretString::from(server.secret.clone());
    probe(&link.domain.name, &address, &secret).await.expect("the newer one gets in");
    let down = link.until("down", |said| matches!(said, FromLink::Down { .. })).await;
    assert!(matches!(down, FromLink::Down { conflict: true, .. }), "{down:?}");
    let started = std::time::Instant::now();
    link.until_up().await;
    assert!(started.elapsed() > Duration::from_secs(4), "the lease was to be checked first");
}

/// ejabberd accepts both; each stream notices that some of its own stanzas do not come back.
#[tokio::test]
async fn a_later_owner_is_noticed() {
    let server = servers().ejabberd;
    let alice = client(&server, "alice").await;
    let first = domain(&server, "u");
    let second = Domain::same(&first);
    let address = format!("127.0.0.1:{}", server.component);
    let mut old = Link::at(&server, first, &address);
    let mut new = Link::at(&server, second, &address);
    old.say(ToLink::Open { epoch: Epoch(1) }).await;
    old.until_up().await;
    new.say(ToLink::Open { epoch: Epoch(2) }).await;
    new.until_up().await;
    let conflict = |said: &FromLink| matches!(said, FromLink::Contested);
    let search = async {
        for pos in 1.. {
            old.say(row(&alice, pos, "whose?")).await;
            new.say(row(&alice, pos, "whose?")).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            while let Ok(said) = old.handle.from.try_recv() {
                if conflict(&said) {
                    return;
                }
            }
            while let Ok(said) = new.handle.from.try_recv() {
                if conflict(&said) {
                    return;
                }
            }
        }
    };
    timeout(PATIENCE, search).await.expect("one of them notices");
}
