//! How a component stream begins (XEP-0114): connect, prove who we are.
//!
//! Invariant: it ends in a [`Stream`] that is logged in, or in a reason that an operator can use,
//! within [`LOGIN`].

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::component::Handshake;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;

use super::filtered_stream::FilteredStream;
use super::stream::{Stream, condition, describe};

/// How long a server may take to let us in.
const LOGIN: Duration = Duration::from_secs(10);

/// Longer than that: while we log in, nothing else counts.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(15), response_timeout: Duration::from_secs(15) };

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
        let io = FilteredStream::new(tcp).map_err(connect)?;
        let header = StreamHeader { to: Some(Cow::Borrowed(domain)), from: None, id: None };
        let mut opened = initiate_stream(io, ns::COMPONENT, header, TIMEOUTS)
            .await
            .map_err(|error| other(error.to_string()))?;
        let id = opened.take_header().id.map(Cow::into_owned);
        let mut xml: XmlStream<FilteredStream, Element> = opened.skip_features();
        if let Some(id) = id {
            let proof = Handshake::from_stream_id_and_password(id, secret.expose_secret());
            xml.send(&proof).await.map_err(|error| other(error.to_string()))?;
        }
        loop {
            match xml.next().await {
                // What has come behind it was not touched yet.
                Some(Ok(element)) if element.is("handshake", ns::COMPONENT) => {
                    return Ok(Stream::new(xml.into_inner()));
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
