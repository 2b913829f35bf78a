//! Pieces of people's texts in notices to agents.
//!
//! Invariant: what a person wrote is put into a notice as one line, without controls, cut.

use crate::bridge::{clean, mark};

/// The longest piece of a person's text in a notice, in characters.
const PIECE_CHARS: usize = 200;

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
