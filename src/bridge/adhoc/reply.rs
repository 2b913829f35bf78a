//! Writes the replies to queries about commands.
//!
//! Invariants: a reply comes from the address that was asked. In a note or an error there is
//! nothing that a customer wrote and no `%`: Profanity prints both as a format string. What does
//! not fit into a note is sent as a message into the chat with the desk, and the note says so.

use xmpp_parsers::data_forms::DataForm;
use xmpp_parsers::disco::{DiscoInfoResult, DiscoItemsResult, Identity, Item};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::{Namespace, NcNameStr, xml_ncname};
use xmpp_parsers::ns;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use super::form;
use crate::bridge::custom_to_xmpp::parts::{LineId, error, identified, spoken};
use crate::bridge::custom_to_xmpp::{line, stanza};
use crate::bridge::xmlns::COMMANDS;
use crate::bridge::{address, clean, mark};
use crate::chat::commands::Spec;
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, LinkDomain, TenantKey, Timestamp};
use crate::chat::menu::Menu;
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;

/// How long a note may be: lines, and characters of each.
const NOTE_LINES: usize = 5;
const NOTE_CHARS: usize = 160;

/// The longest node or session that is repeated, in bytes; ours are shorter.
const NAME_BYTES: usize = 64;

/// Whose query a reply is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The address that was asked.
    from: Jid,
    /// The client that asked.
    to: Jid,
    pub id: String,
    /// The node and the session of a command, which an error names too: slixmpp finds out by them
    /// what it is about.
    command: Option<(String, String)>,
}

impl Query {
    pub fn of(iq: &Element) -> Option<Self> {
        let jid = |name| Jid::new(iq.attr(name)?).ok();
        let id = iq.attr("id").unwrap_or_default().to_owned();
        let command = iq.get_child("command", COMMANDS).map(|command| {
            let short = |name| command.attr(name).filter(|text| text.len() <= NAME_BYTES);
            let named = |name| short(name).unwrap_or_default().to_owned();
            (named("node"), named("sessionid"))
        });
        Some(Self { from: jid("to")?, to: jid("from")?, id, command })
    }

    fn result(&self, payload: Element) -> Element {
        let (from, to, id) = (self.from.clone(), self.to.clone(), self.id.clone());
        Iq::Result { from: Some(from), to: Some(to), id, payload: Some(payload) }.into()
    }

    /// An error.
    pub fn error(&self, fault: Fault) -> Element {
        let error = fault.error();
        let (from, to, id) = (self.from.clone(), self.to.clone(), self.id.clone());
        let payload = self.command.as_ref().map(|(node, session)| {
            let mut command = Element::bare("command", COMMANDS);
            set(&mut command, xml_ncname!("node"), node);
            set(&mut command, xml_ncname!("sessionid"), session);
            command
        });
        Iq::Error { from: Some(from), to: Some(to), id, error, payload }.into()
    }

    /// The list of commands.
    pub fn list(&self, menu: &Menu) -> Element {
        let items = menu.commands().map(|spec| Item {
            jid: self.from.clone(),
            node: Some(spec.word.to_owned()),
            name: Some(form::name(spec)),
        });
        let items = items.collect();
        self.result(DiscoItemsResult { node: Some(COMMANDS.to_owned()), items, rsm: None }.into())
    }

    /// What the list is.
    pub fn about_list(&self) -> Element {
        self.about(COMMANDS, "command-list", "Commands", &[ns::DISCO_INFO, ns::DISCO_ITEMS])
    }

    /// What a command is.
    pub fn about_command(&self, spec: &Spec) -> Element {
        let name = form::name(spec);
        self.about(spec.word, "command-node", &name, &[ns::DISCO_INFO, COMMANDS, ns::DATA_FORMS])
    }

    fn about(&self, node: &str, type_: &str, name: &str, features: &[&str]) -> Element {
        let info = DiscoInfoResult {
            node: Some(node.to_owned()),
            identities: vec![Identity::new("automation", type_, "en", name)],
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
            extensions: Vec::new(),
        };
        self.result(info.into())
    }

    /// The form of a command.
    pub fn form(&self, spec: &Spec, session: &str, form: DataForm) -> Element {
        let mut command = command(spec.word, "executing", session);
        let mut actions = Element::bare("actions", COMMANDS);
        set(&mut actions, xml_ncname!("execute"), "complete");
        // Converse draws no buttons without `complete`, poezio goes on with `next`.
        actions.append_child(Element::bare("next", COMMANDS));
        actions.append_child(Element::bare("complete", COMMANDS));
        command.append_child(actions);
        command.append_child(form.into());
        self.result(command)
    }

    /// The end of a command: a note.
    pub fn note(&self, node: &str, session: &str, note: &Note) -> Element {
        let mut command = command(node, "completed", session);
        let mut element = Element::bare("note", COMMANDS);
        set(&mut element, xml_ncname!("type"), if note.done { "info" } else { "error" });
        element.append_text_node(note.text.clone());
        command.append_child(element);
        self.result(command)
    }

    /// A command that the agent cancelled.
    pub fn canceled(&self, node: &str, session: &str) -> Element {
        self.result(command(node, "canceled", session))
    }
}

fn command(node: &str, status: &str, session: &str) -> Element {
    let mut command = Element::bare("command", COMMANDS);
    set(&mut command, xml_ncname!("node"), node);
    set(&mut command, xml_ncname!("sessionid"), session);
    set(&mut command, xml_ncname!("status"), status);
    command
}

fn set(element: &mut Element, name: &NcNameStr, value: &str) {
    element.set_attr(Namespace::NONE, name.to_owned(), clean::text(value).into_owned());
}

/// Why a query cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no such command here, for them.
    NoSuchCommand,
    /// The session is finished, too old, or never was one.
    NoSession,
    /// The step does not exist.
    NoSuchAction,
    /// There is no step before the first.
    NoWayBack,
    /// Too much at once, or the desk does not answer.
    TooMuch,
    /// The desk refuses to say what there is.
    Refused(AgentRefusal),
}

impl Fault {
    fn error(self) -> StanzaError {
        let bad = |name: &str, text| {
            let mut error = error(ErrorType::Modify, DefinedCondition::BadRequest, text);
            error.other = Some(Element::bare(name, COMMANDS));
            error
        };
        match self {
            Self::NoSuchCommand => {
                let condition = DefinedCondition::ItemNotFound;
                error(ErrorType::Cancel, condition, "Not done: no such command here.")
            }
            Self::NoSession => {
                bad("bad-sessionid", "Not done: this form is out of date. Please begin again.")
            }
            Self::NoSuchAction => bad("malformed-action", "Not done: no such step."),
            Self::NoWayBack => bad("bad-action", "Not done: there is no step before this one."),
            Self::TooMuch => {
                let condition = DefinedCondition::ResourceConstraint;
                error(ErrorType::Wait, condition, "Not done: please try again in a moment.")
            }
            Self::Refused(AgentRefusal::NotFound) => stanza::not_found(),
            Self::Refused(refusal) => {
                let mut error = stanza::refusal_error(&refusal);
                for text in error.texts.values_mut() {
                    *text = harmless(text);
                }
                error
            }
        }
    }
}

/// What a client shows at the end of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub done: bool,
    text: String,
}

/// The result of a command: a note, and what does not fit into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub note: Note,
    /// For the chat with the desk.
    pub message: Option<String>,
}

impl Outcome {
    /// A command was carried out; the desk said this about it.
    pub fn done(word: &str, said: &[Notice], peer: &Peer, desk: &str, now: Timestamp) -> Self {
        if said.is_empty() {
            let text = format!("{word}: done");
            return Self { note: Note { done: true, text: harmless(&text) }, message: None };
        }
        let lines = said.iter().map(|notice| line::line(notice, peer, now)).collect::<Vec<_>>();
        let line = lines.join("\n");
        let ours = said.iter().all(is_ours);
        let short = ours.then(|| unmarked(&line)).filter(|line| is_short(line));
        match short {
            Some(text) => Self { note: Note { done: true, text: harmless(&text) }, message: None },
            None => {
                let text = format!("The answer is in the chat with {desk}.");
                let note = Note { done: true, text: harmless(&text) };
                Self { note, message: Some(line) }
            }
        }
    }

    /// A command was refused; `wrote` is what the agent wrote, if it must not get lost.
    pub fn refused(refusal: &AgentRefusal, wrote: Option<&str>, desk: &str) -> Self {
        let words = stanza::refusal_words(refusal);
        let choice = match refusal {
            AgentRefusal::NoSuchTarget { .. } => Some("Not done: that names nobody here."),
            AgentRefusal::Ambiguous { .. } => Some("Not done: that could be several."),
            _ => None,
        };
        let short = choice.map_or_else(|| unmarked(&words), str::to_owned);
        let mut text = if is_short(&short) { short } else { "Not done.".to_owned() };
        let mut message = None;
        if wrote.is_some() || *text != *words {
            text.push_str(&format!(" More is in the chat with {desk}."));
            let wrote = wrote.map(|wrote| mark::mirrored("Not sent", wrote));
            let words = format!("{} {words}", mark::DESK_MARK);
            message = Some([words].into_iter().chain(wrote).collect::<Vec<_>>().join("\n"));
        }
        Self { note: Note { done: false, text: harmless(&text) }, message }
    }

    /// The desk has not answered yet.
    pub fn late(desk: &str) -> Self {
        let text = format!("No answer yet. It comes into the chat with {desk}.");
        Self { note: Note { done: true, text: harmless(&text) }, message: None }
    }

    /// No customer can be chosen.
    pub fn nobody() -> Self {
        let text = "Not done: you have no customer at the moment.".to_owned();
        Self { note: Note { done: false, text }, message: None }
    }

    /// The message for the chat with the desk, to the client that gave the command.
    pub fn message(
        &self,
        domain: &LinkDomain,
        desk: &TenantKey,
        (agent, resource): (&AgentJid, &str),
        line_id: LineId<'_>,
    ) -> Option<Element> {
        let text = self.message.as_deref()?;
        let from = address::speaker(domain, &Peer::Desk(desk.clone()))?;
        let to = address::client(agent, Some(resource))?;
        let mut message = spoken(from, to, text, None);
        identified(&mut message, line_id());
        Some(message.into())
    }
}

/// The result as a message, when it comes after the client was told to wait: with the note, if the
/// note is all there is.
pub fn belated(word: &str, outcome: Outcome) -> Outcome {
    let Outcome { note, message } = outcome;
    let message = message.unwrap_or_else(|| {
        format!("{} {word} – {}", mark::DESK_MARK, note.text.replace('\n', " "))
    });
    Outcome { note, message: Some(message) }
}

/// Whether a notice says only what is ours: no words of a customer. A notice that is not listed
/// here goes into the chat.
fn is_ours(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Done { .. }
            | Notice::Asked
            | Notice::Reopened
            | Notice::Closed { .. }
            | Notice::Status { .. }
    )
}

fn is_short(text: &str) -> bool {
    text.lines().count() <= NOTE_LINES
        && text.lines().all(|line| clean::scalars_at_most(line, NOTE_CHARS))
}

/// A notice without its marks, which only tell it from what customers write.
fn unmarked(text: &str) -> String {
    let lines = text.lines().map(|line| line.strip_prefix(mark::DESK_MARK).unwrap_or(line).trim());
    lines.collect::<Vec<_>>().join("\n")
}

/// A text that is no format for anybody.
fn harmless(text: &str) -> String {
    clean::text(text).replace('%', "％")
}
