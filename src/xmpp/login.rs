//! The login of a component stream (XEP-0114): connect and authenticate.
//!
//! Invariant: within [`LOGIN`] it ends in a [`Stream`] that is logged in, or with a reason that an
//! operator understands.

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

/// Timeout of the whole login.
const LOGIN: Duration = Duration::from_secs(10);

/// Longer than [`LOGIN`], which decides.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(15), response_timeout: Duration::from_secs(15) };

/// Why the login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Connection refused, or the network does not reach the server.
    #[error("cannot connect to {server}: {error}")]
    Connect {
        /// `host:port` as configured.
        server: String,
        error: io::Error,
    },
    /// `not-authorized`.
    #[error("the server refuses the secret of {domain}")]
    Secret { domain: String },
    /// `host-unknown`.
    #[error("the server knows no component {domain}")]
    Domain { domain: String },
    /// `conflict`: another stream has the domain.
    #[error("another stream is logged in as {domain}")]
    Conflict { domain: String },
    /// Anything else.
    #[error("{server} does not let {domain} in: {reason}")]
    Other {
        /// `host:port` as configured.
        server: String,
        domain: String,
        reason: String,
    },
}

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
                // What follows the handshake is still unread.
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
    let too_late = || other(format!("no response within {} s", LOGIN.as_secs()));
    timeout(LOGIN, attempt).await.unwrap_or_else(|_| Err(too_late()))
}
