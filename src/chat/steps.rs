//! Which commands a macro may consist of.
//!
//! Invariant: a macro runs no macro, so that it ends; and it opens at most one conversation, as an
//! agent's stanza does.

use super::commands::AgentCommand;
use super::macros::STEPS;
use super::refusal::AgentRefusal;

/// Why a list of commands cannot be a macro; steps are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSteps {
    #[error("it has no steps")]
    None,
    #[error("it has more than {STEPS} steps")]
    Many,
    #[error("step {0} is not a command in customers' chats")]
    NoCommand(usize),
    #[error("step {0} is a command with an argument missing or left over")]
    Argument(usize),
    #[error("step {0} runs a macro")]
    Nested(usize),
    #[error("step {0} is !reopen, which can only be the first")]
    Reopen(usize),
}

/// Whether a macro may do this.
pub fn check(steps: &[AgentCommand]) -> Result<(), BadSteps> {
    if steps.len() > STEPS {
        return Err(BadSteps::Many);
    }
    for (number, step) in (1..).zip(steps) {
        match step {
            AgentCommand::Invalid(AgentRefusal::UnknownCommand { .. }) => {
                return Err(BadSteps::NoCommand(number));
            }
            AgentCommand::Invalid(_) => return Err(BadSteps::Argument(number)),
            AgentCommand::Macro(_) => return Err(BadSteps::Nested(number)),
            AgentCommand::Reopen if number > 1 => return Err(BadSteps::Reopen(number)),
            _ if step.spec().is_some_and(|spec| spec.in_chat) => {}
            _ => return Err(BadSteps::NoCommand(number)),
        }
    }
    if steps.is_empty() { Err(BadSteps::None) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::macros::MacroCommand;

    #[test]
    fn a_macro_ends_and_opens_one_conversation_at_most() {
        let close = || AgentCommand::Close;
        let unknown = AgentCommand::Invalid(AgentRefusal::UnknownCommand { word: "x".into() });
        let overfull = AgentCommand::Invalid(AgentRefusal::Overfull { word: "who" });
        let nested = AgentCommand::Macro(MacroCommand::Run { words: "x".into() });
        let table = [
            (vec![close()], Ok(())),
            (vec![AgentCommand::Reopen, close()], Ok(())),
            (vec![close(); STEPS], Ok(())),
            (vec![close(); STEPS + 1], Err(BadSteps::Many)),
            (Vec::new(), Err(BadSteps::None)),
            (vec![close(), unknown], Err(BadSteps::NoCommand(2))),
            (vec![overfull], Err(BadSteps::Argument(1))),
            (vec![nested], Err(BadSteps::Nested(1))),
            (vec![close(), AgentCommand::Reopen], Err(BadSteps::Reopen(2))),
        ];
        for (steps, expected) in table {
            assert_eq!(check(&steps), expected, "{steps:?}");
        }
    }
}
