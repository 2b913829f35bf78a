//! What is refused to an agent: the error, and a notice that says the same.
//!
//! Invariants: an error returns the text it refuses; a notice says no more than the error; an agent
//! need not know about stanza errors to understand a refusal.

use std::borrow::Cow;
use std::sync::Arc;

use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::MessageType;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::xml_ncname;
use xmpp_parsers::stanza_error::{DefinedCondition as Condition, ErrorType, StanzaError};

use crate::bridge::agent_command::{LABEL_CHARS, OFFERED};
use crate::bridge::custom_to_xmpp::canned;
use crate::bridge::custom_to_xmpp::macros;
use crate::bridge::custom_to_xmpp::parts::{LineId, bare, error, identified, spoken};
use crate::bridge::custom_to_xmpp::piece::piece;
use crate::bridge::xmlns::{CALL, CALL_INVITE, HINTS};
use crate::bridge::{address, clean, mark};
use crate::chat::commands::{self, Argument};
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::ids::LinkDomain;
use crate::chat::refusal::{AgentRefusal, Call, MacroRefusal};

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
    let words = format!("{} {}", mark::DESK_MARK, words(refusal));
    let mut line = spoken(from, to, &words, None);
    identified(&mut line, line_id());
    Some(line.into())
}

pub fn error_of(refusal: &AgentRefusal) -> StanzaError {
    let (type_, condition) = condition(refusal);
    error(type_, condition, &words(refusal))
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

fn condition(refusal: &AgentRefusal) -> (ErrorType, Condition) {
    use ErrorType::{Cancel, Modify, Wait};
    match refusal {
        AgentRefusal::NotFound
        | AgentRefusal::NoSuchWords
        | AgentRefusal::NoSuchTarget { .. }
        | AgentRefusal::Ambiguous { .. }
        | AgentRefusal::UnknownCommand { .. } => (Cancel, Condition::ItemNotFound),
        AgentRefusal::Taken { .. } | AgentRefusal::Closed => (Cancel, Condition::Conflict),
        AgentRefusal::Carried
        | AgentRefusal::Invitation
        | AgentRefusal::Contacts
        | AgentRefusal::DeskQuote => (Cancel, Condition::NotAcceptable),
        AgentRefusal::NotTaken | AgentRefusal::StillOpen | AgentRefusal::Impossible { .. } => {
            (Cancel, Condition::UnexpectedRequest)
        }
        AgentRefusal::NotAllowed { .. } => (ErrorType::Auth, Condition::Forbidden),
        AgentRefusal::Call(_) => (Cancel, Condition::FeatureNotImplemented),
        AgentRefusal::TooLong => (Modify, Condition::PolicyViolation),
        AgentRefusal::Macro(MacroRefusal::Stopped { why, .. }) => condition(why),
        AgentRefusal::Encrypted
        | AgentRefusal::Unstorable
        | AgentRefusal::Canned(_)
        | AgentRefusal::Macro(_) => (Modify, Condition::NotAcceptable),
        AgentRefusal::Usage { .. } | AgentRefusal::Overfull { .. } => {
            (Modify, Condition::BadRequest)
        }
        AgentRefusal::Overloaded => (Wait, Condition::ResourceConstraint),
    }
}

/// A refusal in words.
pub fn words(refusal: &AgentRefusal) -> Cow<'static, str> {
    let text = match refusal {
        AgentRefusal::NotFound => "Not sent: no such customer, or not one of yours.",
        AgentRefusal::Taken { by } => {
            return format!("Not sent: {} is handling this conversation.", clean::line(by)).into();
        }
        AgentRefusal::Closed => {
            "Not sent: this conversation is closed. Type !reopen to start a new one."
        }
        AgentRefusal::TooLong => "Not sent: over 8,000 characters. Please split it.",
        AgentRefusal::Encrypted => {
            "Not sent: customers can't read encrypted messages. Turn OMEMO/OTR off for this chat."
        }
        AgentRefusal::Usage { word } => return usage(word).into(),
        AgentRefusal::NoSuchWords => {
            "Not deleted: that isn't a message of yours in this conversation."
        }
        AgentRefusal::UnknownCommand { word } => {
            let word = clean::line(word);
            return format!(
                "Unknown command !{word} – not sent to the customer. Type !help for the list."
            )
            .into();
        }
        AgentRefusal::Overfull { word } => {
            return format!(
                "Not sent: !{word} takes no words after it. Send !{word} alone; \
                 !!{word} … goes to the customer."
            )
            .into();
        }
        AgentRefusal::Carried => {
            "Not sent: a command can't be corrected. Please send a new message."
        }
        AgentRefusal::NotTaken => {
            "Not closed: this customer isn't yours yet. Answer first, or type !close and your words."
        }
        AgentRefusal::StillOpen => "Not sent: this conversation is still open. Just write.",
        AgentRefusal::Impossible { text } => return text.clone(),
        AgentRefusal::Canned(why) => return canned::refusal(why).into(),
        AgentRefusal::Macro(refused) => return stopped(refused).into(),
        AgentRefusal::NotAllowed { word } => {
            return format!("Not sent: only supervisors can use !{word}.").into();
        }
        AgentRefusal::NoSuchTarget { name, known } => {
            let name = piece(name);
            return format!("Not sent: nobody here is called “{name}”. {}", choice(known)).into();
        }
        AgentRefusal::Ambiguous { name, known } => {
            let name = piece(name);
            return format!("Not sent: “{name}” could be several. {}", choice(known)).into();
        }
        AgentRefusal::Invitation => "Not sent: customers can't join group chats.",
        AgentRefusal::Contacts => "Not sent: customers can't take contacts.",
        AgentRefusal::DeskQuote => "Not sent: this only quotes a ⚙ line, which is for you alone.",
        AgentRefusal::Call(_) => "Not sent: customers can't take calls. Please write to them.",
        AgentRefusal::Overloaded => "Not sent: please try again in a moment.",
        AgentRefusal::Unstorable => {
            "Not sent: this message can't be saved as it is. Please write it differently."
        }
    };
    text.into()
}

fn stopped(refused: &MacroRefusal) -> String {
    macros::refusal(refused, || match refused {
        MacroRefusal::Stopped { why, .. } => words(why).into_owned(),
        _ => String::new(),
    })
}

/// How a command is written, by an example.
fn usage(word: &str) -> String {
    let spec = commands::example(word);
    let example = spec.and_then(|spec| spec.example).unwrap_or_default();
    let parts = match spec.map(|spec| spec.argument) {
        Some(Argument::Fields) => Some("fields"),
        Some(Argument::Choices) => Some("answers"),
        _ => None,
    };
    let limits = parts.map_or_else(String::new, |parts| {
        format!(" – up to {OFFERED} {parts}, {LABEL_CHARS} characters each")
    });
    format!("Not sent. Example: {example}{limits}.")
}

/// Those who could be meant, as a list to choose from.
fn choice(known: &[Arc<str>]) -> String {
    let names = known.iter().map(|name| piece(name)).collect::<Vec<_>>();
    if names.is_empty() { String::new() } else { format!("Choose from: {}.", names.join(", ")) }
}
