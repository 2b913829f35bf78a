//! The stanzas of an agent's client: those it sends, and what is in those it gets.

use xmpp_parsers::minidom::Element;

pub const CLIENT: &str = "jabber:client";
pub const RECEIPTS: &str = "urn:xmpp:receipts";
pub const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

/// A message with a receipt requested (XEP-0184); `more` are further elements.
pub fn message(to: &str, id: &str, text: &str, more: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let content = format!("<body>{text}</body><request xmlns='{RECEIPTS}'/>{more}");
    format!("<message type='chat' id='{id}' to='{to}'>{content}</message>")
}

/// Presence: empty, `away`, `dnd`, `unavailable`….
pub fn presence(show: &str) -> String {
    match show {
        "" => "<presence/>".to_owned(),
        "unavailable" => "<presence type='unavailable'/>".to_owned(),
        show => format!("<presence><show>{show}</show></presence>"),
    }
}

/// What any client sends by itself: consent to a subscription and, if it `confirms`, the receipt
/// for a message.
pub fn reaction(stanza: &Element, confirms: bool) -> Option<String> {
    let from = stanza.attr("from").unwrap_or_default();
    match (stanza.name(), stanza.attr("type"), stanza.attr("id")) {
        ("presence", Some("subscribe"), _) => {
            Some(format!("<presence type='subscribed' to='{from}'/>"))
        }
        ("message", Some("error"), _) => None,
        ("message", _, Some(id))
            if confirms && body(stanza).is_some() && stanza.has_child("request", RECEIPTS) =>
        {
            let received = format!("<received xmlns='{RECEIPTS}' id='{id}'/>");
            Some(format!("<message to='{from}' id='r-{id}'>{received}</message>"))
        }
        _ => None,
    }
}

/// Who a stanza is from, without the resource.
pub fn bare(stanza: &Element) -> &str {
    stanza.attr("from").and_then(|from| from.split('/').next()).unwrap_or_default()
}

/// The text of a message, or of the message that an error returns.
pub fn body(stanza: &Element) -> Option<String> {
    (stanza.name() == "message").then(|| stanza.get_child("body", CLIENT))?.map(Element::text)
}

/// The message that a receipt confirms.
pub fn received(stanza: &Element) -> Option<&str> {
    stanza.get_child("received", RECEIPTS)?.attr("id")
}

/// The condition and the text of an error.
pub fn condition(stanza: &Element) -> Option<(String, String)> {
    let error = stanza.get_child("error", CLIENT)?;
    let text = error.get_child("text", STANZAS).map(Element::text).unwrap_or_default();
    let condition = error.children().find(|child| child.has_ns(STANZAS) && child.name() != "text");
    Some((condition?.name().to_owned(), text))
}
