//! Converts a stanza to an event for the desk.
//!
//! Invariants: only stanzas from agents of this link have an effect; everyone else gets the same
//! `item-not-found`, and no response to presence. Unknown elements are ignored, never refused. What
//! is forwarded inside a message (carbons, archives) is not treated as sent by its sender.

use std::sync::Arc;

use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use super::about::{Retracted, retracted, spoken_about};
use super::decoded::{Context, Decoded, Outcome, Subscription};
use super::foreign;
use super::words::{is_encrypted_file, is_kept, refused, state};
use crate::bridge::address::{self, Address, Target};
use crate::bridge::custom_to_xmpp::{iq as queries, stanza};
use crate::bridge::xmlns::OOB;
use crate::bridge::{clean, emoji};
use crate::chat::event::{AgentContent, AgentInput, Availability, Event, Peer};
use crate::chat::ids::AgentJid;
use crate::chat::refusal::AgentRefusal;

/// The longest link to a file, in bytes.
const URL_BYTES: usize = 2_048;

const NO_EMOJI: &str = "Not sent: a reaction is an emoji.";

/// XEP-0356, both versions in use.
const PRIVILEGE: [&str; 2] = ["urn:xmpp:privilege:1", "urn:xmpp:privilege:2"];

/// Elements that carry end-to-end encrypted text.
const ENCRYPTED: [(&str, &str); 6] = [
    ("encrypted", ns::LEGACY_OMEMO),
    ("encrypted", "urn:xmpp:omemo:1"),
    ("encrypted", "urn:xmpp:omemo:2"),
    ("openpgp", ns::OX),
    ("x", "jabber:x:encrypted"),
    ("encryption", ns::EME),
];

/// Elements that carry another person's text: their fallback text is not the sender's.
const NOT_SAID: [(&str, &str); 6] = [
    ("forwarded", ns::FORWARD),
    ("sent", ns::CARBONS),
    ("received", ns::CARBONS),
    ("result", ns::MAM),
    ("result", "urn:xmpp:mam:1"),
    ("event", ns::PUBSUB_EVENT),
];

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
        None => asked_by_stranger(&element, &from, &to, context),
    }
}

/// A stanza from our own domain to our own domain: only we can have sent it.
fn own(element: &Element) -> Decoded {
    match (element.name(), element.attr("type"), element.attr("id")) {
        ("iq", Some("get"), Some(id)) => Decoded::Barrier { id: id.to_owned() },
        _ => Decoded::Nothing,
    }
}

/// The agent who sends a query, and whom it addresses.
fn asked(from: &Address<'_>, to: &Address<'_>, context: Context<'_>) -> Option<(AgentJid, Target)> {
    let agent = context.book.agent(from)?;
    Some((agent.clone(), context.book.target(agent, to, context.domain)?))
}

/// The domain itself is no secret: what it is may be asked by anybody, as of any service.
fn asked_by_stranger(
    iq: &Element,
    from: &Address<'_>,
    to: &Address<'_>,
    context: Context<'_>,
) -> Decoded {
    let asks_what =
        |query: &Element| query.is("query", ns::DISCO_INFO) && query.attr("node").is_none();
    if to.as_str() == context.domain.as_str()
        && iq.attr("type") == Some("get")
        && iq.children().next().is_some_and(asks_what)
    {
        let info = queries::response(context.domain, &Target::Domain, None, std::iter::empty(), iq);
        return info.map_or(Decoded::Nothing, Decoded::Reply);
    }
    let (Some(from), Some(to)) = (from.jid(), to.jid()) else { return Decoded::Nothing };
    let id = iq.attr("id").unwrap_or_default().to_owned();
    Decoded::Reply(queries::error_response(to, from, id, stanza::not_found()))
}

/// A response counts only from those we send queries to: agents and their servers.
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

/// A client of negative priority gets nothing that is sent to the bare JID, so it serves nobody.
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
        by_form: false,
        content,
    })))
}

/// The same error for all unauthorized senders; none in response to an error, or two errors could
/// reply to each other endlessly.
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

/// The privileges that a server grants; it sends them without a localpart or resource.
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

/// A message of ours that bounced. Only messages made from rows matter, and the sender must be the
/// agent it was sent to, so that nobody can move another agent's conversations.
fn bounced(element: &Element, agent: AgentJid, peer: Peer, id: Option<&str>) -> Decoded {
    let (Some(pos), Peer::Customer(customer)) = (id.and_then(address::row_of), peer) else {
        return Decoded::Nothing;
    };
    let Some(error) = element.children().find(|child| child.name() == "error") else {
        return Decoded::Event(Event::Bounced { agent, customer, pos });
    };
    let condition = |name: &str| error.has_child(name, ns::XMPP_STANZAS);
    // A `wait` error is worth another try, unless the agent is offline.
    let later = error.attr("type") == Some("wait") && !condition("recipient-unavailable");
    // `modify` blames the stanza, not the agent: the next agent's server would respond the same.
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
    if let Some(reactions) = element.get_child("reactions", ns::REACTIONS) {
        return matches!(peer, Peer::Customer(_)).then(|| reacted(reactions));
    }
    let body = element.get_child("body", ns::DEFAULT_NS).map(|body| body.text());
    let body = body.filter(|body| !clean::is_blank(body));
    if ENCRYPTED.iter().any(has) || body.as_deref().is_some_and(is_encrypted_file) {
        // Clients exchange keys without text unnoticed by the agent, who need not be notified.
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
        // Its text is a fallback for clients without this feature.
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
    // Needs a receipt: it has arrived and nothing of it can get lost, or it would be resent.
    let silent = || (wants_receipt && is_silent(element)).then_some(AgentContent::Silent);
    if matches!(peer, Peer::Desk(_)) {
        return silent();
    }
    confirmed(element).or_else(silent).or_else(|| typing(element))
}

/// A reaction (XEP-0444): the sender's emoji on a message, of which the last counts. Its text is a
/// fallback.
fn reacted(reactions: &Element) -> AgentContent {
    let row = reactions.attr("id").and_then(address::row_of);
    let texts = reactions.children().filter(|child| child.is("reaction", ns::REACTIONS));
    let emoji = match texts.last().map(|last| last.text()) {
        None => "".into(),
        Some(last) => match emoji::emoji(&last) {
            Some(emoji) => emoji.into(),
            None => return refused(AgentRefusal::Impossible { text: NO_EMOJI.into() }, None),
        },
    };
    AgentContent::React { row, emoji }
}

/// Whether it has no text, not even as a subject.
fn is_silent(element: &Element) -> bool {
    ["body", "subject"].iter().all(|name| {
        let text = element.get_child(name, ns::DEFAULT_NS).map(Element::text);
        text.is_none_or(|text| clean::is_blank(&text))
    })
}

/// The link of a message that is only a file (XEP-0066), with the link as its text. A message with
/// any other text is a text, whether the link is part of it or not.
fn linked(element: &Element, body: Option<&str>) -> Option<String> {
    let url = match element.get_child("x", OOB) {
        Some(oob) => oob.get_child("url", OOB)?.text(),
        None => foreign::source(element)?,
    };
    let url = url.trim();
    let is_all = body.is_none_or(|body| body.trim() == url);
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_all && is_web && url.len() <= URL_BYTES && clean::is_clean(url)).then(|| url.to_owned())
}

/// Confirmations count only for ids that belong to rows.
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

#[cfg(test)]
mod tests;
