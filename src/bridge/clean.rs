//! Text made fit for both sides.
//!
//! Invariants: what [`text`] lets through can stand in XML 1.0, and cleaning it again changes
//! nothing; no word of a customer reaches an agent as a line of the desk or as an action (`/me`).

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use url::Url;

/// Begins every line that the desk itself writes to an agent.
pub const DESK_MARK: char = '⚙';

/// U+2060, word joiner: sets off what must not be taken for something else.
const SET_OFF: char = '\u{2060}';

/// The longest name, in characters.
const NAME_CHARS: usize = 64;

/// The longest address of a page, in bytes.
const PAGE_BYTES: usize = 512;

/// Replaces each character that XML 1.0 forbids by U+FFFD, and CR LF and CR by LF.
pub fn text(raw: &str) -> Cow<'_, str> {
    if is_clean(raw) {
        return Cow::Borrowed(raw);
    }
    let mut clean = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                clean.push('\n');
            }
            c if is_xml(c) => clean.push(c),
            _ => clean.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Cow::Owned(clean)
}

/// Whether a text is one that [`text`] would leave as it is.
pub fn is_clean(raw: &str) -> bool {
    is_plain(raw) || raw.chars().all(|c| c != '\r' && is_xml(c))
}

/// A name as people read it: NFC, on one line, without controls or bidi controls, at most 64
/// characters; none where nothing is left.
pub fn name(raw: &str) -> Option<String> {
    let spaced = line(raw);
    let cut = spaced.chars().take(NAME_CHARS).collect::<String>();
    let cut = cut.trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// NFC, on one line, without controls or bidi controls.
pub fn line(raw: &str) -> String {
    let visible = raw.nfc().filter(|&c| c.is_whitespace() || !is_hidden(c)).collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The address of a page, origin and path only, at most 512 bytes (a longer path is cut); none
/// where it is not an address of the web.
pub fn page(raw: &str) -> Option<String> {
    let url = Url::parse(raw).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let origin = url.origin().ascii_serialization();
    let room = PAGE_BYTES.checked_sub(origin.len())?;
    let path = url.path();
    // The path is ASCII here, so any index is a boundary; half an escape is not left behind.
    let path = match path.get(..room) {
        Some(head) if head.len() < path.len() => match head.rfind('%') {
            Some(escape) if escape + 3 > head.len() => head.get(..escape).unwrap_or(head),
            _ => head,
        },
        _ => path,
    };
    Some(origin + path)
}

/// A customer's words as an agent gets them: what looks like a line of the desk, on any line, or
/// like an action, at the start, is set off by U+2060.
pub fn for_agent(words: &str) -> Cow<'_, str> {
    if !words.contains(DESK_MARK) && !words.trim_start().starts_with("/me") {
        return Cow::Borrowed(words);
    }
    let mut safe = String::with_capacity(words.len() + 8);
    for (number, line) in words.split_inclusive(is_line_end).enumerate() {
        let start = line.trim_start_matches(|c: char| c.is_whitespace() || is_hidden(c));
        if start.starts_with(DESK_MARK) || (number == 0 && start.starts_with("/me")) {
            safe.push(SET_OFF);
        }
        safe.push_str(line);
    }
    Cow::Owned(safe)
}

/// Whether a text has at most `n` Unicode scalars, without counting further than needed.
pub fn scalars_at_most(text: &str, n: usize) -> bool {
    text.len() <= n || text.chars().nth(n).is_none()
}

/// Whether XML 1.0 lets a character stand in a document.
pub fn is_xml(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a text is of printable ASCII, tabs and line ends alone, as most are. All of it is looked
/// at, for that takes the machine a sixteenth of the steps.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Controls, and what moves or hides the characters around it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || !is_xml(c)
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_made_fit_for_xml() {
        let table = [
            ("plain", "plain"),
            ("", ""),
            ("tab\tand\nline", "tab\tand\nline"),
            ("a\r\nb\rc\r", "a\nb\nc\n"),
            ("a\r\r\nb", "a\n\nb"),
            ("bell\u{7} null\0", "bell\u{fffd} null\u{fffd}"),
            ("\u{fffe}\u{ffff}", "\u{fffd}\u{fffd}"),
            ("\u{1f600} <&> ]]>", "\u{1f600} <&> ]]>"),
            ("\u{7f}\u{85}\u{9f}", "\u{7f}\u{85}\u{9f}"),
        ];
        for (raw, clean) in table {
            assert_eq!(text(raw), clean, "{raw:?}");
        }
        assert!(matches!(text("untouched ✓"), Cow::Borrowed(_)));
    }

    #[test]
    fn names_are_one_visible_line() {
        let table = [
            ("Ann", Some("Ann")),
            ("  Ann \t  Lee \n", Some("Ann Lee")),
            ("Zoe\u{308}", Some("Zoë")),
            ("a\u{202e}gpj.exe", Some("agpj.exe")),
            ("\u{2066}\u{200f}\u{feff}", None),
            ("bell\u{7}", Some("bell")),
            ("two\u{2028}lines", Some("two lines")),
            ("", None),
            ("   ", None),
            ("\u{ffff}", None),
        ];
        for (raw, clean) in table {
            assert_eq!(name(raw).as_deref(), clean, "{raw:?}");
        }
        assert_eq!(name(&"é".repeat(100)).map(|n| n.chars().count()), Some(64));
        assert_eq!(name(&format!("{} b", "a".repeat(63))), Some("a".repeat(63)));
    }

    #[test]
    fn pages_are_origin_and_path() {
        let table = [
            ("https://example.com/pricing", Some("https://example.com/pricing")),
            ("https://EXAMPLE.com", Some("https://example.com/")),
            ("https://u:p@example.com/a?token=1#x", Some("https://example.com/a")),
            ("http://localhost:8080/?q", Some("http://localhost:8080/")),
            ("https://example.com:443/", Some("https://example.com/")),
            ("https://bücher.example/ä b", Some("https://xn--bcher-kva.example/%C3%A4%20b")),
            ("ftp://example.com/", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("file:///etc/passwd", None),
            ("about:blank", None),
            ("/pricing", None),
            ("https://", None),
            ("", None),
        ];
        for (raw, clean) in table {
            assert_eq!(page(raw).as_deref(), clean, "{raw:?}");
        }
        let long = page(&format!("https://example.com/{}", "ä".repeat(400))).unwrap();
        assert!(long.len() <= 512 && long.ends_with("%A4") || long.ends_with("%C3"), "{long}");
        assert_eq!(page(&format!("https://{}/", "a.".repeat(300))), None);
    }

    #[test]
    fn nobody_poses_as_the_desk() {
        let table = [
            ("hello", "hello"),
            ("it costs 5 ⚙", "it costs 5 ⚙"),
            ("⚙ Ann is waiting", "\u{2060}⚙ Ann is waiting"),
            ("⚙\u{fe0f}", "\u{2060}⚙\u{fe0f}"),
            ("a\n⚙ b\n ⚙ c", "a\n\u{2060}⚙ b\n\u{2060} ⚙ c"),
            ("\u{200b}⚙", "\u{2060}\u{200b}⚙"),
            ("a\u{2028}⚙", "a\u{2028}\u{2060}⚙"),
            ("/me waves", "\u{2060}/me waves"),
            ("/me", "\u{2060}/me"),
            ("a\n/me waves", "a\n/me waves"),
            ("see /me", "see /me"),
        ];
        for (words, safe) in table {
            assert_eq!(for_agent(words), safe, "{words:?}");
        }
    }

    #[test]
    fn scalars_are_counted_only_as_far_as_needed() {
        assert!(scalars_at_most("", 0));
        assert!(!scalars_at_most("a", 0));
        assert!(scalars_at_most("äöü", 3));
        assert!(!scalars_at_most("äöüx", 3));
        assert!(scalars_at_most("\u{1f600}", 1));
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(raw in any::<String>()) {
            let once = text(&raw).into_owned();
            prop_assert!(once.chars().all(|c| is_xml(c) && c != '\r'));
            prop_assert_eq!(text(&once), once.as_str());
            if let Some(named) = name(&raw) {
                prop_assert_eq!(name(&named), Some(named.clone()));
            }
            if let Some(page_once) = page(&raw) {
                prop_assert_eq!(page(&page_once), Some(page_once.clone()));
            }
        }

        #[test]
        fn setting_off_keeps_every_word(words in any::<String>()) {
            let kept = for_agent(&words).replace(SET_OFF, "");
            prop_assert_eq!(kept, words.replace(SET_OFF, ""));
        }
    }
}
