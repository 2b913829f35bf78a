//! Sign-in: finds or creates the session and the customer for a `hello`.
//!
//! Invariant: a session that belongs to one subject is never given to another; an anonymous one can
//! be claimed once.

use std::net::IpAddr;
use std::sync::Arc;

use super::identity::{self, Identity};
use super::interface::{OpenError, TenantView};
use super::{people, tokens};
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::event::SignedIn;
use crate::chat::ids::{CustomerId, SessionId, TenantKey};
use crate::chat::model::Customer;
use crate::ports::store::{Claim, Session, Store};
use crate::ports::store_error::StoreError;
use crate::ports::world::World;
use crate::runtime::admission::{Admission, TooMany};

/// The result of a sign-in.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) session: Session,
    pub(super) token: String,
    /// The `hello` had a token, and it was invalid.
    pub(super) refused: bool,
    /// The JWT has expired; the session continues without it.
    pub(super) expired: bool,
    /// The customer was created by this `hello`: there is nothing to read.
    pub(super) fresh: bool,
    /// The customer was anonymous until now.
    pub(super) signed_in: Option<SignedIn>,
}

/// Finds or creates the session for a `hello`.
pub(super) async fn admit(
    store: &dyn Store,
    world: &dyn World,
    admission: &Admission,
    tenant: &TenantView,
    greeting: &Greeting,
    address: Option<IpAddr>,
) -> Result<Admitted, OpenError> {
    let secret = tenant.tenant.identity_secret.as_ref();
    let read = |jwt| identity::read(secret, jwt, world.now());
    let identity = greeting.identity.as_deref().map(read).transpose()?;
    let known = match &greeting.token {
        Some(token) => tokens::resume(store, world, &tenant.tenant.key, token).await?,
        None => None,
    };
    let refused = greeting.token.is_some() && known.is_none();
    let expired = identity.as_ref().is_some_and(|identity| identity.has_expired);
    let (known, signed_in) = match (known, &identity) {
        (Some((session, token)), Some(identity)) => {
            let (session, signed_in) = identify(store, world, session, identity).await?;
            (session.map(|session| (session, token)), signed_in)
        }
        (known, _) => (known, None),
    };
    if let Some((mut session, token)) = known {
        people::serve(store, &mut session, world.now()).await?;
        return Ok(Admitted { session, token, refused, expired, fresh: false, signed_in });
    }
    if expired {
        return Err(OpenError::Identity { reason: "exp: the JWT has expired", has_expired: true });
    }
    if let Some(address) = address {
        admission
            .session(address)
            .map_err(|TooMany { retry_after_ms }| OpenError::RateLimited { retry_after_ms })?;
    }
    let (mut session, token, fresh) = create(store, world, &tenant.tenant.key, identity).await?;
    if !fresh {
        people::serve(store, &mut session, world.now()).await?;
    }
    Ok(Admitted { session, token, refused, expired, fresh, signed_in: None })
}

/// Joins a session and a signed identity; `None` if they do not belong together. With the news for
/// the agents, if the customer signed in just now.
async fn identify(
    store: &dyn Store,
    world: &dyn World,
    mut session: Session,
    identity: &Identity,
) -> Result<(Option<Session>, Option<SignedIn>), OpenError> {
    if session.subject.as_ref().is_some_and(|subject| *subject != identity.subject) {
        return Ok((None, None));
    }
    // Without the JWT the token would open the same session.
    if identity.has_expired {
        return Ok((Some(session), None));
    }
    let mut signed_in = None;
    if session.subject.is_none() {
        let claim =
            store.claim(&session, &identity.subject).await.map_err(OpenError::unavailable)?;
        signed_in = match claim {
            Claim::Made => {
                session.subject = Some(identity.subject.clone());
                Some(SignedIn { known_as: None, conversations: 0, home: None })
            }
            Claim::Known => people::adopted(store, &mut session, &identity.subject).await?,
            Claim::Refused => None,
        };
        // The JWT wins; the old session is left unchanged.
        if signed_in.is_none() {
            return Ok((None, None));
        }
    }
    session.customer = renamed(store, world, session.customer, identity).await?;
    Ok((Some(session), signed_in))
}

/// Updates the customer's name to the one that the page's server gives.
async fn renamed(
    store: &dyn Store,
    world: &dyn World,
    customer: Customer,
    identity: &Identity,
) -> Result<Customer, OpenError> {
    match &identity.name {
        Some(name) if customer.name.as_ref() != Some(name) => {
            people::named(store, world, &customer, name, true).await.map_err(OpenError::unavailable)
        }
        _ => Ok(customer),
    }
}

async fn create(
    store: &dyn Store,
    world: &dyn World,
    tenant: &TenantKey,
    identity: Option<Identity>,
) -> Result<(Session, String, bool), OpenError> {
    let subject: Option<Arc<str>> = identity.as_ref().map(|identity| identity.subject.clone());
    let now = world.now();
    let mut tried = 0;
    loop {
        let known = match &subject {
            Some(subject) => {
                store.customer_of(tenant, subject).await.map_err(OpenError::unavailable)?
            }
            None => None,
        };
        let is_new = known.is_none();
        let customer = match (known, &identity) {
            (Some(known), Some(identity)) => renamed(store, world, known, identity).await?,
            (Some(known), None) => known,
            (None, identity) => {
                let name = identity.as_ref().and_then(|identity| identity.name.clone());
                Customer {
                    id: CustomerId(world.uuid()),
                    tenant: tenant.clone(),
                    localpart: people::address(world, name.as_deref(), tried),
                    name,
                    conversations: 0,
                }
            }
        };
        let (token, hash) = tokens::drawn(world);
        let session = Session {
            id: SessionId(world.uuid()),
            customer,
            token: hash,
            previous: None,
            salt: None,
            expires_at: now.plus(tokens::LIFETIME_MS),
            subject: subject.clone(),
            same_as: None,
        };
        match store.create_session(&session, now).await {
            Ok(()) => return Ok((session, token, is_new)),
            // The address exists, or the subject has just signed in elsewhere: try again.
            Err(StoreError::Exists(_)) if is_new => tried += 1,
            Err(error) => return Err(OpenError::unavailable(error)),
        }
    }
}
