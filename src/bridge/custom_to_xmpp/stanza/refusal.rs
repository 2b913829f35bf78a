//! What is refused to an agent: the error, and a notice that says the same.
//!
//! Invariants: an error returns the text it refuses; a notice says no more than the error; an agent
//! need not know about stanza errors to understand a refusal.

use std::sync::Arc;

use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::MessageType;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::xml_ncname;
use xmpp_parsers::stanza_error::{DefinedCondition as Condition, ErrorType, StanzaError};

use crate::bridge::agent_command::{LABEL_CHARS, OFFERED};
use crate::bridge::custom_to_xmpp::parts::{LineId, bare, error, identified, spoken};
use crate::bridge::custom_to_xmpp::piece::piece;
use crate::bridge::xmlns::{CALL, CALL_INVITE, HINTS};
use crate::bridge::{address, clean, mark};
use crate::chat::commands::{self, Argument};
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::ids::LinkDomain;
use crate::chat::refusal::{AgentRefusal, Call};

/// XEP-0166.
const JINGLE: &str = "urn:xmpp:jingle:1";

/// The refusal as a notice, for clients that show no errors, or not without their text. None for
/// anything else, and for a text that is a notice of the desk itself: a client that sends those
/// back would cause an endless loop.
pub fn line(domain: &LinkDomain, to_agent: &ToAgent, line_id: LineId<'_>) -> Option<Element> {
    let ToAgentContent::Refused { said, refusal, .. } = &to_agent.content else { return None };
    let echoed = |said: &str| clean::visible_start(said).starts_with(mark::is_mark);
    if said.as_deref().is_some_and(echoed) {
        return None;
    }
    let from = address::speaker(domain, &to_agent.from)?;
    let to = address::client(&to_agent.agent, to_agent.resource.as_deref())?;
    let words = format!("{} {}", mark::DESK_MARK, meaning(refusal).2);
    let mut line = spoken(from, to, &words, None);
    identified(&mut line, line_id());
    Some(line.into())
}

pub(super) fn error_of(refusal: &AgentRefusal) -> StanzaError {
    let (type_, condition, text) = meaning(refusal);
    error(type_, condition, &text)
}

/// The response that makes the caller's client stop ringing.
pub(super) fn declined(from: Jid, to: Jid, call: &Call) -> Element {
    let ns = if call.invited { CALL_INVITE } else { CALL };
    let mut reject = Element::bare("reject", ns);
    reject.set_attr(
        xmpp_parsers::minidom::rxml::Namespace::NONE,
        xml_ncname!("id").to_owned(),
        clean::text(&call.id).into_owned(),
    );
    if !call.invited {
        let reason = Element::builder("reason", JINGLE).append(Element::bare("decline", JINGLE));
        reject.append_child(reason.build());
    }
    let mut message = bare(from, to, MessageType::Chat);
    message.payloads.push(reject);
    message.payloads.push(Element::bare("store", HINTS));
    message.into()
}

/// Those who could be meant, as a list to choose from.
fn choice(known: &[Arc<str>]) -> String {
    let names = known.iter().map(|name| piece(name)).collect::<Vec<_>>();
    if names.is_empty() { String::new() } else { format!("Choose from: {}.", names.join(", ")) }
}

fn meaning(refusal: &AgentRefusal) -> (ErrorType, Condition, String) {
    use ErrorType::{Cancel, Modify, Wait};
    let (type_, condition, text) = match refusal {
        AgentRefusal::NotFound => {
            (Cancel, Condition::ItemNotFound, "Not sent: no such customer, or not one of yours.")
        }
        AgentRefusal::Taken { by } => {
            let text = format!("Not sent: {} is handling this conversation.", clean::line(by));
            return (Cancel, Condition::Conflict, text);
        }
        AgentRefusal::Closed => (
            Cancel,
            Condition::Conflict,
            "Not sent: this conversation is closed. Type !reopen to start a new one.",
        ),
        AgentRefusal::TooLong => (
            Modify,
            Condition::PolicyViolation,
            "Not sent: over 8,000 characters. Please split it.",
        ),
        AgentRefusal::Encrypted => (
            Modify,
            Condition::NotAcceptable,
            "Not sent: customers can't read encrypted messages. Turn OMEMO/OTR off for this chat.",
        ),
        AgentRefusal::Usage { word } => {
            let spec = commands::find(word);
            let example = spec.and_then(|spec| spec.example).unwrap_or_default();
            let parts = match spec.map(|spec| spec.argument) {
                Some(Argument::Fields) => Some("fields"),
                Some(Argument::Choices) => Some("answers"),
                _ => None,
            };
            let limits = parts.map_or_else(String::new, |parts| {
                format!(" – up to {OFFERED} {parts}, {LABEL_CHARS} characters each")
            });
            let text = format!("Not sent. Example: {example}{limits}.");
            return (Modify, Condition::BadRequest, text);
        }
        AgentRefusal::NoSuchWords => (
            Cancel,
            Condition::ItemNotFound,
            "Not deleted: that isn't a message of yours in this conversation.",
        ),
        AgentRefusal::UnknownCommand { word } => {
            let word = clean::line(word);
            let text = format!(
                "Unknown command !{word} – not sent to the customer. Type !help for the list."
            );
            return (Cancel, Condition::ItemNotFound, text);
        }
        AgentRefusal::Overfull { word } => {
            let text = format!(
                "Not sent: !{word} takes no words after it. Send !{word} alone; \
                 !!{word} … goes to the customer."
            );
            return (Modify, Condition::BadRequest, text);
        }
        AgentRefusal::Carried => (
            Cancel,
            Condition::NotAcceptable,
            "Not sent: a command can't be corrected. Please send a new message.",
        ),
        AgentRefusal::NotTaken => (
            Cancel,
            Condition::UnexpectedRequest,
            "Not closed: this customer isn't yours yet. Answer first, or type !close and your words.",
        ),
        AgentRefusal::StillOpen => (
            Cancel,
            Condition::UnexpectedRequest,
            "Not sent: this conversation is still open. Just write.",
        ),
        AgentRefusal::Impossible { text } => {
            return (Cancel, Condition::UnexpectedRequest, text.clone().into_owned());
        }
        AgentRefusal::NotAllowed { word } => {
            let text = format!("Not sent: only supervisors can use !{word}.");
            return (ErrorType::Auth, Condition::Forbidden, text);
        }
        AgentRefusal::NoSuchTarget { name, known } => {
            let text =
                format!("Not sent: nobody here is called “{}”. {}", piece(name), choice(known));
            return (Cancel, Condition::ItemNotFound, text);
        }
        AgentRefusal::Ambiguous { name, known } => {
            let text = format!("Not sent: “{}” could be several. {}", piece(name), choice(known));
            return (Cancel, Condition::ItemNotFound, text);
        }
        AgentRefusal::Invitation => {
            (Cancel, Condition::NotAcceptable, "Not sent: customers can't join group chats.")
        }
        AgentRefusal::Contacts => {
            (Cancel, Condition::NotAcceptable, "Not sent: customers can't take contacts.")
        }
        AgentRefusal::DeskQuote => (
            Cancel,
            Condition::NotAcceptable,
            "Not sent: this only quotes a ⚙ line, which is for you alone.",
        ),
        AgentRefusal::Call(_) => (
            Cancel,
            Condition::FeatureNotImplemented,
            "Not sent: customers can't take calls. Please write to them.",
        ),
        AgentRefusal::Overloaded => {
            (Wait, Condition::ResourceConstraint, "Not sent: please try again in a moment.")
        }
        AgentRefusal::Unstorable => (
            Modify,
            Condition::NotAcceptable,
            "Not sent: this message can't be saved as it is. Please write it differently.",
        ),
    };
    (type_, condition, text.to_owned())
}
