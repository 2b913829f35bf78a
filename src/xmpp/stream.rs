//! A component stream that is logged in (XEP-0114).
//!
//! Invariants: reading continues even while the server accepts nothing; what is written together is
//! sent together; after any [`Lost`] the stream is unusable.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use super::filtered_stream::FilteredStream;
use super::outbox::Out;

/// About how many stanzas are read at once.
const READ: usize = 256;

/// How many are written with one call.
const WRITTEN: usize = 128;

/// The end tag of a stream.
const END: &str = "</stream:stream>";

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// For the operator.
    pub(super) reason: String,
    /// The condition of a stream error, if the server sent one.
    pub(super) condition: Option<String>,
}

impl Lost {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), condition: None }
    }

    /// Whether another stream has our domain.
    pub(super) fn is_conflict(&self) -> bool {
        self.condition.as_deref() == Some("conflict")
    }

    /// Whether the server blames something we sent.
    pub(super) fn blames_us(&self) -> bool {
        let not_ours =
            ["conflict", "system-shutdown", "reset", "connection-timeout", "see-other-host"];
        self.condition.as_deref().is_some_and(|condition| !not_ours.contains(&condition))
    }
}

pub(super) struct Stream {
    io: FilteredStream,
    /// What is to be written.
    pub(super) out: Out,
    /// How much of the first item is written.
    begun: usize,
    /// Why it ended; reported after everything that came before.
    lost: Option<Lost>,
}

impl Stream {
    /// A stream that is logged in.
    pub(super) fn new(io: FilteredStream) -> Self {
        Self { io, out: Out::new(), begun: 0, lost: None }
    }

    /// Writes what there is, and reads meanwhile, until something was received that is to be
    /// [taken](Self::take). Cancel safe.
    pub(super) async fn turn(&mut self) -> Result<(), Lost> {
        poll_fn(|cx| self.poll_turn(cx)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let mut read = false;
        while self.lost.is_none() && self.io.clean().count() < READ {
            match self.io.poll_more(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => self.lost = Some(Lost::new("the connection was closed")),
                Poll::Ready(Ok(_)) if self.io.is_over() => {
                    self.lost = Some(Lost::new("the server closed the stream"));
                }
                Poll::Ready(Ok(_)) => read = true,
                Poll::Ready(Err(error)) => self.lost = Some(Lost::new(error.to_string())),
            }
        }
        if self.lost.is_none() {
            match self.write(cx) {
                Ok(wrote) if read && !wrote => self.io.acknowledge(),
                Ok(_) => {}
                Err(error) => self.lost = Some(Lost::new(error.to_string())),
            }
        }
        match &self.lost {
            _ if self.io.clean().count() > 0 => Poll::Ready(Ok(())),
            Some(lost) => Poll::Ready(Err(lost.clone())),
            None => Poll::Pending,
        }
    }

    /// Passes all received stanzas to `heard`, as far as it accepts them.
    pub(super) fn take(
        &mut self,
        heard: impl FnMut(&[u8]) -> Result<(), Lost>,
    ) -> Result<(), Lost> {
        let taken = self.io.clean().stanzas().try_for_each(heard);
        self.io.clean_mut().forget();
        taken
    }

    /// Writes as much as the connection accepts; returns whether that was anything.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut wrote = false;
        while !self.out.is_empty() {
            let mut slices = [IoSlice::new(&[]); WRITTEN];
            let mut begun = self.begun;
            for (slice, text) in slices.iter_mut().zip(&self.out) {
                let left = text.as_bytes().get(std::mem::take(&mut begun)..);
                *slice = IoSlice::new(left.unwrap_or_default());
            }
            let slices = slices.get(..self.out.len()).unwrap_or(&slices);
            let count = match Pin::new(&mut self.io).poll_write_vectored(cx, slices) {
                Poll::Pending => return Ok(wrote),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => count?,
            };
            wrote = true;
            self.begun += count;
            while let Some(first) = self.out.front()
                && self.begun >= first.len()
            {
                self.begun -= first.len();
                self.out.pop_front();
            }
        }
        crate::chaos::flushed();
        Ok(wrote)
    }

    /// Drops what is to be written, except the rest of a stanza that is partly written.
    pub(super) fn fall_silent(&mut self) {
        self.out.truncate(usize::from(self.begun > 0));
    }

    /// Writes the end tag and closes the stream.
    pub(super) async fn close(mut self, within: Duration) {
        self.fall_silent();
        self.out.push_back(END.into());
        let closed = async {
            poll_fn(|cx| match self.write(cx) {
                Ok(_) if !self.out.is_empty() => Poll::Pending,
                written => Poll::Ready(written),
            })
            .await?;
            self.io.shutdown().await
        };
        // A server that does not accept it is gone, or will be told by the operating system.
        let _ = timeout(within, closed).await;
    }
}

/// A stanza as a tree; `None` if it cannot be read. A stream error is returned as the end of the
/// stream.
pub(super) fn tree(stanza: &[u8]) -> Result<Option<Element>, Lost> {
    let known = BTreeMap::from([
        (None, ns::COMPONENT.to_owned()),
        (Some("stream".to_owned()), ns::STREAM.to_owned()),
    ]);
    match Element::from_reader_with_prefixes(stanza, known) {
        Ok(element) if element.has_ns(ns::STREAM) => {
            Err(Lost { reason: describe(&element), condition: condition(&element) })
        }
        Ok(element) => Ok(Some(element)),
        Err(error) => {
            tracing::error!(%error, "skipped an incoming stanza that cannot be read");
            Ok(None)
        }
    }
}

/// The condition of a stream error.
pub(super) fn condition(element: &Element) -> Option<String> {
    let stated =
        element.children().find(|child| child.has_ns(ns::XMPP_STREAMS) && child.name() != "text");
    stated.map(|child| child.name().to_owned())
}

/// A stream error, or what came in its place, for the operator.
pub(super) fn describe(element: &Element) -> String {
    let text = element.get_child("text", ns::XMPP_STREAMS).map(Element::text);
    match (condition(element), text) {
        (Some(condition), Some(text)) => format!("stream error {condition}: {text}"),
        (Some(condition), None) => format!("stream error {condition}"),
        (None, _) => format!("unexpected element {}", element.name()),
    }
}

#[cfg(test)]
mod tests;
