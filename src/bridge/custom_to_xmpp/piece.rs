//! Pieces of people's texts in notices to agents.
//!
//! Invariant: what a person wrote is put into a notice as one line, without controls, cut.

use std::borrow::Cow;

use crate::bridge::{clean, mark};
use crate::chat::model::File;

/// The longest piece of a person's text in a notice, in characters.
const PIECE_CHARS: usize = 200;

/// The field of the form that has the customer's name, which is in the head of the offer already.
pub(super) const NAME: &str = "name";

/// A person's text as part of a notice.
pub(super) fn piece(words: &str) -> String {
    cut(&clean::line(words), PIECE_CHARS)
}

pub(super) fn cut(words: &str, chars: usize) -> String {
    if clean::scalars_at_most(words, chars) {
        words.to_owned()
    } else {
        words.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
    }
}

/// A line of the desk.
pub(super) fn marked(words: &str) -> String {
    format!("{} {words}", mark::DESK_MARK)
}

/// The text sent with files or, if there is none, their names, one on each line.
pub(super) fn or_names<'t>(text: &'t str, files: &[File]) -> Cow<'t, str> {
    if text.is_empty() {
        return files.iter().map(|file| &*file.name).collect::<Vec<_>>().join("\n").into();
    }
    text.into()
}

/// A duration, in the largest units that tell it.
pub(super) fn span(ms: i64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match (hours, minutes) {
        (0, 0) => format!("{} s", seconds.max(1)),
        (0, _) => format!("{minutes} min"),
        (1..48, _) if minutes % 60 == 0 => format!("{hours} h"),
        (1..48, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} days", hours / 24),
    }
}
