//! The pieces that notices to agents are made of.

use crate::bridge::{clean, mark};
use crate::chat::event::Peer;
use crate::chat::ids::Timestamp;
use crate::chat::row::QuestionKind;

/// The name of a customer, as agents read it: their own, or one made from their address. Cleaned,
/// because an older version may have stored it uncleaned.
pub fn customer_name(name: Option<&str>, peer: &Peer) -> String {
    match (name.and_then(clean::name), peer) {
        (Some(name), _) => mark::for_agent(&name).into_owned(),
        (None, Peer::Customer(localpart)) => {
            let short = localpart.as_str().chars().take(4).collect::<String>();
            format!("Visitor {short}")
        }
        (None, Peer::Desk(_)) => "Visitor".to_owned(),
    }
}

/// A question with its answers or fields.
pub(super) fn asked(text: &str, offers: &QuestionKind) -> String {
    let (QuestionKind::Choices(labels) | QuestionKind::Fields(labels)) = offers;
    let lines = labels.iter().map(|label| format!("· {label}"));
    [text.to_owned()].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// From when to when, to the second, with dates if they differ.
pub(super) fn times(from: Timestamp, to: Timestamp) -> String {
    let moment = |at: Timestamp, format: &str| {
        let utc = chrono::DateTime::from_timestamp_millis(at.0);
        utc.map_or_else(|| "?".to_owned(), |utc| utc.format(format).to_string())
    };
    let day = |at| moment(at, "%F");
    let format = if day(from) == day(to) { "%T" } else { "%F %T" };
    // Rounded up to the full second, so that what came just before the end is included.
    format!("{}–{} UTC", moment(from, format), moment(to.plus(999), format))
}
