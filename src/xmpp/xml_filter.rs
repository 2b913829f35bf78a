//! Filters the incoming bytes before they are parsed.
//!
//! Anyone on the server can address the component, and two things that servers pass on would end
//! the stream for everybody: a name or an attribute longer than the parser accepts (8 KiB), and
//! elements nested so deep that parsing overflows the stack. The filter drops such an element, with
//! its content, and nothing else. It also finds where each stanza ends.
//!
//! Invariants: what passes is the same bytes in the same order, however they were split into reads;
//! only whole elements are dropped, so the rest stays well-formed; the part of an incomplete stanza
//! that is kept is bounded.

use memchr::{memchr, memchr_iter};

/// The longest name or attribute value, in bytes as received.
const TOKEN_BYTES: usize = 4 * 1024;

/// The longest tag, in bytes as received.
const TAG_BYTES: usize = 16 * 1024;

/// The deepest nesting, including the stream element.
const DEPTH: usize = 64;

/// The longest stanza, in bytes as received. Servers accept 256 KiB, and write up to six bytes for
/// one.
const STANZA_BYTES: usize = 2 * 1024 * 1024;

/// The beginning of text in which nothing is a tag.
const CDATA: &[u8] = b"<![CDATA[";

/// Bytes that passed and were not forgotten.
#[derive(Debug, Default)]
pub(super) struct Clean {
    bytes: Vec<u8>,
    /// How many were read as bytes.
    read: usize,
    /// Where stanzas end.
    ends: Vec<usize>,
}

impl Clean {
    /// The bytes that were not consumed.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, amount: usize) {
        self.read += amount;
        self.ends.retain(|&end| end > self.read);
    }

    /// The number of stanzas, including dropped ones.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The complete stanzas.
    pub(super) fn stanzas(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.read;
        self.ends.iter().filter_map(move |&end| {
            let stanza = self.bytes.get(from..end)?.trim_ascii_start();
            from = end;
            (!stanza.is_empty()).then_some(stanza)
        })
    }

    /// The offset of the incomplete stanza.
    fn rest(&self) -> usize {
        self.ends.last().copied().unwrap_or_default().max(self.read)
    }

    /// Forgets the complete stanzas.
    pub(super) fn forget(&mut self) {
        let rest = self.rest();
        self.bytes.drain(..rest);
        self.read = 0;
        self.ends.clear();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.read = 0;
        self.ends.clear();
    }
}

/// The position in the XML.
#[derive(Debug, Default)]
pub(super) struct XmlFilter {
    at: At,
    /// The number of open elements.
    depth: usize,
    /// The depth of the element being dropped.
    dropping: Option<usize>,
    /// The outermost element is closed.
    over: bool,
}

/// What the next byte belongs to.
#[derive(Debug, Default)]
enum At {
    /// Text, or the beginning of a tag.
    #[default]
    Text,
    /// A tag that is read byte by byte.
    Tag(Tag),
    /// CDATA, after this many closing brackets.
    Cdata(u8),
}

/// The part of a tag that has been read, from `<` on.
#[derive(Debug, Default)]
struct Tag {
    bytes: Vec<u8>,
    quote: Option<u8>,
    token: usize,
    last: u8,
    too_long: bool,
}

impl XmlFilter {
    /// Passes bytes, except the elements to be dropped.
    pub(super) fn pass(&mut self, bytes: &[u8], clean: &mut Clean) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match std::mem::take(&mut self.at) {
                At::Text => self.text(rest, clean),
                At::Tag(tag) => self.tag(tag, rest, clean),
                At::Cdata(brackets) => self.cdata(brackets, rest, clean),
            };
        }
        if clean.bytes.len() - clean.rest() > STANZA_BYTES {
            tracing::warn!("left out an incoming stanza that is longer than any server accepts");
            clean.bytes.truncate(clean.rest());
            if self.depth > 1 {
                self.dropping = Some(2);
            }
        }
    }

    /// Whether the server has closed the stream.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn keep(&self, bytes: &[u8], clean: &mut Clean) {
        if self.dropping.is_none() {
            clean.bytes.extend_from_slice(bytes);
        }
    }

    /// Reads text, and tags that are complete; returns the rest.
    fn text<'a>(&mut self, mut bytes: &'a [u8], clean: &mut Clean) -> &'a [u8] {
        loop {
            let (text, tags) = bytes.split_at(memchr(b'<', bytes).unwrap_or(bytes.len()));
            self.keep(text, clean);
            let Some((tag, after)) = whole(tags) else {
                if !tags.is_empty() {
                    self.at = At::Tag(Tag::default());
                }
                return tags;
            };
            let last = tag.iter().nth_back(1).copied().unwrap_or_default();
            self.end(tag, last, false, clean);
            bytes = after;
        }
    }

    fn tag<'a>(&mut self, mut tag: Tag, bytes: &'a [u8], clean: &mut Clean) -> &'a [u8] {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if tag.take(byte) {
                self.end(&tag.bytes, tag.last, tag.too_long, clean);
                return rest;
            }
            if tag.bytes == CDATA {
                self.keep(CDATA, clean);
                self.at = At::Cdata(0);
                return rest;
            }
        }
        self.at = At::Tag(tag);
        rest
    }

    fn cdata<'a>(&mut self, mut brackets: u8, bytes: &'a [u8], clean: &mut Clean) -> &'a [u8] {
        let end = bytes.iter().position(|&byte| {
            let ends = byte == b'>' && brackets == 2;
            brackets = if byte == b']' { (brackets + 1).min(2) } else { 0 };
            ends
        });
        let (text, after) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        self.keep(text, clean);
        if end.is_none() {
            self.at = At::Cdata(brackets);
        }
        after
    }

    /// A tag is complete.
    fn end(&mut self, tag: &[u8], last: u8, too_long: bool, clean: &mut Clean) {
        let kind = tag.get(1).copied();
        if matches!(kind, Some(b'?' | b'!')) {
            self.keep(tag, clean);
            return;
        }
        let closes = kind == Some(b'/');
        if !closes {
            self.depth += 1;
            if self.dropping.is_none() && (too_long || self.depth > DEPTH) {
                self.dropping = Some(self.depth);
            }
        }
        self.keep(tag, clean);
        if closes || last == b'/' {
            if self.dropping == Some(self.depth) {
                self.dropping = None;
            }
            self.depth = self.depth.saturating_sub(1);
            match self.depth {
                0 => self.over = true,
                1 => clean.ends.push(clean.bytes.len()),
                _ => {}
            }
        }
    }
}

/// The tag at the beginning and what follows, if one scan shows that the tag is complete and short
/// enough: its `>` is outside of quotes, which are all of one kind.
fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'>', bytes.get(..TOKEN_BYTES).unwrap_or(bytes))?;
    let (tag, after) = bytes.split_at_checked(end + 1)?;
    let count = |quote| memchr_iter(quote, tag).count();
    let (single, double) = (count(b'\''), count(b'"'));
    let is_out = (single == 0 || double == 0) && (single + double) % 2 == 0;
    (is_out && !tag.starts_with(b"<!")).then_some((tag, after))
}

impl Tag {
    /// Adds a byte; returns whether it ends the tag.
    fn take(&mut self, byte: u8) -> bool {
        match (self.quote, byte) {
            (Some(quote), _) if quote == byte => {
                self.quote = None;
                self.token = 0;
            }
            (Some(_), _) => self.token += 1,
            (None, b'"' | b'\'') => {
                self.quote = Some(byte);
                self.token = 0;
            }
            (None, b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'/') => self.token = 0,
            (None, _) => self.token += 1,
        }
        self.too_long |= self.token > TOKEN_BYTES || self.bytes.len() >= TAG_BYTES;
        let ends = byte == b'>' && self.quote.is_none();
        // Of a tag that will be dropped only its first bytes matter, which tell its kind.
        if !self.too_long || self.bytes.len() < 2 {
            self.bytes.push(byte);
        }
        if !ends {
            self.last = byte;
        }
        ends
    }
}

#[cfg(test)]
mod tests;
