//! What an agent may want of the desk, with its arguments.

use std::sync::Arc;

use super::canned::CannedCommand;
use super::macros::MacroCommand;
use super::refusal::AgentRefusal;
use super::row::QuestionKind;

/// A command, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentCommand {
    Help,
    Who,
    Ask {
        /// The question, cleaned.
        text: Arc<str>,
        offers: QuestionKind,
    },
    Close,
    /// Sends a text, then closes.
    CloseSaying {
        words: Arc<str>,
    },
    /// Adds a note for agents, or changes the one that it corrects.
    Note {
        text: Arc<str>,
    },
    /// A summary of the conversation.
    Summary,
    /// The earlier conversations with the customer.
    History,
    /// Why the customer waits, or who serves them.
    Why,
    /// Changes the tags; lists them if the text is empty.
    Tag {
        names: Arc<str>,
    },
    /// Changes the priority to one of [`PRIORITIES`].
    Priority {
        word: Arc<str>,
    },
    /// Deletes the last message of the agent, within two minutes.
    Undo,
    Reopen,
    /// Asks an agent or a queue to take the conversation over.
    Transfer {
        /// How, to whom, and a note.
        text: Arc<str>,
    },
    /// Does not take a conversation that is offered or handed over.
    Decline {
        why: Arc<str>,
    },
    Status,
    Canned(CannedCommand),
    Macro(MacroCommand),
    /// The agents and what they do.
    Agents,
    /// Queues and conversations, numbered.
    Board,
    /// What a supervisor asks of the desk; the text names a conversation, an agent or a queue.
    Supervise {
        what: Supervise,
        text: Arc<str>,
    },
    /// Shows a supervisor what is said in this customer's conversation.
    Watch,
    Unwatch,
    /// Sends a text to the customer under the supervisor's name.
    Say {
        words: Arc<str>,
    },
    /// Takes a conversation from whoever has it.
    Take,
    /// Not a command, or one with arguments that it does not take; never shown to the customer.
    Invalid(AgentRefusal),
}

/// What a supervisor may ask of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervise {
    Watch,
    Move,
    Close,
    Agent,
    Queue,
}
