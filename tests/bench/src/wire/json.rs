//! The gateway's frames, as far as the generator reads them.

use super::{after, between, has, number, words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Welcome,
    Ack,
    Entry,
    Entries,
    Refused,
    Other,
}

/// The kind of a frame, by its `type`, which the gateway always writes first.
pub(crate) fn kind(frame: &[u8]) -> Kind {
    let name = frame.strip_prefix(br#"{"type":""#).unwrap_or_default();
    match name {
        [b'a', b'c', b'k', b'"', ..] => Kind::Ack,
        [b'e', b'n', b't', b'r', b'y', ..] => Kind::Entry,
        [b'e', b'n', b't', b'r', b'i', ..] => Kind::Entries,
        [b'w', b'e', ..] => Kind::Welcome,
        [b'e', b'r', ..] | [b'b', b'y', b'e', ..] => Kind::Refused,
        _ => Kind::Other,
    }
}

/// The `seq` of an entry, and the number of the message that an agent's reply repeats.
pub(crate) fn entry(frame: &[u8]) -> (Option<u64>, Option<u64>) {
    let seq = after(frame, br#""seq":"#).and_then(number);
    let by_agent = has(frame, br#""kind":"agent""#);
    let text = if by_agent { after(frame, br#""text":""#) } else { None };
    (seq, text.and_then(words::read))
}

/// The entries within a frame that holds several.
pub(crate) fn entries(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after(frame, br#""entries":["#);
    std::iter::from_fn(move || {
        let here = rest?;
        let inner = here.get(1..).unwrap_or_default();
        let end = memchr::memmem::find(inner, br#"{"conversation""#).map(|at| at + 1);
        let (one, others) = match end.and_then(|end| here.split_at_checked(end)) {
            Some((one, others)) => (one, Some(others)),
            None => (here, None),
        };
        rest = others;
        Some(one)
    })
}

/// The string under a key, if it needs no unescaping.
pub(crate) fn text<'a>(frame: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    between(frame, key, b"\"")
}
