//! Tags: words that agents put to a conversation.
//!
//! Invariant: a tag is one word in one spelling (small letters, NFKC), so that it is found again
//! however somebody writes it.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// The longest tag, in characters.
pub const TAG_CHARS: usize = 32;
/// How many tags a conversation has at most.
pub const TAGS: usize = 16;

/// The tags of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantTags {
    /// Whether agents may make new ones.
    pub open: bool,
    pub known: Vec<Arc<str>>,
}

/// A tag as it is kept, from how somebody writes it: `#Invoice,` is `invoice`. None if it is no
/// word of letters, digits, `-` and `_`.
pub fn tag(written: &str) -> Option<Arc<str>> {
    let word = written.trim_start_matches(['#', '＃']).trim_end_matches([',', ';', ':', '，']);
    let tag: String = word.nfkc().flat_map(char::to_lowercase).collect();
    let fits = (1..=TAG_CHARS).contains(&tag.chars().count())
        && tag.starts_with(char::is_alphanumeric)
        && tag.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    fits.then(|| tag.into())
}

/// Splits a text into the words with `#` that it begins with, and the rest.
pub(super) fn leading(text: &str) -> (Vec<&str>, &str) {
    let mut tags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with(['#', '＃']) {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        tags.push(word);
        rest = after.trim_start();
    }
    (tags, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_one_spelling() {
        for (written, kept) in [
            ("invoice", Some("invoice")),
            ("#Invoice,", Some("invoice")),
            ("＃ＩＮＶＯＩＣＥ", Some("invoice")),
            ("late-delivery_2", Some("late-delivery_2")),
            ("rücksendung", Some("rücksendung")),
            ("", None),
            ("#", None),
            ("-a", None),
            ("a b", None),
            ("a⚙", None),
            ("a\u{202e}b", None),
        ] {
            assert_eq!(tag(written).as_deref(), kept, "{written:?}");
        }
        assert_eq!(tag(&"a".repeat(TAG_CHARS + 1)), None);
    }

    #[test]
    fn tags_before_a_text_are_split_off() {
        assert_eq!(leading("#a ＃b Thank you #c"), (vec!["#a", "＃b"], "Thank you #c"));
        assert_eq!(leading("#a"), (vec!["#a"], ""));
        assert_eq!(leading("Thank you"), (vec![], "Thank you"));
    }
}
