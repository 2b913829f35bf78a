//! The component stream towards the server that agents use (XEP-0114).
//!
//! One supervisor a link: it logs in, keeps the stream alive, opens it again when it is lost, and
//! passes stanzas through the converters of [`crate::bridge`]. What it must know to do so (who the
//! agents are, which customers stand in their contact lists, what the server has not taken yet)
//! lives here and is bounded; the truth lives elsewhere.
//!
//! Invariants: a domain has one stream of ours; what an agent sends cannot end it, and what we
//! send has been looked at once more before it leaves.

mod bounces;
mod clients;
mod filtered_stream;
mod iq;
mod login;
mod outbox;
mod retry;
mod roster;
mod state;
mod strangers;
mod stream;
mod supervisor;
mod xml_filter;

use secrecy::SecretString;

pub use self::login::LoginError as ProbeError;
pub use self::supervisor::{LinkSettings, spawn};
use crate::chat::ids::LinkDomain;

/// Tries to log in and leaves again, for `couplet check`.
///
/// Not for a link whose lease is held: where a gateway is at work, Prosody refuses this attempt
/// with [`ProbeError::Conflict`] or, set to `kick_old`, ends the gateway's stream; ejabberd lets
/// both in, and for this moment may send an agent's stanza here, where it is lost.
pub async fn probe(
    domain: &LinkDomain,
    server: &str,
    secret: &SecretString,
) -> Result<(), ProbeError> {
    let stream = login::login(domain.as_str(), server, secret).await?;
    stream.close(std::time::Duration::from_secs(1)).await;
    Ok(())
}
