//! What agents read about macros.

use super::piece::{cut, marked, piece};
use crate::chat::macros::MacroNotice;
use crate::chat::refusal::MacroRefusal;

/// The longest part of a step or of a name that is repeated, in characters.
const WORDS_CHARS: usize = 64;

pub(super) fn line(told: &MacroNotice) -> String {
    match told {
        MacroNotice::List { macros, .. } if macros.is_empty() => {
            marked("There are no macros. Your operator adds them.")
        }
        MacroNotice::List { macros, more } => {
            let lines =
                macros.iter().map(|(key, title)| marked(&format!("{key} – {}", piece(title))));
            let more = (*more > 0).then(|| marked(&format!("… and {more} more")));
            let how = marked("!m KEY runs one; !m? KEY shows its steps");
            lines.chain(more).chain([how]).collect::<Vec<_>>().join("\n")
        }
        MacroNotice::Shown { key, steps } => {
            let steps = (1..).zip(steps).map(|(n, step)| marked(&format!("{n}. {}", piece(step))));
            [marked(&format!("{key} does this:"))]
                .into_iter()
                .chain(steps)
                .collect::<Vec<_>>()
                .join("\n")
        }
        MacroNotice::Done { key, steps: 1 } => marked(&format!("Done: {key} (1 step)")),
        MacroNotice::Done { key, steps } => marked(&format!("Done: {key} ({steps} steps)")),
    }
}

/// `why` says why the step was refused.
pub(super) fn refusal(refused: &MacroRefusal, why: impl Fn() -> String) -> String {
    match refused {
        MacroRefusal::Unknown { any: false, .. } => {
            "Not done: there are no macros. Your operator adds them.".to_owned()
        }
        MacroRefusal::Unknown { words, .. } => {
            format!("Not done: there is no macro “{}”. Type !m for the list.", quoted(words))
        }
        MacroRefusal::Overfull { key, words } => {
            format!("Not done: {key} takes no words after it: “{}”. Type !m {key}.", quoted(words))
        }
        MacroRefusal::Broken { key } => {
            format!("Not done: {key} has a step that isn't understood. Tell your operator.")
        }
        MacroRefusal::Stopped { key, step, of, written, .. } => {
            let before = match step {
                1 => "Nothing was done.",
                2 => "Step 1 was done and stays done.",
                _ => "The steps before it were done and stay done.",
            };
            format!(
                "Not done: {key} stopped at step {step} of {of}, “{}”. {before} {}",
                quoted(written),
                why()
            )
        }
    }
}

fn quoted(words: &str) -> String {
    cut(&piece(words), WORDS_CHARS)
}
