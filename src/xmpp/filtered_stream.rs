//! A connection that is read through the XML filter.
//!
//! Invariant: nothing is lost when its reader changes: bytes are read during the login, stanzas
//! after it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::xml_filter::{Clean, XmlFilter};

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// A TCP stream that acknowledges quickly and passes only what the parser can read.
///
/// It can be read as bytes, or as stanzas, which the reader must then forget.
#[derive(Debug)]
pub(super) struct FilteredStream {
    tcp: TcpStream,
    raw: Box<[u8]>,
    filter: XmlFilter,
    clean: Clean,
}

impl FilteredStream {
    /// Wraps a connection; what we write is sent immediately.
    pub(super) fn new(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let raw = vec![0; READ_BYTES].into_boxed_slice();
        Ok(Self { tcp, raw, filter: XmlFilter::default(), clean: Clean::default() })
    }

    /// Reads once; returns the number of bytes, 0 at the end of the connection.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(&mut self.raw);
        ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled();
        self.filter.pass(bytes, &mut self.clean);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Whether the server has closed the stream.
    pub(super) fn is_over(&self) -> bool {
        self.filter.is_over()
    }

    pub(super) fn clean(&self) -> &Clean {
        &self.clean
    }

    /// For forgetting what was read.
    pub(super) fn clean_mut(&mut self) -> &mut Clean {
        &mut self.clean
    }

    /// Prosody leaves Nagle's algorithm on: a delayed TCP acknowledgement delays its next stanza by
    /// 40 ms. Linux applies this option only to what has been read; what we write acknowledges,
    /// too. If it fails, the stream is only slower.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn acknowledge(&self) {
        let _ = socket2::SockRef::from(&self.tcp).set_tcp_quickack(true);
    }

    /// No other system needs it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn acknowledge(&self) {}
}

impl AsyncBufRead for FilteredStream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.clean.unread().is_empty() {
            this.clean.clear();
            if ready!(this.poll_more(cx))? == 0 {
                break;
            }
            this.acknowledge();
        }
        Poll::Ready(Ok(this.clean.unread()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().clean.consume(amount);
    }
}

impl AsyncRead for FilteredStream {
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

impl AsyncWrite for FilteredStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}
