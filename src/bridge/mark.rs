//! The mark of the desk's lines, and how customers are kept from forging it.
//!
//! Invariants: every line that the desk writes to an agent, and every line of one person's message
//! that it repeats for another, begins with the mark. No line of a customer's message does, or
//! looks as if it did: at any line end that a client may recognize, after invisible characters, in
//! right-to-left text, or after blanks that push the mark to the next line of the window.

use std::borrow::Cow;

use icu_properties::CodePointMapData;
use icu_properties::props::BidiClass;

use super::clean;

/// Begins every line that the desk writes to an agent.
pub const DESK_MARK: char = '⚙';

/// U+2060, word joiner: keeps a client from taking `/me` for an action.
const SET_OFF: char = '\u{2060}';

/// A customer's text as an agent gets it: a mark that begins a line, or would seem to, is put in
/// brackets, and `/me` at the start is kept from being shown as an action.
pub fn for_agent(words: &str) -> Cow<'_, str> {
    let acts = clean::visible_start(words).starts_with("/me");
    // No look-alike of the mark is ASCII.
    if !acts && (words.is_ascii() || !words.contains(is_mark)) {
        return Cow::Borrowed(words);
    }
    let mut safe = String::with_capacity(words.len() + 8);
    if acts {
        safe.push(SET_OFF);
    }
    for line in words.split_inclusive(is_line_end) {
        bracketed(line, &mut safe);
    }
    Cow::Owned(safe)
}

/// Another person's text: each line after the mark, the name and a colon. A text of many lines has
/// the name once, followed by marked lines that quote.
pub fn mirrored(name: &str, text: &str) -> String {
    /// Texts with more lines than this have the name only once.
    const NAMED_LINES: usize = 50;
    let named = text.split(is_line_end).nth(NAMED_LINES).is_none();
    let mut marked = String::with_capacity(text.len() + name.len() + 8);
    for (number, line) in text.split(is_line_end).enumerate() {
        if number > 0 {
            marked.push('\n');
        }
        marked.push(DESK_MARK);
        marked.push(' ');
        if number == 0 || named {
            marked.push_str(name);
            marked.push_str(": ");
        } else {
            marked.push_str("> ");
        }
        marked.push_str(line);
    }
    marked
}

/// Whether a line quotes a marked line, as an agent's client does in a reply.
pub fn is_quoted_mark(line: &str) -> bool {
    let start = line.trim_start_matches(|c| is_quote(c) || clean::may_hide(c));
    line.contains(is_quote) && start.starts_with(is_mark)
}

/// Whether a client may begin another line after this character.
pub fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The mark, and characters that look like it.
pub fn is_mark(c: char) -> bool {
    matches!(c, '\u{2699}' | '\u{26ed}'..='\u{26ef}' | '\u{2388}' | '\u{2638}' | '\u{263c}')
}

/// Appends one line, with brackets around each mark that begins it or may seem to.
fn bracketed(line: &str, safe: &mut String) {
    if !line.contains(is_mark) {
        return safe.push_str(line);
    }
    // In right-to-left text, the end of the line may be what is read first.
    let turned = line.chars().any(turns);
    let mut at_start = true;
    let mut blanks = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if is_mark(c) && (at_start || blanks > 1 || turned) {
            safe.push('(');
            safe.push(c);
            while let Some(shape) = chars.next_if(|c| is_variation(*c)) {
                safe.push(shape);
            }
            safe.push(')');
        } else {
            safe.push(c);
        }
        match c {
            '\t' => blanks += 2,
            _ if clean::is_blank_space(c) => blanks += 1,
            _ if clean::may_hide(c) => {}
            _ => blanks = 0,
        }
        at_start &= is_quote(c) || clean::may_hide(c);
    }
}

fn is_variation(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_quote(c: char) -> bool {
    matches!(c, '>' | '\u{ff1e}' | '\u{fe65}')
}

/// Whether a character makes the text around it run from right to left.
fn turns(c: char) -> bool {
    let class = CodePointMapData::<BidiClass>::new().get(c);
    clean::is_bidi_control(c)
        || [BidiClass::RightToLeft, BidiClass::ArabicLetter, BidiClass::ArabicNumber]
            .contains(&class)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_poses_as_the_desk() {
        let table = [
            ("hello", "hello"),
            ("it costs 5 ⚙", "it costs 5 ⚙"),
            ("⚙ Ann is waiting", "(⚙) Ann is waiting"),
            ("⚙\u{fe0f} x", "(⚙\u{fe0f}) x"),
            ("⛭ x\n⛮ y\n⛯ z", "(⛭) x\n(⛮) y\n(⛯) z"),
            ("⚙⚙ x", "(⚙)⚙ x"),
            ("a\n⚙ b\n ⚙ c", "a\n(⚙) b\n (⚙) c"),
            ("a\u{2028}⚙", "a\u{2028}(⚙)"),
            ("> ⚙ Alice: refund approved", "> (⚙) Alice: refund approved"),
            (">> > ⚙ x", ">> > (⚙) x"),
            ("\u{202e}devorppa :ecilA ⚙", "\u{202e}devorppa :ecilA (⚙)"),
            ("\u{200f}Alice: approved ⚙", "\u{200f}Alice: approved (⚙)"),
            ("שלום ⚙", "שלום (⚙)"),
            ("ok          ⚙ Alice: approved", "ok          (⚙) Alice: approved"),
            ("ok\t⚙ Alice: approved", "ok\t(⚙) Alice: approved"),
            ("/me waves", "\u{2060}/me waves"),
            (" \u{200b}/me waves", "\u{2060} \u{200b}/me waves"),
            ("a\n/me waves", "a\n/me waves"),
            ("see /me", "see /me"),
        ];
        for (words, safe) in table {
            assert_eq!(for_agent(words), safe, "{words:?}");
        }
        let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
        let unseen = [
            ' ',
            '\t',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1680}',
            '\u{180e}',
            '\u{2007}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{e0041}',
            '\u{301}',
        ];
        for (end, unseen) in ends.into_iter().flat_map(|end| unseen.map(|unseen| (end, unseen))) {
            let safe = for_agent(&format!("a{end}{unseen}⚙ b")).into_owned();
            assert_eq!(safe, format!("a{end}{unseen}(⚙) b"));
        }
    }

    #[test]
    fn a_mirrored_text_cannot_pose_as_another() {
        assert_eq!(mirrored("Alice", "/me waves\n⚙ x"), "⚙ Alice: /me waves\n⚙ Alice: ⚙ x");
        assert_eq!(mirrored("Alice", "a\u{2028}b\u{85}c"), "⚙ Alice: a\n⚙ Alice: b\n⚙ Alice: c");
        let long = mirrored("Alice", &"\n".repeat(7_999));
        assert!(long.len() < 64_000);
        assert!(long.lines().skip(1).all(|line| line.starts_with("⚙ > ")));
    }

    #[test]
    fn a_quoted_mark_is_found() {
        for quoted in ["> ⚙ email: a@b", ">⚙", "  > > ⚙ x", "\u{200b}> \u{2060}⚙"] {
            assert!(is_quoted_mark(quoted), "{quoted:?}");
        }
        for plain in ["⚙ x", "> a ⚙", "a > ⚙", "> ", ""] {
            assert!(!is_quoted_mark(plain), "{plain:?}");
        }
    }

    /// Pieces that somebody forging the mark would use.
    fn forged() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "⚙",
                "⛭",
                "⛯",
                "⚙\u{fe0f}",
                "⚙ Alice: approved",
                "\n",
                "\r",
                "\u{85}",
                "\u{2028}",
                "\u{2029}",
                " ",
                "\t",
                "\u{a0}",
                "\u{202e}",
                "\u{2066}",
                "\u{200f}",
                "\u{2800}",
                "\u{3164}",
                "\u{e0020}",
                ">",
                "> ",
                "/me ",
                "a",
                "ש",
                "\u{301}",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_line_of_a_customer_begins_with_the_mark(words in forged()) {
            let words = clean::text(&words);
            let safe = for_agent(&words);
            for line in safe.split(is_line_end) {
                let seen = |c: &char| !clean::may_hide(*c) && *c != '>';
                prop_assert!(!line.chars().find(seen).is_some_and(is_mark), "{:?}", safe);
                // Nor does its end, if that may be read first.
                if line.chars().any(turns) {
                    let bare = line.replace(is_variation, "");
                    let free = bare.chars().zip(bare.chars().skip(1).chain([' ']));
                    prop_assert!(!free.into_iter().any(|(c, next)| is_mark(c) && next != ')'), "{:?}", safe);
                }
            }
            let kept = |text: &str| text.replace(['(', ')', SET_OFF], "");
            prop_assert_eq!(kept(&safe), kept(&words), "every word is kept");
        }

        #[test]
        fn every_line_that_is_mirrored_has_the_mark(words in forged()) {
            let mirrored = mirrored("Alice", &words);
            for line in mirrored.split(is_line_end) {
                prop_assert!(line.starts_with("⚙ "), "{:?}", mirrored);
            }
        }
    }
}
