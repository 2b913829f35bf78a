//! Converts an effect to a stanza.
//!
//! Invariants: the stanzas needed in every conversation are written as text ([`text`]), the others
//! are built from typed elements ([`message`]), and both have the same result; nothing that a
//! person wrote is put into an attribute except a cleaned name; no stanza is longer than 128 KiB
//! (servers accept at least 256 KiB). An effect without a message for the agent has no stanza.

use xmpp_parsers::chatstates::ChatState;
use xmpp_parsers::displayed_markers::{Displayed, Markable};
use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::{Id, Lang, MessageType};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::receipts::{Received, Request};
use xmpp_parsers::stanza_error::StanzaError;

mod refusal;
mod relation;
mod shared;

pub use refusal::{error_of as refusal_error, line as refusal_line, words as refusal_words};
pub use shared::shared;

use relation::{changes, reacted, reply_to};

use super::line;
use super::parts::{
    DELAYED_MS, LineId, ROOM, bare, delay, fitted, identified, is_customers, nick, spoken,
    thread_of,
};
use super::xml::Xml;
use crate::bridge::xmlns::HINTS;
use crate::bridge::{address, clean, mark};
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{LinkDomain, Pos, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::row::RowKind;

/// The approximate size of a stanza without its body.
const AROUND_BYTES: usize = 640;

/// The stanza for an effect; none if there is nothing to send.
pub fn message(
    domain: &LinkDomain,
    to_agent: &ToAgent,
    now: Timestamp,
    line_id: LineId<'_>,
) -> Option<Element> {
    let from = address::speaker(domain, &to_agent.from)?;
    let to = address::client(&to_agent.agent, to_agent.resource.as_deref())?;
    let thread = to_agent.conversation;
    let built = match &to_agent.content {
        ToAgentContent::Row { row, name, quoted } => {
            let name_of = name.as_deref();
            let body = line::row(row, &to_agent.agent)?;
            let reply = reacted(domain, to_agent, row, name_of, quoted.as_deref()).or_else(|| {
                quoted.as_deref().and_then(|quoted| reply_to(domain, to_agent, quoted, &body))
            });
            let said = reply.as_ref().map_or(&*body, |reply| &reply.text);
            let mut words = spoken(from, to, said, thread);
            identified(&mut words, address::row_id(row.pos));
            if is_customers(row) || matches!(row.kind, RowKind::Closed { .. }) {
                words.payloads.push(Request.into());
            }
            if is_customers(row) {
                words.payloads.push(Markable.into());
                words.payloads.push(ChatState::Active.into());
                let name = line::customer_name(name_of, &to_agent.from);
                words.payloads.push(nick(&name));
            }
            words.payloads.extend(delay(domain, row.at, now));
            words.payloads.extend(changes(&row.kind));
            words.payloads.extend(reply.into_iter().flat_map(|reply| reply.payloads));
            words
        }
        ToAgentContent::Notice(said) | ToAgentContent::Result { notice: said, .. } => {
            let mut words = spoken(from, to, &line::line(said, &to_agent.from, now), thread);
            identified(&mut words, id_of(said, line_id));
            if let Notice::Waiting { at, name, .. } = said {
                words.payloads.extend(delay(domain, *at, now));
                if let Peer::Customer(_) = to_agent.from {
                    let name = line::customer_name(name.as_deref(), &to_agent.from);
                    words.payloads.push(nick(&name));
                }
            }
            words
        }
        // Only the client that asked can use it.
        ToAgentContent::Menu { .. } => return None,
        ToAgentContent::Typing { on } => {
            let state = if *on { ChatState::Composing } else { ChatState::Paused };
            let mut silent = bare(from, to, MessageType::Chat);
            silent.thread = thread.map(thread_of);
            silent.payloads.push(state.into());
            silent.payloads.push(Element::bare("no-store", HINTS));
            silent
        }
        ToAgentContent::Received { stanza } => {
            let mut receipt = bare(from, to, MessageType::Chat);
            receipt.payloads.push(Received { id: clean::text(stanza).into_owned() }.into());
            receipt
        }
        ToAgentContent::Displayed { stanza } => {
            let mut marker = bare(from, to, MessageType::Chat);
            marker.payloads.push(Displayed { id: Id(clean::text(stanza).into_owned()) }.into());
            marker
        }
        ToAgentContent::Refused { refusal: AgentRefusal::Call(call), .. } => {
            return Some(refusal::declined(from, to, call));
        }
        ToAgentContent::Refused { stanza, said, refusal } => {
            let id = stanza.as_deref().map(|id| clean::text(id).into_owned());
            return Some(message_error(from, to, id, said.as_deref(), refusal::error_of(refusal)));
        }
    };
    Some(built.into())
}

/// The same as text, as the stream writes it, with `jabber:component:accept` as the default
/// namespace: building a tree of elements for every message would be too slow.
pub fn text(
    domain: &LinkDomain,
    to_agent: &ToAgent,
    now: Timestamp,
    line_id: LineId<'_>,
) -> Option<String> {
    if is_rare(&to_agent.content) {
        return message(domain, to_agent, now, line_id).map(|element| String::from(&element));
    }
    let (id, body) = match &to_agent.content {
        ToAgentContent::Row { row, .. } => {
            (Some(address::row_id(row.pos)), line::row(row, &to_agent.agent)?)
        }
        ToAgentContent::Notice(said) => {
            (Some(id_of(said, line_id)), line::line(said, &to_agent.from, now).into())
        }
        ToAgentContent::Refused { .. }
        | ToAgentContent::Result { .. }
        | ToAgentContent::Menu { .. }
        | ToAgentContent::Typing { .. }
        | ToAgentContent::Received { .. }
        | ToAgentContent::Displayed { .. } => (None, "".into()),
    };
    let to = address::reached(&to_agent.agent, to_agent.resource.as_deref())?;
    let (local, resource) = address::speaks(&to_agent.from);
    let mut xml = Xml::with_capacity(AROUND_BYTES + body.len());
    xml.push("<message from='");
    xml.attribute(local);
    xml.push("@");
    xml.attribute(domain.as_str());
    xml.push("/");
    xml.push(resource);
    if let Some(id) = &id {
        xml.push("' id='");
        xml.attribute(id);
    }
    xml.push("' to='");
    xml.attribute(&to);
    xml.push("' type='chat'>");
    let (spoken, marks) = match &to_agent.content {
        ToAgentContent::Row { .. } | ToAgentContent::Notice(_) => (true, false),
        ToAgentContent::Received { .. } | ToAgentContent::Displayed { .. } => (false, true),
        ToAgentContent::Typing { .. }
        | ToAgentContent::Refused { .. }
        | ToAgentContent::Result { .. }
        | ToAgentContent::Menu { .. } => (false, false),
    };
    if spoken {
        xml.push("<body>");
        xml.text(&fitted(&body, ROOM));
        xml.push("</body>");
    }
    if let Some(conversation) = to_agent.conversation.filter(|_| !marks) {
        xml.push("<thread>");
        xml.text(conversation.0.simple().encode_lower(&mut [0; 32]));
        xml.push("</thread>");
    }
    if let Some(id) = &id {
        xml.push("<origin-id xmlns='urn:xmpp:sid:0' id='");
        xml.attribute(id);
        xml.push("'/>");
    }
    payloads(&mut xml, domain, to_agent, now);
    xml.push("</message>");
    Some(xml.done())
}

/// Writes what a stanza has besides its text.
fn payloads(xml: &mut Xml, domain: &LinkDomain, to_agent: &ToAgent, now: Timestamp) {
    match &to_agent.content {
        ToAgentContent::Row { row, name, .. } => {
            if is_customers(row) || matches!(row.kind, RowKind::Closed { .. }) {
                xml.push("<request xmlns='urn:xmpp:receipts'/>");
            }
            if is_customers(row) {
                xml.push("<markable xmlns='urn:xmpp:chat-markers:0'/>");
                xml.push("<active xmlns='http://jabber.org/protocol/chatstates'/>");
                named(xml, name.as_deref(), &to_agent.from);
            }
            delayed(xml, domain, row.at, now);
        }
        ToAgentContent::Notice(Notice::Waiting { at, name, .. }) => {
            delayed(xml, domain, *at, now);
            if let Peer::Customer(_) = to_agent.from {
                named(xml, name.as_deref(), &to_agent.from);
            }
        }
        ToAgentContent::Typing { on } => {
            xml.push(if *on { "<composing" } else { "<paused" });
            xml.push(" xmlns='http://jabber.org/protocol/chatstates'/>");
            xml.push("<no-store xmlns='urn:xmpp:hints'/>");
        }
        ToAgentContent::Received { stanza } => {
            xml.push("<received xmlns='urn:xmpp:receipts' id='");
            xml.attribute(stanza);
            xml.push("'/>");
        }
        ToAgentContent::Displayed { stanza } => {
            xml.push("<displayed xmlns='urn:xmpp:chat-markers:0' id='");
            xml.attribute(stanza);
            xml.push("'/>");
        }
        ToAgentContent::Notice(_)
        | ToAgentContent::Refused { .. }
        | ToAgentContent::Result { .. }
        | ToAgentContent::Menu { .. } => {}
    }
}

/// Whether it is rare enough to be built as a tree of elements.
fn is_rare(content: &ToAgentContent) -> bool {
    match content {
        ToAgentContent::Row { row, quoted, .. } => {
            quoted.is_some() || row.kind.answers().is_some() || row.kind.rewrites().is_some()
        }
        ToAgentContent::Refused { .. }
        | ToAgentContent::Result { .. }
        | ToAgentContent::Menu { .. } => true,
        _ => false,
    }
}

fn named(xml: &mut Xml, name: Option<&str>, peer: &Peer) {
    xml.push("<nick xmlns='http://jabber.org/protocol/nick'>");
    xml.text(&line::customer_name(name, peer));
    xml.push("</nick>");
}

fn delayed(xml: &mut Xml, domain: &LinkDomain, at: Timestamp, now: Timestamp) {
    if now.since(at) <= DELAYED_MS {
        return;
    }
    let Some(stamp) = chrono::DateTime::from_timestamp_millis(at.0) else { return };
    xml.push("<delay xmlns='urn:xmpp:delay' from='");
    xml.attribute(domain.as_str());
    xml.push("' stamp='");
    xml.attribute(&stamp.to_rfc3339());
    xml.push("'/>");
}

/// The row up to which the link's cursor moves when the server has accepted this stanza.
pub fn cursor(to_agent: &ToAgent) -> Option<Pos> {
    match &to_agent.content {
        ToAgentContent::Row { row, .. } => Some(row.pos),
        ToAgentContent::Notice(Notice::Waiting { pos, .. }) => Some(*pos),
        _ => None,
    }
}

/// The same error for everyone who is not authorized.
pub fn not_found() -> StanzaError {
    refusal::error_of(&AgentRefusal::NotFound)
}

/// An error for a message, with the text of the message, because many clients show an error only
/// with it. The text is marked as not sent: a server's archive may keep the error (Prosody does so
/// regardless of hints), and another client would later show the text as the customer's.
pub fn message_error(
    from: Jid,
    to: Jid,
    id: Option<String>,
    said: Option<&str>,
    error: StanzaError,
) -> Element {
    let mut message = bare(from, to, MessageType::Error);
    message.id = id.map(Id);
    if let Some(said) = said {
        let said = mark::mirrored("Not sent", said);
        message.bodies.insert(Lang::new(), fitted(&said, ROOM).into_owned());
    }
    message.payloads.push(error.into());
    message.payloads.push(Element::bare("no-store", HINTS));
    message.into()
}

/// The notice of an offer has the id of the offer's row.
fn id_of(line: &Notice, line_id: LineId<'_>) -> String {
    match line {
        Notice::Waiting { pos, .. } => address::row_id(*pos),
        _ => line_id(),
    }
}

#[cfg(test)]
mod tests;
