//! Makes text safe for both sides.
//!
//! Invariants: the result of [`text`] is allowed in XML 1.0, and cleaning it again changes nothing;
//! a [`name`] has a visible character, and neither a name nor a [`line`] can move or hide the text
//! around it.

use std::borrow::Cow;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use url::Url;

/// The longest name, in characters.
const NAME_CHARS: usize = 64;

/// The longest page address, in bytes.
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

/// Whether [`text`] would leave this unchanged.
pub fn is_clean(raw: &str) -> bool {
    is_plain(raw) || raw.chars().all(|c| c != '\r' && is_xml(c))
}

/// A display name: NFC, on one line, without controls or bidi controls, at most 64 characters; none
/// if nothing visible is left.
pub fn name(raw: &str) -> Option<String> {
    // Most names are like this, and this is called for every message.
    let plain = raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain && (1..=NAME_CHARS).contains(&raw.len()) {
        return Some(raw.to_owned());
    }
    let spaced = line(raw);
    let cut = spaced.chars().take(NAME_CHARS).collect::<String>();
    let cut = cut.trim_end();
    (!cut.chars().all(may_hide)).then(|| cut.to_owned())
}

/// NFC, on one line, without controls, bidi controls and invisible characters; joiners and the
/// variation selectors of emoji are kept.
pub fn line(raw: &str) -> String {
    let visible = raw.chars().filter(|&c| c.is_whitespace() || !is_hidden(c)).nfc();
    let visible = visible.collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text has no visible character.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// A text from its first visible character on.
pub fn visible_start(text: &str) -> &str {
    text.trim_start_matches(is_invisible)
}

/// The address of a page, origin and path only, at most 512 bytes (a longer path is cut); none if
/// it is not an HTTP address.
pub fn page(raw: &str) -> Option<String> {
    let url = Url::parse(raw).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let origin = url.origin().ascii_serialization();
    let room = PAGE_BYTES.checked_sub(origin.len())?;
    let path = url.path();
    // The path is ASCII here, so any index is a character boundary; a cut-off escape is removed.
    let path = match path.get(..room) {
        Some(head) if head.len() < path.len() => match head.rfind('%') {
            Some(escape) if escape + 3 > head.len() => head.get(..escape).unwrap_or(head),
            _ => head,
        },
        _ => path,
    };
    Some(origin + path)
}

/// Whether a text has at most `n` Unicode scalars, without counting further than necessary.
pub fn scalars_at_most(text: &str, n: usize) -> bool {
    text.len() <= n || text.chars().nth(n).is_none()
}

/// Whether XML 1.0 allows a character.
pub fn is_xml(c: char) -> bool {
    matches!(c,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a text consists of printable ASCII, tabs and line ends, as most do. Checks every byte
/// without an early exit, which the compiler can vectorise (16 bytes a step).
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

/// Whether a character takes up space but shows nothing.
pub fn is_blank_space(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{1d159}')
}

/// Whether a character is invisible: blanks, controls, and what only changes other characters.
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c <= ' ' || c == '\u{7f}';
    }
    is_blank_space(c) || c.is_control() || is_ignorable(c) || category(c) == GeneralCategory::Format
}

/// Whether a character may be invisible: also marks without a letter to combine with, and
/// characters for which a client may have no glyph.
pub fn may_hide(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, PrivateUse, Unassigned};
    let hides = [NonspacingMark, EnclosingMark, PrivateUse, Unassigned];
    is_invisible(c) || c == '\u{fffc}' || (!c.is_ascii() && hides.contains(&category(c)))
}

/// Whether a character controls the direction of the text around it.
pub fn is_bidi_control(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Controls, and characters that move or hide those around them.
fn is_hidden(c: char) -> bool {
    let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    c.is_control()
        || !is_xml(c)
        || is_bidi_control(c)
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{2800}' | '\u{fff9}'..='\u{fffc}' | '\u{1d159}')
        || (!joins && !c.is_ascii() && is_ignorable(c))
}

/// Whether a character shows nothing where a font has no glyph for it.
fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
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
    fn what_cannot_be_seen_is_blank() {
        for blank in [
            "",
            " \n",
            "\u{200b}",
            "\u{2060}\u{feff}",
            "\u{ad}",
            "\u{2800}",
            "\u{3164} \u{115f}",
            "\u{202e}",
            "\u{e0041}",
            "\u{fe0f}",
            "\u{180e}\u{34f}",
            "\u{7f}\u{85}",
        ] {
            assert!(is_blank(blank), "{blank:?}");
            assert_eq!(name(blank), None, "{blank:?}");
        }
        for seen in ["a", ".", "\u{200b}a", "👍", "\u{fffd}", "é", "ש", "️1"] {
            assert!(!is_blank(seen), "{seen:?}");
        }
        assert_eq!(name("\u{301}\u{20dd}"), None, "marks without a letter");
        assert_eq!(name("👩\u{200d}🔧").as_deref(), Some("👩\u{200d}🔧"));
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
    }
}
