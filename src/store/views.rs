//! Conversations, as a view that the log's transaction writes.
//!
//! Invariant: a view is written by the transaction that writes its row, and by no other: what
//! is repeated changes nothing.

use std::cmp::max;
use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::convert::{close_word, int, jids, nat, parse_close, parse_jids, queue_key, tenant_key};
use super::entity::conversation::{Column, Entity, Model};
use super::entity::customer;
use super::error::{corrupt, unavailable};
use super::sql;
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Seq, Timestamp};
use crate::chat::model::{Append, Conversation, RowKind, State};
use crate::ports::store::StoreError;

/// Views in one statement.
const TOGETHER: usize = 256;

/// Writes the last view of each conversation among these.
pub(super) async fn write(
    transaction: &impl ConnectionTrait,
    link: i32,
    appends: &[&Append],
) -> Result<(), StoreError> {
    let mut last: BTreeMap<ConversationId, (&Conversation, Option<&AgentJid>)> = BTreeMap::new();
    for view in appends.iter().filter_map(|append| append.view.as_deref()) {
        let slot = last.entry(view.id).or_insert((view, None));
        *slot = (view, view.agent().or(slot.1));
    }
    let models = last
        .into_values()
        .map(|(view, served_by)| into(link, view, served_by).map(Model::into_active_model))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rest = models.as_slice();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sql::together(rest.len(), TOGETHER));
        rest = after;
        let upsert = OnConflict::column(Column::Id)
            .update_columns([
                Column::Queue,
                Column::Subject,
                Column::State,
                Column::Open,
                Column::Reason,
                Column::Agent,
                Column::Asked,
                Column::AskedUntil,
                Column::Passed,
                Column::WaitingSince,
                Column::Priority,
                Column::ActiveAt,
                Column::Head,
                Column::Delivered,
                Column::ReadUpto,
                Column::Confirmed,
            ])
            .value(Column::ServedBy, sql::new_or_present(transaction, "conversations", "served_by"))
            .to_owned();
        Entity::insert_many(chunk.iter().cloned())
            .on_conflict(upsert)
            .exec_without_returning(transaction)
            .await
            .map_err(unavailable)?;
    }
    Ok(())
}

/// Counts the conversations that begin among these to their customers. Comes before [`write`],
/// for a conversation begins once, however often its customer starts it.
pub(super) async fn count(
    transaction: &impl ConnectionTrait,
    appends: &[&Append],
) -> Result<(), StoreError> {
    let mut started: BTreeMap<Uuid, Uuid> = BTreeMap::new();
    for append in appends {
        if matches!(append.row.kind, RowKind::Opened { .. }) {
            started.insert(append.row.conversation.0, append.row.customer.0);
        }
    }
    let ids: Vec<Uuid> = started.keys().copied().collect();
    for chunk in ids.chunks(TOGETHER) {
        let there: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(sql::padded(chunk.to_vec())))
            .into_tuple()
            .all(transaction)
            .await
            .map_err(unavailable)?;
        for id in there {
            started.remove(&id);
        }
    }
    let mut begun: BTreeMap<Uuid, i32> = BTreeMap::new();
    for customer in started.into_values() {
        *begun.entry(customer).or_default() += 1;
    }
    let mut by_count: BTreeMap<i32, Vec<Uuid>> = BTreeMap::new();
    for (customer, count) in begun {
        by_count.entry(count).or_default().push(customer);
    }
    for (count, customers) in by_count {
        for chunk in customers.chunks(TOGETHER) {
            let sum = Expr::col(customer::Column::Conversations).add(count);
            customer::Entity::update_many()
                .col_expr(customer::Column::Conversations, sum)
                .filter(customer::Column::Id.is_in(sql::padded(chunk.to_vec())))
                .exec(transaction)
                .await
                .map_err(unavailable)?;
        }
    }
    Ok(())
}

fn into(link: i32, view: &Conversation, served_by: Option<&AgentJid>) -> Result<Model, StoreError> {
    let mut model = Model {
        id: view.id.0,
        link,
        tenant: view.tenant.to_string(),
        customer: view.customer.0,
        queue: view.queue.to_string(),
        subject: view.subject.as_deref().map(str::to_owned),
        state: String::new(),
        open: view.is_open(),
        reason: None,
        agent: None,
        asked: None,
        asked_until: None,
        passed: jids(&view.passed)?,
        served_by: served_by.map(ToString::to_string),
        opened_at: view.opened_at.0,
        waiting_since: view.waiting_since.0,
        priority: view.priority,
        active_at: view.active_at.0,
        head: int(view.head.0)?,
        delivered: int(view.delivered.0)?,
        read_upto: int(view.read.0)?,
        confirmed: int(view.confirmed.0)?,
    };
    let state = match &view.state {
        State::Waiting => "waiting",
        State::Offered { agents, until } => {
            model.asked = jids(agents)?;
            model.asked_until = Some(until.0);
            "offered"
        }
        State::Active { agent } => {
            model.agent = Some(agent.to_string());
            "active"
        }
        State::Closed { reason } => {
            model.reason = Some(close_word(*reason).to_owned());
            "closed"
        }
    };
    model.state = state.to_owned();
    Ok(model)
}

/// A conversation out of its table, completed by the last entry and the last word in the log.
pub(super) fn from(
    model: Model,
    last_seq: Option<i64>,
    last_word: Option<i64>,
) -> Result<Conversation, StoreError> {
    let lacks = |what: &str| corrupt(what, ConversationId(model.id));
    let state = match model.state.as_str() {
        "waiting" => State::Waiting,
        "offered" => State::Offered {
            agents: parse_jids(model.asked.as_deref())?,
            until: Timestamp(model.asked_until.ok_or_else(|| lacks("an offer without end in"))?),
        },
        "active" => State::Active {
            agent: AgentJid::normalised(
                model.agent.as_deref().ok_or_else(|| lacks("no agent in the active"))?,
            ),
        },
        "closed" => State::Closed {
            reason: parse_close(
                model.reason.as_deref().ok_or_else(|| lacks("no reason in the closed"))?,
            )?,
        },
        other => return Err(corrupt("the state", other)),
    };
    Ok(Conversation {
        id: ConversationId(model.id),
        tenant: tenant_key(&model.tenant)?,
        customer: CustomerId(model.customer),
        queue: queue_key(&model.queue)?,
        subject: model.subject.map(Into::into),
        state,
        opened_at: Timestamp(model.opened_at),
        waiting_since: Timestamp(model.waiting_since),
        priority: model.priority,
        active_at: Timestamp(max(model.active_at, last_word.unwrap_or(model.active_at))),
        head: Seq(nat(max(model.head, last_seq.unwrap_or_default()))?),
        delivered: Seq(nat(model.delivered)?),
        read: Seq(nat(model.read_upto)?),
        confirmed: Seq(nat(model.confirmed)?),
        passed: parse_jids(model.passed.as_deref())?,
    })
}
