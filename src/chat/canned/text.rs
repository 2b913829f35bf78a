//! The texts of canned replies, and what their variables stand for.
//!
//! `{1}` to `{9}` are arguments, `{customer.name}` and its like what the desk knows;
//! `{customer.name|there}` says `there` if the name is unknown. `\{` is a brace.

use std::collections::BTreeSet;
use std::sync::Arc;

use leon::{Item, Template};

use super::told::CannedRefusal;
use crate::chat::row::Answers;
use crate::chat::settings::CannedReply;

/// Why a text cannot be a canned reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    #[error("a brace has no counterpart, or nothing is between two")]
    Braces,
    #[error("there is no variable {{{0}}}")]
    Variable(String),
}

/// Whether every variable of a text is known.
pub fn check(text: &str) -> Result<(), BadText> {
    let template = Template::parse(text).map_err(|_| BadText::Braces)?;
    for item in template.items.iter() {
        if let Item::Key(written) = item {
            let (name, _) = parts(written);
            Variable::of(name).ok_or_else(|| BadText::Variable(name.to_owned()))?;
        }
    }
    Ok(())
}

/// What the desk knows of a customer and their agent.
#[derive(Debug, Default)]
pub(in crate::chat) struct Values {
    pub(in crate::chat) customer_name: Option<Arc<str>>,
    pub(in crate::chat) agent_name: Arc<str>,
    pub(in crate::chat) queue: Option<Arc<str>>,
    /// When that queue opens next.
    pub(in crate::chat) hours_next: Option<Arc<str>>,
    /// What the customer filled in.
    pub(in crate::chat) answers: Answers,
}

impl Values {
    fn of(&self, variable: &Variable<'_>) -> Option<Arc<str>> {
        let answer = |field: &str| {
            let found = self.answers.iter().find(|(name, _)| **name == *field);
            found.map(|(_, answer)| answer.clone())
        };
        match variable {
            Variable::CustomerName => self.customer_name.clone().or_else(|| answer("name")),
            Variable::CustomerEmail => answer("email"),
            Variable::AgentName => Some(self.agent_name.clone()),
            Variable::Queue => self.queue.clone(),
            Variable::Attribute(name) => answer(name),
            Variable::HoursNext => self.hours_next.clone(),
            Variable::Argument(_) => None,
        }
    }
}

/// What becomes of an empty variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chat) enum Gaps {
    Refused,
    /// It stays as it is written.
    Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable<'t> {
    /// From 1.
    Argument(usize),
    CustomerName,
    CustomerEmail,
    AgentName,
    Queue,
    HoursNext,
    Attribute(&'t str),
}

impl<'t> Variable<'t> {
    fn of(name: &'t str) -> Option<Self> {
        Some(match name {
            "customer.name" => Self::CustomerName,
            "customer.email" => Self::CustomerEmail,
            "agent.name" => Self::AgentName,
            "queue" => Self::Queue,
            "hours.next" => Self::HoursNext,
            _ => match name.strip_prefix("attribute.") {
                Some(attribute) if !attribute.is_empty() => Self::Attribute(attribute),
                Some(_) => return None,
                None => Self::Argument(name.parse().ok().filter(|n| (1..=9).contains(n))?),
            },
        })
    }
}

/// The name of a variable, and its fallback.
fn parts(written: &str) -> (&str, Option<&str>) {
    match written.split_once('|') {
        Some((name, fallback)) => (name.trim(), Some(fallback.trim())),
        None => (written, None),
    }
}

/// The text of a reply with its variables filled in.
pub(super) fn fill(
    reply: &CannedReply,
    arguments: &[&str],
    values: &Values,
    gaps: Gaps,
) -> Result<String, CannedRefusal> {
    let key = || reply.key.clone();
    let broken = || CannedRefusal::Broken { key: key() };
    let template = Template::parse(&reply.text).map_err(|_| broken())?;
    let mut text = String::with_capacity(reply.text.len());
    let mut used = BTreeSet::new();
    for item in template.items.iter() {
        let written = match item {
            Item::Text(words) => {
                text.push_str(words);
                continue;
            }
            Item::Key(written) => written,
        };
        let (name, fallback) = parts(written);
        let variable = Variable::of(name).ok_or_else(broken)?;
        let value = match variable {
            Variable::Argument(number) => {
                used.insert(number);
                number.checked_sub(1).and_then(|at| arguments.get(at)).map(|word| (*word).into())
            }
            _ => values.of(&variable),
        };
        match (value.filter(|value| !value.trim().is_empty()), fallback, variable) {
            (Some(value), ..) => text.push_str(&value),
            (None, Some(fallback), _) => text.push_str(fallback),
            (None, None, _) if gaps == Gaps::Kept => text.push_str(&format!("{{{written}}}")),
            (None, None, Variable::Argument(number)) => {
                return Err(CannedRefusal::Missing { key: key(), number });
            }
            (None, None, _) => {
                return Err(CannedRefusal::Empty { key: key(), variable: name.into() });
            }
        }
    }
    let unused = (1..).zip(arguments).filter(|(number, _)| !used.contains(number));
    let unused: Vec<&str> = unused.map(|(_, word)| *word).collect();
    if !unused.is_empty() {
        return Err(CannedRefusal::Unused { key: key(), words: unused.join(" ").into() });
    }
    if text.trim().is_empty() {
        return Err(CannedRefusal::Blank { key: key() });
    }
    Ok(text)
}
