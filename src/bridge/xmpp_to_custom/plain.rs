//! Reads the most frequent stanzas of agents' clients from their text, without a tree of elements.
//!
//! Invariants: the result is what [`decode`](super::input::decode) would return for the same
//! stanza; any shape not known here is left to it. The text is one stanza as a server writes it on
//! a stream of `jabber:component:accept`.

use std::borrow::Cow;

use xmpp_parsers::ns;

use super::decoded::{Context, Decoded};
use super::words;
use crate::bridge::address::{self, Address, Target};
use crate::bridge::clean;
use crate::bridge::xmlns::HINTS;
use crate::chat::event::{AgentContent, AgentInput, Event, Peer};

/// Reads a stanza; none if it must be read as a tree.
pub fn read(xml: &str, context: Context<'_>) -> Option<Decoded> {
    let message = Message::read(xml)?;
    let (from, to) = (Address::read(message.from?)?, Address::read(message.to?)?);
    let agent = context.book.agent(&from)?;
    let Target::Peer(peer) = context.book.target(agent, &to, context.domain)? else { return None };
    let stanza = message.id.filter(|id| words::is_kept(id));
    let body = message.body.as_deref().filter(|body| !clean::is_blank(body));
    let content = match (body, &peer) {
        (Some(body), _) if words::is_encrypted_file(body) => return None,
        (Some(body), _) => words::spoken(&peer, body),
        // An empty message that asks for a receipt: too rare to be handled here.
        (None, _) if stanza.is_some() && message.request => return None,
        (None, Peer::Desk(_)) => return Some(Decoded::Nothing),
        (None, Peer::Customer(_)) => match message.confirmed().or_else(|| message.typing()) {
            Some(content) => content,
            None => return Some(Decoded::Nothing),
        },
    };
    Some(Decoded::Event(Event::Agent(Box::new(AgentInput {
        agent: agent.clone(),
        resource: from.resource().unwrap_or_default().into(),
        to: peer,
        stanza: stanza.map(Into::into),
        wants_receipt: stanza.is_some() && message.request,
        fresh: (context.fresh)(),
        by_form: false,
        content,
    }))))
}

/// A message of a known shape, with each part at most once.
#[derive(Debug, Default)]
struct Message<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    id: Option<&'a str>,
    body: Option<Cow<'a, str>>,
    request: bool,
    /// The markers and receipts that name a stanza, by precedence.
    marks: [Option<&'a str>; 4],
    state: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn read(xml: &'a str) -> Option<Self> {
        let mut message = Self::default();
        let mut text = Text(xml);
        let mut type_ = None;
        let (name, empty) = text.open(|name, value| match name {
            "from" => once(&mut message.from, value),
            "to" => once(&mut message.to, value),
            "id" => once(&mut message.id, value),
            "type" => once(&mut type_, value),
            "xmlns" => (value == ns::DEFAULT_NS).then_some(()),
            "xml:lang" => Some(()),
            _ => None,
        })?;
        if name != "message" || empty || !matches!(type_, None | Some("chat" | "normal")) {
            return None;
        }
        while !text.0.starts_with("</") {
            message.child(&mut text)?;
        }
        text.close("message")?;
        text.0.is_empty().then_some(message)
    }

    fn child(&mut self, text: &mut Text<'a>) -> Option<()> {
        let (mut namespace, mut id) = (None, None);
        let (name, empty) = text.open(|name, value| match name {
            "xmlns" => once(&mut namespace, value),
            "id" => once(&mut id, value),
            "xml:lang" | "by" | "from" | "stamp" => Some(()),
            _ => None,
        })?;
        let words = if empty { Cow::Borrowed("") } else { text.words()? };
        if !empty {
            text.close(name)?;
        }
        let [displayed, acknowledged, received, marked] = &mut self.marks;
        // A marker without an id has no effect, but it still takes precedence over later ones.
        let id = id.unwrap_or_default();
        match (name, namespace.unwrap_or(ns::DEFAULT_NS)) {
            ("body", ns::DEFAULT_NS) => once(&mut self.body, words),
            ("thread" | "subject", ns::DEFAULT_NS)
            | ("origin-id" | "stanza-id", ns::SID)
            | ("markable", ns::DISPLAYED_MARKERS)
            | ("nick", ns::NICK)
            | ("delay", ns::DELAY)
            | ("store" | "no-store" | "no-copy" | "no-permanent-store", HINTS) => Some(()),
            ("request", ns::RECEIPTS) => {
                self.request = true;
                Some(())
            }
            ("displayed", ns::DISPLAYED_MARKERS) => once(displayed, id),
            ("acknowledged", ns::DISPLAYED_MARKERS) => once(acknowledged, id),
            ("received", ns::RECEIPTS) => once(received, id),
            ("received", ns::DISPLAYED_MARKERS) => once(marked, id),
            (_, ns::CHATSTATES) => once(&mut self.state, name),
            _ => None,
        }
    }

    fn confirmed(&self) -> Option<AgentContent> {
        let [displayed, acknowledged, received, marked] =
            self.marks.map(|id| id.and_then(address::row_of));
        let displayed = displayed.or(acknowledged);
        displayed
            .map(|pos| AgentContent::Displayed { pos })
            .or_else(|| received.or(marked).map(|pos| AgentContent::Received { pos }))
    }

    fn typing(&self) -> Option<AgentContent> {
        words::state(self.state?)
    }
}

/// Fills an empty place; a second value is no known shape.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// The rest of the text. Its methods return none for anything that is not plain.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// A start tag: its name, and whether the element is empty.
    fn open(
        &mut self,
        mut attribute: impl FnMut(&'a str, &'a str) -> Option<()>,
    ) -> Option<(&'a str, bool)> {
        let name = self.skip("<")?.name()?;
        loop {
            if self.skip("/>").is_some() {
                return Some((name, true));
            }
            if self.skip(">").is_some() {
                return Some((name, false));
            }
            let of = self.skip(" ")?.name()?;
            let quote =
                if self.skip("='").is_some() { '\'' } else { self.skip("=\"").map(|_| '"')? };
            let (value, rest) = self.0.split_once(quote)?;
            // Escapes, white space that XML normalises, or no XML at all.
            let odd = |byte: u8| byte < b' ' || matches!(byte, b'<' | b'&');
            if value.bytes().fold(false, |any, byte| any | odd(byte)) {
                return None;
            }
            attribute(of, value)?;
            self.0 = rest;
        }
    }

    /// The text between two tags.
    fn words(&mut self) -> Option<Cow<'a, str>> {
        let end = self.0.find('<')?;
        let (raw, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        if !clean::is_clean(raw) || raw.contains("]]>") {
            return None;
        }
        if raw.contains('&') { unescaped(raw).map(Cow::Owned) } else { Some(Cow::Borrowed(raw)) }
    }

    fn close(&mut self, name: &str) -> Option<()> {
        self.skip("</")?.skip(name)?.skip(">").map(drop)
    }

    fn skip(&mut self, what: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(what)?;
        Some(self)
    }

    /// A name; prefixes other than `xml` are not expected.
    fn name(&mut self) -> Option<&'a str> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b':');
        let end = self.0.bytes().position(|byte| !is_name(byte))?;
        let (name, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        name.starts_with(|c: char| c.is_ascii_lowercase()).then_some(name)
    }
}

/// Text with its escapes resolved.
fn unescaped(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, after)) = rest.split_once('&') {
        let (entity, after) = after.split_once(';')?;
        text.push_str(plain);
        text.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "apos" => '\'',
            "quot" => '"',
            // Numeric escapes are too rare to be handled here.
            _ => return None,
        });
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;
    use xmpp_parsers::minidom::Element;

    use super::*;
    use crate::bridge::address::Book;
    use crate::bridge::xmpp_to_custom::input::decode;
    use crate::chat::ids::{AgentJid, ConversationId, LinkDomain, TenantKey};

    /// Reads a stanza both ways.
    fn both(xml: &str) -> (Option<Decoded>, Option<Decoded>) {
        let domain = LinkDomain::new("chat.example.org").unwrap();
        let alice = AgentJid::normalised("alice@example.org");
        let book = Book::new([(TenantKey::new("acme").unwrap(), alice)]);
        let fresh = || ConversationId(Uuid::from_u128(1));
        let context = Context { domain: &domain, book: &book, fresh: &fresh };
        let known = Some(ns::DEFAULT_NS.to_owned());
        let element = Element::from_reader_with_prefixes(xml.as_bytes(), known).ok();
        (read(xml, context), element.map(|element| decode(element, context)))
    }

    fn message(inside: &str) -> String {
        format!(
            "<message from='alice@example.org/p' to='k3f9@chat.example.org/web' type='chat' \
             id='m1' xml:lang='en'>{inside}</message>"
        )
    }

    #[test]
    fn frequent_stanzas_are_read_without_a_tree() {
        for inside in [
            "<body>Hello</body>",
            "<body>a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;</body><thread>t</thread>",
            "<body>a\nb</body><request xmlns='urn:xmpp:receipts'/><origin-id xmlns=\"urn:xmpp:sid:0\" id=\"x\"/>",
            "<body>!who</body><active xmlns='http://jabber.org/protocol/chatstates'/>",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>",
            "<received xmlns='urn:xmpp:receipts' id='p12'/><store xmlns='urn:xmpp:hints'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='p12'/>",
            "<received xmlns='urn:xmpp:receipts'/>",
        ] {
            let (plain, tree) = both(&message(inside));
            assert!(plain.is_some(), "{inside}");
            assert_eq!(plain, tree, "{inside}");
        }
    }

    #[test]
    fn whatever_else_there_is_needs_a_tree() {
        for inside in [
            "<body>a</body><body xml:lang='de'>b</body>",
            "<body>a<b/></body>",
            "<body>&#65;</body>",
            "<body>a</body> <thread>t</thread>",
            "<body>aesgcm://example.org/x</body>",
            "<body>a</body><encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<forwarded xmlns='urn:xmpp:forward:0'/>",
            "<received xmlns='urn:xmpp:carbons:2'/>",
            "<x:body xmlns:x='jabber:component:accept'>a</x:body>",
            "<!-- --><body>a</body>",
            "<body><![CDATA[a]]></body>",
        ] {
            assert_eq!(both(&message(inside)).0, None, "{inside}");
        }
        for xml in ["", "<", "<message", "<message/>", "<iq type='get'/>", "</message>"] {
            assert_eq!(both(xml).0, None, "{xml}");
        }
        let trailing = message("<body>a</body>") + "<a/>";
        assert_eq!(both(&trailing).0, None);
    }

    proptest! {
        /// Parts of stanzas in any order, and characters that break them.
        #[test]
        fn it_is_what_the_tree_says(parts in prop::collection::vec(prop::sample::select(vec![
            "<body>", "</body>", "<body/>", "a", "&lt;", "&", ";", " ", "\n", "]]>", "<", ">", "'", "\u{fffe}",
            "<thread>t</thread>", "<request xmlns='urn:xmpp:receipts'/>", "<x xmlns='urn:x'/>",
            "<received xmlns='urn:xmpp:receipts' id='p1'/>", "<received xmlns='urn:xmpp:receipts' id=\"p'2\"/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='p3'/>", "<displayed xmlns='urn:xmpp:chat-markers:0' id='3'/>",
            "<active xmlns='http://jabber.org/protocol/chatstates'/>", "<paused xmlns='http://jabber.org/protocol/chatstates'>",
            "</paused>", "<delay xmlns='urn:xmpp:delay' stamp='x'/>", "</message>", "<message>",
        ]), 0..6)) {
            let (plain, tree) = both(&message(&parts.concat()));
            if plain.is_some() {
                prop_assert_eq!(plain, tree);
            }
        }

        #[test]
        fn any_text_is_read_the_same(words: String) {
            let escaped = words.replace('&', "&amp;").replace('<', "&lt;");
            let (plain, tree) = both(&message(&format!("<body>{escaped}</body>")));
            if plain.is_some() {
                prop_assert_eq!(plain, tree);
            }
        }
    }
}
