//! The names under which commands that are carried out once are remembered.
//!
//! Invariant: a command whose row is stored is recognized by it after a restart.

use std::borrow::Cow;

use crate::chat::canned::CannedCommand;
use crate::chat::commands::AgentCommand;
use crate::chat::macros::{MacroCommand, key_in};
use crate::chat::notice::Notice;
use crate::chat::row::RowKind;

/// Commands that are carried out once, under the names by which they are remembered.
pub(super) const CLOSE: &str = "close";
pub(super) const REOPEN: &str = "reopen";
pub(super) const ASK: &str = "ask";
const FORM: &str = "form";
pub(super) const UNDO: &str = "undo";
pub(super) const TRANSFER: &str = "transfer";
pub(super) const DECLINE: &str = "no";
/// Any canned reply that was said.
pub(super) const REPLY: &str = "r";
pub(super) const NOTE: &str = "note";
pub(super) const TAG: &str = "tag";
pub(super) const PRIORITY: &str = "priority";
/// Any macro that was run.
pub(super) const MACRO: &str = "m";
pub(super) const TAKE: &str = "take";
pub(super) const MOVE: &str = "move";
/// Both `agent` and `queue`, which leave the same row.
pub(super) const OVERRIDES: &str = "overrides";
/// Any command, carried out or refused: its correction must not reach the customer.
pub(super) const COMMAND: &str = "command";

/// The command that an agent's row comes from.
pub(super) fn order_of(kind: &RowKind) -> Option<&'static str> {
    match kind {
        RowKind::Closed { .. } => Some(CLOSE),
        RowKind::Opened { .. } => Some(REOPEN),
        RowKind::Asked { .. } => Some(ASK),
        RowKind::Handing { .. } => Some(TRANSFER),
        RowKind::Note { .. } | RowKind::NoteEdit { .. } => Some(NOTE),
        RowKind::Tagged { .. } => Some(TAG),
        RowKind::Ranked { .. } => Some(PRIORITY),
        RowKind::Transferred { .. } => Some(TAKE),
        RowKind::Moved { .. } => Some(MOVE),
        RowKind::Overrides { .. } => Some(OVERRIDES),
        _ => None,
    }
}

/// For a command that is carried out once: its name, and the notice when it comes again.
pub(super) fn once(command: &AgentCommand) -> Option<(Cow<'static, str>, Notice)> {
    let spec = command.spec().filter(|_| command.stores())?;
    if let AgentCommand::Canned(CannedCommand::Say { words }) = command {
        return Some((reply(words).into(), spec.repeated?()));
    }
    if let AgentCommand::Macro(MacroCommand::Run { words }) = command {
        return Some((run(&key_in(words).0).into(), spec.repeated?()));
    }
    // In the log, both are questions.
    let order = match spec.word {
        FORM => ASK,
        "agent" | "queue" => OVERRIDES,
        word => word,
    };
    Some((order.into(), spec.repeated?()))
}

/// A canned reply, under the words that named it.
pub(super) fn reply(words: &str) -> String {
    format!("r {words}")
}

/// Whether it says or asks something about the customer or the conversation as a whole.
pub(super) fn is_about_customer(command: &AgentCommand) -> bool {
    match command {
        AgentCommand::Summary
        | AgentCommand::History
        | AgentCommand::Why
        | AgentCommand::Note { .. }
        | AgentCommand::Tag { .. }
        | AgentCommand::Priority { .. } => true,
        AgentCommand::CloseSaying { words } => words.starts_with(['#', '＃']),
        _ => false,
    }
}

/// A macro, under its key.
pub(super) fn run(key: &str) -> String {
    format!("m {key}")
}
