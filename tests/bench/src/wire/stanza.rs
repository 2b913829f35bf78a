//! XMPP streams, cut into stanzas.

use memchr::{memchr, memmem};

use super::between;

#[derive(Debug, PartialEq)]
pub(crate) enum Piece<'a> {
    /// The header of the stream.
    Opened(&'a [u8]),
    /// A whole stanza, or an element of the login.
    Stanza(&'a [u8]),
    Ended,
}

/// The first complete piece, and how many bytes it takes, including what precedes it. Servers
/// escape `>` in attributes, so a tag ends at the next one.
pub(crate) fn piece(bytes: &[u8]) -> Option<(Piece<'_>, usize)> {
    let mut start = memchr(b'<', bytes)?;
    if bytes.get(start + 1) == Some(&b'?') {
        start += memchr(b'>', bytes.get(start..)?)?;
        start += memchr(b'<', bytes.get(start..)?)?;
    }
    let here = bytes.get(start..)?;
    if here.starts_with(b"</") {
        let end = memchr(b'>', here)? + 1;
        return Some((Piece::Ended, start + end));
    }
    if here.starts_with(b"<stream:stream") {
        let end = memchr(b'>', here)? + 1;
        return Some((Piece::Opened(here.get(..end)?), start + end));
    }
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        at += memchr(b'<', here.get(at..)?)?;
        let closes = here.get(at + 1)? == &b'/';
        at += memchr(b'>', here.get(at..)?)?;
        let empty = here.get(at.wrapping_sub(1)) == Some(&b'/');
        at += 1;
        if closes {
            depth = depth.saturating_sub(1);
        } else if !empty {
            depth += 1;
        }
        if depth == 0 {
            return Some((Piece::Stanza(here.get(..at)?), start + at));
        }
    }
}

/// An attribute of the outermost tag; `name` includes the blank before it and the equals sign after
/// it.
pub(crate) fn attribute<'a>(stanza: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let tag = stanza.get(..memchr(b'>', stanza)?)?;
    let rest = tag.get(memmem::find(tag, name)? + name.len()..)?;
    let (quote, value) = rest.split_first()?;
    value.get(..memchr(*quote, value)?)
}

pub(crate) fn body(message: &[u8]) -> Option<&[u8]> {
    between(message, b"<body>", b"</body>")
}
