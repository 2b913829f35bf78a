//! Macros: a tenant's named lists of commands, which agents run in one step.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::ids::MacroKey;
use super::settings::Macro;

/// The most macros of a tenant.
pub const MACROS: usize = 100;
/// The most steps of one.
pub const STEPS: usize = 10;
/// The longest step, in characters.
pub const STEP_CHARS: usize = 1_000;
/// How many macros a list shows.
const LISTED: usize = 12;
/// How much of an unknown name is repeated to its author, in characters.
const REPEATED_CHARS: usize = 64;

/// What an agent asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacroCommand {
    List,
    /// Runs the macro of this key.
    Run {
        /// As written, see [`key_in`].
        words: Arc<str>,
    },
    /// Shows its steps to the agent alone.
    Show {
        words: Arc<str>,
    },
}

/// What an agent is told about macros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacroNotice {
    /// The first macros, by key, with their titles, and how many there are besides.
    List { macros: Vec<(MacroKey, Arc<str>)>, more: usize },
    /// What it does, shown to the agent alone.
    Shown { key: MacroKey, steps: Vec<Arc<str>> },
    /// All of its steps were carried out.
    Done { key: MacroKey, steps: usize },
}

/// The key in an agent's words, as it is stored, and the words after it.
pub(super) fn key_in(words: &str) -> (String, &str) {
    let words = words.trim();
    let end = words.find(char::is_whitespace).unwrap_or(words.len());
    let (key, rest) = words.split_at_checked(end).unwrap_or((words, ""));
    (key.nfkc().flat_map(char::to_lowercase).collect(), rest.trim())
}

/// What was written, as it is repeated to its author.
pub(super) fn repeated(words: &str) -> Arc<str> {
    words.chars().take(REPEATED_CHARS).collect::<String>().into()
}

pub(super) fn list(known: &[Macro]) -> MacroNotice {
    let macros = known.iter().take(LISTED).map(|one| (one.key.clone(), one.title.clone()));
    MacroNotice::List { macros: macros.collect(), more: known.len().saturating_sub(LISTED) }
}
