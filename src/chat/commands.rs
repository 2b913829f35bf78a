//! The commands of agents: one table, from which the parser, the help and the error texts come.
//!
//! To add a command: a variant of [`AgentCommand`], its row in [`COMMANDS`], and what it does in
//! `desk/command.rs`. However it is written (`!word` in a customer's chat, the plain word to the
//! desk), a command becomes the same [`AgentCommand`].

use std::sync::Arc;

use super::canned::CannedCommand;
use super::forms::{self, FormField};
use super::macros::MacroCommand;
use super::model::CloseReason;
use super::notice::Notice;
use super::refusal::AgentRefusal;
use super::row::QuestionKind;
use super::supervision::Supervision;

pub use super::agent_command::{AgentCommand, Supervise};

/// What follows a command's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    Nothing,
    /// A text, which may be absent.
    Text,
    /// A text, which must be there; whom or what it names is looked up by the desk.
    Words,
    /// A question and at least one answer to choose from: `Which size? | A5 | A4`.
    Choices,
    /// A title and at least one field to fill in: `Your order | Number | E-mail`.
    Fields,
}

/// An argument as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Nothing,
    /// Cleaned; empty if absent.
    Text(Arc<str>),
    Question(Arc<str>, Vec<Arc<str>>),
}

/// A row of the table.
#[derive(Debug)]
pub struct Spec {
    pub word: &'static str,
    pub argument: Argument,
    /// What it does, in a few words, for agents.
    pub help: &'static str,
    /// Set if the argument needs an example.
    pub example: Option<&'static str>,
    /// Whether it can be given in a customer's chat.
    pub in_chat: bool,
    /// Whether it can be given to the desk.
    pub with_desk: bool,
    /// Whether only supervisors may give it.
    pub for_supervisors: bool,
    /// For a command that stores something: the notice when the same stanza comes again.
    pub repeated: Option<fn() -> Notice>,
    /// The fields of its form, if a single text says too little.
    pub form: &'static [FormField],
    pub make: fn(Value) -> AgentCommand,
}

impl Spec {
    const fn new(word: &'static str, help: &'static str, make: fn(Value) -> AgentCommand) -> Self {
        Self {
            word,
            argument: Argument::Nothing,
            help,
            example: None,
            in_chat: true,
            with_desk: false,
            for_supervisors: false,
            repeated: None,
            form: &[],
            make,
        }
    }
}

/// What the same `!r` answers when it comes again.
pub const REPLY_SENT: &str = "Your canned reply was sent";
/// What `!note` answers.
pub const NOTED: &str = "Note saved. Only agents see it.";
/// The priorities that agents can set, from the lowest.
pub const PRIORITIES: [(&str, i32); 4] =
    [("low", -10), ("normal", 0), ("high", 10), ("urgent", 20)];

/// The word for a priority: the highest that it reaches.
pub fn priority_word(priority: i32) -> &'static str {
    let reached = PRIORITIES.iter().rev().find(|(_, least)| *least <= priority);
    reached.map_or("low", |(word, _)| word)
}

/// What the same `!m` answers when it comes again.
pub const MACRO_RUN: &str =
    "This macro was run before and is not run again; if a step is missing, do it by hand";

/// What `!undo` answers.
pub const UNDONE: &str = "Your last message was deleted";

/// What a repeated `!transfer` answers.
pub const ASKED_TO_TAKE: &str = "Passed on already";
/// What `!no` answers.
pub const DECLINED: &str = "Declined";

/// All commands, in the order of the help.
pub static COMMANDS: &[Spec] = &[
    Spec { with_desk: true, ..Spec::new("help", "this list", |_| AgentCommand::Help) },
    Spec::new("who", "about this customer", |_| AgentCommand::Who),
    Spec::new("summary", "this conversation in ten lines", |_| AgentCommand::Summary),
    Spec::new("history", "the last conversations with this customer", |_| AgentCommand::History),
    Spec::new("why", "why this customer waits, or came here", |_| AgentCommand::Why),
    Spec {
        argument: Argument::Words,
        example: Some("!note Wants a refund, see order 1042"),
        form: &forms::NOTE,
        repeated: Some(|| Notice::Done { text: NOTED.into() }),
        ..Spec::new("note", "write something for agents only", |value| AgentCommand::Note {
            text: text(value),
        })
    },
    Spec {
        argument: Argument::Text,
        repeated: Some(|| Notice::Done { text: "Tags changed".into() }),
        ..Spec::new("tag", "add tags, or -remove them; alone, list them", |value| {
            AgentCommand::Tag { names: text(value) }
        })
    },
    Spec {
        argument: Argument::Words,
        example: Some("!priority high"),
        form: &forms::PRIORITY,
        repeated: Some(|| Notice::Done { text: "Priority changed".into() }),
        ..Spec::new("priority", "low, normal, high or urgent, in the queue", |value| {
            AgentCommand::Priority { word: text(value) }
        })
    },
    Spec {
        argument: Argument::Choices,
        example: Some("!ask Which size? | A5 | A4"),
        repeated: Some(|| Notice::Asked),
        ..Spec::new("ask", "a question with answer buttons", |value| {
            question(value, QuestionKind::Choices)
        })
    },
    Spec {
        argument: Argument::Fields,
        example: Some("!form Your order | Number | E-mail"),
        repeated: Some(|| Notice::Asked),
        ..Spec::new("form", "a form to fill in", |value| question(value, QuestionKind::Fields))
    },
    Spec {
        argument: Argument::Text,
        repeated: Some(|| Notice::Done { text: REPLY_SENT.into() }),
        ..Spec::new(
            "r",
            "send a canned reply: its key; words of it find it; alone, it lists them",
            |value| {
                AgentCommand::Canned(match value {
                    Value::Text(words) if !words.is_empty() => CannedCommand::Say { words },
                    _ => CannedCommand::List,
                })
            },
        )
    },
    Spec {
        argument: Argument::Words,
        example: Some("!r? thanks"),
        ..Spec::new("r?", "show a canned reply to you alone", |value| match value {
            Value::Text(words) => AgentCommand::Canned(CannedCommand::Show { words }),
            _ => AgentCommand::Invalid(AgentRefusal::Usage { word: "r?" }),
        })
    },
    Spec {
        argument: Argument::Text,
        repeated: Some(|| Notice::Done { text: MACRO_RUN.into() }),
        ..Spec::new("m", "run a macro, several commands in one; alone, it lists them", |value| {
            AgentCommand::Macro(match value {
                Value::Text(words) if !words.is_empty() => MacroCommand::Run { words },
                _ => MacroCommand::List,
            })
        })
    },
    Spec {
        argument: Argument::Words,
        example: Some("!m? refund"),
        ..Spec::new("m?", "show what a macro does", |value| {
            AgentCommand::Macro(MacroCommand::Show { words: text(value) })
        })
    },
    Spec {
        repeated: Some(|| Notice::Done { text: UNDONE.into() }),
        ..Spec::new("undo", "delete your last message (within two minutes)", |_| AgentCommand::Undo)
    },
    Spec {
        argument: Argument::Words,
        example: Some("!transfer bob invoice 1042"),
        repeated: Some(|| Notice::Done { text: ASKED_TO_TAKE.into() }),
        form: &forms::TRANSFER,
        ..Spec::new("transfer", "hand over to a colleague or #queue", |value| {
            AgentCommand::Transfer { text: text(value) }
        })
    },
    Spec {
        argument: Argument::Text,
        repeated: Some(|| Notice::Done { text: DECLINED.into() }),
        form: &forms::DECLINE,
        ..Spec::new("no", "decline a customer you are offered", |value| AgentCommand::Decline {
            why: text(value),
        })
    },
    Spec {
        argument: Argument::Text,
        repeated: Some(|| Notice::Closed { reason: CloseReason::Agent }),
        form: &forms::CLOSE,
        ..Spec::new(
            "close",
            "end the conversation; text after it is sent first, #tags tag it",
            |value| match value {
                Value::Text(words) if !words.is_empty() => AgentCommand::CloseSaying { words },
                _ => AgentCommand::Close,
            },
        )
    },
    Spec {
        repeated: Some(|| Notice::Reopened),
        ..Spec::new("reopen", "start a new conversation with this customer", |_| {
            AgentCommand::Reopen
        })
    },
    Spec {
        with_desk: true,
        ..Spec::new("status", "queue and colleagues", |_| AgentCommand::Status)
    },
    to_desk(Spec::new("agents", "colleagues", |_| AgentCommand::Agents)),
    to_desk(Spec::new("board", "queues and conversations, numbered", |_| AgentCommand::Board)),
    by_supervisor(Spec::new("watch", "see what is said here", |_| AgentCommand::Watch)),
    by_supervisor(Spec::new("unwatch", "no longer watch", |_| AgentCommand::Unwatch)),
    Spec {
        argument: Argument::Words,
        example: Some("!say I am looking into it"),
        repeated: Some(|| Notice::Supervision(Box::new(Supervision::Said))),
        ..by_supervisor(Spec::new("say", "speak to the customer yourself", |value| {
            worded(value, |words| AgentCommand::Say { words })
        }))
    },
    Spec {
        repeated: Some(|| Notice::Supervision(Box::new(Supervision::Taken))),
        ..by_supervisor(Spec::new("take", "take the conversation over", |_| AgentCommand::Take))
    },
    Spec {
        example: Some("watch 3"),
        ..supervise(Spec::new("watch", "see what is said", |value| asked(value, Supervise::Watch)))
    },
    Spec {
        example: Some("move 3 #sales"),
        repeated: Some(|| Notice::Done { text: DONE.into() }),
        ..supervise(Spec::new("move", "to a queue or an agent", |value| {
            asked(value, Supervise::Move)
        }))
    },
    Spec {
        example: Some("close 3"),
        repeated: Some(|| Notice::Done { text: DONE.into() }),
        ..supervise(Spec::new("close", "end a conversation", |value| {
            asked(value, Supervise::Close)
        }))
    },
    Spec {
        example: Some("agent bob away"),
        repeated: Some(|| Notice::Done { text: DONE.into() }),
        ..supervise(Spec::new("agent", "away, back, capacity 2", |value| {
            asked(value, Supervise::Agent)
        }))
    },
    Spec {
        example: Some("queue sales +bob"),
        repeated: Some(|| Notice::Done { text: DONE.into() }),
        ..supervise(Spec::new("queue", "who serves it: +bob, -bob", |value| {
            asked(value, Supervise::Queue)
        }))
    },
];

fn text(value: Value) -> Arc<str> {
    match value {
        Value::Text(text) => text,
        Value::Nothing | Value::Question(..) => "".into(),
    }
}

/// What is said when a command to the desk comes again.
const DONE: &str = "Done already";

const fn to_desk(spec: Spec) -> Spec {
    Spec { in_chat: false, with_desk: true, ..spec }
}

const fn by_supervisor(spec: Spec) -> Spec {
    Spec { for_supervisors: true, ..spec }
}

const fn supervise(spec: Spec) -> Spec {
    Spec { argument: Argument::Words, ..by_supervisor(to_desk(spec)) }
}

fn worded(value: Value, make: fn(Arc<str>) -> AgentCommand) -> AgentCommand {
    match value {
        Value::Text(words) => make(words),
        Value::Nothing | Value::Question(..) => AgentCommand::Invalid(AgentRefusal::NotFound),
    }
}

fn asked(value: Value, what: Supervise) -> AgentCommand {
    match value {
        Value::Text(text) => AgentCommand::Supervise { what, text },
        Value::Nothing | Value::Question(..) => AgentCommand::Invalid(AgentRefusal::NotFound),
    }
}

fn question(value: Value, kind: fn(Vec<Arc<str>>) -> QuestionKind) -> AgentCommand {
    match value {
        Value::Question(text, labels) => AgentCommand::Ask { text, offers: kind(labels) },
        Value::Nothing | Value::Text(_) => AgentCommand::Invalid(AgentRefusal::NotFound),
    }
}

pub fn find(word: &str) -> Option<&'static Spec> {
    COMMANDS.iter().find(|spec| spec.word == word)
}

/// The same word may mean something else to the desk than in a customer's chat.
pub fn find_where(word: &str, in_chat: bool) -> Option<&'static Spec> {
    let there = |spec: &&Spec| if in_chat { spec.in_chat } else { spec.with_desk };
    COMMANDS.iter().filter(there).find(|spec| spec.word == word)
}

/// How a command is written, if that needs an example.
pub fn example(word: &str) -> Option<&'static Spec> {
    COMMANDS.iter().find(|spec| spec.word == word && spec.example.is_some())
}

impl AgentCommand {
    /// Its row in the table; none if it is invalid.
    pub fn spec(&self) -> Option<&'static Spec> {
        let word = match self {
            Self::Supervise { what, .. } => {
                let word = match what {
                    Supervise::Watch => "watch",
                    Supervise::Move => "move",
                    Supervise::Close => "close",
                    Supervise::Agent => "agent",
                    Supervise::Queue => "queue",
                };
                return find_where(word, false);
            }
            Self::Help => "help",
            Self::Who => "who",
            Self::Note { .. } => "note",
            Self::Summary => "summary",
            Self::History => "history",
            Self::Why => "why",
            Self::Tag { .. } => "tag",
            Self::Priority { .. } => "priority",
            Self::Ask { offers: QuestionKind::Choices(_), .. } => "ask",
            Self::Ask { offers: QuestionKind::Fields(_), .. } => "form",
            Self::Close | Self::CloseSaying { .. } => "close",
            Self::Undo => "undo",
            Self::Reopen => "reopen",
            Self::Transfer { .. } => "transfer",
            Self::Decline { .. } => "no",
            Self::Status => "status",
            Self::Canned(CannedCommand::Show { .. }) => "r?",
            Self::Canned(_) => "r",
            Self::Macro(MacroCommand::Show { .. }) => "m?",
            Self::Macro(_) => "m",
            Self::Agents => "agents",
            Self::Board => "board",
            Self::Watch => "watch",
            Self::Unwatch => "unwatch",
            Self::Say { .. } => "say",
            Self::Take => "take",
            Self::Invalid(_) => return None,
        };
        find(word)
    }

    /// Whether it stores something, and so is carried out once.
    pub fn stores(&self) -> bool {
        !matches!(self, Self::Canned(CannedCommand::List) | Self::Macro(MacroCommand::List))
            && self.spec().is_some_and(|spec| spec.repeated.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_makes_the_command_that_names_it() {
        for spec in COMMANDS {
            let value = match spec.argument {
                Argument::Nothing => Value::Nothing,
                Argument::Text | Argument::Words => Value::Text("Thank you".into()),
                Argument::Choices | Argument::Fields => {
                    Value::Question("Which?".into(), vec!["A5".into()])
                }
            };
            let made = (spec.make)(value).spec().map(|spec| spec.word);
            assert_eq!(made, Some(spec.word));
            let needs =
                matches!(spec.argument, Argument::Words | Argument::Choices | Argument::Fields);
            assert_eq!(spec.example.is_some(), needs, "{}", spec.word);
            assert!(spec.in_chat || spec.with_desk);
        }
    }
}
