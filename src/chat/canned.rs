//! Canned replies: how agents name them, and how their texts are filled in.
//!
//! Invariants: what is said has no variable left; a variable that is empty and has no fallback is
//! named, and nothing is said; every word that an agent writes is used, or nothing is said. The
//! work for one command is bounded, whatever it says.

mod find;
#[cfg(test)]
mod tests;
mod text;
mod told;

use std::sync::Arc;

pub(super) use find::Canned;
pub use text::{BadText, check};
pub(super) use text::{Gaps, Values};
pub use told::{CannedCommand, CannedNotice, CannedRefusal, JOINED, REPLIES, TEXT_CHARS};

/// The longest message that replies become, in characters, as of any message.
const SAID_CHARS: usize = 8_000;

/// A message made of canned replies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Composed {
    /// The keys, as an agent would write them.
    pub(super) keys: Arc<str>,
    pub(super) text: Arc<str>,
}

/// The message that an agent's words (`KEY [arguments]`, several with ` + ` between them) stand
/// for.
pub(super) fn compose(
    known: &Canned,
    words: &str,
    values: &Values,
    gaps: Gaps,
) -> Result<Composed, CannedRefusal> {
    let chosen = find::chosen(known, words)?;
    if let (Gaps::Refused, Some(found)) = (gaps, chosen.iter().find(|one| one.searched)) {
        let text = text::fill(found.reply, &[], values, Gaps::Kept)?.into();
        return Err(CannedRefusal::Found { key: found.reply.key.clone(), text });
    }
    let mut texts = Vec::with_capacity(chosen.len());
    for one in &chosen {
        texts.push(text::fill(one.reply, &one.arguments, values, gaps)?);
    }
    let text = texts.join("\n");
    if text.chars().nth(SAID_CHARS).is_some() {
        return Err(CannedRefusal::Long);
    }
    let keys = chosen.iter().map(|one| one.reply.key.as_str()).collect::<Vec<_>>();
    Ok(Composed { keys: keys.join(" + ").into(), text: text.into() })
}

/// The keys that an agent's words name; none if they are not keys.
pub(super) fn keys(known: &Canned, words: &str) -> Option<String> {
    let chosen = find::chosen(known, words).ok()?;
    if chosen.iter().any(|one| one.searched) {
        return None;
    }
    let keys = chosen.iter().map(|one| one.reply.key.as_str());
    Some(keys.collect::<Vec<_>>().join(" + "))
}
