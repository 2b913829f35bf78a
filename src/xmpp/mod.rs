//! The component stream to the XMPP server of the agents (XEP-0114).
//!
//! One supervisor per link logs in, keeps the stream alive, reconnects when it is lost, and passes
//! stanzas through the converters of [`crate::bridge`]. The state that this needs (who the agents
//! are, which customers are in their contact lists, what the server has not accepted yet) is kept
//! here and bounded; it can be lost at any time.
//!
//! Invariants: a domain has one stream of ours; what an agent sends cannot end it, and what we send
//! is checked once more before it is written.

mod adhoc;
mod clients;
mod filtered_stream;
mod login;
mod outbox;
mod rates;
mod retry;
mod roster;
mod settings;
mod state;
mod stream;
mod supervisor;
mod xml_filter;

use secrecy::SecretString;

pub use self::login::LoginError as ProbeError;
pub use self::settings::LinkSettings;
pub use self::supervisor::spawn;
use crate::chat::ids::LinkDomain;

/// Logs in and disconnects again, for `couplet check`.
///
/// Not for a link whose lease is held. While a gateway serves the link, Prosody refuses this
/// attempt with [`ProbeError::Conflict`] or, with `kick_old`, ends the gateway's stream; ejabberd
/// accepts both and may send an agent's stanza to this one, where it is lost.
pub async fn probe(
    domain: &LinkDomain,
    server: &str,
    secret: &SecretString,
) -> Result<(), ProbeError> {
    let stream = login::login(domain.as_str(), server, secret).await?;
    stream.close(std::time::Duration::from_secs(1)).await;
    Ok(())
}
