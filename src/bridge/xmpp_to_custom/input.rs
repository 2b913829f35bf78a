//! A stanza as an event for the desk.
//!
//! Invariants: nothing counts but what an agent of this link said; everyone else hears the same
//! `item-not-found`, and to presence nothing. Unknown elements are passed over, never refused.
//! What is forwarded inside a message (carbons, archives) is not said by its sender.

use std::sync::Arc;

use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use super::about::{Retracted, retracted, spoken_about};
use super::foreign;
use crate::bridge::address::{self, Address, Book, Target};
use crate::bridge::agent_command::{self, Said};
use crate::bridge::custom_to_xmpp::stanza;
use crate::bridge::{clean, quote};
use crate::chat::event::{AgentContent, AgentInput, Availability, Event, Peer};
use crate::chat::ids::{AgentJid, ConversationId, LinkDomain, Localpart, Pos};
use crate::chat::refusal::AgentRefusal;

/// The longest text of an agent, in Unicode scalars.
const TEXT_CHARS: usize = 8_000;

/// The longest stanza id that is kept, in bytes; a longer one is as none.
const ID_BYTES: usize = 256;

/// The longest link to a file, in bytes.
const URL_BYTES: usize = 2_048;

/// XEP-0356, both versions in use.
const PRIVILEGE: [&str; 2] = ["urn:xmpp:privilege:1", "urn:xmpp:privilege:2"];

/// What carries end-to-end encrypted words.
const ENCRYPTED: [(&str, &str); 6] = [
    ("encrypted", ns::LEGACY_OMEMO),
    ("encrypted", "urn:xmpp:omemo:1"),
    ("encrypted", "urn:xmpp:omemo:2"),
    ("openpgp", ns::OX),
    ("x", "jabber:x:encrypted"),
    ("encryption", ns::EME),
];

/// What carries another's words: its fallback text is not the sender's.
const NOT_SAID: [(&str, &str); 7] = [
    ("forwarded", ns::FORWARD),
    ("sent", ns::CARBONS),
    ("received", ns::CARBONS),
    ("result", ns::MAM),
    ("result", "urn:xmpp:mam:1"),
    ("reactions", ns::REACTIONS),
    ("event", ns::PUBSUB_EVENT),
];

/// What must be known to read a stanza.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The component's domain.
    pub domain: &'a LinkDomain,
    /// Who its agents are.
    pub book: &'a Book,
    /// Makes the id that a conversation gets, should one begin.
    pub fresh: &'a dyn Fn() -> ConversationId,
}

/// What a stanza comes to.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// Something for the desk.
    Event(Event),
    /// A presence: for the desk, where it may be believed.
    Presence {
        /// Who.
        agent: AgentJid,
        /// To whom.
        target: Target,
        /// Which of his clients; empty for all of them.
        resource: Arc<str>,
        /// What it says.
        availability: Availability,
    },
    /// An answer to be sent at once.
    Reply(Element),
    /// A query of an agent, to be answered.
    Query {
        /// Who asks.
        agent: AgentJid,
        /// Whom.
        target: Target,
        /// The whole stanza.
        iq: Element,
    },
    /// A query of our own was answered.
    Answered {
        /// By whom.
        agent: AgentJid,
        /// By which of their clients; empty where the server answers for the account.
        resource: Arc<str>,
        /// Its id.
        id: String,
        /// How.
        outcome: Outcome,
    },
    /// One of our barriers came back.
    Barrier {
        /// Its id.
        id: String,
    },
    /// An agent, or his server in his name, speaks of subscriptions.
    Subscription {
        /// Who.
        agent: AgentJid,
        /// To whom.
        target: Target,
        /// What.
        kind: Subscription,
    },
    /// The server says what we may do in the name of its users (XEP-0356).
    Privilege {
        /// The server.
        host: String,
        /// Whether rosters may be written.
        roster: bool,
    },
    /// A message was given back for the moment: it may be sent again, later.
    Again {
        /// The agent it was for.
        agent: AgentJid,
        /// From which customer.
        customer: Localpart,
        /// The row it was made of.
        pos: Pos,
    },
    /// Nothing.
    Nothing,
}

/// What came of a query of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// We may not do such things.
    Forbidden,
    /// This one could not be done.
    Failed,
}

/// What a presence says of subscriptions (RFC 6121 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// Wants to see us.
    Wanted,
    /// Lets us see him.
    Given,
    /// Lets us see him no more, or not at all.
    Refused,
    /// No longer sees us.
    Ended,
    /// His server asks how we are.
    Probe,
}

/// Reads a stanza.
pub fn decode(element: Element, context: Context<'_>) -> Decoded {
    let address = |name| Address::read(element.attr(name)?);
    let (Some(from), Some(to)) = (address("from"), address("to")) else { return Decoded::Nothing };
    if from.as_str() == context.domain.as_str() {
        return own(&element);
    }
    let asked = match (element.name(), element.attr("type")) {
        ("message", type_) => {
            return message(&element, type_.unwrap_or("normal"), &from, &to, context);
        }
        ("presence", type_) => return presence(&element, type_, &from, &to, context),
        ("iq", Some("get" | "set")) => asked(&from, &to, context),
        ("iq", Some("result" | "error")) => return answered(&element, &from, context),
        _ => return Decoded::Nothing,
    };
    match asked {
        Some((agent, target)) => Decoded::Query { agent, target, iq: element },
        None => asked_by_stranger(&element, &from, &to),
    }
}

/// What came from our own domain to our own domain: only what we sent ourselves can.
fn own(element: &Element) -> Decoded {
    match (element.name(), element.attr("type"), element.attr("id")) {
        ("iq", Some("get"), Some(id)) => Decoded::Barrier { id: id.to_owned() },
        _ => Decoded::Nothing,
    }
}

/// Which agent asks whom.
fn asked(from: &Address<'_>, to: &Address<'_>, context: Context<'_>) -> Option<(AgentJid, Target)> {
    let agent = context.book.agent(from)?;
    Some((agent.clone(), context.book.target(agent, to, context.domain)?))
}

fn asked_by_stranger(iq: &Element, from: &Address<'_>, to: &Address<'_>) -> Decoded {
    let (Some(from), Some(to)) = (from.jid(), to.jid()) else { return Decoded::Nothing };
    let id = iq.attr("id").unwrap_or_default().to_owned();
    Decoded::Reply(stanza::iq_error(to, from, id, stanza::not_found()))
}

/// An answer counts only from where our questions go: agents and their servers.
fn answered(iq: &Element, from: &Address<'_>, context: Context<'_>) -> Decoded {
    let (Some(id), Some(agent)) = (iq.attr("id"), context.book.agent(from)) else {
        return Decoded::Nothing;
    };
    let error = iq.children().find(|child| child.name() == "error");
    let outcome = match (iq.attr("type"), error) {
        (Some("result"), _) => Outcome::Done,
        (_, Some(error)) if error.has_child("forbidden", ns::XMPP_STANZAS) => Outcome::Forbidden,
        _ => Outcome::Failed,
    };
    let resource = from.resource().unwrap_or_default().into();
    Decoded::Answered { agent: agent.clone(), resource, id: id.to_owned(), outcome }
}

fn presence(
    element: &Element,
    type_: Option<&str>,
    from: &Address<'_>,
    to: &Address<'_>,
    context: Context<'_>,
) -> Decoded {
    let Some(agent) = context.book.agent(from).cloned() else { return Decoded::Nothing };
    let Some(target) = context.book.target(&agent, to, context.domain) else {
        return Decoded::Nothing;
    };
    let kind = match type_ {
        None | Some("unavailable") => {
            let resource = from.resource().unwrap_or_default().into();
            let availability = availability(element, type_.is_some());
            return Decoded::Presence { agent, target, resource, availability };
        }
        Some("subscribe") => Subscription::Wanted,
        Some("subscribed") => Subscription::Given,
        Some("unsubscribed") => Subscription::Refused,
        Some("unsubscribe") => Subscription::Ended,
        Some("probe") => Subscription::Probe,
        Some(_) => return Decoded::Nothing,
    };
    Decoded::Subscription { agent, target, kind }
}

/// A client of negative priority gets nothing that is sent to the bare JID: it serves nobody.
fn availability(element: &Element, unavailable: bool) -> Availability {
    let child = |name| element.get_child(name, ns::DEFAULT_NS).map(|child| child.text());
    let negative = child("priority").is_some_and(|priority| priority.trim().starts_with('-'));
    if unavailable || negative {
        return Availability::Gone;
    }
    match child("show").as_deref().map(str::trim) {
        Some("away") => Availability::Away,
        Some("xa" | "dnd") => Availability::Busy,
        _ => Availability::Free,
    }
}

fn message(
    element: &Element,
    type_: &str,
    from: &Address<'_>,
    to: &Address<'_>,
    context: Context<'_>,
) -> Decoded {
    if matches!(type_, "groupchat" | "headline") {
        return Decoded::Nothing;
    }
    if let Some(granted) = privilege(element, from) {
        return granted;
    }
    let id = element.attr("id").filter(|id| is_kept(id));
    let Some(agent) = context.book.agent(from).cloned() else {
        return stranger(type_, from, to, id);
    };
    let Some(target) = context.book.target(&agent, to, context.domain) else {
        return stranger(type_, from, to, id);
    };
    let peer = match target {
        Target::Peer(peer) => peer,
        Target::Domain => return stranger(type_, from, to, id),
    };
    if type_ == "error" {
        return bounced(element, agent, peer, id);
    }
    let wants_receipt = id.is_some() && element.has_child("request", ns::RECEIPTS);
    let Some(content) = content(element, &peer, wants_receipt) else {
        return Decoded::Nothing;
    };
    Decoded::Event(Event::Agent(Box::new(AgentInput {
        agent,
        resource: from.resource().unwrap_or_default().into(),
        to: peer,
        stanza: id.map(Arc::from),
        wants_receipt,
        fresh: (context.fresh)(),
        content,
    })))
}

/// Whether a stanza's id is one that is kept.
pub(super) fn is_kept(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_BYTES
}

/// The one answer to all strangers; to an error none, lest two errors answer each other for ever.
fn stranger(type_: &str, from: &Address<'_>, to: &Address<'_>, id: Option<&str>) -> Decoded {
    let (Some(from), Some(to)) = (from.jid(), to.jid()) else { return Decoded::Nothing };
    if type_ == "error" {
        return Decoded::Nothing;
    }
    Decoded::Reply(stanza::message_error(
        to,
        from,
        id.map(str::to_owned),
        None,
        stanza::not_found(),
    ))
}

/// What a server grants; a server speaks as itself, without a localpart or resource.
fn privilege(element: &Element, from: &Address<'_>) -> Option<Decoded> {
    let granted = PRIVILEGE.iter().find_map(|ns| element.get_child("privilege", *ns))?;
    if from.local().is_some() || from.resource().is_some() {
        return Some(Decoded::Nothing);
    }
    let roster = granted.children().any(|perm| {
        perm.name() == "perm"
            && perm.attr("access") == Some("roster")
            && matches!(perm.attr("type"), Some("both" | "set"))
    });
    Some(Decoded::Privilege { host: from.domain().to_owned(), roster })
}

/// A message of ours that came back. Only those made of rows matter, and whoever sends this must
/// be the agent it went to, so nobody can push another's conversations around.
fn bounced(element: &Element, agent: AgentJid, peer: Peer, id: Option<&str>) -> Decoded {
    let (Some(pos), Peer::Customer(customer)) = (id.and_then(address::row_of), peer) else {
        return Decoded::Nothing;
    };
    let Some(error) = element.children().find(|child| child.name() == "error") else {
        return Decoded::Event(Event::Bounced { agent, customer, pos });
    };
    let condition = |name: &str| error.has_child(name, ns::XMPP_STANZAS);
    // `wait` for a while is worth another try, unless it is the agent who is not there.
    let later = error.attr("type") == Some("wait") && !condition("recipient-unavailable");
    // `modify` blames the stanza, not the agent: the next agent's server would say the same.
    let ours = error.attr("type") == Some("modify");
    if later || ours {
        Decoded::Again { agent, customer, pos }
    } else {
        Decoded::Event(Event::Bounced { agent, customer, pos })
    }
}

fn content(element: &Element, peer: &Peer, wants_receipt: bool) -> Option<AgentContent> {
    let has = |&(name, ns): &(&str, &str)| element.has_child(name, ns);
    if NOT_SAID.iter().any(has) {
        return None;
    }
    let body = element.get_child("body", ns::DEFAULT_NS).map(|body| body.text());
    let body = body.filter(|body| !clean::is_blank(body));
    if ENCRYPTED.iter().any(has) || body.as_deref().is_some_and(is_encrypted_file) {
        // Keys without words are exchanged behind the agent's back: he need not hear of it.
        let words = body.is_some()
            || element.children().any(|child| child.has_child("payload", child.ns().as_str()));
        return words.then(|| refused(AgentRefusal::Encrypted, body.as_deref()));
    }
    if let Some(call) = foreign::call(element) {
        return Some(refused(AgentRefusal::Call(call), None));
    }
    if let Some(refusal) = foreign::offer(element) {
        return Some(refused(refusal, body.as_deref()));
    }
    match retracted(element) {
        Retracted::Nothing => {}
        // Its text is for clients that do not know of it.
        Retracted::Something => return None,
        Retracted::Words(target) => {
            let content = AgentContent::Retract { target: target.into() };
            return matches!(peer, Peer::Customer(_)).then_some(content);
        }
    }
    if let (Some(url), Peer::Customer(_)) = (linked(element, body.as_deref()), peer) {
        return Some(AgentContent::Link { url: url.into() });
    }
    if let Some(body) = body {
        return Some(spoken_about(element, peer, &body));
    }
    // It has arrived, and nothing of it can get lost: else it would be sent again.
    let silent = || (wants_receipt && is_silent(element)).then_some(AgentContent::Silent);
    if matches!(peer, Peer::Desk(_)) {
        return silent();
    }
    confirmed(element).or_else(silent).or_else(|| typing(element))
}

/// Whether there are no words in it, not even as a subject.
fn is_silent(element: &Element) -> bool {
    ["body", "subject"].iter().all(|name| {
        let text = element.get_child(name, ns::DEFAULT_NS).map(Element::text);
        text.is_none_or(|text| clean::is_blank(&text))
    })
}

/// What cannot be passed on, with its words.
fn refused(refusal: AgentRefusal, body: Option<&str>) -> AgentContent {
    let end = |body: &str| body.char_indices().nth(TEXT_CHARS).map_or(body.len(), |(end, _)| end);
    let said = body.map(|body| clean::text(body.get(..end(body)).unwrap_or_default()).into());
    AgentContent::Refused { refusal, said }
}

/// The link of a message that is a file and nothing else (XEP-0066): what it says is its link. With
/// other words it is words, the link among them or not.
fn linked(element: &Element, body: Option<&str>) -> Option<String> {
    let url = match element.get_child("x", stanza::OOB) {
        Some(oob) => oob.get_child("url", stanza::OOB)?.text(),
        None => foreign::source(element)?,
    };
    let url = url.trim();
    let is_all = body.is_none_or(|body| body.trim() == url);
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_all && is_web && url.len() <= URL_BYTES && clean::is_clean(url)).then(|| url.to_owned())
}

/// What words come to.
pub(super) fn spoken(peer: &Peer, body: &str) -> AgentContent {
    if !clean::scalars_at_most(body, TEXT_CHARS) {
        return refused(AgentRefusal::TooLong, Some(body));
    }
    let own = quote::without_desk_lines(body);
    if clean::is_blank(&own) {
        return refused(AgentRefusal::DeskQuote, Some(body));
    }
    let said = match peer {
        Peer::Customer(_) => agent_command::in_chat(&own),
        Peer::Desk(_) => Said::Command(agent_command::with_desk(&own)),
    };
    match said {
        Said::Command(command) => {
            let said = clean::text(body).into();
            AgentContent::Command { command, said, corrects: None }
        }
        Said::Text(text) => AgentContent::Text { text: clean::text(&text).into(), about: None },
    }
}

/// Confirmations count only for ids that stand for rows.
fn confirmed(element: &Element) -> Option<AgentContent> {
    let row = |name, ns| {
        let marker = element.get_child(name, ns)?;
        address::row_of(marker.attr("id")?)
    };
    let displayed = row("displayed", ns::DISPLAYED_MARKERS)
        .or_else(|| row("acknowledged", ns::DISPLAYED_MARKERS));
    let received =
        || row("received", ns::RECEIPTS).or_else(|| row("received", ns::DISPLAYED_MARKERS));
    displayed
        .map(|pos| AgentContent::Displayed { pos })
        .or_else(|| received().map(|pos| AgentContent::Received { pos }))
}

fn typing(element: &Element) -> Option<AgentContent> {
    state(element.children().find(|child| child.has_ns(ns::CHATSTATES))?.name())
}

/// What a chat state comes to (XEP-0085).
pub(super) fn state(name: &str) -> Option<AgentContent> {
    match name {
        "composing" => Some(AgentContent::Typing { on: true }),
        "active" | "paused" | "inactive" | "gone" => Some(AgentContent::Typing { on: false }),
        _ => None,
    }
}

pub(super) fn is_encrypted_file(body: &str) -> bool {
    let body = body.trim_start();
    body.starts_with("aesgcm:") || body.starts_with("?OTR")
}

#[cfg(test)]
mod tests;
