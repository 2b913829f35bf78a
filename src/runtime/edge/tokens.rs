//! Session tokens: how they are generated, replaced and recognized.
//!
//! Invariants: a token has 256 random bits and only its hash is stored. The token that replaces
//! another is derived from it and from a salt in the session's row, so that all tabs and nodes that
//! replace the same token at the same time derive the same one, and none is lost. Without the
//! previous token the row does not reveal it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;

use super::interface::{OpenError, RETRY_MS};
use crate::chat::ids::{TenantKey, Timestamp};
use crate::chat::model::Customer;
use crate::ports::store::{Session, Store};
use crate::ports::store_error::StoreError;
use crate::ports::world::World;

/// Lifetime of a token, in milliseconds.
pub(super) const LIFETIME_MS: i64 = 30 * 24 * 60 * 60_000;
/// A token older than this is replaced when it is used, in milliseconds.
const FRESH_MS: i64 = 24 * 60 * 60_000;
/// How long the previous token stays valid after the new one was used, in milliseconds.
const OVERLAP_MS: i64 = 60_000;
/// Lost races after which a `hello` is told to come again.
const TRIES: u32 = 5;

/// A new random token and its hash.
pub(super) fn drawn(world: &dyn World) -> (String, [u8; 32]) {
    let mut secret = [0_u8; 32];
    world.secret(&mut secret);
    named(&secret)
}

/// The token derived from another, and its hash.
fn next(token: &str, salt: &[u8; 32]) -> (String, [u8; 32]) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    named(hmac::sign(&key, token.as_bytes()).as_ref())
}

fn named(secret: &[u8]) -> (String, [u8; 32]) {
    let token = URL_SAFE_NO_PAD.encode(secret);
    let hash = hash(&token);
    (token, hash)
}

fn hash(token: &str) -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// Whether the token with this hash opens the session now.
fn is_good(session: &Session, hash: &[u8; 32], now: Timestamp) -> bool {
    let is_previous = |(previous, until): &([u8; 32], Option<Timestamp>)| {
        previous == hash && until.is_none_or(|until| now < until)
    };
    let is_its = session.token == *hash || session.previous.as_ref().is_some_and(is_previous);
    is_its && now < session.expires_at
}

/// Whether a token was issued recently: at most a day ago, and not in the future, as after the
/// clock was set back.
fn is_fresh(session: &Session, now: Timestamp) -> bool {
    let left = session.expires_at.since(now);
    (LIFETIME_MS - FRESH_MS..=LIFETIME_MS + FRESH_MS).contains(&left)
}

/// The customer of a valid token; changes nothing.
pub(crate) async fn customer(
    store: &dyn Store,
    world: &dyn World,
    tenant: &TenantKey,
    token: &str,
) -> Result<Option<Customer>, StoreError> {
    let hash = hash(token);
    let session = store.session(tenant, &hash).await?;
    Ok(session.filter(|session| is_good(session, &hash, world.now())).map(|found| found.customer))
}

/// The session that a token opens, with the token for the next `hello`; `None` if it is invalid.
pub(super) async fn resume(
    store: &dyn Store,
    world: &dyn World,
    tenant: &TenantKey,
    token: &str,
) -> Result<Option<(Session, String)>, OpenError> {
    let hash = hash(token);
    for _ in 0..TRIES {
        let now = world.now();
        let found = store.session(tenant, &hash).await.map_err(OpenError::unavailable)?;
        let Some(session) = found.filter(|session| is_good(session, &hash, now)) else {
            return Ok(None);
        };
        let (new, told) = match session.token == hash {
            true => used(world, &session, token, now),
            false => used_before(world, &session, token, now),
        };
        let Some(new) = new else { return Ok(Some((session, told))) };
        if store.update_session(&new, &session.token).await.map_err(OpenError::unavailable)? {
            return Ok(Some((new, told)));
        }
        // Another tab replaced the token meanwhile: the derived one is in the row now.
    }
    Err(OpenError::Unavailable { retry_after_ms: RETRY_MS })
}

/// What happens when a session's current token is used: it is replaced if it is old, and the
/// previous one expires soon. With the token for the client.
fn used(
    world: &dyn World,
    session: &Session,
    token: &str,
    now: Timestamp,
) -> (Option<Session>, String) {
    if !is_fresh(session, now) {
        let (new, told) = replaced(world, session, token, now);
        return (Some(new), told);
    }
    // At most a minute from now, also after the clock was set back.
    let overlap = now.plus(OVERLAP_MS);
    let previous = session.previous.filter(|(_, until)| until.is_none_or(|until| until > overlap));
    let new = previous.map(|(previous, _)| Session {
        previous: Some((previous, Some(overlap))),
        ..session.clone()
    });
    (new, token.to_owned())
}

/// The same when the previous token is used: its holder did not get the new one, or another tab
/// did.
fn used_before(
    world: &dyn World,
    session: &Session,
    token: &str,
    now: Timestamp,
) -> (Option<Session>, String) {
    if let Some(salt) = &session.salt {
        let (told, hash) = next(token, salt);
        if hash == session.token {
            return (None, told);
        }
    }
    // An older version of the gateway generated the new token at random, and it cannot be derived.
    // This one stays valid until that one is used; after a day that is considered lost.
    if is_fresh(session, now) {
        return (None, token.to_owned());
    }
    let (new, told) = replaced(world, session, token, now);
    (Some(new), told)
}

/// The session with a token derived from the current one.
fn replaced(
    world: &dyn World,
    session: &Session,
    token: &str,
    now: Timestamp,
) -> (Session, String) {
    let mut salt = [0_u8; 32];
    world.secret(&mut salt);
    let (told, new) = next(token, &salt);
    let session = Session {
        token: new,
        previous: Some((hash(token), None)),
        salt: Some(salt),
        expires_at: now.plus(LIFETIME_MS),
        ..session.clone()
    };
    (session, told)
}
