//! One component stream (XEP-0114): connect, prove who we are, speak.
//!
//! Invariants: a [`Stream`] is logged in; its reader runs even while the server takes nothing;
//! after any [`Lost`] it is of no more use.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream as _, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::BufWriter;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::component::Handshake;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use super::sieve::Sieved;

/// How long a server may take to let us in.
const LOGIN: Duration = Duration::from_secs(10);

/// A silent stream is asked after the first, and taken for dead after the second.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(15), response_timeout: Duration::from_secs(15) };

/// How much is gathered before it is written.
const WRITE_BYTES: usize = 32 * 1024;

/// Why a link could not log in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nobody listens there, or the way is blocked.
    #[error("cannot connect to {server}: {error}")]
    Connect {
        /// The address as configured.
        server: String,
        /// What the system says.
        error: io::Error,
    },
    /// `not-authorized`.
    #[error("the server refuses the secret of {domain}")]
    Secret {
        /// The component domain.
        domain: String,
    },
    /// `host-unknown`.
    #[error("the server knows no component {domain}")]
    Domain {
        /// The component domain.
        domain: String,
    },
    /// `conflict`: the domain has a stream already.
    #[error("another stream is logged in as {domain}")]
    Conflict {
        /// The component domain.
        domain: String,
    },
    /// Anything else.
    #[error("{server} does not let {domain} in: {reason}")]
    Other {
        /// The address as configured.
        server: String,
        /// The component domain.
        domain: String,
        /// What came instead.
        reason: String,
    },
}

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    /// For the operator.
    pub(super) reason: String,
    /// The condition of a stream error, where the server gave one.
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

/// What a stream brought.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A stanza.
    Stanza(Element),
    /// Nothing for a while: it is to be asked whether it lives.
    Silence,
}

/// A stream that is logged in.
pub(super) struct Stream {
    xml: XmlStream<BufWriter<Sieved>, Element>,
}

/// Connects and logs in.
pub(super) async fn login(
    domain: &str,
    server: &str,
    secret: &SecretString,
) -> Result<Stream, LoginError> {
    let other = |reason: String| LoginError::Other {
        server: server.to_owned(),
        domain: domain.to_owned(),
        reason,
    };
    let connect = |error| LoginError::Connect { server: server.to_owned(), error };
    let attempt = async {
        let tcp = TcpStream::connect(server).await.map_err(connect)?;
        let io = BufWriter::with_capacity(WRITE_BYTES, Sieved::new(tcp).map_err(connect)?);
        let header = StreamHeader { to: Some(Cow::Borrowed(domain)), from: None, id: None };
        let mut opened = initiate_stream(io, ns::COMPONENT, header, TIMEOUTS)
            .await
            .map_err(|error| other(error.to_string()))?;
        let id = opened.take_header().id.map(Cow::into_owned);
        let mut xml = opened.skip_features::<Element>();
        if let Some(id) = id {
            let proof = Handshake::from_stream_id_and_password(id, secret.expose_secret());
            xml.send(&proof).await.map_err(|error| other(error.to_string()))?;
        }
        loop {
            match xml.next().await {
                Some(Ok(element)) if element.is("handshake", ns::COMPONENT) => {
                    return Ok(Stream { xml });
                }
                Some(Ok(element)) => {
                    let domain = domain.to_owned();
                    return Err(match condition(&element).as_deref() {
                        Some("not-authorized") => LoginError::Secret { domain },
                        Some("host-unknown") => LoginError::Domain { domain },
                        Some("conflict") => LoginError::Conflict { domain },
                        _ => other(describe(&element)),
                    });
                }
                Some(Err(ReadError::SoftTimeout)) => {}
                Some(Err(error)) => return Err(other(error.to_string())),
                None => return Err(other("the connection was closed".to_owned())),
            }
        }
    };
    let too_late = || other(format!("no answer within {} s", LOGIN.as_secs()));
    timeout(LOGIN, attempt).await.unwrap_or_else(|_| Err(too_late()))
}

impl Stream {
    /// Writes what is given, in one go, and reads on meanwhile, until something comes in.
    /// Cancelling it loses nothing.
    pub(super) async fn turn(&mut self, out: &mut VecDeque<Element>) -> Result<Incoming, Lost> {
        std::future::poll_fn(|cx| self.poll_turn(out, cx)).await
    }

    fn poll_turn(
        &mut self,
        out: &mut VecDeque<Element>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Incoming, Lost>> {
        let mut xml = pin!(&mut self.xml);
        if let Poll::Ready(read) = xml.as_mut().poll_next(cx) {
            return Poll::Ready(match read {
                Some(Ok(element)) if element.has_ns(ns::STREAM) => {
                    Err(Lost { reason: describe(&element), condition: condition(&element) })
                }
                Some(Ok(element)) => Ok(Incoming::Stanza(element)),
                Some(Err(ReadError::SoftTimeout)) => Ok(Incoming::Silence),
                // Every well-formed element is an element: this cannot be met twice for one stanza.
                Some(Err(ReadError::ParseError(error))) => Err(Lost::new(error.to_string())),
                Some(Err(ReadError::HardError(error))) => Err(Lost::new(error.to_string())),
                Some(Err(ReadError::StreamFooterReceived)) => {
                    Err(Lost::new("the server closed the stream"))
                }
                None => Err(Lost::new("the connection was closed")),
            });
        }
        while !out.is_empty() {
            match sink(xml.as_mut()).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Lost::new(error.to_string()))),
                Poll::Pending => return Poll::Pending,
            }
            let Some(element) = out.pop_front() else { break };
            #[cfg(feature = "chaos")]
            crate::chaos::written(element.attr("id").is_some_and(|id| id.starts_with('p')));
            if let Err(error) = sink(xml.as_mut()).start_send(&element) {
                return Poll::Ready(Err(Lost::new(error.to_string())));
            }
        }
        match sink(xml.as_mut()).poll_flush(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Lost::new(error.to_string()))),
            Poll::Ready(Ok(())) => {
                #[cfg(feature = "chaos")]
                crate::chaos::flushed();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes the end of the stream and closes it.
    pub(super) async fn close(mut self, within: Duration) {
        // A server that does not take it is gone, or will be told by the system.
        let _ = timeout(within, self.xml.shutdown()).await;
    }
}

/// The stream as a sink of elements; the trait alone leaves open of what.
fn sink<'a, 'x>(
    xml: Pin<&'a mut &mut XmlStream<BufWriter<Sieved>, Element>>,
) -> Pin<&'a mut (impl Sink<&'x Element, Error = io::Error> + use<'a, 'x>)> {
    Pin::new(&mut **xml.get_mut())
}

/// The condition of a stream error.
fn condition(element: &Element) -> Option<String> {
    let stated =
        element.children().find(|child| child.has_ns(ns::XMPP_STREAMS) && child.name() != "text");
    stated.map(|child| child.name().to_owned())
}

/// A stream error, or whatever came in its place, for the operator.
fn describe(element: &Element) -> String {
    let text = element.get_child("text", ns::XMPP_STREAMS).map(Element::text);
    match (condition(element), text) {
        (Some(condition), Some(text)) => format!("stream error {condition}: {text}"),
        (Some(condition), None) => format!("stream error {condition}"),
        (None, _) => format!("unexpected element {}", element.name()),
    }
}
