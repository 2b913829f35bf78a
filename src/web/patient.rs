//! A connection whose client must keep reading.
//!
//! Invariant: while something waits to be written, a minimum of it must be written in each span,
//! else the connection is closed. A connection with nothing to write may be silent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The minimum of bytes per span.
const PROGRESS: usize = 4 * 1024;

pub(super) struct Patient {
    stream: TcpStream,
    span: Duration,
    /// Runs while something waits.
    waits: Option<Pin<Box<Sleep>>>,
    left: usize,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, span: Duration) -> Self {
        Self { stream, span, waits: None, left: 0 }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Records the result of writing this many bytes.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        length: usize,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(wrote)) = outcome {
            self.left = self.left.saturating_add(wrote);
            if wrote == length || self.left >= PROGRESS {
                self.waits = None;
            }
        }
        if outcome.is_ready() {
            return outcome;
        }
        let waits = match &mut self.waits {
            Some(waits) => waits,
            none => {
                self.left = 0;
                none.insert(Box::pin(sleep(self.span)))
            }
        };
        ready!(waits.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, bytes.len(), outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        let length = parts.iter().map(|part| part.len()).sum();
        self.written(context, length, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
