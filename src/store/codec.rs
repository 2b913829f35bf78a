//! Numbers, names, words and JSON of columns, and the small tables.
//!
//! Invariant: what is read back equals what was written; a word that this version does not know is
//! an error, never guessed.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entity::{agent, customer, queue};
use super::error::corrupt;
use crate::chat::ids::{AgentJid, CustomerId, Localpart, QueueKey, TenantKey};
use crate::chat::model::{CloseReason, Customer};
use crate::chat::row::RequeueReason;
use crate::chat::settings::{AgentSettings, QueueSettings, Role, Strategy};
use crate::ports::store_error::StoreError;

/// A number as the databases store it: signed.
pub(super) fn int(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Refused("a number is too large".to_owned()))
}

/// A stored number that is never negative.
pub(super) fn nat(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt("the number", number))
}

pub(super) fn tenant_key(text: &str) -> Result<TenantKey, StoreError> {
    TenantKey::new(text).map_err(|_| corrupt("the tenant's key", text))
}

pub(super) fn queue_key(text: &str) -> Result<QueueKey, StoreError> {
    QueueKey::new(text).map_err(|_| corrupt("the queue's key", text))
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|cause| corrupt("JSON:", cause))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|cause| StoreError::Refused(format!("what cannot be written as JSON: {cause}")))
}

/// Agents as a JSON array for a column; null if there are none.
pub(super) fn jids(list: &[AgentJid]) -> Result<Option<String>, StoreError> {
    if list.is_empty() {
        return Ok(None);
    }
    json(&list.iter().map(AgentJid::as_str).collect::<Vec<_>>()).map(Some)
}

/// Agents from the JSON array of a column.
pub(super) fn parse_jids(text: Option<&str>) -> Result<Vec<AgentJid>, StoreError> {
    let list: Vec<String> = text.map(parse).transpose()?.unwrap_or_default();
    Ok(list.iter().map(|jid| AgentJid::normalised(jid)).collect())
}

macro_rules! words {
    ($to:ident, $from:ident, $type:ident, $what:literal, { $($variant:ident = $word:literal),* $(,)? }) => {
        pub(super) fn $to(value: $type) -> &'static str {
            match value { $($type::$variant => $word),* }
        }

        pub(super) fn $from(word: &str) -> Result<$type, StoreError> {
            match word {
                $($word => Ok($type::$variant),)*
                _ => Err(corrupt($what, word)),
            }
        }
    };
}

words!(close_word, parse_close, CloseReason, "the reason", {
    Customer = "customer", Agent = "agent", Idle = "idle", Full = "full", Operator = "operator",
});
words!(requeue_word, parse_requeue, RequeueReason, "the reason", {
    Silent = "silent", Gone = "gone", Bounced = "bounced", Removed = "removed",
    Declined = "declined", Withdrawn = "withdrawn", Given = "given",
    Moved = "moved",
    Unanswered = "unanswered",
});
words!(strategy_word, parse_strategy, Strategy, "the strategy", {
    LeastLoaded = "least-loaded", RoundRobin = "round-robin", RingAll = "ring-all",
});
words!(role_word, parse_role, Role, "the role", {
    Agent = "agent", Supervisor = "supervisor",
});

/// A customer from their row.
pub(super) fn customer_from(model: customer::Model) -> Result<Customer, StoreError> {
    Ok(Customer {
        id: CustomerId(model.id),
        tenant: tenant_key(&model.tenant)?,
        localpart: Localpart::new(&model.localpart)
            .map_err(|_| corrupt("the localpart", &model.localpart))?,
        name: model.name.map(Into::into),
        conversations: u32::try_from(model.conversations)
            .map_err(|_| corrupt("the count", model.conversations))?,
    })
}

pub(super) fn queue_from(model: queue::Model) -> Result<QueueSettings, StoreError> {
    Ok(QueueSettings {
        key: queue_key(&model.slug)?,
        name: model.name.into(),
        strategy: parse_strategy(&model.strategy)?,
        offer_ms: model.offer_ms,
    })
}

/// An agent from their row, with their queues.
pub(super) fn agent_from(
    model: agent::Model,
    queues: Vec<QueueKey>,
) -> Result<AgentSettings, StoreError> {
    Ok(AgentSettings {
        jid: AgentJid::normalised(&model.jid),
        name: model.name.into(),
        capacity: u32::try_from(model.capacity)
            .map_err(|_| corrupt("the capacity", model.capacity))?,
        role: parse_role(&model.role)?,
        queues,
    })
}
