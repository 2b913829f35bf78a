//! An effect as a stanza.
//!
//! Invariants: what an agent's client gets in every conversation is written as text ([`text`]), the
//! rest is built of typed elements, and both are the same ([`message`]); nothing a person wrote
//! stands in an attribute but a cleaned name; no stanza is longer than a quarter of what servers take
//! (256 KiB). Where nothing is to be said, there is no stanza.

use xmpp_parsers::chatstates::ChatState;
use xmpp_parsers::date::DateTime;
use xmpp_parsers::delay::Delay;
use xmpp_parsers::displayed_markers::{Displayed, Markable};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::{Id, Lang, Message, MessageType, Thread};
use xmpp_parsers::message_correct::Replace;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::xml_ncname;
use xmpp_parsers::nick::Nick;
use xmpp_parsers::receipts::{Received, Request};
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};
use xmpp_parsers::stanza_id::OriginId;

use super::line;
use super::xml::Xml;
use crate::bridge::address;
use crate::bridge::{clean, file, quote};
use crate::chat::effect::{AgentRefusal, Line, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{ConversationId, LinkDomain, Pos, Timestamp};
use crate::chat::model::{Author, File, Row, RowKind};

/// XEP-0424.
pub const RETRACT: &str = "urn:xmpp:message-retract:1";

/// XEP-0066, the form that clients show pictures by.
pub const OOB: &str = "jabber:x:oob";

/// XEP-0334.
const HINTS: &str = "urn:xmpp:hints";

/// A row older than this says when it was made.
const DELAYED_MS: i64 = 5_000;

/// The longest body, in bytes: what is longer can only be a line of the desk, and is cut.
const BODY_BYTES: usize = 64 * 1024;

/// What stands around a body, about.
const AROUND_BYTES: usize = 640;

/// The stanza for an effect; none where there is nothing to say.
pub fn message(domain: &LinkDomain, to_agent: &ToAgent, now: Timestamp) -> Option<Element> {
    let from = address::speaker(domain, &to_agent.from)?;
    let to = address::client(&to_agent.agent, to_agent.resource.as_deref())?;
    let thread = to_agent.conversation;
    let built = match &to_agent.content {
        ToAgentContent::Row { row, name, quoted } => {
            let body = line::row(row)?;
            let reply =
                quoted.as_deref().and_then(|quoted| reply_to(domain, to_agent, quoted, &body));
            let said = reply.as_ref().map_or(&*body, |reply| &reply.text);
            let mut words = spoken(from, to, said, thread);
            identified(&mut words, row.pos);
            if is_customers(row) || matches!(row.kind, RowKind::Closed { .. }) {
                words.payloads.push(Request.into());
            }
            if is_customers(row) {
                words.payloads.push(Markable.into());
                words.payloads.push(ChatState::Active.into());
                let name = line::customer_name(name.as_deref(), &to_agent.from);
                words.payloads.push(nick(&name));
            }
            words.payloads.extend(delay(domain, row.at, now));
            words.payloads.extend(changes(&row.kind));
            words.payloads.extend(reply.into_iter().flat_map(|reply| reply.payloads));
            words
        }
        ToAgentContent::Line(said) => {
            let mut words = spoken(from, to, &line::line(said, &to_agent.from, now), thread);
            if let Line::Waiting { pos, at, name, .. } = said {
                identified(&mut words, *pos);
                words.payloads.extend(delay(domain, *at, now));
                if let Peer::Customer(_) = to_agent.from {
                    let name = line::customer_name(name.as_deref(), &to_agent.from);
                    words.payloads.push(nick(&name));
                }
            }
            words
        }
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
        ToAgentContent::Refused { stanza, refusal } => {
            let id = stanza.as_deref().map(|id| clean::text(id).into_owned());
            return Some(message_error(from, to, id, refused(refusal)));
        }
    };
    Some(built.into())
}

/// The same as the stream writes it, where `jabber:component:accept` needs no word: what is said a
/// thousand times a second is worth no tree of elements.
pub fn text(domain: &LinkDomain, to_agent: &ToAgent, now: Timestamp) -> Option<String> {
    if is_rare(&to_agent.content) {
        return message(domain, to_agent, now).map(|element| String::from(&element));
    }
    let (id, body) = match &to_agent.content {
        ToAgentContent::Row { row, .. } => (Some(address::row_id(row.pos)), line::row(row)?),
        ToAgentContent::Line(said) => {
            let pos = match said {
                Line::Waiting { pos, .. } => Some(*pos),
                _ => None,
            };
            (pos.map(address::row_id), line::line(said, &to_agent.from, now).into())
        }
        ToAgentContent::Refused { .. }
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
        ToAgentContent::Row { .. } | ToAgentContent::Line(_) => (true, false),
        ToAgentContent::Received { .. } | ToAgentContent::Displayed { .. } => (false, true),
        ToAgentContent::Typing { .. } | ToAgentContent::Refused { .. } => (false, false),
    };
    if spoken {
        let fit = clean::text(&body);
        let end = fit.floor_char_boundary(BODY_BYTES);
        xml.push("<body>");
        xml.text(fit.get(..end).unwrap_or_default());
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
    match &to_agent.content {
        ToAgentContent::Row { row, name, .. } => {
            if is_customers(row) || matches!(row.kind, RowKind::Closed { .. }) {
                xml.push("<request xmlns='urn:xmpp:receipts'/>");
            }
            if is_customers(row) {
                xml.push("<markable xmlns='urn:xmpp:chat-markers:0'/>");
                xml.push("<active xmlns='http://jabber.org/protocol/chatstates'/>");
                named(&mut xml, name.as_deref(), &to_agent.from);
            }
            delayed(&mut xml, domain, row.at, now);
        }
        ToAgentContent::Line(Line::Waiting { at, name, .. }) => {
            delayed(&mut xml, domain, *at, now);
            if let Peer::Customer(_) = to_agent.from {
                named(&mut xml, name.as_deref(), &to_agent.from);
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
        ToAgentContent::Line(_) | ToAgentContent::Refused { .. } => {}
    }
    xml.push("</message>");
    Some(xml.done())
}

/// A row with files as the stream writes it: a stanza for its words, where there are any, and one
/// for each file, of which the body is its link, for so clients show it. All of them are what stands
/// for the row: the last alone asks to be confirmed. `site` is how agents reach this gateway.
pub fn shared(
    domain: &LinkDomain,
    site: &str,
    to_agent: &ToAgent,
    now: Timestamp,
) -> Option<String> {
    let ToAgentContent::Row { row, name, quoted } = &to_agent.content else { return None };
    let RowKind::Files { files, text, .. } = &row.kind else { return None };
    let from = address::speaker(domain, &to_agent.from)?;
    let to = address::client(&to_agent.agent, to_agent.resource.as_deref())?;
    let body = line::row(row);
    let reply = quoted.as_deref().zip(body.as_deref());
    let reply = reply.and_then(|(quoted, body)| reply_to(domain, to_agent, quoted, body));
    // A link stands alone: whose it is, and what it answers, is said before.
    let said = !text.is_empty() || !is_customers(row) || reply.is_some();
    let words = reply.as_ref().map(|reply| reply.text.clone()).or(body.map(Into::into));
    let words = words.filter(|_| said);
    let links = files.iter().map(|file| format!("{site}{}", file::path(&row.tenant, file, now)));
    let bodies: Vec<(String, bool)> = words
        .into_iter()
        .map(|words| (words, false))
        .chain(links.map(|link| (link, true)))
        .collect();
    let last = bodies.len().checked_sub(1)?;
    let mut reply = reply.map(|reply| reply.payloads).filter(|_| said);
    let mut written = String::new();
    for (part, (body, is_link)) in bodies.into_iter().enumerate() {
        let mut words = spoken(from.clone(), to.clone(), &body, to_agent.conversation);
        let id = address::part_id(row.pos, part);
        words.payloads.push(OriginId { id: id.clone() }.into());
        words.id = Some(Id(id));
        if is_customers(row) && part == last {
            words.payloads.push(Request.into());
            words.payloads.push(Markable.into());
        }
        if is_customers(row) {
            words.payloads.push(ChatState::Active.into());
            words.payloads.push(nick(&line::customer_name(name.as_deref(), &to_agent.from)));
        }
        words.payloads.extend(delay(domain, row.at, now));
        words.payloads.extend(reply.take().into_iter().flatten());
        if is_link {
            let url = Element::builder("url", OOB).append(body);
            words.payloads.push(Element::builder("x", OOB).append(url).build());
        }
        written.push_str(&String::from(&Element::from(words)));
    }
    Some(written)
}

/// What is said so seldom that it is worth a tree of elements.
fn is_rare(content: &ToAgentContent) -> bool {
    match content {
        ToAgentContent::Row { row, quoted, .. } => quoted.is_some() || row.kind.changes().is_some(),
        ToAgentContent::Refused { .. } => true,
        _ => false,
    }
}

/// What says that words stand for others (XEP-0308), or take them back (XEP-0424). Whoever does not
/// know of it reads the new words, or that some were taken back.
fn changes(kind: &RowKind) -> Vec<Element> {
    match kind {
        RowKind::Edit { target, .. } => {
            vec![Replace { id: Id(address::row_id(target.pos)) }.into()]
        }
        RowKind::Retract { target } => vec![
            Element::builder("retract", RETRACT)
                .attr(xml_ncname!("id").to_owned(), address::row_id(target.pos))
                .build(),
            Element::builder("fallback", quote::FALLBACK)
                .attr(xml_ncname!("for").to_owned(), RETRACT)
                .build(),
            Element::bare("store", HINTS),
        ],
        _ => Vec::new(),
    }
}

/// That words answer others.
struct Reply {
    /// What is answered, and the words.
    text: String,
    payloads: Vec<Element>,
}

/// Files by their names, a line each.
pub(super) fn names(files: &[File]) -> String {
    files.iter().map(|file| &*file.name).collect::<Vec<_>>().join("\n")
}

/// How a message says that it answers this one (XEP-0461), with the words themselves for whoever
/// does not know of it (XEP-0428). None where there is nothing left to quote.
///
/// The text stands in the fallback as well, where nobody looks for one: ejabberd writes what it does not
/// know of before the body, and Converse.js 14 takes the first element of that name for the message's. It
/// would find no words, confirm them, and show none.
fn reply_to(domain: &LinkDomain, to_agent: &ToAgent, quoted: &Row, body: &str) -> Option<Reply> {
    let quote = match &quoted.kind {
        RowKind::Files { files, text, .. } if text.is_empty() && !files.is_empty() => {
            quote::quoted(&names(files))
        }
        kind => quote::quoted(kind.words().filter(|text| !text.is_empty())?),
    };
    let ours = || Some((address::speaker(domain, &to_agent.from)?, address::row_id(quoted.pos)));
    let known = match (&quoted.author, &quoted.stanza) {
        (Author::Agent { jid, .. }, stanza) if *jid == to_agent.agent => {
            let author = address::client(jid, None)?;
            stanza.as_deref().map(|id| (author, clean::text(id).into_owned()))
        }
        _ => ours(),
    };
    let end = quote.chars().count().to_string();
    let text = quote + body;
    let mut payloads = Vec::new();
    if let Some((author, id)) = known {
        let body = Element::builder("body", quote::FALLBACK)
            .attr(xml_ncname!("start").to_owned(), "0")
            .attr(xml_ncname!("end").to_owned(), end)
            .append(clean::text(&text).into_owned());
        payloads.push(
            Element::builder("reply", quote::REPLY)
                .attr(xml_ncname!("to").to_owned(), author.to_string())
                .attr(xml_ncname!("id").to_owned(), id)
                .build(),
        );
        payloads.push(
            Element::builder("fallback", quote::FALLBACK)
                .attr(xml_ncname!("for").to_owned(), quote::REPLY)
                .append(body)
                .build(),
        );
    }
    Some(Reply { text, payloads })
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

/// The row whose acceptance by the server moves the link's cursor when this effect is sent.
pub fn cursor(to_agent: &ToAgent) -> Option<Pos> {
    match &to_agent.content {
        ToAgentContent::Row { row, .. } => Some(row.pos),
        ToAgentContent::Line(Line::Waiting { pos, .. }) => Some(*pos),
        _ => None,
    }
}

/// The one answer to all who have no business here.
pub fn not_found() -> StanzaError {
    refused(&AgentRefusal::NotFound)
}

/// An error in answer to a message.
pub fn message_error(from: Jid, to: Jid, id: Option<String>, error: StanzaError) -> Element {
    let mut message = bare(from, to, MessageType::Error);
    message.id = id.map(Id);
    message.payloads.push(error.into());
    message.into()
}

/// An error in answer to a query.
pub fn iq_error(from: Jid, to: Jid, id: String, error: StanzaError) -> Element {
    Iq::from_error(id, error).with_from(from).with_to(to).into()
}

/// A stanza error with an English text.
pub fn error(type_: ErrorType, condition: DefinedCondition, text: &str) -> StanzaError {
    StanzaError::new(type_, condition, "en", clean::text(text).into_owned())
}

/// A name to be shown (XEP-0172).
pub fn nick(name: &str) -> Element {
    Nick(clean::text(name).into_owned()).into()
}

fn refused(refusal: &AgentRefusal) -> StanzaError {
    use DefinedCondition as Condition;
    let (type_, condition, text) = match refusal {
        AgentRefusal::NotFound => {
            (ErrorType::Cancel, Condition::ItemNotFound, "There is nobody here.".to_owned())
        }
        AgentRefusal::Taken { by } => {
            (ErrorType::Cancel, Condition::Conflict, format!("{by} has this conversation."))
        }
        AgentRefusal::Closed => (
            ErrorType::Cancel,
            Condition::Conflict,
            "This conversation is closed. !reopen begins a new one.".to_owned(),
        ),
        AgentRefusal::TooLong => (
            ErrorType::Modify,
            Condition::PolicyViolation,
            "Over 8,000 characters: not sent. Send it in parts.".to_owned(),
        ),
        AgentRefusal::Encrypted => (
            ErrorType::Modify,
            Condition::NotAcceptable,
            "Customers cannot read end-to-end encryption: not sent. Switch it off for this chat."
                .to_owned(),
        ),
        AgentRefusal::AskHow => (
            ErrorType::Modify,
            Condition::BadRequest,
            "Not asked. Write it as: !ask Which size? | A5 | A4 (or !form with what to fill in); \
             at most 10, of at most 100 characters."
                .to_owned(),
        ),
        AgentRefusal::NoSuchWords => (
            ErrorType::Cancel,
            Condition::ItemNotFound,
            "Not taken back: no such message of yours stands in this conversation.".to_owned(),
        ),
        AgentRefusal::UnknownCommand { word } => (
            ErrorType::Cancel,
            Condition::ItemNotFound,
            format!("There is no command “{word}”; it went to nobody. Help lists the commands."),
        ),
        AgentRefusal::Overloaded => (
            ErrorType::Wait,
            Condition::ResourceConstraint,
            "Not stored. Send it again in a moment.".to_owned(),
        ),
    };
    error(type_, condition, &text)
}

fn bare(from: Jid, to: Jid, type_: MessageType) -> Message {
    let mut message = Message::new_with_type(type_, to);
    message.from = Some(from);
    message
}

fn spoken(from: Jid, to: Jid, body: &str, thread: Option<ConversationId>) -> Message {
    let mut message = bare(from, to, MessageType::Chat);
    let fit = clean::text(body);
    let end = fit.floor_char_boundary(BODY_BYTES);
    message.bodies.insert(Lang::new(), fit.get(..end).unwrap_or_default().to_owned());
    message.thread = thread.map(thread_of);
    message
}

fn thread_of(conversation: ConversationId) -> Thread {
    Thread { parent: None, id: conversation.to_string() }
}

fn identified(message: &mut Message, pos: Pos) {
    let id = address::row_id(pos);
    message.payloads.push(OriginId { id: id.clone() }.into());
    message.id = Some(Id(id));
}

fn is_customers(row: &Row) -> bool {
    row.author == Author::Customer && row.kind.is_said()
}

fn delay(domain: &LinkDomain, at: Timestamp, now: Timestamp) -> Option<Element> {
    if now.since(at) <= DELAYED_MS {
        return None;
    }
    let stamp = chrono::DateTime::from_timestamp_millis(at.0)?.fixed_offset();
    let from = Jid::new(domain.as_str()).ok();
    Some(Delay { from, stamp: DateTime(stamp), data: None }.into())
}

#[cfg(test)]
mod tests;
