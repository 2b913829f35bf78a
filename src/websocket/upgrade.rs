//! Decides whether a request becomes a socket.
//!
//! Invariants: pure; a request is refused here, before the upgrade, with a status that says why.
//! The response is 101 only for WebSocket version 13 with our subprotocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    AsHeaderName, CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::origin::{self, Verdict};
use crate::ports::directory::Tenant;
use crate::wire::SUBPROTOCOL;

/// Why a request does not become a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It asks for no upgrade.
    #[error("this address is for WebSocket connections")]
    NotASocket,
    /// Another version of WebSocket.
    #[error("only version 13 of WebSocket is supported")]
    Version,
    #[error("Sec-WebSocket-Key is missing or malformed")]
    Key,
    /// It does not offer our subprotocol.
    #[error("the subprotocol couplet.v1 must be offered")]
    Subprotocol,
    /// The page's origin is not one of the tenant's.
    #[error("pages of this origin are not allowed for this tenant")]
    Origin,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotASocket | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Key | Self::Subprotocol => StatusCode::BAD_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    /// A header that says what the client would have to send, if there is one.
    pub fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::NotASocket => Some((UPGRADE, HeaderValue::from_static("websocket"))),
            Self::Version => Some((SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))),
            Self::Key | Self::Subprotocol | Self::Origin => None,
        }
    }
}

/// The headers of the 101 response.
///
/// # Errors
/// If the request is refused.
pub fn check(headers: &HeaderMap, tenant: &Tenant) -> Result<HeaderMap, Refusal> {
    if !lists(headers, CONNECTION, "upgrade") || !lists(headers, UPGRADE, "websocket") {
        return Err(Refusal::NotASocket);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map_or(&[][..], HeaderValue::as_bytes);
    if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(Refusal::Key);
    }
    if origin::judge(headers, tenant) == Verdict::Refused {
        return Err(Refusal::Origin);
    }
    if !lists(headers, SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(Refusal::Subprotocol);
    }
    let accept =
        HeaderValue::try_from(derive_accept_key(key)).map_err(|_not_ascii| Refusal::Key)?;
    Ok(HeaderMap::from_iter([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
        (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL)),
    ]))
}

/// Whether one of a header's comma-separated words is this one. Subprotocols are case-sensitive,
/// but a client that errs there sees our spelling in the response and closes.
fn lists(headers: &HeaderMap, name: impl AsHeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::test_backend::tenant;

    /// The example of RFC 6455, sent by a page of the tenant.
    const GOOD: [(&str, &str); 6] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "other, couplet.v1"),
        ("origin", "https://www.acme.example"),
    ];

    /// The good request with one header changed, or left out.
    fn with(name: &str, value: Option<&str>) -> HeaderMap {
        let mut headers: HeaderMap = GOOD
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let name = HeaderName::try_from(name).unwrap();
        match value {
            Some(value) => drop(headers.insert(name, HeaderValue::from_str(value).unwrap())),
            None => drop(headers.remove(name)),
        }
        headers
    }

    #[test]
    fn a_good_request_is_answered_as_the_rfc_says() {
        let answer = check(&with("x-any", None), &tenant()).unwrap();
        assert_eq!(answer["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer["sec-websocket-protocol"], "couplet.v1");
        assert_eq!(answer["upgrade"], "websocket");
        assert_eq!(answer["connection"], "Upgrade");
    }

    #[test]
    fn everything_else_is_refused_with_its_status() {
        let table = [
            ("connection", None, Err(426)),
            ("connection", Some("keep-alive"), Err(426)),
            ("connection", Some("upgrade"), Ok(())),
            ("upgrade", None, Err(426)),
            ("upgrade", Some("h2c"), Err(426)),
            ("upgrade", Some("WebSocket"), Ok(())),
            ("sec-websocket-version", None, Err(426)),
            ("sec-websocket-version", Some("8"), Err(426)),
            ("sec-websocket-version", Some("13, 8"), Err(426)),
            ("sec-websocket-key", None, Err(400)),
            ("sec-websocket-key", Some(""), Err(400)),
            ("sec-websocket-key", Some("dG9vIHNob3J0"), Err(400)),
            ("sec-websocket-key", Some("not base64 at all!"), Err(400)),
            ("sec-websocket-protocol", None, Err(400)),
            ("sec-websocket-protocol", Some("couplet.v2"), Err(400)),
            ("sec-websocket-protocol", Some("couplet.v1"), Ok(())),
            ("sec-websocket-protocol", Some("couplet.v1.evil"), Err(400)),
            ("origin", Some("https://evil.example"), Err(403)),
            ("origin", Some("null"), Err(403)),
            ("origin", None, Ok(())),
        ];
        for (name, value, expected) in table {
            let outcome = check(&with(name, value), &tenant());
            let outcome = outcome.map(drop).map_err(|refusal| refusal.status().as_u16());
            assert_eq!(outcome, expected, "{name}: {value:?}");
        }
    }
}
