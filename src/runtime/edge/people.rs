//! Customers' names and addresses, and under which of their addresses somebody is served.
//!
//! Invariants: an address that an agent may have seen is never changed. Whoever is known by a
//! subject is served where their open conversation is; nobody has part in another subject's.

use std::sync::Arc;

use super::sessions::unavailable;
use super::{OpenError, slug};
use crate::bridge::clean;
use crate::chat::event::SignedIn;
use crate::chat::ids::{Localpart, Timestamp};
use crate::chat::model::{CONTACT_STAYS_MS, Customer};
use crate::ports::store::{Naming, Session, Store, StoreError};
use crate::ports::world::World;

/// How often an address may turn out to be taken.
const TRIES: usize = 6;

/// Draws an address: with what it can say of a name, else ten characters without meaning, 50 bits.
/// After the name come four characters, one more with each try.
pub(super) fn address(world: &dyn World, name: Option<&str>, tried: usize) -> Localpart {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut secret = [0_u8; 10];
    world.secret(&mut secret);
    let mut drawn = secret
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)).copied().map(char::from));
    let text = match name.and_then(slug::of) {
        Some(words) => format!("{words}-{}", drawn.by_ref().take(4 + tried).collect::<String>()),
        None => drawn.collect(),
    };
    Localpart::drawn(&text)
}

/// Writes a name. A customer whom no agent has seen gets an address that says it.
pub(super) async fn named(
    store: &dyn Store,
    world: &dyn World,
    customer: &Customer,
    name: &Arc<str>,
    replaces: bool,
) -> Result<Customer, StoreError> {
    for tried in 0..TRIES {
        let address = customer.name.is_none().then(|| address(world, Some(name), tried));
        let naming = Naming { name: name.clone(), replaces, address };
        match store.name_customer(customer, &naming).await {
            Err(StoreError::Exists(_)) => {}
            done => return done,
        }
    }
    let naming = Naming { name: name.clone(), replaces, address: None };
    store.name_customer(customer, &naming).await
}

/// The name that a form gives.
pub(super) fn in_form(answers: &[(Arc<str>, Arc<str>)]) -> Option<Arc<str>> {
    let given = answers.iter().find(|(field, _)| **field == *"name");
    given.and_then(|(_, value)| clean::name(value)).map(Arc::from)
}

/// Somebody known signs in in the middle of an anonymous chat: it goes on, for both sides, and the
/// session is the subject's from now on. None where nothing is open, or somebody else was quicker.
pub(super) async fn adopted(
    store: &dyn Store,
    session: &mut Session,
    subject: &Arc<str>,
) -> Result<Option<SignedIn>, OpenError> {
    let customer = &session.customer;
    let open = store.open_conversation(customer.id).await.map_err(unavailable)?;
    let home = store.customer_of(&customer.tenant, subject).await.map_err(unavailable)?;
    let (Some(_), Some(home)) = (open, home) else { return Ok(None) };
    if !store.adopt(session, home.id, subject).await.map_err(unavailable)? {
        return Ok(None);
    }
    session.subject = Some(subject.clone());
    session.same_as = Some(home.id);
    if session.customer.name.is_none() {
        session.customer.name.clone_from(&home.name);
    }
    Ok(Some(SignedIn {
        known_as: Some(home.localpart),
        conversations: home.conversations,
        home: Some(home.id),
    }))
}

/// Finds under which of their addresses the holder of a session is served now: where a conversation
/// of theirs is open, else where one was open not long ago, else under the subject's own.
pub(super) async fn serve(
    store: &dyn Store,
    session: &mut Session,
    now: Timestamp,
) -> Result<(), OpenError> {
    if session.subject.is_none() {
        return Ok(());
    }
    let own = session.customer.id;
    let home = session.same_as.unwrap_or(own);
    let kin = store.open_kin(home).await.map_err(unavailable)?;
    let is_open = async |id| store.open_conversation(id).await.map_err(unavailable);
    // Nearly everybody has one address.
    if session.same_as.is_none() && kin.is_none() || is_open(own).await?.is_some() {
        return Ok(());
    }
    let next = if own != home && is_open(home).await?.is_some() {
        Some(home)
    } else if let Some(kin) = kin {
        Some(kin.id)
    } else {
        let latest = store.latest(own).await.map_err(unavailable)?;
        // For so long the address they had there is in the agents' contact lists.
        let is_recent = latest.is_some_and(|latest| now.since(latest.active_at) < CONTACT_STAYS_MS);
        (!is_recent).then_some(home)
    };
    if let Some(next) = next.filter(|next| *next != own)
        && let Some(customer) = store.customer(next).await.map_err(unavailable)?
    {
        store.move_session(session, next).await.map_err(unavailable)?;
        session.customer = customer;
        session.same_as = (next != home).then_some(home);
    }
    Ok(())
}
