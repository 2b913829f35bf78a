//! Lookups for returning customers, combined if they are concurrent. After a restart of a node or a
//! network failure, all customers return at once.
//!
//! Invariant: stored data that cannot be decoded is an error for that customer alone.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::batcher::Together;
use super::codec::customer_from;
use super::conversation_lookup;
use super::entity::{customer, session};
use super::error::{corrupt, unavailable};
use super::pool::Reader;
use super::sql::padded;
use crate::chat::ids::{CustomerId, SessionId, TenantKey, Timestamp};
use crate::chat::model::Conversation;
use crate::ports::store::Session;
use crate::ports::store_error::StoreError;

/// Finds sessions by the hashes of their current tokens.
#[derive(Debug)]
pub(super) struct ByToken(pub(super) Reader);

impl Together for ByToken {
    type Ask = (TenantKey, [u8; 32]);
    type Answer = Result<Option<Session>, StoreError>;

    async fn answer(&self, group: &[Self::Ask]) -> Result<Vec<Self::Answer>, StoreError> {
        let tokens = padded(group.iter().map(|(_, token)| token.to_vec()).collect());
        let found = session::Entity::find()
            .filter(session::Column::Token.is_in(tokens))
            .find_also_related(customer::Entity)
            .all(&self.0)
            .await
            .map_err(unavailable)?;
        let mut sessions = HashMap::with_capacity(found.len());
        for (session, whose) in found {
            if let Some(whose) = whose {
                let key = (session.tenant.clone(), session.token.clone());
                sessions.insert(key, session_from(session, whose));
            }
        }
        // Two tabs of one customer may ask for the same session.
        let of = |(tenant, token): &Self::Ask| {
            sessions.get(&(tenant.to_string(), token.to_vec())).cloned().transpose()
        };
        Ok(group.iter().map(of).collect())
    }
}

/// Finds the open conversations of customers.
#[derive(Debug)]
pub(super) struct OpenOf(pub(super) Reader);

impl Together for OpenOf {
    type Ask = CustomerId;
    type Answer = Result<Option<Conversation>, StoreError>;

    async fn answer(&self, group: &[CustomerId]) -> Result<Vec<Self::Answer>, StoreError> {
        let customers = padded(group.iter().map(|customer| customer.0).collect());
        let open: HashMap<_, _> = conversation_lookup::open_of(&self.0, customers).await?.collect();
        Ok(group.iter().map(|customer| open.get(&customer.0).cloned().transpose()).collect())
    }
}

/// A session from its row and its customer's.
pub(super) fn session_from(
    model: session::Model,
    whose: customer::Model,
) -> Result<Session, StoreError> {
    let id = SessionId(model.id);
    let hash = |bytes: Vec<u8>| {
        <[u8; 32]>::try_from(bytes).map_err(|_| corrupt("a token of the session", id))
    };
    let until = model.previous_until.map(Timestamp);
    let same_as = whose.same_as.map(CustomerId);
    Ok(Session {
        id,
        customer: customer_from(whose)?,
        same_as,
        token: hash(model.token)?,
        previous: model.previous.map(hash).transpose()?.map(|token| (token, until)),
        salt: model.salt.map(hash).transpose()?,
        expires_at: Timestamp(model.expires_at),
        subject: model
            .subject
            .map(|subject| {
                String::from_utf8(subject).map_err(|_| corrupt("the subject of the session", id))
            })
            .transpose()?
            .map(Into::into),
    })
}
