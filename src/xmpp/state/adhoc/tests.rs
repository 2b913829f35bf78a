//! Commands through forms, as clients send them, with a desk behind the link.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::bridge::agent_command;
use crate::bridge::xmlns::COMMANDS;
use crate::chat::desk::{Desk, DeskLimits};
use crate::chat::effect::Effect;
use crate::chat::event::{
    Availability, CustomerAction, CustomerCommand, CustomerContent, CustomerEvent, CustomerInput,
    Loaded, SocketAddress,
};
use crate::chat::ids::{
    CommandId, CustomerId, Epoch, LinkDomain, Localpart, NodeId, QueueKey, SessionId, Timestamp,
};
use crate::chat::model::Customer;
use crate::chat::settings::{AgentSettings, QueueSettings, Role, Strategy, TenantSettings};
use crate::chat::snapshot::Snapshot;
use crate::ports::link::ToLink;
use crate::world::SystemWorld;
use crate::xmpp::outbox::Out;
use crate::xmpp::settings::LinkSettings;

const NOW: Timestamp = Timestamp(1_767_268_800_000);
const CUSTOMER: &str = "k3f9x2@chat.example.org";
const DESK: &str = "acme@chat.example.org";
const DOMAIN: &str = "chat.example.org";
const ALICE: &str = "alice@example.org/gajim";

/// A link and its desk: Alice serves a customer, Bob is a colleague, Carol a supervisor.
struct Bench {
    state: State,
    desk: Desk,
    /// The desk does not get to it.
    stuck: bool,
}

fn settings(key: &str, staff: &[(&str, &str, Role)]) -> TenantSettings {
    let queue = |key: &str, name: &str| QueueSettings {
        key: QueueKey::new(key).unwrap(),
        name: name.into(),
        strategy: Strategy::LeastLoaded,
        offer_ms: 30_000,
    };
    let agents = staff.iter().map(|(jid, name, role)| AgentSettings {
        jid: AgentJid::normalised(jid),
        name: (*name).into(),
        capacity: 4,
        role: *role,
        queues: vec![QueueKey::default_queue()],
    });
    TenantSettings {
        key: TenantKey::new(key).unwrap(),
        name: key.to_uppercase().into(),
        idle_close_ms: 1_800_000,
        queues: vec![queue("default", "Everyone"), queue("sales", "Sales")],
        agents: agents.collect(),
        canned: Vec::new(),
        tags: Default::default(),
        hours: Default::default(),
        routes: Default::default(),
        macros: Vec::new(),
        patience: Default::default(),
    }
}

impl Bench {
    fn new() -> Self {
        Self::of(vec![settings(
            "acme",
            &[
                ("alice@example.org", "Alice", Role::Agent),
                ("bob@example.org", "Bob 100%", Role::Agent),
                ("carol@example.org", "Carol", Role::Supervisor),
            ],
        )])
    }

    fn of(tenants: Vec<TenantSettings>) -> Self {
        let pairs = tenants.iter().flat_map(|tenant| {
            tenant.agents.iter().map(|agent| (tenant.key.clone(), agent.jid.clone()))
        });
        let pairs = pairs.collect();
        let snapshot = Snapshot { tenants, ..Snapshot::default() };
        let limits = DeskLimits { waiting: 10, rows: 1_000, reads: agent_command::step };
        let link = LinkSettings {
            domain: LinkDomain::new(DOMAIN).unwrap(),
            server: "127.0.0.1:5347".to_owned(),
            secret: "secret".to_owned().into(),
            agent_hosts: Vec::new(),
            site: "https://chat.example.com".to_owned(),
        };
        let mut state = State::new(link, Arc::new(SystemWorld));
        state.told(ToLink::Open { epoch: Epoch(7) }, NOW);
        state.up();
        state.told(ToLink::Begin { stream: 1 }, NOW);
        state.told(ToLink::Agents(pairs), NOW);
        let mut bench = Self { state, desk: Desk::restore(limits, NOW, snapshot), stuck: false };
        bench.event(Event::LinkUp);
        for agent in ["alice", "bob"] {
            bench.event(Event::Presence {
                agent: AgentJid::normalised(&format!("{agent}@example.org")),
                resource: "gajim".into(),
                availability: Availability::Free,
            });
        }
        bench
    }

    /// A customer writes, and Alice answers.
    fn served() -> Self {
        let mut bench = Self::new();
        bench.customer_says("m1", "Hello");
        let said = format!(
            "<message from='{ALICE}' to='{CUSTOMER}' type='chat' id='a1'><body>Hi</body></message>"
        );
        bench.written(&said);
        bench
    }

    fn customer_says(&mut self, id: &str, text: &str) {
        let session = SessionId(Uuid::from_u128(4));
        self.event(Event::Loaded(Loaded::Session { session, commands: Vec::new(), more: false }));
        let command = CustomerCommand {
            id: CommandId::new(id).unwrap(),
            fresh: ConversationId(Uuid::from_u128(9)),
            action: CustomerAction::Message { text: text.into(), reply_to: None },
        };
        self.event(Event::Customer(CustomerEvent::Input(Box::new(CustomerInput {
            customer: Customer {
                id: CustomerId(Uuid::from_u128(2)),
                tenant: TenantKey::new("acme").unwrap(),
                localpart: Localpart::new("k3f9x2").unwrap(),
                name: Some("%s%n Ann".into()),
                conversations: 0,
            },
            session,
            socket: SocketAddress { node: NodeId(Uuid::from_u128(1)), socket: 1 },
            content: CustomerContent::Command(command),
        }))));
    }

    fn event(&mut self, event: Event) {
        let mut effects = Vec::new();
        let event = match self.desk.needs(&event) {
            Some(crate::chat::event::Need::Customer(localpart)) => {
                let nobody = Loaded::Customer { localpart, customer: None, last_agent: None };
                self.desk.handle(NOW, Event::Loaded(nobody), &mut effects);
                event
            }
            _ => event,
        };
        self.desk.handle(NOW, event, &mut effects);
        let upto = self.desk.head();
        self.desk.handle(NOW, Event::Stored { upto }, &mut effects);
        for effect in effects {
            if let Effect::Send(to_agent) = effect {
                self.state.told(ToLink::Send(Box::new(to_agent)), NOW);
            }
        }
    }

    /// Passes a stanza in; returns everything that is written then.
    fn written(&mut self, stanza: &str) -> Vec<Element> {
        self.out();
        self.state.mark_heard();
        self.state.heard(stanza.as_bytes()).unwrap();
        self.work();
        self.out()
    }

    /// The desk handles what it was asked.
    fn work(&mut self) {
        while !self.stuck
            && let Some(said) = self.state.unread.pop_front()
        {
            if let FromLink::Event(event) = said {
                self.event(event);
            }
        }
    }

    fn out(&mut self) -> Vec<Element> {
        let mut all = Vec::new();
        loop {
            let mut out = Out::new();
            self.state.fill(&mut out);
            let texts = out.iter().filter(|text| !text.contains("<ping "));
            for text in texts {
                let text = text.replacen(' ', " xmlns='jabber:component:accept' ", 1);
                all.extend(text.parse::<Element>());
            }
            if out.is_empty() {
                return all;
            }
            // The server accepts everything.
            for text in out.iter().filter(|text| text.contains("<ping ")) {
                let back = text.replacen("/barrier'", "'", 1);
                self.state.heard(back.as_bytes()).unwrap();
            }
        }
    }

    /// Sends a query; returns its reply, and what else came.
    fn ask(&mut self, from: &str, to: &str, id: &str, payload: &str) -> (Element, Vec<Element>) {
        let kind = if payload.starts_with("<query") { "get" } else { "set" };
        let iq = format!("<iq from='{from}' to='{to}' type='{kind}' id='{id}'>{payload}</iq>");
        let mut written = self.written(&iq);
        let reply = written.iter().position(|el| el.name() == "iq" && el.attr("id") == Some(id));
        let reply = written.remove(reply.unwrap_or_else(|| panic!("no reply to {payload}")));
        assert!(written.iter().all(|el| el.name() != "iq"), "one reply");
        assert_eq!(reply.attr("from"), Some(to), "from the address that was asked");
        assert_eq!(reply.attr("to"), Some(from));
        (reply, written)
    }

    /// The nodes and names of the commands at an address, or the condition of the error.
    fn list(&mut self, from: &str, to: &str) -> Result<Vec<(String, String)>, String> {
        let query =
            format!("<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>");
        let (reply, _) = self.ask(from, to, "l1", &query);
        if let Some(condition) = condition(&reply) {
            return Err(condition);
        }
        let query = reply.children().next().unwrap();
        assert_eq!(query.attr("node"), Some(COMMANDS));
        let item = |item: &Element| {
            assert_eq!(item.attr("jid"), Some(to));
            (item.attr("node").unwrap().to_owned(), item.attr("name").unwrap().to_owned())
        };
        Ok(query.children().map(item).collect())
    }

    fn nodes(&mut self, from: &str, to: &str) -> Vec<String> {
        self.list(from, to).unwrap().into_iter().map(|(node, _)| node).collect()
    }

    /// Begins a command as all clients do.
    fn begin(&mut self, from: &str, to: &str, node: &str) -> Stage {
        let payload = format!("<command xmlns='{COMMANDS}' node='{node}' action='execute'/>");
        let (reply, more) = self.ask(from, to, "b1", &payload);
        Stage::of(&reply, more)
    }
}

/// A reply to a command.
#[derive(Debug)]
struct Stage {
    status: String,
    session: String,
    note: Option<(String, String)>,
    /// Each field: `var`, type and label.
    fields: Vec<(String, String, String)>,
    options: Vec<(String, String)>,
    /// The texts that came into the chats meanwhile, each with its sender.
    said: Vec<(String, String)>,
}

impl Stage {
    fn of(reply: &Element, more: Vec<Element>) -> Self {
        assert_eq!(reply.attr("type"), Some("result"), "{}", String::from(reply));
        let command = reply.get_child("command", COMMANDS).unwrap();
        let attr = |name| command.attr(name).expect("in every reply").to_owned();
        assert!(!attr("node").is_empty());
        let note = command.get_child("note", COMMANDS).map(|note| {
            let text = note.text();
            assert!(!text.contains('%') && !text.contains("Ann"), "{text}");
            (note.attr("type").unwrap().to_owned(), text)
        });
        let form = command.get_child("x", "jabber:x:data");
        assert!(note.is_none() || form.is_none(), "a note or a form");
        let (mut fields, mut options) = (Vec::new(), Vec::new());
        if let Some(form) = form {
            let actions = command.get_child("actions", COMMANDS).unwrap();
            assert_eq!(actions.attr("execute"), Some("complete"));
            let names = actions.children().map(Element::name).collect::<Vec<_>>();
            assert_eq!(names, ["next", "complete"]);
            assert!(!form.get_child("title", "jabber:x:data").unwrap().text().is_empty());
            for field in form.children().filter(|child| child.name() == "field") {
                let attr = |name| field.attr(name).unwrap().to_owned();
                let type_ = field.attr("type").unwrap_or("text-single").to_owned();
                let allowed =
                    ["list-single", "text-single", "text-multi", "boolean", "fixed", "hidden"];
                assert!(allowed.contains(&&*type_), "{type_}");
                let forbidden = ["username", "password", "url", "uri", "ocr"];
                assert!(!forbidden.contains(&&*attr("var")));
                fields.push((attr("var"), type_, attr("label")));
                for option in field.children().filter(|child| child.name() == "option") {
                    let value = option.get_child("value", "jabber:x:data").unwrap().text();
                    options.push((value, option.attr("label").unwrap().to_owned()));
                }
            }
        }
        let said = more.iter().filter_map(|el| {
            let body = el.children().find(|child| child.name() == "body")?.text();
            Some((el.attr("from")?.to_owned(), body))
        });
        let (status, session) = (attr("status"), attr("sessionid"));
        Self { status, session, note, fields, options, said: said.collect() }
    }

    fn vars(&self) -> Vec<&str> {
        self.fields.iter().map(|(var, ..)| &**var).collect()
    }

    fn note(&self) -> &str {
        assert_eq!(self.status, "completed");
        &self.note.as_ref().unwrap().1
    }
}

fn condition(reply: &Element) -> Option<String> {
    let error = reply.children().find(|child| child.name() == "error")?;
    let names = error.children().map(Element::name).filter(|name| *name != "text");
    Some(names.collect::<Vec<_>>().join(" "))
}

fn submit(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(var, value)| {
        let values = value.split('\n').map(|line| format!("<value>{line}</value>"));
        format!("<field var='{var}'>{}</field>", values.collect::<String>())
    });
    format!("<x xmlns='jabber:x:data' type='submit'>{}</x>", fields.collect::<String>())
}

#[tokio::test(start_paused = true)]
async fn each_address_lists_what_can_be_asked_there() {
    let mut bench = Bench::served();
    let chat = bench.list(ALICE, CUSTOMER).unwrap();
    let close = ("close".to_owned(), "Close – end the conversation".to_owned());
    assert!(chat.contains(&close), "{chat:?}");
    let web = format!("{CUSTOMER}/web");
    assert_eq!(bench.list(ALICE, &web).unwrap(), chat);
    let desk = bench.nodes(ALICE, DESK);
    assert!(desk.contains(&"status".to_owned()) && !desk.contains(&"who".to_owned()), "{desk:?}");
    let domain = bench.nodes(ALICE, DOMAIN);
    for node in desk.iter().chain(chat.iter().map(|(node, _)| node)) {
        assert!(domain.contains(node), "{node}");
    }
    let supervised = crate::chat::commands::COMMANDS.iter().filter(|spec| spec.for_supervisors);
    let supervised = supervised.map(|spec| spec.word).collect::<Vec<_>>();
    let only = |nodes: &[String]| supervised.iter().any(|word| nodes.iter().any(|n| n == word));
    assert!(supervised.is_empty() || only(&bench.nodes("carol@example.org/psi", DOMAIN)));

    // Nobody else learns anything, not even whether there is a customer.
    for (who, to) in [
        ("bob@example.org/x", CUSTOMER),
        (ALICE, "nobody@chat.example.org"),
        ("mallory@example.org/x", CUSTOMER),
        ("mallory@example.org/x", DESK),
        ("mallory@example.org/x", DOMAIN),
    ] {
        assert_eq!(bench.list(who, to), Err("item-not-found".to_owned()), "{who} {to}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_command_is_can_be_asked() {
    let mut bench = Bench::served();
    let info = |node: &str| {
        format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/>")
    };
    let (reply, _) = bench.ask(ALICE, CUSTOMER, "i1", &info("close"));
    let reply = String::from(&reply);
    assert!(reply.contains("command-node") && reply.contains("jabber:x:data"), "{reply}");
    let (reply, _) = bench.ask(ALICE, CUSTOMER, "i2", &info(COMMANDS));
    assert!(String::from(&reply).contains("command-list"));
    for (to, node) in [(CUSTOMER, "frobnicate"), (DESK, "who"), ("x1x1@chat.example.org", "who")] {
        let (reply, _) = bench.ask(ALICE, to, "i3", &info(node));
        assert_eq!(condition(&reply).as_deref(), Some("item-not-found"), "{to} {node}");
    }
    for to in [DOMAIN, DESK, CUSTOMER] {
        let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let (reply, _) = bench.ask(ALICE, to, "i4", query);
        assert!(
            String::from(&reply).contains(&format!("var='{COMMANDS}'"))
                || String::from(&reply).contains(&format!("var=\"{COMMANDS}\""))
        );
    }
}

/// How a client sends a form: the attributes of the command, with `{s}` for the session.
const WAYS: [(&str, &str, &str); 6] = [
    ("Gajim", "alice@example.org/gajim.X1", "node='transfer' sessionid='{s}' action='complete'"),
    ("Psi", "alice@example.org/Psi+", "node='transfer' sessionid='{s}' action='next'"),
    ("Movim", "alice@example.org/movim9", "sessionid='{s}' node='transfer' action='complete'"),
    ("Converse", "alice@example.org/c.js", "sessionid='{s}' node='transfer' action='execute'"),
    ("Profanity", "alice@example.org/profanity", "node='transfer' sessionid='{s}'"),
    ("poezio", "alice@example.org/poezio", "action='next' node='transfer' sessionid='{s}'"),
];

#[tokio::test(start_paused = true)]
async fn every_client_can_fill_in_a_form() {
    for (client, from, attributes) in WAYS {
        let mut bench = Bench::served();
        let to = if client == "Gajim" { format!("{CUSTOMER}/web") } else { CUSTOMER.to_owned() };
        let form = bench.begin(from, &to, "transfer");
        assert_eq!(form.status, "executing", "{client}");
        assert_eq!(form.vars(), ["how", "to", "note"]);
        let values = form.options.iter().map(|(value, _)| &**value).collect::<Vec<_>>();
        assert!(values.contains(&"Bob 100%") && values.contains(&"#sales"), "{values:?}");
        let filled =
            submit(&[("how", "ask"), ("to", "Bob 100%"), ("note", "now: invoice\n1042 is open")]);
        let attributes = attributes.replace("{s}", &form.session);
        let payload = format!("<command xmlns='{COMMANDS}' {attributes}>{filled}</command>");
        let (reply, _) = bench.ask(from, &to, "c1", &payload);
        let stage = Stage::of(&reply, Vec::new());
        assert!(stage.note().starts_with("Asked Bob 100％. You keep"), "{client}: {stage:?}");
        assert_eq!(stage.session, form.session);
        // The same query again gets the same reply; anything else is over.
        let (again, more) = bench.ask(from, &to, "c1", &payload);
        assert_eq!((again, more.len()), (reply, 0), "{client}");
        let (over, _) = bench.ask(from, &to, "c2", &payload);
        assert_eq!(condition(&over).as_deref(), Some("bad-request bad-sessionid"), "{client}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_can_be_cancelled_in_any_way() {
    let mut bench = Bench::served();
    let cancel = "<x xmlns='jabber:x:data' type='cancel'/>";
    for way in ["action='cancel'/>".to_owned(), format!("action='execute'>{cancel}</command>")] {
        let form = bench.begin(ALICE, CUSTOMER, "close");
        let session = &form.session;
        let payload =
            format!("<command xmlns='{COMMANDS}' node='close' sessionid='{session}' {way}");
        let (reply, _) = bench.ask(ALICE, CUSTOMER, "x1", &payload);
        assert_eq!(Stage::of(&reply, Vec::new()).status, "canceled");
        let (reply, _) = bench.ask(ALICE, CUSTOMER, "x2", &payload);
        assert_eq!(condition(&reply).as_deref(), Some("bad-request bad-sessionid"));
    }
    // Profanity.
    let query = format!("<query xmlns='http://jabber.org/protocol/muc#owner'>{cancel}</query>");
    let (reply, _) = bench.ask(ALICE, CUSTOMER, "x3", &query);
    assert_eq!(reply.attr("type"), Some("error"));
    for (action, expected) in [("prev", "bad-action"), ("jump", "malformed-action")] {
        let payload =
            format!("<command xmlns='{COMMANDS}' node='close' sessionid='s' action='{action}'/>");
        let (reply, _) = bench.ask(ALICE, CUSTOMER, "x4", &payload);
        assert_eq!(condition(&reply), Some(format!("bad-request {expected}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_form_is_done_at_once_and_once() {
    let mut bench = Bench::served();
    let stage = bench.begin(ALICE, DESK, "status");
    let lines = stage.note().lines().collect::<Vec<_>>();
    assert_eq!(lines[0], "Everyone: nobody waiting");
    assert!(lines.contains(&"Bob 100％: available, 0 of 4 chats"), "{lines:?}");
    let said = format!(
        "<message from='{ALICE}' to='{CUSTOMER}' type='chat' id='a2'><body>Oops</body></message>"
    );
    bench.written(&said);
    let undone = bench.begin(ALICE, CUSTOMER, "undo");
    assert_eq!(undone.note(), crate::chat::commands::UNDONE);
    // The same query: nothing more is deleted.
    assert_eq!(bench.begin(ALICE, CUSTOMER, "undo").session, undone.session);
    tokio::time::advance(Duration::from_secs(61)).await;
    let (_, text) = bench.begin(ALICE, CUSTOMER, "undo").note.unwrap();
    assert!(text.starts_with("Not "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_long_or_a_customers_goes_into_the_chat_with_the_desk() {
    let mut bench = Bench::served();
    for (to, node, part) in [
        (CUSTOMER, "who", "%s%n Ann · "),
        (CUSTOMER, "help", "!close – "),
        (DESK, "help", "status"),
    ] {
        let stage = bench.begin(ALICE, to, node);
        assert_eq!(stage.note(), "The answer is in the chat with acme@chat.example.org.");
        let (from, text) = stage.said.first().unwrap();
        assert_eq!(from, "acme@chat.example.org/desk");
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_said_and_what_was_written_is_returned() {
    let mut bench = Bench::served();
    let form = bench.begin(ALICE, CUSTOMER, "transfer");
    let filled = submit(&[("how", "ask"), ("to", "Alice"), ("note", "a %s note")]);
    let payload = format!(
        "<command xmlns='{COMMANDS}' node='transfer' sessionid='{}'>{filled}</command>",
        form.session
    );
    let (reply, more) = bench.ask(ALICE, CUSTOMER, "c1", &payload);
    let stage = Stage::of(&reply, more);
    assert!(stage.note().starts_with("Not transferred: this conversation is yours already"));
    assert_eq!(stage.note.as_ref().unwrap().0, "error");
    let (_, text) = stage.said.first().unwrap();
    assert!(text.ends_with("⚙ Not sent: !transfer \"Alice\" a %s note"), "{text}");

    // Required, missing; and a choice that is none.
    for fields in [&[("how", "ask")][..], &[("how", "perhaps"), ("to", "Bob 100%")]] {
        let form = bench.begin(ALICE, &format!("{CUSTOMER}/{}", fields.len()), "transfer");
        let to = format!("{CUSTOMER}/{}", fields.len());
        let payload = format!(
            "<command xmlns='{COMMANDS}' node='transfer' sessionid='{}'>{}</command>",
            form.session,
            submit(fields)
        );
        let (reply, _) = bench.ask(ALICE, &to, "c2", &payload);
        assert!(Stage::of(&reply, Vec::new()).note().starts_with("Not sent. Example: !transfer"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_domain_asks_for_what_it_lacks() {
    let mut bench = Bench::served();
    let form = bench.begin(ALICE, DOMAIN, "close");
    assert_eq!(form.vars(), ["customer", "words"]);
    assert_eq!(form.options, [("k3f9x2".to_owned(), "%s%n Ann (yours)".to_owned())]);
    let payload = format!(
        "<command xmlns='{COMMANDS}' node='close' sessionid='{}' action='complete'>{}</command>",
        form.session,
        submit(&[("customer", "k3f9x2"), ("words", "Good bye,\nAlice")])
    );
    let (reply, _) = bench.ask(ALICE, DOMAIN, "c1", &payload);
    assert_eq!(Stage::of(&reply, Vec::new()).note(), "close: done");
    assert!(bench.begin(ALICE, DOMAIN, "reopen").options[0].1.ends_with("(closed)"));
    let nobody = bench.begin("bob@example.org/x", DOMAIN, "close");
    assert!(nobody.note().contains("no customer"), "{nobody:?}");
    // One desk needs no question, two do.
    assert_eq!(bench.begin(ALICE, DOMAIN, "status").status, "completed");
    let staff = [("alice@example.org", "Alice", Role::Agent)];
    let mut two = Bench::of(vec![settings("acme", &staff), settings("bolt", &staff)]);
    let form = two.begin(ALICE, DOMAIN, "status");
    assert_eq!(form.vars(), ["desk"]);
    for (desk, begins) in [("bolt", "Everyone"), ("zzz", "Not sent: no such")] {
        let form = two.begin(&format!("{ALICE}{desk}"), DOMAIN, "status");
        let payload = format!(
            "<command xmlns='{COMMANDS}' node='status' sessionid='{}'>{}</command>",
            form.session,
            submit(&[("desk", desk)])
        );
        let (reply, more) = two.ask(&format!("{ALICE}{desk}"), DOMAIN, desk, &payload);
        let stage = Stage::of(&reply, more);
        assert!(stage.note().starts_with(begins), "{stage:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_of_one_client_one_address_and_one_command() {
    let mut bench = Bench::served();
    let form = bench.begin(ALICE, CUSTOMER, "close");
    let step = |node: &str, session: &str| {
        let filled = submit(&[("words", "Bye")]);
        format!(
            "<command xmlns='{COMMANDS}' node='{node}' sessionid='{session}'>{filled}</command>"
        )
    };
    for (from, to, payload) in [
        ("alice@example.org/other", CUSTOMER, step("close", &form.session)),
        ("carol@example.org/gajim", CUSTOMER, step("close", &form.session)),
        (ALICE, DESK, step("close", &form.session)),
        (ALICE, CUSTOMER, step("undo", &form.session)),
        (ALICE, CUSTOMER, step("close", "adhoc-0")),
        (ALICE, CUSTOMER, step("close", "")),
    ] {
        let (reply, _) = bench.ask(from, to, "c1", &payload);
        assert_eq!(condition(&reply).as_deref(), Some("bad-request bad-sessionid"), "{payload}");
    }
    tokio::time::advance(Duration::from_secs(601)).await;
    let (reply, _) = bench.ask(ALICE, CUSTOMER, "c2", &step("close", &form.session));
    assert_eq!(condition(&reply).as_deref(), Some("bad-request bad-sessionid"), "ten minutes");
}

#[tokio::test(start_paused = true)]
async fn what_may_be_done_is_checked_again_when_it_is_done() {
    let mut bench = Bench::served();
    let form = bench.begin(ALICE, CUSTOMER, "close");
    let bye = format!(
        "<message from='{ALICE}' to='{CUSTOMER}' type='chat' id='a9'><body>!close</body></message>"
    );
    bench.written(&bye);
    let payload = format!(
        "<command xmlns='{COMMANDS}' node='close' sessionid='{}'>{}</command>",
        form.session,
        submit(&[("words", "Bye")])
    );
    let (reply, more) = bench.ask(ALICE, CUSTOMER, "c1", &payload);
    let stage = Stage::of(&reply, more);
    assert!(stage.note().starts_with("Not sent: this conversation is closed"), "{stage:?}");
    assert!(stage.said[0].1.contains("⚙ Not sent: !close Bye"));
    let (reply, _) = bench.ask(
        "bob@example.org/x",
        CUSTOMER,
        "c2",
        &format!("<command xmlns='{COMMANDS}' node='close' action='execute'/>"),
    );
    assert_eq!(condition(&reply).as_deref(), Some("item-not-found"));
}

#[tokio::test(start_paused = true)]
async fn hostile_input_is_bounded() {
    let mut bench = Bench::served();
    let long = "x".repeat(9_000);
    let many = (0..500).map(|n| format!("<field var='f{n}'><value>v</value></field>"));
    let many = many.collect::<String>();
    let lines = "<value>a</value>".repeat(3_000);
    for x in [
        submit(&[("words", &long)]),
        format!(
            "<x xmlns='jabber:x:data' type='submit'>{many}<field var='words'>{lines}</field></x>"
        ),
        format!("<x xmlns='jabber:x:data' type='submit'><field var='words'>{lines}</field></x>"),
    ] {
        let form = bench.begin(ALICE, CUSTOMER, "ask");
        let payload = format!(
            "<command xmlns='{COMMANDS}' node='ask' sessionid='{}'>{x}</command>",
            form.session
        );
        let id = x.len().to_string();
        let (reply, _) = bench.ask(ALICE, CUSTOMER, &id, &payload);
        assert!(Stage::of(&reply, Vec::new()).note().starts_with("Not sent"), "{id}");
    }
    // Unknown nodes, nodes of any length, other namespaces inside.
    for node in ["frobnicate", "CLOSE", "", &long.replace('x', "é")[..2_000]] {
        let payload = format!("<command xmlns='{COMMANDS}' node='{node}' action='execute'/>");
        let (reply, _) = bench.ask(ALICE, CUSTOMER, "n1", &payload);
        assert_eq!(condition(&reply).as_deref(), Some("item-not-found"), "{node}");
        assert!(String::from(&reply).len() < 1_000);
    }
    // A client that begins without end has its latest sessions.
    let mut sessions = Vec::new();
    for _ in 0..100 {
        tokio::time::advance(Duration::from_millis(1)).await;
        sessions.push(bench.begin("alice@example.org/flood", CUSTOMER, "close").session);
    }
    let live = |bench: &Bench, of: &[String]| {
        of.iter().filter(|id| bench.state.talks.get(id).is_some()).count()
    };
    assert_eq!(live(&bench, &sessions), 16);
    assert_eq!(live(&bench, &sessions[84..]), 16);
    // All clients together have a limit too.
    for number in 0..200 {
        let from = format!("alice@example.org/r{number}");
        bench.begin(&from, CUSTOMER, "close");
    }
    assert!(bench.state.talks.len() <= 128);
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_does_not_answer_is_waited_for_a_while() {
    let mut bench = Bench::served();
    let form = bench.begin(ALICE, CUSTOMER, "transfer");
    bench.stuck = true;
    let payload = format!(
        "<command xmlns='{COMMANDS}' node='transfer' sessionid='{}'>{}</command>",
        form.session,
        submit(&[("how", "ask"), ("to", "Bob 100%")])
    );
    let iq = |id: &str, payload: &str| {
        format!("<iq from='{ALICE}' to='{CUSTOMER}' type='set' id='{id}'>{payload}</iq>")
    };
    assert!(bench.written(&iq("c1", &payload)).is_empty());
    let begin = format!("<command xmlns='{COMMANDS}' node='close' action='execute'/>");
    // A client that asks and asks while nothing is answered.
    let mut refused = Vec::new();
    for number in 0..40 {
        refused.extend(bench.written(&iq(&format!("d{number}"), &begin)));
    }
    assert_eq!(refused.len(), 25, "16 wait");
    assert!(refused.iter().all(|el| condition(el).as_deref() == Some("resource-constraint")));
    tokio::time::advance(Duration::from_secs(10)).await;
    bench.state.timers(&mut Out::new()).unwrap();
    let replies = bench.out();
    let (notes, errors): (Vec<_>, Vec<_>) =
        replies.iter().filter(|el| el.name() == "iq").partition(|el| condition(el).is_none());
    assert_eq!((notes.len(), errors.len()), (1, 15));
    assert!(Stage::of(notes[0], Vec::new()).note().starts_with("No answer yet."));
    // It comes as a message then, and once.
    bench.stuck = false;
    bench.work();
    let late = bench.out();
    let texts = late.iter().filter(|el| String::from(*el).contains("⚙ transfer – Asked Bob"));
    assert_eq!(texts.count(), 1, "{late:?}");
    assert!(late.iter().all(|el| el.name() != "iq"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_stream_ends_what_waits_and_keeps_the_forms() {
    let mut bench = Bench::served();
    let form = bench.begin(ALICE, CUSTOMER, "close");
    bench.stuck = true;
    let begin = format!("<command xmlns='{COMMANDS}' node='who' action='execute'/>");
    bench.written(&format!("<iq from='{ALICE}' to='{CUSTOMER}' type='set' id='w'>{begin}</iq>"));
    bench.state.lost(&crate::xmpp::stream::Lost::new("test"), false);
    assert_eq!(bench.state.talks.next(), None);
    assert!(bench.state.talks.get(&form.session).is_some());
    assert_eq!(bench.state.talks.len(), 1);
}
