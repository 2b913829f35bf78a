//! Who is at a socket: sessions, their tokens, and signed identities.
//!
//! Invariants: a token is 256 random bits and stored as its hash alone. A session bound to one
//! subject is never handed to another; an anonymous one may be claimed once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{OpenError, Opening, TenantView};
use crate::bridge::clean;
use crate::chat::ids::{CustomerId, Localpart, SessionId, TenantKey, Timestamp};
use crate::chat::model::Customer;
use crate::ports::store::{Session, Store, StoreError};
use crate::ports::world::World;
use crate::runtime::admission::{Admission, TooMany};

/// How long a token is good, in milliseconds.
const LIFETIME_MS: i64 = 30 * 24 * 60 * 60_000;
/// A token older than this is replaced when it is used, in milliseconds.
const FRESH_MS: i64 = 24 * 60 * 60_000;
/// How long the token before stays good once the new one was used, in milliseconds.
const OVERLAP_MS: i64 = 60_000;

/// Who is at the socket.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) session: Session,
    pub(super) token: String,
    /// A token was given and was no good.
    pub(super) refused: bool,
    /// The customer was made a moment ago: nothing was ever said.
    pub(super) fresh: bool,
}

/// What a signed identity says.
#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    name: Option<String>,
}

/// Finds or makes the session that a `hello` asks for.
pub(super) async fn admit(
    store: &dyn Store,
    world: &dyn World,
    admission: &Admission,
    tenant: &TenantView,
    opening: &Opening,
) -> Result<Admitted, OpenError> {
    let claims = opening.identity.as_deref().map(|jwt| verify(tenant, jwt)).transpose()?;
    let known = match &opening.token {
        Some(token) => resume(store, world, &tenant.tenant.key, token).await?,
        None => None,
    };
    let refused = opening.token.is_some() && known.is_none();
    let known = match (known, &claims) {
        (Some(known), Some(claims)) => identify(store, known, claims).await?,
        (known, _) => known,
    };
    if let Some((session, token)) = known {
        return Ok(Admitted { session, token, refused, fresh: false });
    }
    if let Some(address) = opening.address {
        admission
            .session(address)
            .map_err(|TooMany { retry_after_ms }| OpenError::RateLimited { retry_after_ms })?;
    }
    let (session, token, fresh) = create(store, world, &tenant.tenant.key, claims).await?;
    Ok(Admitted { session, token, refused, fresh })
}

fn verify(tenant: &TenantView, jwt: &str) -> Result<Claims, OpenError> {
    let secret = tenant
        .tenant
        .identity_secret
        .as_ref()
        .ok_or(OpenError::Identity("this tenant has no identity secret"))?;
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "sub"]);
    let claims = jsonwebtoken::decode::<Claims>(jwt, &key, &validation)
        .map_err(|error| OpenError::Identity(reason(error.kind())))?
        .claims;
    if (1..=255).contains(&claims.sub.len()) {
        Ok(claims)
    } else {
        Err(OpenError::Identity("sub takes 1 to 255 bytes"))
    }
}

fn reason(kind: &jsonwebtoken::errors::ErrorKind) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::InvalidSignature => "the signature is not this tenant's",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => "sign with HS256",
        ErrorKind::MissingRequiredClaim(_) => "exp and sub are required",
        _ => "not a valid JWT",
    }
}

/// Whose session a token is of, where it is good; nothing of it changes.
pub(crate) async fn customer(
    store: &dyn Store,
    world: &dyn World,
    tenant: &TenantKey,
    token: &str,
) -> Result<Option<Customer>, StoreError> {
    let (hash, now) = (hash(token), world.now());
    let Some(session) = store.session(tenant, &hash).await? else { return Ok(None) };
    let is_previous = |(previous, until): &([u8; 32], Option<Timestamp>)| {
        *previous == hash && until.is_none_or(|until| now < until)
    };
    let good = session.token == hash || session.previous.as_ref().is_some_and(is_previous);
    Ok((good && now < session.expires_at).then_some(session.customer))
}

async fn resume(
    store: &dyn Store,
    world: &dyn World,
    tenant: &TenantKey,
    token: &str,
) -> Result<Option<(Session, String)>, OpenError> {
    let hash = hash(token);
    let now = world.now();
    let Some(mut session) = store.session(tenant, &hash).await.map_err(unavailable)? else {
        return Ok(None);
    };
    if session.token == hash {
        if session.expires_at <= now {
            return Ok(None);
        }
        // Not more than a minute from now, nor a lifetime: the clock may have been set back since.
        let overlap = now.plus(OVERLAP_MS);
        if let Some((_, until)) = &mut session.previous
            && until.is_none_or(|until| until > overlap)
        {
            *until = Some(overlap);
            store.update_session(&session).await.map_err(unavailable)?;
        }
        let fresh = LIFETIME_MS - FRESH_MS..=LIFETIME_MS + FRESH_MS;
        if !fresh.contains(&session.expires_at.since(now)) {
            let (token, new) = fresh_token(world);
            session.previous = Some((session.token, None));
            session.token = new;
            session.expires_at = now.plus(LIFETIME_MS);
            store.update_session(&session).await.map_err(unavailable)?;
            return Ok(Some((session, token)));
        }
        return Ok(Some((session, token.to_owned())));
    }
    // The token before: good until the new one was used, and a minute more. Its holder never saw
    // the new one, so he gets another.
    match session.previous {
        Some((previous, until))
            if previous == hash
                && until.is_none_or(|until| now < until)
                && now < session.expires_at =>
        {
            let (token, new) = fresh_token(world);
            session.token = new;
            session.previous = Some((previous, until));
            store.update_session(&session).await.map_err(unavailable)?;
            Ok(Some((session, token)))
        }
        _ => Ok(None),
    }
}

/// Brings a session and a signed identity together; none where they do not belong together.
async fn identify(
    store: &dyn Store,
    (mut session, token): (Session, String),
    claims: &Claims,
) -> Result<Option<(Session, String)>, OpenError> {
    match &session.subject {
        Some(subject) if **subject == *claims.sub => Ok(Some((session, token))),
        Some(_) => Ok(None),
        None => {
            name(&mut session.customer, claims);
            match store.update_customer(&session.customer, Some(&claims.sub)).await {
                Ok(()) => {
                    session.subject = Some(claims.sub.as_str().into());
                    store.update_session(&session).await.map_err(unavailable)?;
                    Ok(Some((session, token)))
                }
                // The subject is another customer already: the JWT wins, the session stays as it is.
                Err(StoreError::Exists(_)) => Ok(None),
                Err(error) => Err(unavailable(error)),
            }
        }
    }
}

async fn create(
    store: &dyn Store,
    world: &dyn World,
    tenant: &TenantKey,
    claims: Option<Claims>,
) -> Result<(Session, String, bool), OpenError> {
    let subject: Option<Arc<str>> = claims.as_ref().map(|claims| claims.sub.as_str().into());
    let now = world.now();
    loop {
        let known = match &subject {
            Some(subject) => store.customer_of(tenant, subject).await.map_err(unavailable)?,
            None => None,
        };
        let is_new = known.is_none();
        let mut customer = known.unwrap_or_else(|| Customer {
            id: CustomerId(world.uuid()),
            tenant: tenant.clone(),
            localpart: localpart(world),
            name: None,
            conversations: 0,
        });
        if let Some(claims) = &claims {
            name(&mut customer, claims);
        }
        let (token, hash) = fresh_token(world);
        let session = Session {
            id: SessionId(world.uuid()),
            customer,
            token: hash,
            previous: None,
            expires_at: Timestamp(now.0 + LIFETIME_MS),
            subject: subject.clone(),
        };
        match store.create_session(&session, now).await {
            Ok(()) => return Ok((session, token, is_new)),
            // The localpart was drawn before, or the subject has just come in elsewhere: again.
            Err(StoreError::Exists(_)) if is_new => {}
            Err(error) => return Err(unavailable(error)),
        }
    }
}

fn name(customer: &mut Customer, claims: &Claims) {
    if let Some(name) = claims.name.as_deref().and_then(clean::name) {
        customer.name = Some(name.into());
    }
}

fn fresh_token(world: &dyn World) -> (String, [u8; 32]) {
    let mut secret = [0_u8; 32];
    world.secret(&mut secret);
    let token = URL_SAFE_NO_PAD.encode(secret);
    let hash = hash(&token);
    (token, hash)
}

fn hash(token: &str) -> [u8; 32] {
    let mut bytes = [0_u8; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// Ten characters without meaning: 50 bits.
fn localpart(world: &dyn World) -> Localpart {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut secret = [0_u8; 10];
    world.secret(&mut secret);
    let text: String = secret
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)).copied().map(char::from))
        .collect();
    Localpart::drawn(&text)
}

fn unavailable(error: StoreError) -> OpenError {
    tracing::warn!(%error, "a session could not be opened");
    OpenError::Unavailable { retry_after_ms: super::RETRY_MS }
}
