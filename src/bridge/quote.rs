//! Quotations in replies: what is quoted of a message, and which part of a text is quotation
//! (XEP-0461, XEP-0428).
//!
//! Invariants: every quoted line begins with `> `; offsets count Unicode scalars, as XEP-0428 does;
//! what a client declares about its own text is checked against the text.

use std::borrow::Cow;

use xmpp_parsers::minidom::Element;

use super::{clean, mark};

pub const REPLY: &str = "urn:xmpp:reply:0";
pub const FALLBACK: &str = "urn:xmpp:fallback:0";

/// The maximum number of quoted lines.
const LINES: usize = 4;
/// The longest quoted line, in characters.
const LINE_CHARS: usize = 120;

/// The quotation of a text: some of its lines, each after `> `, with line ends. In a customer's own
/// message (`by` is none) no quoted line begins with the mark; in others' each does, followed by
/// the name if there is one, so that nobody can forge such a quotation by hand.
pub fn quoted(text: &str, by: Option<&str>) -> String {
    let text = clean::text(text);
    let mut lines = text.trim_end_matches(mark::is_line_end).split(mark::is_line_end);
    let mut quote = String::new();
    for line in lines.by_ref().take(LINES) {
        quote.push_str("> ");
        let (line, more) = match line.char_indices().nth(LINE_CHARS) {
            Some((end, _)) => (line.get(..end).unwrap_or_default(), "…"),
            None => (line, ""),
        };
        match by {
            Some(name) => {
                quote.push_str(&format!("{} ", mark::DESK_MARK));
                if !name.is_empty() {
                    quote.push_str(&format!("{name}: "));
                }
                quote.push_str(line);
            }
            None => quote.push_str(&mark::for_agent(line)),
        }
        quote.push_str(more);
        quote.push('\n');
    }
    if lines.next().is_some() {
        quote.push_str("> …\n");
    }
    quote
}

/// An agent's text without the lines that quote the desk's notices, which are for agents only.
pub fn without_desk_lines(body: &str) -> Cow<'_, str> {
    // The mark is not ASCII, and most texts are.
    if body.is_ascii() || !body.split(mark::is_line_end).any(mark::is_quoted_mark) {
        return Cow::Borrowed(body);
    }
    let own = body.split_inclusive(mark::is_line_end);
    let own = own.filter(|line| !mark::is_quoted_mark(line)).collect::<String>();
    Cow::Owned(own.trim_matches(mark::is_line_end).to_owned())
}

/// The text of a message without its fallback for clients that do not support replies; none if the
/// message declares no fallback, or if nothing else is left.
pub fn without_quote(message: &Element, body: &str) -> Option<String> {
    let fallback = message
        .children()
        .find(|child| child.is("fallback", FALLBACK) && child.attr("for") == Some(REPLY))?;
    let range = fallback.get_child("body", FALLBACK)?;
    let offset = |name| range.attr(name)?.parse::<usize>().ok();
    let (start, end) = (offset("start")?, offset("end")?);
    let rest: String = body
        .chars()
        .enumerate()
        .filter(|(at, _)| !(start..end).contains(at))
        .map(|(_, c)| c)
        .collect();
    let rest = rest.trim_start_matches('\n').to_owned();
    (start <= end && !rest.trim().is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_short_and_marked_on_every_line() {
        assert_eq!(quoted("a\n⚙ b\u{2028}⛭ c", None), "> a\n> (⚙) b\n> (⛭) c\n");
        assert_eq!(quoted("1\n2\n3\n4\n5", None), "> 1\n> 2\n> 3\n> 4\n> …\n");
        assert_eq!(quoted(&"ä".repeat(200), None), format!("> {}…\n", "ä".repeat(120)));
        assert_eq!(quoted("a\u{85}⚙ b\n", Some("")), "> ⚙ a\n> ⚙ ⚙ b\n");
        assert_eq!(quoted("a\nb", Some("Bob")), "> ⚙ Bob: a\n> ⚙ Bob: b\n");
    }

    #[test]
    fn what_the_desk_wrote_is_not_quoted_to_the_customer() {
        let table = [
            ("> ⚙ email: ann@example.org\n> ⚙ order: 17\nThanks", "Thanks"),
            ("> Hi\n> ⚙ Alice: yes\nSo?", "> Hi\nSo?"),
            ("> ⚙ x", ""),
            ("⚙ is a sign", "⚙ is a sign"),
            ("> 5 ⚙", "> 5 ⚙"),
            ("> plain\nyes", "> plain\nyes"),
        ];
        for (body, own) in table {
            assert_eq!(without_desk_lines(body), own, "{body:?}");
        }
    }

    #[test]
    fn a_text_is_separated_from_its_quotation() {
        let message = |start: &str, end: &str| {
            let xml = format!(
                "<message xmlns='jabber:client'><fallback xmlns='{FALLBACK}' for='{REPLY}'>\
                 <body start='{start}' end='{end}'/></fallback></message>"
            );
            xml.parse::<Element>().unwrap()
        };
        let body = "> Grüße 👋\nYes";
        for (start, end, rest) in [
            ("0", "10", Some("Yes")),
            ("0", "9", Some("Yes")),
            ("0", "0", Some(body)),
            ("0", "13", None),
            ("0", "99", None),
            ("9", "3", None),
            ("-1", "3", None),
            ("x", "3", None),
            ("0", "99999999999999999999999", None),
        ] {
            let left = without_quote(&message(start, end), body);
            assert_eq!(left.as_deref(), rest, "{start} to {end}");
        }
        let plain = "<message xmlns='jabber:client'/>".parse::<Element>().unwrap();
        assert_eq!(without_quote(&plain, body), None);
    }
}
