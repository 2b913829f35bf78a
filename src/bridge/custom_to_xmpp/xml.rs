//! Writes XML as text.
//!
//! Invariants: user input cannot break the XML: characters that XML forbids are replaced, and those
//! that would end a text or an attribute are escaped. Only literals are written as they are
//! ([`Xml::push`]).

use crate::bridge::clean;

#[derive(Debug)]
pub(super) struct Xml(String);

impl Xml {
    /// Empty, with room for this many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn push(&mut self, xml: &'static str) {
        self.0.push_str(xml);
    }

    /// Writes an attribute's value, escaped.
    pub(super) fn attribute(&mut self, value: &str) {
        self.escaped(&clean::text(value), true);
    }

    /// Writes a text, escaped.
    pub(super) fn text(&mut self, text: &str) {
        self.escaped(&clean::text(text), false);
    }

    pub(super) fn done(self) -> String {
        self.0
    }

    fn escaped(&mut self, text: &str, in_attribute: bool) {
        let special = |byte: u8| match byte {
            b'<' | b'>' | b'&' => true,
            b'\'' | b'"' | b'\t' | b'\n' => in_attribute,
            _ => false,
        };
        let mut rest = text;
        // Checking every byte without an early exit is faster than a search, and mostly finds
        // nothing.
        if !text.bytes().fold(false, |any, byte| any | special(byte)) {
            return self.0.push_str(text);
        }
        while let Some(at) = rest.bytes().position(special) {
            // These are single bytes, so both sides are whole characters.
            let (plain, from) = rest.split_at(at);
            let (byte, after) = from.split_at(1);
            self.0.push_str(plain);
            self.0.push_str(match byte {
                "<" => "&lt;",
                ">" => "&gt;",
                "&" => "&amp;",
                "'" => "&#39;",
                "\"" => "&#34;",
                "\t" => "&#9;",
                _ => "&#10;",
            });
            rest = after;
        }
        self.0.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xmpp_parsers::minidom::Element;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(attribute: String, first: String, second: String) {
            let mut xml = Xml::with_capacity(16);
            xml.push("<a xmlns='urn:a' b='");
            xml.attribute(&attribute);
            xml.push("/");
            xml.attribute(&second);
            xml.push("'>");
            xml.text(&first);
            xml.push("<c xmlns='urn:c'/><d>");
            xml.text(&second);
            xml.push("</d></a>");
            let element: Element = xml.done().parse().unwrap();
            let second = clean::text(&second);
            let joined = format!("{}/{second}", clean::text(&attribute));
            prop_assert_eq!(element.attr("b"), Some(joined.as_str()));
            let texts: String = element.texts().collect();
            prop_assert_eq!(texts, clean::text(&first));
            prop_assert!(element.has_child("c", "urn:c"));
            prop_assert_eq!(element.get_child("d", "urn:a").unwrap().text(), second);
        }
    }
}
