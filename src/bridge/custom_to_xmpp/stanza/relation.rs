//! Messages that refer to others: corrections, retractions, replies.

use xmpp_parsers::message::Id;
use xmpp_parsers::message_correct::Replace;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::xml_ncname;

use crate::bridge::custom_to_xmpp::parts::{ROOM, fitted};
use crate::bridge::custom_to_xmpp::piece::or_names;
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

/// The parts of a reply.
pub(super) struct Reply {
    /// The quotation and the text.
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
    let known = match (&quoted.author, &quoted.stanza) {
        (Author::Agent { jid, .. }, stanza) if *jid == to_agent.agent => {
            let author = address::client(jid, None)?;
            stanza.as_deref().map(|id| (author, clean::text(id).into_owned()))
        }
        _ => Some((address::speaker(domain, &to_agent.from)?, address::row_id(quoted.pos))),
    };
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
