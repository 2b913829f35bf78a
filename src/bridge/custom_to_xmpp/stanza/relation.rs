//! Messages that refer to others: corrections, retractions, replies, reactions.

use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::Id;
use xmpp_parsers::message_correct::Replace;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::xml_ncname;
use xmpp_parsers::ns;

use crate::bridge::custom_to_xmpp::line::customer_name;
use crate::bridge::custom_to_xmpp::parts::{ROOM, fitted};
use crate::bridge::custom_to_xmpp::piece::{or_names, piece};
use crate::bridge::custom_to_xmpp::reaction;
use crate::bridge::xmlns::{HINTS, RETRACT};
use crate::bridge::{address, clean, quote};
use crate::chat::effect::ToAgent;
use crate::chat::ids::{LinkDomain, Pos};
use crate::chat::row::{Author, Row, RowKind};

/// The elements that mark a message as a correction (XEP-0308) or a retraction (XEP-0424). A client
/// that supports neither shows the new text, or that a message was deleted.
pub(super) fn changes(kind: &RowKind) -> Vec<Element> {
    match kind {
        RowKind::Edit { target, .. } => {
            vec![Replace { id: Id(address::row_id(target.pos)) }.into()]
        }
        RowKind::NoteEdit { of, text } if !text.is_empty() => {
            vec![Replace { id: Id(address::row_id(*of)) }.into()]
        }
        RowKind::NoteEdit { of, .. } => retracted(*of),
        RowKind::Retract { target } => retracted(target.pos),
        _ => Vec::new(),
    }
}

fn retracted(pos: Pos) -> Vec<Element> {
    vec![
        Element::builder("retract", RETRACT)
            .attr(xml_ncname!("id").to_owned(), address::row_id(pos))
            .build(),
        Element::builder("fallback", quote::FALLBACK)
            .attr(xml_ncname!("for").to_owned(), RETRACT)
            .build(),
        Element::bare("store", HINTS),
    ]
}

/// The parts of a reply or a reaction.
pub(super) struct Reply {
    /// The quotation and the text; of a reaction, the line that says the same.
    pub(super) text: String,
    pub(super) payloads: Vec<Element>,
}

/// Marks a message as a reply to another (XEP-0461), with a quotation for clients without that
/// feature (XEP-0428). None if there is nothing left to quote.
///
/// The fallback element also contains the text, although nobody looks for one there: ejabberd
/// writes elements it does not know before the body, and Converse.js 14 takes the first element
/// named `body` for the message's own. It would find no text, confirm the message, and show
/// nothing.
pub(super) fn reply_to(
    domain: &LinkDomain,
    to_agent: &ToAgent,
    quoted: &Row,
    body: &str,
) -> Option<Reply> {
    let words = match &quoted.kind {
        RowKind::Files { files, text, .. } if !files.is_empty() => or_names(text, files),
        kind => kind.words().filter(|text| !text.is_empty())?.as_ref().into(),
    };
    let by = match &quoted.author {
        Author::Customer => None,
        Author::Agent { jid, .. } if *jid == to_agent.agent => Some(""),
        Author::Agent { name, .. } => Some(&**name),
        Author::System => Some(""),
    };
    let quote = quote::quoted(&words, by);
    let known = known(domain, to_agent, quoted);
    let end = quote.chars().count().to_string();
    // The stanza contains it twice.
    let text = fitted(&(quote + body), ROOM / 2).into_owned();
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

/// By whom, and under which id, the agent's client knows a message.
fn known(domain: &LinkDomain, to_agent: &ToAgent, quoted: &Row) -> Option<(Jid, String)> {
    match (&quoted.author, &quoted.stanza) {
        (Author::Agent { jid, .. }, stanza) if *jid == to_agent.agent => {
            let author = address::client(jid, None)?;
            stanza.as_deref().map(|id| (author, clean::text(id).into_owned()))
        }
        _ => Some((address::speaker(domain, &to_agent.from)?, address::row_id(quoted.pos))),
    }
}

/// A reaction: a line for clients without that feature (XEP-0428), which the others replace by the
/// emoji at the message (XEP-0444). None if it is something else.
pub(super) fn reacted(
    domain: &LinkDomain,
    to_agent: &ToAgent,
    row: &Row,
    name: Option<&str>,
    quoted: Option<&Row>,
) -> Option<Reply> {
    let RowKind::Reaction { emoji, .. } = &row.kind else { return None };
    let said = quoted.and_then(|quoted| match &quoted.kind {
        RowKind::Files { files, text, .. } => Some(or_names(text, files).into_owned()),
        kind => kind.words().map(|text| text.as_ref().to_owned()),
    });
    let is_customers = row.author == Author::Customer;
    let who = match &row.author {
        Author::Agent { name, .. } => piece(name),
        Author::Customer | Author::System => customer_name(name, &to_agent.from),
    };
    let text = reaction::line(&who, emoji, said.as_deref());
    let known = quoted.filter(|_| is_customers).and_then(|row| known(domain, to_agent, row));
    let payloads = known.into_iter().flat_map(|(_, id)| {
        let one = Element::builder("reaction", ns::REACTIONS).append(&**emoji).build();
        let reactions = Element::builder("reactions", ns::REACTIONS)
            .attr(xml_ncname!("id").to_owned(), id)
            .append_all(Some(one).filter(|_| !emoji.is_empty()));
        let fallback = Element::builder("fallback", quote::FALLBACK)
            .attr(xml_ncname!("for").to_owned(), ns::REACTIONS);
        [reactions.build(), fallback.build(), Element::bare("store", HINTS)]
    });
    Some(Reply { text, payloads: payloads.collect() })
}
