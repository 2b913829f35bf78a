//! What agents read about canned replies.
//!
//! Invariant: of what people wrote, every line is marked, or is one piece of a line.

use std::sync::Arc;

use super::piece::{cut, marked, piece};
use crate::bridge::mark;
use crate::chat::canned::{CannedNotice, CannedRefusal, JOINED};
use crate::chat::ids::ReplyKey;

/// The longest part of an unknown name that is repeated, in characters.
const WORDS_CHARS: usize = 64;

pub(super) fn line(told: &CannedNotice) -> String {
    match told {
        CannedNotice::List { replies, .. } if replies.is_empty() => {
            marked("There are no canned replies. Your operator adds them.")
        }
        CannedNotice::List { replies, more } => {
            let lines = replies.iter().map(|(key, title)| marked(&titled(key, title)));
            let more = (*more > 0).then(|| marked(&format!("… and {more} more")));
            let how = marked(
                "!r KEY sends one; !r and words of it finds it; !r? KEY shows it to you alone",
            );
            lines.chain(more).chain([how]).collect::<Vec<_>>().join("\n")
        }
        CannedNotice::Shown { keys, text } => mark::mirrored(&piece(keys), text),
        CannedNotice::Said { keys, text } => {
            marked(&format!("Sent {}: {}", piece(keys), piece(text)))
        }
    }
}

pub(super) fn refusal(why: &CannedRefusal) -> String {
    match why {
        CannedRefusal::Unknown { any: false, .. } => {
            "Not sent: there are no canned replies. Your operator adds them.".to_owned()
        }
        CannedRefusal::Unknown { words, .. } => {
            format!("Not sent: no canned reply has “{}”. Type !r for the list.", quoted(words))
        }
        CannedRefusal::Found { key, text } => {
            format!("Not sent: type !r {key} to send this one: “{}”", piece(text))
        }
        CannedRefusal::Several { words, replies, more } => {
            let known = replies.iter().map(|(key, title)| titled(key, title)).collect::<Vec<_>>();
            let more = if *more > 0 { format!("; and {more} more") } else { String::new() };
            format!(
                "Not sent: “{}” is in several canned replies. Type !r and the key: {}{more}.",
                quoted(words),
                known.join("; ")
            )
        }
        CannedRefusal::Empty { key, variable } => format!(
            "Not sent: {key} needs {}, which is not known here. Please write it yourself.",
            quoted(variable)
        ),
        CannedRefusal::Missing { key, number } => format!(
            "Not sent: {key} needs {number} word{} after it. \
             Put several words for one in quotation marks; !r? {key} shows the text.",
            if *number == 1 { "" } else { "s" }
        ),
        CannedRefusal::Unused { key, words } => {
            format!(
                "Not sent: {key} has no place for “{}”. !r? {key} shows the text.",
                quoted(words)
            )
        }
        CannedRefusal::Unclosed => {
            "Not sent: a quotation mark is not closed. Close it, or leave it out.".to_owned()
        }
        CannedRefusal::Lonely => "Not sent: put a key before and after +.".to_owned(),
        CannedRefusal::Many => {
            format!("Not sent: at most {JOINED} canned replies make one message.")
        }
        CannedRefusal::Long => {
            "Not sent: together over 8,000 characters. Please send fewer.".to_owned()
        }
        CannedRefusal::Blank { key } => format!("Not sent: nothing is left of {key}."),
        CannedRefusal::Broken { key } => {
            format!("Not sent: the text of {key} cannot be read. Tell your operator.")
        }
    }
}

fn titled(key: &ReplyKey, title: &Arc<str>) -> String {
    format!("{key} – {}", piece(title))
}

fn quoted(words: &str) -> String {
    cut(&piece(words), WORDS_CHARS)
}
