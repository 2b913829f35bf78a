//! The earlier message that an agent's message refers to: corrects (XEP-0308), retracts (XEP-0424)
//! or replies to (XEP-0461).
//!
//! Invariant: only ids that are kept can be referred to; a message with any other reference is an
//! ordinary message. The fallback text of a retraction is never passed on.

use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use super::words::{is_kept, spoken};
use crate::bridge::{address, clean, quote, xmlns};
use crate::chat::event::{About, AgentContent, Peer};

/// XEP-0424, the current version and the one before.
const RETRACT: [&str; 2] = [xmlns::RETRACT, "urn:xmpp:message-retract:0"];

/// XEP-0422.
const FASTEN: &str = "urn:xmpp:fasten:0";

pub(super) enum Retracted<'a> {
    Nothing,
    /// Something that cannot be one of our messages.
    Something,
    /// The message sent in the stanza with this id.
    Words(&'a str),
}

pub(super) fn retracted(element: &Element) -> Retracted<'_> {
    let of_it = |element: &Element| RETRACT.iter().any(|ns| element.has_child("retract", *ns));
    let fastened = element.get_child("apply-to", FASTEN);
    let named = match fastened {
        Some(fastened) if of_it(fastened) => fastened.attr("id"),
        Some(_) => return Retracted::Something,
        None if !of_it(element) => return Retracted::Nothing,
        None => RETRACT.iter().find_map(|ns| element.get_child("retract", *ns)?.attr("id")),
    };
    named.filter(|id| is_kept(id)).map_or(Retracted::Something, Retracted::Words)
}

/// The meaning of a text that may refer to an earlier message.
pub(super) fn spoken_about(element: &Element, peer: &Peer, body: &str) -> AgentContent {
    let named = |name, ns| {
        let id = element.get_child(name, ns)?.attr("id")?;
        is_kept(id).then_some(id)
    };
    let corrects = named("replace", ns::MESSAGE_CORRECT);
    let answers = named("reply", quote::REPLY).filter(|_| corrects.is_none());
    let rest = answers.and_then(|_| quote::without_quote(element, body));
    let content = match spoken(peer, body) {
        // The quotation is not the agent's own text.
        AgentContent::Text { .. } if rest.is_some() => {
            spoken(peer, rest.as_deref().unwrap_or_default())
        }
        content => content,
    };
    let text = match content {
        AgentContent::Text { text, .. } => text,
        AgentContent::Command { command, said, .. } => {
            let corrects = corrects.map(Into::into);
            return AgentContent::Command { command, said, corrects };
        }
        content => return content,
    };
    let about = match (corrects, answers) {
        (Some(target), _) => Some(About::Corrects { target: target.into() }),
        (None, Some(target)) => Some(About::Answers {
            target: target.into(),
            row: address::row_of(target),
            // Notices of the desk, which are for agents only, are not quoted to the customer.
            quoting: rest.map_or_else(
                || text.clone(),
                |_| clean::text(&quote::without_desk_lines(body)).into(),
            ),
        }),
        (None, None) => None,
    };
    AgentContent::Text { text, about: about.map(Box::new) }
}
