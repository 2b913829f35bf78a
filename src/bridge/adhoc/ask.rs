//! Reads what a client asks about commands.
//!
//! Invariants: clients differ in what they send, so everything that can have one meaning only has
//! it: any of `execute`, `next`, `complete` and no action means "go on", with the form wherever the
//! client puts it. What is read is bounded.

use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use crate::bridge::xmlns::COMMANDS;
use crate::chat::commands;

/// How many fields of a form are read.
const FIELDS: usize = 64;
/// How many values of a field are read: a text has one for each line.
const VALUES: usize = 1_000;
/// The longest form that is read, in bytes: more than the longest text of an agent.
const BYTES: usize = 64 * 1024;

/// A query about commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Which commands there are.
    List,
    /// What the list is.
    AboutList,
    /// What a command is.
    About {
        node: String,
    },
    Command(Command),
}

/// A command that a client gives, or a step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub node: String,
    pub action: Action,
    pub session: Option<String>,
    pub form: Option<Form>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begins, or goes on with what is filled in.
    Go,
    Cancel,
    /// There is only one stage, so there is none before it.
    Back,
    Unknown,
}

/// What was filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    values: Vec<(String, String)>,
    /// It has more than is read.
    pub too_long: bool,
}

impl Form {
    /// The text in a field; empty if there is none.
    pub fn value(&self, var: &str) -> &str {
        let field = self.values.iter().find(|(named, _)| named == var);
        field.map_or("", |(_, value)| value)
    }
}

/// Reads a query; none if it is not about commands.
pub fn read(iq: &Element) -> Option<Asked> {
    let payload = iq.children().next()?;
    if payload.is("command", COMMANDS) {
        return Some(Asked::Command(command(payload)));
    }
    let node = payload.attr("node").filter(|_| iq.attr("type") == Some("get"))?;
    if payload.is("query", ns::DISCO_ITEMS) {
        return (node == COMMANDS).then_some(Asked::List);
    }
    if !payload.is("query", ns::DISCO_INFO) {
        return None;
    }
    match node {
        COMMANDS => Some(Asked::AboutList),
        word => commands::find(word).map(|spec| Asked::About { node: spec.word.to_owned() }),
    }
}

fn command(element: &Element) -> Command {
    let form = element.get_child("x", ns::DATA_FORMS);
    let action = match (element.attr("action"), form.and_then(|form| form.attr("type"))) {
        (Some("cancel"), _) | (_, Some("cancel")) => Action::Cancel,
        (None | Some("execute" | "next" | "complete"), _) => Action::Go,
        (Some("prev"), _) => Action::Back,
        (Some(_), _) => Action::Unknown,
    };
    Command {
        node: element.attr("node").unwrap_or_default().to_owned(),
        action,
        session: element.attr("sessionid").map(str::to_owned),
        form: form.map(filled_in),
    }
}

fn filled_in(x: &Element) -> Form {
    let mut form = Form::default();
    let mut bytes = 0;
    for field in x.children().filter(|child| child.is("field", ns::DATA_FORMS)) {
        let Some(var) = field.attr("var") else { continue };
        if form.values.len() == FIELDS || form.values.iter().any(|(known, _)| known == var) {
            continue;
        }
        let mut text = String::new();
        let values = field.children().filter(|child| child.is("value", ns::DATA_FORMS));
        for (number, value) in values.enumerate() {
            let value = value.text();
            bytes += value.len() + 1;
            if number == VALUES || bytes > BYTES {
                form.too_long = true;
                return form;
            }
            if number > 0 {
                text.push('\n');
            }
            text.push_str(&value);
        }
        form.values.push((var.to_owned(), text));
    }
    form
}
