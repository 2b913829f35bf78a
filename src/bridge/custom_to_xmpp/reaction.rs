//! What agents read about a reaction, where their client does not show it at the message.

use super::piece::{cut, marked, piece};

/// How much is shown of the message that somebody reacted to, in characters.
const WORDS_CHARS: usize = 60;

/// A reaction, and the message it is for.
pub(super) fn line(who: &str, emoji: &str, to: Option<&str>) -> String {
    let what = match emoji {
        "" => "took a reaction back".to_owned(),
        emoji => format!("reacted with {}", piece(emoji)),
    };
    let to = to.map(|words| cut(&piece(words), WORDS_CHARS)).filter(|words| !words.is_empty());
    let to = to.map_or_else(String::new, |words| format!(" to: “{words}”"));
    marked(&format!("{who} {what}{to}"))
}
