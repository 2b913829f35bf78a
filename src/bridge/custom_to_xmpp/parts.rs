//! The parts that stanzas are built from.

use std::borrow::Cow;

use xmpp_parsers::date::DateTime;
use xmpp_parsers::delay::Delay;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::message::{Id, Lang, Message, MessageType, Thread};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::nick::Nick;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};
use xmpp_parsers::stanza_id::OriginId;

use crate::bridge::clean;
use crate::chat::ids::{ConversationId, LinkDomain, Timestamp};
use crate::chat::row::{Author, Row};

/// A row older than this, in milliseconds, is sent with its time.
pub(super) const DELAYED_MS: i64 = 5_000;

/// The maximum size of a body on the wire, in bytes; a longer one, which is a notice or a text of
/// many lines, is cut. The rest of a stanza (128 KiB) is more than enough for everything else.
pub(super) const ROOM: usize = 96 * 1024;

/// Makes the id of a notice that belongs to no row. Some clients take two messages without an id
/// and with the same text for one; they compare nothing but UUIDs.
pub(in crate::bridge) type LineId<'a> = &'a dyn Fn() -> String;

/// A stanza error with an English text.
pub(in crate::bridge) fn error(
    type_: ErrorType,
    condition: DefinedCondition,
    text: &str,
) -> StanzaError {
    StanzaError::new(type_, condition, "en", clean::text(text).into_owned())
}

/// A display name (XEP-0172).
pub(super) fn nick(name: &str) -> Element {
    Nick(clean::text(name).into_owned()).into()
}

pub(super) fn bare(from: Jid, to: Jid, type_: MessageType) -> Message {
    let mut message = Message::new_with_type(type_, to);
    message.from = Some(from);
    message
}

pub(in crate::bridge) fn spoken(
    from: Jid,
    to: Jid,
    body: &str,
    thread: Option<ConversationId>,
) -> Message {
    let mut message = bare(from, to, MessageType::Chat);
    message.bodies.insert(Lang::new(), fitted(body, ROOM).into_owned());
    message.thread = thread.map(thread_of);
    message
}

/// A text that takes at most `room` bytes on the wire, with escapes; a cut text ends with an
/// ellipsis.
pub(super) fn fitted(text: &str, room: usize) -> Cow<'_, str> {
    /// The longest escape of a byte: an ampersand.
    const ESCAPED: usize = 5;
    let text = clean::text(text);
    if text.len() <= room / ESCAPED {
        return text;
    }
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += match c {
            '&' => 5,
            '<' | '>' => 4,
            c => c.len_utf8(),
        };
        if taken > room {
            return Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default()));
        }
    }
    text
}

pub(super) fn thread_of(conversation: ConversationId) -> Thread {
    Thread { parent: None, id: conversation.to_string() }
}

pub(in crate::bridge) fn identified(message: &mut Message, id: String) {
    message.payloads.push(OriginId { id: id.clone() }.into());
    message.id = Some(Id(id));
}

pub(super) fn is_customers(row: &Row) -> bool {
    row.author == Author::Customer && row.kind.is_said()
}

pub(super) fn delay(domain: &LinkDomain, at: Timestamp, now: Timestamp) -> Option<Element> {
    if now.since(at) <= DELAYED_MS {
        return None;
    }
    let stamp = chrono::DateTime::from_timestamp_millis(at.0)?.fixed_offset();
    let from = Jid::new(domain.as_str()).ok();
    Some(Delay { from, stamp: DateTime(stamp), data: None }.into())
}
