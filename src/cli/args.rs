//! Parsers of arguments: each is validated and normalised before anything is opened.

use std::sync::Arc;

use clap::ValueEnum;
use url::Url;
use uuid::Uuid;

use crate::bridge::address::{self, BadAgent};
use crate::bridge::clean;
use crate::bridge::origin::canonical;
use crate::chat::ids::{
    AgentJid, BadName, ConversationId, LinkDomain, MacroKey, QueueKey, ReplyKey, TenantKey,
};
use crate::ports::settings::FormField;

const WELCOME_CHARS: usize = 200;
const NAME_CHARS: usize = 64;

pub(super) fn tenant(text: &str) -> Result<TenantKey, BadName> {
    TenantKey::new(text)
}

pub(super) fn queue(text: &str) -> Result<QueueKey, BadName> {
    QueueKey::new(text)
}

pub(super) fn reply(text: &str) -> Result<ReplyKey, BadName> {
    ReplyKey::new(text)
}

pub(super) fn macro_key(text: &str) -> Result<MacroKey, BadName> {
    MacroKey::new(text)
}

pub(super) fn link(text: &str) -> Result<LinkDomain, BadName> {
    LinkDomain::new(text)
}

pub(super) fn agent(text: &str) -> Result<AgentJid, BadAgent> {
    address::agent(text)
}

pub(super) fn conversation(text: &str) -> Result<ConversationId, &'static str> {
    Uuid::parse_str(text).map(ConversationId).map_err(|_| "a conversation's id is 32 hex digits")
}

pub(super) fn name(text: &str) -> Result<Arc<str>, String> {
    match clean::name(text) {
        Some(name) if text.trim().chars().count() <= NAME_CHARS => Ok(name.into()),
        Some(_) => Err(format!("a name has at most {NAME_CHARS} characters")),
        None => Err("a name has at least one character that can be read".to_owned()),
    }
}

/// An origin in the form that browsers send: scheme and host, and the port unless it is the
/// scheme's default. Pages within an app have a scheme of the app: `capacitor://localhost`.
pub(super) fn origin(text: &str) -> Result<String, &'static str> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.path(), "" | "/") && url.has_host())
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .and_then(|_| canonical(text))
        .ok_or("an origin has no path: write e.g. https://www.example.com or capacitor://localhost")
}

pub(super) fn color(text: &str) -> Result<String, &'static str> {
    match text.strip_prefix('#') {
        Some(digits) if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err("a color is # and six hex digits: write e.g. '#2f6fed'"),
    }
}

/// A line that customers read before the chat.
pub(super) fn welcome(text: &str) -> Result<String, String> {
    let line = clean::line(text).trim().to_owned();
    match line.chars().count() {
        0 => Err("a welcome has at least one character that can be read".to_owned()),
        1..=WELCOME_CHARS => Ok(line),
        _ => Err(format!("a welcome has at most {WELCOME_CHARS} characters")),
    }
}

/// A media type, or a type with a wildcard: `image/*`.
pub(super) fn media_type(text: &str) -> Result<String, &'static str> {
    let plain = |part: &str| {
        (1..=127).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    match text.split_once('/') {
        Some((family, "*")) if plain(family) => Ok(text.to_ascii_lowercase()),
        Some((family, kind)) if plain(family) && plain(kind) => Ok(text.to_ascii_lowercase()),
        _ => Err("write a media type, e.g. image/png or image/*"),
    }
}

/// A field of the form before the chat: its name, `!` if it is required, and its label after `=`.
pub(super) fn field(text: &str) -> Result<FormField, &'static str> {
    let (name, label) = match text.split_once('=') {
        Some((name, label)) => (name, Some(label.trim())),
        None => (text, None),
    };
    let (name, required) = match name.strip_suffix('!') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let well_formed = (1..=32).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    let known = matches!(name, "name" | "email" | "phone");
    let label = label.map(|label| clean::name(label).ok_or(())).transpose();
    match label {
        Ok(label) if well_formed && (known || label.is_some()) => {
            Ok(FormField { name: name.to_owned(), label, required })
        }
        _ => Err(
            "a field is 1 to 32 of a-z, 0-9, _ and -, and a label: write e.g. email! or order=\"Your order\"",
        ),
    }
}

pub(super) fn locale(text: &str) -> Result<String, &'static str> {
    let well_formed = text.len() <= 35
        && text.split('-').enumerate().all(|(at, part)| {
            let long_enough = if at == 0 { 2..=8 } else { 1..=8 };
            long_enough.contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphabetic() || at > 0 && b.is_ascii_digit())
        });
    if well_formed {
        Ok(text.to_owned())
    } else {
        Err("a locale is a language tag: write e.g. de or pt-BR")
    }
}

/// The word for a value, as it is written on the command line.
pub(super) fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_or_an_app_sends() {
        for (text, kept) in [
            ("https://www.example.com", "https://www.example.com"),
            ("https://WWW.example.com:443/", "https://www.example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://LOCALHOST/", "ionic://localhost"),
            ("app://my-app:81", "app://my-app:81"),
            ("tauri://localhost", "tauri://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ] {
            assert_eq!(origin(text).as_deref(), Ok(kept), "{text}");
        }
        for bad in [
            "",
            "null",
            "*",
            "www.example.com",
            "https://x/path",
            "https://x?y",
            "https://u@x",
            "capacitor://localhost/x",
            "capacitor:localhost",
            "file:///x",
            "file://x",
            "data:text/html,x",
            "javascript://x",
            "blob:https://x",
            "wss://x",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_field_has_a_name_and_says_whether_it_is_required() {
        let told = |text| field(text).ok().map(|f| (f.name, f.label, f.required));
        let made = |name: &str, label: Option<&str>, required| {
            Some((name.to_owned(), label.map(str::to_owned), required))
        };
        assert_eq!(told("name"), made("name", None, false));
        assert_eq!(told("email!"), made("email", None, true));
        assert_eq!(told("email!= Your e-mail "), made("email", Some("Your e-mail"), true));
        assert_eq!(told("order=Order = number"), made("order", Some("Order = number"), false));
        for bad in ["", "!", "=x", "order", "order=", "Order=x", "a b=x", &"a".repeat(33)] {
            assert_eq!(told(bad), None, "{bad:?}");
        }
    }
}
