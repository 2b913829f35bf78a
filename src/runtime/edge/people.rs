//! Customers' names and addresses, and under which of their addresses a customer is served.
//!
//! Invariants: an address that an agent may have seen never changes. A customer known by a subject
//! is served where their open conversation is, and never gets a conversation of another subject.

use std::sync::Arc;

use super::interface::OpenError;
use super::slug;
use crate::bridge::clean;
use crate::chat::event::SignedIn;
use crate::chat::ids::{Localpart, Timestamp};
use crate::chat::model::Customer;
use crate::chat::snapshot::CONTACT_STAYS_MS;
use crate::ports::store::{Naming, Session, Store};
use crate::ports::store_error::StoreError;
use crate::ports::world::World;

/// How many times a new address may turn out to be taken.
const TRIES: usize = 6;

/// Generates an address: from the name if it can be written in one, else ten random characters (50
/// bits). A name is followed by four random characters, one more on each try.
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

/// Stores a customer's name. A customer whom no agent has seen gets an address made from it.
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

/// The name in the answers to the form before the chat.
pub(super) fn in_form(answers: &[(Arc<str>, Arc<str>)]) -> Option<Arc<str>> {
    let given = answers.iter().find(|(field, _)| **field == *"name");
    given.and_then(|(_, value)| clean::name(value)).map(Arc::from)
}

/// A known customer signs in during an anonymous conversation: it continues, for both sides, and
/// the session belongs to the subject from now on. `None` if no conversation is open, or if another
/// subject was faster.
pub(super) async fn adopted(
    store: &dyn Store,
    session: &mut Session,
    subject: &Arc<str>,
) -> Result<Option<SignedIn>, OpenError> {
    let customer = &session.customer;
    let open = store.open_conversation(customer.id).await.map_err(OpenError::unavailable)?;
    let home =
        store.customer_of(&customer.tenant, subject).await.map_err(OpenError::unavailable)?;
    let (Some(_), Some(home)) = (open, home) else { return Ok(None) };
    if !store.adopt(session, home.id, subject).await.map_err(OpenError::unavailable)? {
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

/// Finds the address under which a session's customer is served now: the one whose conversation is
/// open, else one that had an open conversation recently, else the subject's own.
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
    let kin = store.open_kin(home).await.map_err(OpenError::unavailable)?;
    let is_open = async |id| store.open_conversation(id).await.map_err(OpenError::unavailable);
    // Nearly every customer has one address.
    if session.same_as.is_none() && kin.is_none() || is_open(own).await?.is_some() {
        return Ok(());
    }
    let next = if own != home && is_open(home).await?.is_some() {
        Some(home)
    } else if let Some(kin) = kin {
        Some(kin.id)
    } else {
        let latest = store.latest(own).await.map_err(OpenError::unavailable)?;
        // For this long that address stays in the agents' contact lists.
        let is_recent = latest.is_some_and(|latest| now.since(latest.active_at) < CONTACT_STAYS_MS);
        (!is_recent).then_some(home)
    };
    if let Some(next) = next.filter(|next| *next != own)
        && let Some(customer) = store.customer(next).await.map_err(OpenError::unavailable)?
    {
        store.move_session(session, next).await.map_err(OpenError::unavailable)?;
        session.customer = customer;
        session.same_as = (next != home).then_some(home);
    }
    Ok(())
}
