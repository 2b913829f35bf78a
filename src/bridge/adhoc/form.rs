//! Builds the form of a command, and turns a filled-in one into the line that the agent would have
//! written.
//!
//! Invariants: only field types that every client shows; a value is what the agent reads in clients
//! that show no labels; a form asks nothing that the place already says.

use std::borrow::Cow;
use std::sync::Arc;

use xmpp_parsers::data_forms::{DataForm, DataFormType, Field, FieldType, Option_};

use super::ask::Form;
use crate::bridge::custom_to_xmpp::line::customer_name;
use crate::bridge::{agent_command, clean};
use crate::chat::commands::{AgentCommand, Argument, Spec};
use crate::chat::event::{AgentContent, Peer};
use crate::chat::forms::{Asks, FormField};
use crate::chat::ids::{Localpart, TenantKey};
use crate::chat::menu::{Menu, Place};
use crate::chat::refusal::AgentRefusal;

/// The longest line made of a form, in characters: the longest text of an agent.
const LINE_CHARS: usize = 8_000;

/// The fields that say where a command is given, on the domain.
const CUSTOMER: &str = "customer";
const DESK: &str = "desk";

/// The field of a command whose argument has no fields of its own.
const TEXT: &str = "text";
/// The fields of a question.
const QUESTION: &str = "question";
const ANSWERS: &str = "answers";

/// The form of a command; none if there is nothing to fill in.
pub fn form(spec: &Spec, menu: &Menu) -> Option<DataForm> {
    let mut fields = Vec::new();
    fields.extend(whom(spec, menu));
    fields.extend(argument(spec, menu));
    if fields.is_empty() {
        return None;
    }
    Some(DataForm {
        type_: DataFormType::Form,
        title: Some(title(spec)),
        instructions: Some(instructions(spec)),
        fields,
    })
}

/// Whether a command on the domain is about a customer, of whom there is none.
pub fn has_nobody(spec: &Spec, menu: &Menu) -> bool {
    menu.place == Place::Domain && spec.in_chat && !spec.with_desk && menu.customers.is_empty()
}

/// The name of a command in lists: `Close – end the conversation`.
pub fn name(spec: &Spec) -> String {
    format!("{} – {}", title(spec), instructions(spec))
}

fn title(spec: &Spec) -> String {
    let mut letters = spec.word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// What it does, without how it is written in a chat.
fn instructions(spec: &Spec) -> String {
    spec.help.split(';').next().unwrap_or_default().trim().to_owned()
}

/// The field for what the domain does not say: the customer, or the desk if there are several.
fn whom(spec: &Spec, menu: &Menu) -> Option<Field> {
    if menu.place != Place::Domain {
        return None;
    }
    if spec.with_desk {
        let desks =
            menu.desks.iter().map(|(key, name)| (key.as_str().to_owned(), clean::line(name)));
        return (menu.desks.len() > 1).then(|| list(DESK, "Desk", true, desks));
    }
    let customers = menu.customers.iter().map(|customer| {
        let peer = Peer::Customer(customer.localpart.clone());
        let name = customer_name(customer.name.as_deref(), &peer);
        (customer.localpart.as_str().to_owned(), format!("{name} ({})", customer.relation))
    });
    Some(list(CUSTOMER, "Customer", true, customers))
}

fn argument(spec: &Spec, menu: &Menu) -> Vec<Field> {
    if !spec.form.is_empty() {
        return spec.form.iter().map(|field| asked(field, menu)).collect();
    }
    match spec.argument {
        Argument::Nothing => Vec::new(),
        Argument::Text => vec![text(TEXT, "Text (may be empty)", FieldType::TextMulti, false)],
        Argument::Words => {
            let label = match spec.example.map(|example| rest(example, spec.word)) {
                Some(example) if !example.is_empty() => format!("Text, such as: {example}"),
                _ => "Text".to_owned(),
            };
            vec![text(TEXT, &label, FieldType::TextSingle, true)]
        }
        Argument::Choices => vec![
            text(QUESTION, "Question", FieldType::TextSingle, true),
            text(ANSWERS, "Answers to choose from, one on each line", FieldType::TextMulti, true),
        ],
        Argument::Fields => vec![
            text(QUESTION, "Title", FieldType::TextSingle, true),
            text(ANSWERS, "What to fill in, one on each line", FieldType::TextMulti, true),
        ],
    }
}

/// An example without its command.
fn rest<'e>(example: &'e str, word: &str) -> &'e str {
    let example = example.trim_start_matches('!');
    example.strip_prefix(word).unwrap_or(example).trim()
}

fn asked(field: &FormField, menu: &Menu) -> Field {
    let agents =
        || menu.agents.iter().map(|(value, shown)| (clean::line(value), clean::line(shown)));
    let queues = || {
        let shown = |(key, name): &(_, Arc<str>)| (format!("#{key}"), clean::line(name));
        menu.queues.iter().map(shown)
    };
    match &field.asks {
        Asks::Target => list(field.var, field.label, field.required, agents().chain(queues())),
        Asks::Agent => list(field.var, field.label, field.required, agents()),
        Asks::Queue => list(field.var, field.label, field.required, queues()),
        Asks::Line => text(field.var, field.label, FieldType::TextSingle, field.required),
        Asks::Text => text(field.var, field.label, FieldType::TextMulti, field.required),
        Asks::Choice(choices) => {
            let options = choices.iter().map(|(value, shown, _)| (*value, *shown));
            let options = options.map(|(value, shown)| (value.to_owned(), shown.to_owned()));
            let mut choice = list(field.var, field.label, field.required, options);
            choice.values.extend(choices.first().map(|(value, ..)| (*value).to_owned()));
            choice
        }
    }
}

fn text(var: &str, label: &str, type_: FieldType, required: bool) -> Field {
    Field { label: Some(label.to_owned()), required, ..Field::new(var, type_) }
}

fn list(
    var: &str,
    label: &str,
    required: bool,
    options: impl Iterator<Item = (String, String)>,
) -> Field {
    let options = options.map(|(value, label)| Option_ { label: Some(label), value });
    let field = Field::new(var, FieldType::ListSingle);
    Field { label: Some(label.to_owned()), required, options: options.collect(), ..field }
}

/// A command as the desk gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub to: Peer,
    pub content: AgentContent,
    /// Whether the agent wrote something that must not get lost.
    pub wrote: bool,
}

/// Where a command is given: at a customer's or a desk's address, or on the domain by an agent of
/// this tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    Peer(Peer),
    Domain(TenantKey),
}

/// The command of a form that was filled in.
pub fn given(spec: &'static Spec, at: &At, form: &Form) -> Result<Given, AgentRefusal> {
    let usage = || AgentRefusal::Usage { word: spec.word };
    let to = match at {
        At::Peer(peer) => peer.clone(),
        At::Domain(_) if spec.in_chat && !spec.with_desk => {
            let customer = clean::line(form.value(CUSTOMER));
            Peer::Customer(Localpart::new(&customer).map_err(|_| AgentRefusal::NotFound)?)
        }
        At::Domain(desk) => match clean::line(form.value(DESK)) {
            none if none.is_empty() => Peer::Desk(desk.clone()),
            named => Peer::Desk(TenantKey::new(&named).map_err(|_| AgentRefusal::NotFound)?),
        },
    };
    if form.too_long {
        return Err(AgentRefusal::TooLong);
    }
    let rest = argument_of(spec, form).ok_or_else(usage)?;
    let line = if rest.is_empty() { spec.word.to_owned() } else { format!("{} {rest}", spec.word) };
    if !clean::scalars_at_most(&line, LINE_CHARS) {
        return Err(AgentRefusal::TooLong);
    }
    let said: Arc<str> = match to {
        Peer::Customer(_) => clean::text(&format!("!{line}")).into(),
        Peer::Desk(_) => clean::text(&line).into(),
    };
    let command: AgentCommand = agent_command::with_argument(spec, &rest);
    let content = AgentContent::Command { command, said, corrects: None };
    Ok(Given { to, content, wrote: writes(spec) && !clean::is_blank(&rest) })
}

/// Whether the form has a field to write in.
fn writes(spec: &Spec) -> bool {
    let of = |field: &FormField| matches!(field.asks, Asks::Line | Asks::Text);
    if spec.form.is_empty() { spec.argument != Argument::Nothing } else { spec.form.iter().any(of) }
}

/// What follows the word of the command; none if something required is missing.
fn argument_of(spec: &Spec, form: &Form) -> Option<String> {
    if !spec.form.is_empty() {
        let mut parts = Vec::new();
        for field in spec.form {
            let value = form.value(field.var);
            if field.required && clean::is_blank(value) {
                return None;
            }
            let part = part(&field.asks, value)?;
            if !part.is_empty() {
                parts.push(part);
            }
        }
        return Some(parts.join(" "));
    }
    let rest = match spec.argument {
        Argument::Nothing => String::new(),
        Argument::Text | Argument::Words => form.value(TEXT).to_owned(),
        Argument::Choices | Argument::Fields => {
            format!("{}\n{}", clean::line(form.value(QUESTION)), form.value(ANSWERS))
        }
    };
    Some(rest)
}

/// What a field adds; none if it is not one of the choices.
fn part<'v>(asks: &Asks, value: &'v str) -> Option<Cow<'v, str>> {
    let value = value.trim();
    Some(match asks {
        Asks::Line => clean::line(value).into(),
        Asks::Text => value.into(),
        // Quotes set a name off from what follows.
        Asks::Target | Asks::Agent | Asks::Queue => match clean::line(value) {
            queue if queue.starts_with(['#', '＃']) => queue.into(),
            name if name.is_empty() || name.contains('"') => name.into(),
            name => format!("\"{name}\"").into(),
        },
        Asks::Choice(choices) => {
            let chosen = if value.is_empty() {
                choices.first()
            } else {
                choices.iter().find(|(known, ..)| *known == value)
            };
            chosen.map(|(_, _, text)| (*text).into())?
        }
    })
}
