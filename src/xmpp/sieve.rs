//! What lies between the socket and the XML parser.
//!
//! Anyone on the server can address the component, and two things that servers pass on would end
//! the stream for all: a name or an attribute longer than the parser takes (8 KiB), and elements
//! nested so deep that reading them overflows the stack. The sieve drops such an element, with
//! all that is in it, and nothing else.
//!
//! Invariants: what it lets through is the same bytes in the same order, however they were cut
//! into reads; what it drops is whole elements, so the rest stays well-formed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The longest name or attribute value, in bytes as they come.
const TOKEN_BYTES: usize = 4 * 1024;

/// The longest tag, in bytes as they come.
const TAG_BYTES: usize = 16 * 1024;

/// The deepest nesting, the stream itself counted.
const DEPTH: usize = 64;

/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;

/// A TCP stream that acknowledges quickly and lets through only what the parser can take.
#[derive(Debug)]
pub(super) struct Sieved {
    tcp: TcpStream,
    raw: Box<[u8]>,
    clean: Vec<u8>,
    read: usize,
    sieve: Sieve,
}

impl Sieved {
    /// Wraps a connection; what we write leaves at once.
    pub(super) fn new(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let raw = vec![0; READ_BYTES].into_boxed_slice();
        Ok(Self { tcp, raw, clean: Vec::new(), read: 0, sieve: Sieve::default() })
    }
}

impl AsyncBufRead for Sieved {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.read >= this.clean.len() {
            let mut buffer = ReadBuf::new(&mut this.raw);
            ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(&[]));
            }
            acknowledge(&this.tcp);
            this.clean.clear();
            this.read = 0;
            this.sieve.pass(buffer.filled(), &mut this.clean);
        }
        Poll::Ready(Ok(this.clean.get(this.read..).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().read += amount;
    }
}

impl AsyncRead for Sieved {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ready = ready!(self.as_mut().poll_fill_buf(cx))?;
        let taken = ready.len().min(buffer.remaining());
        buffer.put_slice(ready.get(..taken).unwrap_or_default());
        self.consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sieved {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

/// Prosody leaves Nagle's algorithm on: an acknowledgement that waits holds its next stanza back
/// for 40 ms. Linux takes the wish for one read only. Where it fails, the stream is just slower.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn acknowledge(tcp: &TcpStream) {
    let _ = socket2::SockRef::from(tcp).set_tcp_quickack(true);
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn acknowledge(_tcp: &TcpStream) {}

/// Where in the XML the bytes are.
#[derive(Debug, Default)]
struct Sieve {
    /// The tag being read, from `<` on; none between tags.
    tag: Option<Tag>,
    /// How many elements are open.
    depth: usize,
    /// The depth of the element being dropped.
    dropping: Option<usize>,
}

/// A tag as far as it has come.
#[derive(Debug, Default)]
struct Tag {
    bytes: Vec<u8>,
    quote: Option<u8>,
    token: usize,
    last: u8,
    too_long: bool,
}

impl Sieve {
    /// Passes bytes on, but for the elements to be dropped.
    fn pass(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match &mut self.tag {
                None => {
                    let text = rest.iter().position(|&b| b == b'<').unwrap_or(rest.len());
                    let (text, tag) = rest.split_at(text);
                    if self.dropping.is_none() {
                        clean.extend_from_slice(text);
                    }
                    rest = tag;
                    if !rest.is_empty() {
                        self.tag = Some(Tag::default());
                    }
                }
                Some(tag) => {
                    let Some((&byte, after)) = rest.split_first() else { return };
                    rest = after;
                    if tag.take(byte) {
                        let tag = std::mem::take(tag);
                        self.tag = None;
                        self.end(&tag, clean);
                    }
                }
            }
        }
    }

    /// A tag is whole.
    fn end(&mut self, tag: &Tag, clean: &mut Vec<u8>) {
        let kind = tag.bytes.get(1).copied();
        if matches!(kind, Some(b'?' | b'!')) {
            clean.extend_from_slice(&tag.bytes);
            return;
        }
        let closes = kind == Some(b'/');
        if !closes {
            self.depth += 1;
            if self.dropping.is_none() && (tag.too_long || self.depth > DEPTH) {
                self.dropping = Some(self.depth);
            }
        }
        if self.dropping.is_none() {
            clean.extend_from_slice(&tag.bytes);
        }
        if closes || tag.last == b'/' {
            if self.dropping == Some(self.depth) {
                self.dropping = None;
            }
            self.depth = self.depth.saturating_sub(1);
        }
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sieved(xml: &str) -> String {
        let mut clean = Vec::new();
        Sieve::default().pass(xml.as_bytes(), &mut clean);
        String::from_utf8(clean).unwrap()
    }

    #[test]
    fn what_the_parser_can_take_passes_untouched() {
        let deep = format!("<s>{}{}</s>", "<a>".repeat(63), "</a>".repeat(63));
        let long = format!("<s><a b='{}'/></s>", "x".repeat(TOKEN_BYTES));
        for xml in [
            "",
            "<?xml version='1.0'?><stream:stream xmlns='a' from=\"b\">",
            "<s><a b='>' c=\"/>\"/>text &lt; > <d e = '/' >x</d ></s>",
            "<s><a/><b /></s>\n<",
            deep.as_str(),
            long.as_str(),
        ] {
            let shown = xml.strip_suffix('<').unwrap_or(xml);
            assert_eq!(sieved(xml), shown);
        }
    }

    #[test]
    fn what_would_end_the_stream_is_dropped_whole() {
        let long = "x".repeat(TOKEN_BYTES + 1);
        let many = (0..3_000).map(|n| format!(" a{n}=''")).collect::<String>();
        let deep = format!("{}x{}", "<a>".repeat(40_000), "</a>".repeat(40_000));
        let kept = format!("{}{}", "<a>".repeat(63), "</a>".repeat(63));
        for (xml, left) in [
            (format!("<s><m id='{long}'><b>x</b></m><m/></s>"), "<s><m/></s>".to_owned()),
            (format!("<s><m><b c='{long}'/>y</m></s>"), "<s><m>y</m></s>".to_owned()),
            (format!("<s><m><{long}>x</{long}>y</m></s>"), "<s><m>y</m></s>".to_owned()),
            (format!("<s><m xmlns:p='{long}' p:q=''/></s>"), "<s></s>".to_owned()),
            (format!("<s><m{many}/><n/></s>"), "<s><n/></s>".to_owned()),
            (format!("<s>{deep}<n/></s>"), format!("<s>{kept}<n/></s>")),
        ] {
            assert_eq!(sieved(&xml), left);
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(
            xml in "(<[a-c]( [de]='[^<&']{0,9}')?/?>|</[a-c]>|[a-z &;>]{0,5}){0,20}",
            cuts in prop::collection::vec(1_usize..9, 0..40),
        ) {
            let mut sieve = Sieve::default();
            let (mut clean, mut rest) = (Vec::new(), xml.as_bytes());
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                sieve.pass(head, &mut clean);
                rest = tail;
            }
            sieve.pass(rest, &mut clean);
            prop_assert_eq!(String::from_utf8(clean).unwrap(), sieved(&xml));
        }
    }
}
