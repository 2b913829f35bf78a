//! Runs `tests/tables/both_ways.txt`: what comes in on one side and goes out on the other, with
//! only a desk between the converters.

use uuid::Uuid;
use xmpp_parsers::minidom::Element;

use super::address::Book;
use super::agent_command;
use super::custom_to_xmpp::action::{Request, request};
use super::custom_to_xmpp::stanza;
use super::xmpp_to_custom::decoded::{Context, Decoded};
use super::xmpp_to_custom::frame;
use super::xmpp_to_custom::input::decode;
use crate::chat::desk::{Desk, DeskLimits};
use crate::chat::effect::{Answer, CustomerNotice, Effect};
use crate::chat::event::{
    Availability, CustomerConnection, CustomerContent, CustomerEvent, CustomerInput, Event, Loaded,
    SocketAddress,
};
use crate::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, LinkDomain, Localpart, NodeId, QueueKey,
    SessionId, TenantKey, Timestamp,
};
use crate::chat::model::Customer;
use crate::chat::patience::Patience;
use crate::chat::row::Row;
use crate::chat::settings::{AgentSettings, QueueSettings, Role, Strategy, TenantSettings};
use crate::chat::snapshot::Snapshot;
use crate::chat::tags::TenantTags;
use crate::wire;

const TABLE: &str = include_str!("../../tests/tables/both_ways.txt");
const NOW: Timestamp = Timestamp(1_767_268_800_000);
const SESSION: SessionId = SessionId(Uuid::from_u128(4));

/// A desk with a customer and the agent alice, and what it emits.
struct Bench {
    desk: Desk,
    domain: LinkDomain,
    customer: Customer,
    conversations: u128,
    out: Vec<Effect>,
}

impl Bench {
    fn new() -> Self {
        let tenant = TenantKey::new("acme").unwrap();
        let alice = AgentSettings {
            jid: AgentJid::normalised("alice@example.org"),
            name: "Alice".into(),
            capacity: 4,
            role: Role::Agent,
            queues: vec![QueueKey::default_queue()],
        };
        let everyone = QueueSettings {
            key: QueueKey::default_queue(),
            name: "Everyone".into(),
            strategy: Strategy::LeastLoaded,
            offer_ms: 30_000,
        };
        let settings = TenantSettings {
            key: tenant.clone(),
            name: "Acme".into(),
            idle_close_ms: 1_800_000,
            patience: Patience::default(),
            queues: vec![everyone],
            agents: vec![alice],
            canned: Vec::new(),
            tags: TenantTags::default(),
            hours: Default::default(),
            routes: Default::default(),
            macros: Vec::new(),
        };
        let snapshot = Snapshot { tenants: vec![settings], ..Snapshot::default() };
        let mut desk = Desk::restore(
            DeskLimits { waiting: 10, rows: 100, reads: agent_command::step },
            NOW,
            snapshot,
        );
        desk.handle(NOW, Event::LinkUp, &mut Vec::new());
        let customer = Customer {
            id: CustomerId(Uuid::from_u128(2)),
            tenant,
            localpart: Localpart::new("k3f9x2").unwrap(),
            name: None,
            conversations: 0,
        };
        let domain = LinkDomain::new("chat.example.org").unwrap();
        Self { desk, domain, customer, conversations: 0, out: Vec::new() }
    }

    /// Puts the desk into one of the contexts of the table.
    fn set(&mut self, context: &str) {
        let known = Loaded::Session { session: SESSION, commands: Vec::new(), more: false };
        self.event(Event::Loaded(known));
        let connection = CustomerConnection {
            customer: self.customer.clone(),
            node: NodeId(Uuid::from_u128(1)),
            online: true,
            opened: true,
            page: None,
            signed_in: None,
        };
        self.event(Event::Customer(CustomerEvent::Connected(connection)));
        if context != "waiting" {
            self.event(Event::Presence {
                agent: AgentJid::normalised("alice@example.org"),
                resource: "phone".into(),
                availability: Availability::Free,
            });
        }
        self.comes_in(r#"{"type":"message","id":"m0","text":"Hi"}"#);
        if matches!(context, "active" | "closed") {
            self.comes_in("<message id='a0'><body>Hello</body></message>");
        }
        if context == "closed" {
            self.comes_in("<message id='c0'><body>!close</body></message>");
        }
        self.out.clear();
    }

    fn event(&mut self, event: Event) {
        self.desk.handle(NOW, event, &mut self.out);
        let upto = self.desk.head();
        self.desk.handle(NOW, Event::Stored { upto }, &mut self.out);
    }

    /// Passes in a frame or a stanza; returns the error of a frame that is refused before the desk.
    fn comes_in(&mut self, what: &str) -> Option<String> {
        if what.starts_with('<') {
            self.stanza(what);
            return None;
        }
        self.conversations += 1;
        let fresh = ConversationId(Uuid::from_u128(self.conversations));
        let content = match wire::decode(what).and_then(|frame| request(frame, || fresh)) {
            Ok(Request::Submit(content)) => content,
            Ok(_) => panic!("{what} is nothing for the desk"),
            Err(refused) => {
                let id = refused.id.as_deref().and_then(|id| CommandId::new(id).ok());
                return Some(error(refused.code, id.as_ref()));
            }
        };
        self.customer(content);
        None
    }

    fn customer(&mut self, content: CustomerContent) {
        let socket = SocketAddress { node: NodeId(Uuid::from_u128(1)), socket: 1 };
        let customer = self.customer.clone();
        let input = CustomerInput { customer, session: SESSION, socket, content };
        self.event(Event::Customer(CustomerEvent::Input(Box::new(input))));
    }

    fn stanza(&mut self, text: &str) {
        let addressed = format!(
            "<message xmlns='jabber:component:accept' from='alice@example.org/phone' to='{}@{}'",
            self.customer.localpart, self.domain
        );
        let element: Element = text.replacen("<message", &addressed, 1).parse().unwrap();
        let book = Book::new(self.desk.agents());
        let fresh = || ConversationId(Uuid::from_u128(99));
        let context = Context { domain: &self.domain, book: &book, fresh: &fresh };
        if let Decoded::Event(event) = decode(element, context) {
            self.event(event);
        }
    }

    /// Everything that went out, in short form.
    fn went_out(&mut self) -> Vec<String> {
        let out = std::mem::take(&mut self.out);
        out.iter().filter_map(|effect| self.told(effect)).collect()
    }

    fn told(&self, effect: &Effect) -> Option<String> {
        match effect {
            Effect::Answer { answer: Answer::Ack { id, acked }, .. } => {
                let ack = frame::ack(id, *acked);
                Some(format!("{{ack {} seq {}}}", ack.id, ack.seq.unwrap_or_default()))
            }
            Effect::Answer { answer: Answer::Refused { id, error: why }, .. } => {
                Some(error(frame::refused(id.as_ref(), *why).code, id.as_ref()))
            }
            Effect::Notify { notice, .. } => notified(notice),
            Effect::Send(to_agent) => {
                let line_id = || "line".to_owned();
                stanza::message(&self.domain, to_agent, NOW, &line_id).as_ref().map(in_short)
            }
            Effect::Append(_)
            | Effect::Backlog(_)
            | Effect::Report(_)
            | Effect::Fetch(_)
            | Effect::Contact { .. } => None,
        }
    }
}

fn error(code: wire::ErrorCode, id: Option<&CommandId>) -> String {
    let code = serde_json::to_value(code).unwrap();
    let about = id.map(|id| format!(" for {id}")).unwrap_or_default();
    format!("{{error {}{about}}}", code.as_str().unwrap())
}

fn notified(notice: &CustomerNotice) -> Option<String> {
    let json = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Some(match notice {
        CustomerNotice::Entry(row) => entry(row)?,
        CustomerNotice::State(state) => {
            let state = frame::state(state);
            let phase = json(serde_json::to_value(state.state).unwrap());
            let more = state
                .position
                .map(|position| position.to_string())
                .or(state.agent.map(|agent| agent.name))
                .or(state.reason)
                .unwrap_or_default();
            format!("{{state {phase} {more}}}")
        }
        CustomerNotice::Receipt { conversation, delivered, read } => {
            let receipt = frame::receipt(*conversation, *delivered, *read);
            let (delivered, read) = (receipt.delivered, receipt.read);
            format!("{{receipt {} {}}}", delivered.unwrap_or(0), read.unwrap_or(0))
        }
        CustomerNotice::Elsewhere => "{elsewhere}".to_owned(),
        CustomerNotice::Typing { on, name } => format!("{{typing {on} {name}}}"),
    })
}

/// An entry, or the ack that it is for the socket waiting for it.
fn entry(row: &Row) -> Option<String> {
    let entry = frame::entry(row)?;
    if let Some(id) = entry.id {
        return Some(format!("{{ack {id} seq {}}}", entry.seq));
    }
    let name = entry.from.name.unwrap_or_default();
    let kind = serde_json::to_value(entry.kind).unwrap();
    Some(match entry.text {
        Some(text) => format!("{{entry {} agent {name}: {text}}}", entry.seq),
        None => format!("{{entry {} {} {name}}}", entry.seq, kind.as_str().unwrap()),
    })
}

fn in_short(stanza: &Element) -> String {
    let to = stanza.attr("to").unwrap_or_default().replace("@example.org", "");
    let id = stanza.attr("id").map(|id| format!(" id {id}")).unwrap_or_default();
    if let Some(received) = stanza.children().find(|child| child.name() == "received") {
        return format!("<message to {to} received {}>", received.attr("id").unwrap_or_default());
    }
    if let Some(error) = stanza.children().find(|child| child.name() == "error") {
        let condition = error.children().next().map(Element::name).unwrap_or_default();
        return format!("<message to {to}{id} error {condition}>");
    }
    // With its escapes, as on the wire.
    let mut body = Vec::new();
    if let Some(child) = stanza.children().find(|child| child.name() == "body") {
        child.write_to(&mut body).unwrap();
    }
    let body = String::from_utf8(body).unwrap();
    let text = body.split_once('>').map(|(_, rest)| rest).unwrap_or_default();
    let text = text.strip_suffix("</body>").unwrap_or(text);
    format!("<message to {to}{id}>{text}")
}

fn expand(text: &str) -> String {
    let mut expanded = String::new();
    for (number, part) in text.split(['‹', '›']).enumerate() {
        match part.rsplit_once('*').filter(|_| number % 2 == 1) {
            Some((what, times)) => expanded += &what.repeat(times.parse().unwrap()),
            None => expanded += part,
        }
    }
    expanded
}

#[test]
fn what_comes_in_on_one_side_goes_out_on_the_other() {
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.splitn(4, " | ").collect();
        let [name, context, comes_in, goes_out] = fields[..] else {
            panic!("a line has four fields: {line}");
        };
        let mut bench = Bench::new();
        bench.set(context);
        let refused = bench.comes_in(&expand(comes_in));
        let got: Vec<String> = refused.into_iter().chain(bench.went_out()).collect();
        let got = got.iter().map(|one| format!("⇒{one}")).collect::<Vec<_>>().join(" ");
        let got = got.replace('\n', "⏎");
        if got != goes_out.trim() {
            wrong.push(format!("{name} | {context} | … | {got}\n  not {goes_out}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
