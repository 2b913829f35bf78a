//! Which canned replies an agent's words name.
//!
//! Invariant: a reply that is said is named by its key; one that is found by words is only shown.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::told::{CannedNotice, CannedRefusal, JOINED};
use crate::chat::ids::ReplyKey;
use crate::chat::settings::CannedReply;

/// How many replies a list shows.
const LISTED: usize = 12;
/// How many a refusal names.
const NAMED: usize = 8;
/// How many words are searched for at most.
const SEARCHED: usize = 8;
/// How much of what was written is repeated to its author, in characters.
const REPEATED_CHARS: usize = 64;

/// A tenant's replies, ready to be searched.
#[derive(Debug, Default)]
pub(in crate::chat) struct Canned(Vec<(CannedReply, Box<str>)>);

impl Canned {
    pub(in crate::chat) fn of(replies: &[CannedReply]) -> Self {
        let searchable = |reply: &CannedReply| {
            fold(&format!("{}\n{}\n{}", reply.key, reply.title, reply.text)).into()
        };
        Self(replies.iter().map(|reply| (reply.clone(), searchable(reply))).collect())
    }

    pub(in crate::chat) fn list(&self) -> CannedNotice {
        let (replies, more) = listed(self.0.iter().map(|(reply, _)| reply), LISTED);
        CannedNotice::List { replies, more }
    }

    fn by_key(&self, key: &str) -> Option<&CannedReply> {
        self.0.iter().map(|(reply, _)| reply).find(|reply| reply.key.as_str() == key)
    }

    /// The only reply that has all of these words in its key, title or text, each at the beginning
    /// of a word.
    fn search(&self, words: &[Word<'_>]) -> Result<&CannedReply, CannedRefusal> {
        let plain = |word: &Word<'_>| {
            fold(word.text).trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
        };
        let wanted: Vec<String> = words.iter().map(plain).filter(|word| !word.is_empty()).collect();
        let has_all = |text: &str| wanted.iter().all(|word| has(text, word));
        let fit: Vec<&CannedReply> = if (1..=SEARCHED).contains(&wanted.len()) {
            self.0.iter().filter(|(_, text)| has_all(text)).map(|(reply, _)| reply).collect()
        } else {
            Vec::new()
        };
        match fit.as_slice() {
            [] => Err(CannedRefusal::Unknown { words: repeated(words), any: !self.0.is_empty() }),
            [one] => Ok(*one),
            several => {
                let (replies, more) = listed(several.iter().copied(), NAMED);
                Err(CannedRefusal::Several { words: repeated(words), replies, more })
            }
        }
    }
}

/// A reply, and the words that belong to it.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) reply: &'a CannedReply,
    pub(super) arguments: Vec<&'a str>,
    /// By words of it, not by its key.
    pub(super) searched: bool,
}

/// The replies that an agent's words name, in order: each by its key, followed by arguments, or by
/// words to search for.
pub(super) fn chosen<'a>(
    known: &'a Canned,
    words: &'a str,
) -> Result<Vec<Chosen<'a>>, CannedRefusal> {
    let words = split(words).ok_or(CannedRefusal::Unclosed)?;
    let parts: Vec<&[Word<'_>]> = words.split(Word::joins).collect();
    if parts.len() > JOINED {
        return Err(CannedRefusal::Many);
    }
    parts.into_iter().map(|part| choose(known, part)).collect()
}

fn choose<'a>(known: &'a Canned, part: &[Word<'a>]) -> Result<Chosen<'a>, CannedRefusal> {
    let (first, rest) = part.split_first().ok_or(CannedRefusal::Lonely)?;
    match known.by_key(&fold(first.text)) {
        Some(reply) => Ok(Chosen {
            reply,
            arguments: rest.iter().map(|word| word.text).collect(),
            searched: false,
        }),
        None => Ok(Chosen { reply: known.search(part)?, arguments: Vec::new(), searched: true }),
    }
}

/// A word, or several between quotation marks.
#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    quoted: bool,
}

impl Word<'_> {
    fn joins(&self) -> bool {
        !self.quoted && matches!(self.text, "+" | "＋")
    }
}

/// The words of a text; none if a quotation mark has no counterpart.
fn split(text: &str) -> Option<Vec<Word<'_>>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let ends: &[char] = match first {
            '"' | '“' | '”' | '„' => &['"', '“', '”'],
            '«' => &['»'],
            _ => &[],
        };
        let (text, after) = if ends.is_empty() {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest.split_at_checked(end)?
        } else {
            rest.strip_prefix(first)?.split_once(ends)?
        };
        words.push(Word { text, quoted: !ends.is_empty() });
        rest = after.trim_start();
    }
    Some(words)
}

/// Whether a text has a word that begins so. Scripts without capitals are often written without
/// blanks: there it may be anywhere.
fn has(text: &str, word: &str) -> bool {
    let anywhere = word.chars().next().is_some_and(|c| !c.is_ascii() && !c.is_lowercase());
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        anywhere || before.is_none_or(|c| !c.is_alphanumeric())
    })
}

/// A text without differences of case and composition.
fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).collect()
}

fn repeated(words: &[Word<'_>]) -> Arc<str> {
    let text = words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
    text.chars().take(REPEATED_CHARS).collect::<String>().into()
}

/// Replies as they are listed, and how many are left out.
fn listed<'r>(
    replies: impl ExactSizeIterator<Item = &'r CannedReply>,
    most: usize,
) -> (Vec<(ReplyKey, Arc<str>)>, usize) {
    let more = replies.len().saturating_sub(most);
    let shown = replies.take(most).map(|reply| (reply.key.clone(), reply.title.clone()));
    (shown.collect(), more)
}
