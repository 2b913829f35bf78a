//! Words that answer others: what is quoted of them, and where a text stops to quote (XEP-0461,
//! XEP-0428).
//!
//! Invariants: every quoted line begins with `> `; offsets count Unicode scalars, as XEP-0428 does;
//! what a client says of its own text is believed only as far as the text has it.

use xmpp_parsers::minidom::Element;

use super::clean;

/// XEP-0461.
pub const REPLY: &str = "urn:xmpp:reply:0";
/// XEP-0428.
pub const FALLBACK: &str = "urn:xmpp:fallback:0";

/// The most lines that are quoted.
const LINES: usize = 4;
/// The longest quoted line, in characters.
const LINE_CHARS: usize = 120;

/// What is quoted of a text: some lines of it, each behind `> `, with a line end.
pub fn quoted(text: &str) -> String {
    let text = clean::text(text);
    let mut lines = text.lines();
    let mut quote = String::new();
    for line in lines.by_ref().take(LINES) {
        quote.push_str("> ");
        match line.char_indices().nth(LINE_CHARS) {
            Some((end, _)) => {
                quote.push_str(line.get(..end).unwrap_or_default());
                quote.push('…');
            }
            None => quote.push_str(line),
        }
        quote.push('\n');
    }
    if lines.next().is_some() {
        quote.push_str("> …\n");
    }
    quote
}

/// The text of a message without what it only says for clients that do not know of replies; all of
/// it where nothing is left, or the message says nothing of that.
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
        assert_eq!(quoted("a\n⚙ b"), "> a\n> ⚙ b\n");
        assert_eq!(quoted("1\n2\n3\n4\n5"), "> 1\n> 2\n> 3\n> 4\n> …\n");
        assert_eq!(quoted(&"ä".repeat(200)), format!("> {}…\n", "ä".repeat(120)));
    }

    #[test]
    fn a_text_is_told_from_what_it_quotes() {
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
