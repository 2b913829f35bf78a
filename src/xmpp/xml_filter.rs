//! What lies between the bytes that come in and whoever reads stanzas.
//!
//! Anyone on the server can address the component, and two things that servers pass on would end
//! the stream for all: a name or an attribute longer than the parser takes (8 KiB), and elements
//! nested so deep that reading them overflows the stack. The filter drops such an element, with
//! all that is in it, and nothing else. On its way it sees where each stanza ends.
//!
//! Invariants: what it lets through is the same bytes in the same order, however they were cut
//! into reads; what it drops is whole elements, so the rest stays well-formed; what is kept of a
//! stanza that is not whole yet is bounded.

use memchr::{memchr, memchr_iter};

/// The longest name or attribute value, in bytes as they come.
const TOKEN_BYTES: usize = 4 * 1024;

/// The longest tag, in bytes as they come.
const TAG_BYTES: usize = 16 * 1024;

/// The deepest nesting, the stream itself counted.
const DEPTH: usize = 64;

/// The longest stanza, in bytes as they come. Servers take 256 KiB, and write up to six bytes for one.
const STANZA_BYTES: usize = 2 * 1024 * 1024;

/// What begins text in which nothing is a tag.
const CDATA: &[u8] = b"<![CDATA[";

/// What was let through and is not forgotten.
#[derive(Debug, Default)]
pub(super) struct Clean {
    bytes: Vec<u8>,
    /// What was read as bytes.
    read: usize,
    /// Where stanzas end.
    ends: Vec<usize>,
}

impl Clean {
    /// As bytes: what is not consumed.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }

    /// Consumes so many of them.
    pub(super) fn consume(&mut self, amount: usize) {
        self.read += amount;
        self.ends.retain(|&end| end > self.read);
    }

    /// How many stanzas there are, those that were dropped counted.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The stanzas that are whole.
    pub(super) fn stanzas(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.read;
        self.ends.iter().filter_map(move |&end| {
            let stanza = self.bytes.get(from..end)?.trim_ascii_start();
            from = end;
            (!stanza.is_empty()).then_some(stanza)
        })
    }

    /// Where what belongs to no whole stanza begins.
    fn rest(&self) -> usize {
        self.ends.last().copied().unwrap_or_default().max(self.read)
    }

    /// Forgets them.
    pub(super) fn forget(&mut self) {
        let rest = self.rest();
        self.bytes.drain(..rest);
        self.read = 0;
        self.ends.clear();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.read = 0;
        self.ends.clear();
    }
}

/// Where in the XML the bytes are.
#[derive(Debug, Default)]
pub(super) struct XmlFilter {
    at: At,
    /// How many elements are open.
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
    /// A tag that is looked at byte by byte.
    Tag(Tag),
    /// Text in which nothing is a tag, behind so many brackets.
    Cdata(u8),
}

/// A tag as far as it has come, from `<` on.
#[derive(Debug, Default)]
struct Tag {
    bytes: Vec<u8>,
    quote: Option<u8>,
    token: usize,
    last: u8,
    too_long: bool,
}

impl XmlFilter {
    /// Passes bytes on, but for the elements to be dropped.
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
            tracing::warn!("a stanza is longer than any server takes, it is left out");
            clean.bytes.truncate(clean.rest());
            if self.depth > 1 {
                self.dropping = Some(2);
            }
        }
    }

    /// Whether the stream has been ended in order.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn keep(&self, bytes: &[u8], clean: &mut Clean) {
        if self.dropping.is_none() {
            clean.bytes.extend_from_slice(bytes);
        }
    }

    /// Text, and tags as far as they are whole; gives back what comes after.
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

    /// A tag is whole.
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

/// The tag at the beginning and what comes after, where it is seen at a glance that the tag is whole
/// and nothing in it too long: its `>` stands in no quotes, which are all of one kind.
fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'>', bytes.get(..TOKEN_BYTES).unwrap_or(bytes))?;
    let (tag, after) = bytes.split_at_checked(end + 1)?;
    let count = |quote| memchr_iter(quote, tag).count();
    let (single, double) = (count(b'\''), count(b'"'));
    let is_out = (single == 0 || double == 0) && (single + double) % 2 == 0;
    (is_out && !tag.starts_with(b"<!")).then_some((tag, after))
}

impl Tag {
    /// Takes a byte; says whether the tag ends with it.
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
        // Of a tag that will be dropped only the beginning matters: which kind it is.
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
