//! Runs `tests/tables/agent_stanzas.txt`, and arbitrary stanzas.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::bridge::address::Book;
use crate::bridge::xmpp_to_custom::plain;
use crate::chat::commands::AgentCommand;
use crate::chat::event::About;
use crate::chat::ids::{ConversationId, LinkDomain, TenantKey};

const TABLE: &str = include_str!("../../../../tests/tables/agent_stanzas.txt");

fn book() -> Book {
    let agent = |jid| AgentJid::normalised(jid);
    let tenant = |key| TenantKey::new(key).unwrap();
    Book::new([
        (tenant("acme"), agent("alice@example.org")),
        (tenant("other"), agent("bob@example.org")),
    ])
}

fn decoded(element: Element) -> Decoded {
    let domain = LinkDomain::new("chat.example.org").unwrap();
    let fresh = || ConversationId(Uuid::from_u128(1));
    decode(element, Context { domain: &domain, book: &book(), fresh: &fresh })
}

/// What is read from a stanza without a tree, if anything.
fn plain(xml: &str) -> Option<Decoded> {
    let domain = LinkDomain::new("chat.example.org").unwrap();
    let fresh = || ConversationId(Uuid::from_u128(1));
    plain::read(xml, Context { domain: &domain, book: &book(), fresh: &fresh })
}

/// Parses a cell of the table.
fn cell(raw: &str) -> String {
    let mut text = String::new();
    let mut rest = raw.trim();
    while let Some((before, tail)) = rest.split_once('‹') {
        let (repeat, after) = tail.split_once('›').expect("‹ is closed by ›");
        let (what, times) = repeat.rsplit_once('*').expect("‹what*times›");
        text.push_str(before);
        text.push_str(&what.repeat(times.parse().expect("a number")));
        rest = after;
    }
    text + rest
}

fn target(target: &Target) -> String {
    match target {
        Target::Domain => "component".to_owned(),
        Target::Peer(peer) => said_to(peer),
    }
}

fn said_to(peer: &Peer) -> String {
    match peer {
        Peer::Customer(localpart) => localpart.to_string(),
        Peer::Desk(tenant) => format!("desk {tenant}"),
    }
}

/// A meaning, in the notation of the table.
fn meaning(decoded: &Decoded) -> String {
    match decoded {
        Decoded::Nothing => "nothing".to_owned(),
        Decoded::Event(Event::Bounced { agent, customer, pos }) => {
            format!("bounced {agent} {customer} {}", pos.0)
        }
        Decoded::Again { agent, customer, pos } => format!("again {agent} {customer} {}", pos.0),
        Decoded::Event(Event::Agent(input)) => {
            let AgentInput { agent, resource, to, stanza, wants_receipt, content, .. } = &**input;
            let receipt = if *wants_receipt { ", receipt" } else { "" };
            let said = match content {
                AgentContent::Text { text, about } => {
                    let about = match about.as_deref() {
                        None => String::new(),
                        Some(About::Corrects { target }) => format!(", corrects {target}"),
                        Some(About::Answers { target, row, quoting }) => {
                            let row = row.map(|pos| format!(" ({})", pos.0)).unwrap_or_default();
                            format!(", answers {target}{row}, else {quoting}").replace('\n', "⏎")
                        }
                    };
                    format!("text {text}{receipt}{about}")
                }
                AgentContent::Link { url } => format!("link {url}{receipt}"),
                AgentContent::Retract { target } => format!("retract {target}"),
                AgentContent::React { row, emoji } => {
                    format!("react {:?} {emoji:?}{receipt}", row.map(|pos| pos.0))
                }
                AgentContent::Command { command, corrects, .. } => {
                    let corrects = corrects.as_ref().map(|id| format!(", corrects {id}"));
                    let command = match command {
                        AgentCommand::Invalid(AgentRefusal::UnknownCommand { word }) => {
                            format!("Unknown {{ word: {word:?} }}")
                        }
                        AgentCommand::Invalid(refusal) => format!("{refusal:?}"),
                        command => format!("{command:?}"),
                    };
                    format!("command {command}{receipt}{}", corrects.unwrap_or_default())
                }
                AgentContent::Silent => "silent, receipt".to_owned(),
                AgentContent::Refused { refusal: AgentRefusal::Call(call), .. } => {
                    format!("call {}{}", call.id, if call.invited { ", invited" } else { "" })
                }
                AgentContent::Typing { on } => format!("typing {on}"),
                AgentContent::Received { pos } => format!("received {}", pos.0),
                AgentContent::Displayed { pos } => format!("displayed {}", pos.0),
                AgentContent::Menu { .. } => "menu".to_owned(),
                AgentContent::Refused { refusal, .. } => format!("refused {refusal:?}"),
            };
            let stanza = stanza.as_deref().unwrap_or("-");
            format!("{agent}/{resource} to {} {stanza}: {said}", said_to(to))
        }
        Decoded::Event(other) => format!("{other:?}"),
        Decoded::Presence { agent, target: to, resource, availability } => {
            format!("presence {agent}/{resource} to {}: {availability:?}", target(to))
        }
        Decoded::Subscription { agent, target: to, kind } => {
            format!("subscription {agent} to {}: {kind:?}", target(to))
        }
        Decoded::Query { agent, target: to, .. } => format!("query {agent} to {}", target(to)),
        Decoded::Answered { id, outcome, .. } => format!("answered {id}: {outcome:?}"),
        Decoded::Barrier { id } => format!("barrier {id}"),
        Decoded::Privilege { host, roster } => format!("privilege {host}: roster {roster}"),
        Decoded::Reply(reply) => {
            let attr = |name| reply.attr(name).unwrap_or("-");
            if attr("type") == "result" {
                return format!("reply result iq {} to {}", attr("id"), attr("to"));
            }
            let error = reply.children().find(|child| child.name() == "error").expect("an error");
            let condition = error.children().next().expect("a condition").name();
            let (id, from, to) = (attr("id"), attr("from"), attr("to"));
            assert_eq!(attr("type"), "error");
            format!("reply {condition} {} {id} from {from} to {to}", reply.name())
        }
    }
}

#[test]
fn stanzas_mean_what_the_table_says() {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut wrong = Vec::new();
    let mut plainly = 0;
    for line in lines {
        let cells = line.split(" | ").map(cell).collect::<Vec<_>>();
        let [name, xml, expected] = cells.as_slice() else { panic!("three cells: {line}") };
        let end = xml.find([' ', '>']).expect("a tag");
        let xml = format!("{} xmlns='{}'{}", &xml[..end], ns::DEFAULT_NS, &xml[end..]);
        let element = xml.parse::<Element>().unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Some(plain) = plain(&xml) {
            assert_eq!(plain, decoded(element.clone()), "{name}");
            plainly += 1;
        }
        let meant = meaning(&decoded(element));
        if meant != *expected {
            wrong.push(format!("{name}\n  expected {expected}\n       was {meant}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(plainly > 25, "only {plainly} of them are read without a tree");
}

/// Elements of any shape, some with names and namespaces that have a meaning.
fn element() -> impl Strategy<Value = Element> {
    let name = prop::sample::select(vec![
        "message",
        "presence",
        "iq",
        "body",
        "error",
        "show",
        "received",
        "displayed",
        "privilege",
        "perm",
        "encrypted",
        "payload",
        "forwarded",
        "x",
    ]);
    let ns = prop::sample::select(vec![
        ns::DEFAULT_NS,
        ns::RECEIPTS,
        ns::DISPLAYED_MARKERS,
        ns::CHATSTATES,
        ns::XMPP_STANZAS,
        ns::LEGACY_OMEMO,
        "urn:xmpp:privilege:2",
        "urn:example",
    ]);
    let leaf = (name.clone(), ns.clone(), any::<String>(), attrs()).prop_map(built);
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let head = (name.clone(), ns.clone(), Just(String::new()), attrs());
        (head, prop::collection::vec(inner, 0..4)).prop_map(|(head, children)| {
            let mut element = built(head);
            children.into_iter().for_each(|child| {
                element.append_child(child);
            });
            element
        })
    })
}

type Attrs = [Option<String>; 4];

fn attrs() -> impl Strategy<Value = Attrs> {
    let some = |values: &'static [&'static str]| {
        prop::option::of(prop_oneof![
            prop::sample::select(values).prop_map(str::to_owned),
            "[ -~]{0,12}",
        ])
    };
    [
        some(&["alice@example.org/p", "bob@example.org", "eve@example.org", "chat.example.org"]),
        some(&["k3f9@chat.example.org", "acme@chat.example.org", "chat.example.org"]),
        some(&["chat", "error", "get", "set", "result", "subscribe", "unavailable", "wait"]),
        some(&["p1", "b1-1", "p99999999999999999999"]),
    ]
}

fn built((name, ns, text, [from, to, type_, id]): (&str, &str, String, Attrs)) -> Element {
    use xmpp_parsers::minidom::rxml::{Namespace, NcName};
    let mut element = Element::bare(name, ns);
    element.append_text_node(clean::text(&text));
    for (name, value) in [("from", from), ("to", to), ("type", type_), ("id", id)] {
        element.set_attr(Namespace::NONE, NcName::try_from(name).unwrap(), value);
    }
    element
}

proptest! {
    #[test]
    fn nothing_panics_and_replies_can_be_sent(element in element()) {
        if let Some(plain) = plain(&String::from(&element)) {
            prop_assert_eq!(plain, decoded(element.clone()));
        }
        let decoded = decoded(element);
        if let Decoded::Reply(reply) = &decoded {
            let xml = String::from(reply);
            prop_assert!(xml.parse::<Element>().is_ok(), "{}", xml);
        }
    }

    #[test]
    fn an_agents_text_is_cleaned(body in any::<String>()) {
        let mut message = Element::bare("message", ns::DEFAULT_NS);
        let mut said = Element::bare("body", ns::DEFAULT_NS);
        said.append_text_node(body);
        message.append_child(said);
        use xmpp_parsers::minidom::rxml::{Namespace, xml_ncname};
        message.set_attr(Namespace::NONE, xml_ncname!("from").to_owned(), "alice@example.org/p");
        message.set_attr(Namespace::NONE, xml_ncname!("to").to_owned(), "k3f9@chat.example.org");
        if let Decoded::Event(Event::Agent(input)) = decoded(message)
            && let AgentContent::Text { text, .. } = input.content
        {
            prop_assert_eq!(clean::text(&text), &*text);
        }
    }
}
