//! Conversations: a view that the log's transaction writes.
//!
//! Invariant: a view is written by the transaction that inserts its row, and by no other, so a
//! repeated append changes nothing.

use std::cmp::max;
use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{DbBackend, Iterable};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::codec::{
    close_word, int, jids, json, nat, parse, parse_close, parse_jids, queue_key, tenant_key,
};
use super::connection::{Line, Value};
use super::entity::conversation::{Column, Entity, Model};
use super::entity::customer;
use super::error::corrupt;
use super::sql;
use super::statements::{self, Many};
use crate::chat::ids::{AgentJid, ConversationId, CustomerId, Seq, Timestamp};
use crate::chat::model::{Conversation, State, Transfer};
use crate::chat::row::{Append, RowKind};
use crate::ports::store_error::StoreError;

#[derive(Debug)]
pub(super) struct Statements {
    /// Writes views.
    pub(super) write: Many,
    /// Adds to customers' numbers of conversations.
    pub(super) begun: Many,
}

impl Statements {
    pub(super) fn new(backend: DbBackend) -> Self {
        Self { write: Many::new(backend, 16, write_text), begun: Many::new(backend, 1, begun_text) }
    }
}

fn write_text(backend: DbBackend, rows: usize) -> String {
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
            Column::Transfer,
            Column::Tags,
        ])
        .value(Column::ServedBy, sql::new_or_present(backend, "conversations", "served_by"))
        .to_owned();
    let mut insert = Query::insert().into_table(Entity).columns(Column::iter()).take();
    for _ in 0..rows {
        insert.values_panic(Column::iter().map(|_| Expr::value(0)));
    }
    statements::text(backend, insert.on_conflict(upsert))
}

/// Writes the last view of each conversation among these rows.
pub(super) async fn write(
    line: &mut Line<'_>,
    texts: &Statements,
    link: i32,
    appends: &[&Append],
    most: usize,
) -> Result<(), StoreError> {
    let mut last: BTreeMap<ConversationId, (&Conversation, Option<&AgentJid>)> = BTreeMap::new();
    for view in appends.iter().filter_map(|append| append.view.as_deref()) {
        let slot = last.entry(view.id).or_insert((view, None));
        *slot = (view, view.agent().or(slot.1));
    }
    let last: Vec<_> = last.into_values().collect();
    let mut rest = last.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let within = rest.iter().take_while(|(view, _)| {
            let is_first = bytes == 0;
            bytes += weight(view);
            is_first || bytes <= most
        });
        let (chunk, after) = rest.split_at(texts.write.fitting(within.count()));
        rest = after;
        let mut values = Vec::with_capacity(chunk.len() * Column::iter().len());
        for (view, served_by) in chunk {
            into(link, view, *served_by, &mut values)?;
        }
        line.run(&texts.write.text(chunk.len()), &values).await?;
    }
    Ok(())
}

fn begun_text(backend: DbBackend, customers: usize) -> String {
    let sum = Expr::col(customer::Column::Conversations).add(0);
    let update = Query::update()
        .table(customer::Entity)
        .value(customer::Column::Conversations, sum)
        .and_where(Expr::col(customer::Column::Id).is_in(vec![0; customers]))
        .take();
    statements::text(backend, &update)
}

/// Adds the conversations that begin among these newly inserted rows to their customers' numbers.
/// The row that begins a conversation has its first view; the row of a further `start` has none.
pub(super) async fn count(
    line: &mut Line<'_>,
    texts: &Statements,
    appends: &[&Append],
) -> Result<(), StoreError> {
    let mut begun: BTreeMap<Uuid, i64> = BTreeMap::new();
    for append in appends {
        if matches!(append.row.kind, RowKind::Opened { .. }) && append.view.is_some() {
            *begun.entry(append.row.customer.0).or_default() += 1;
        }
    }
    let mut by_count: BTreeMap<i64, Vec<&Uuid>> = BTreeMap::new();
    for (customer, count) in &begun {
        by_count.entry(*count).or_default().push(customer);
    }
    for (count, customers) in by_count {
        for chunk in customers.chunks(statements::MOST) {
            let mut values = vec![Value::from(count)];
            values.extend(sql::padded(chunk.to_vec()).into_iter().map(Value::from));
            line.run(&texts.begun.text(values.len() - 1), &values).await?;
        }
    }
    Ok(())
}

/// The approximate size of a view in bytes.
fn weight(view: &Conversation) -> usize {
    let asked = match &view.state {
        State::Offered { agents, .. } => agents.as_slice(),
        _ => &[],
    };
    let agents: usize = asked.iter().chain(&view.passed).map(|jid| jid.as_str().len() + 3).sum();
    let tags: usize = view.tags.iter().map(|tag| tag.len() + 3).sum();
    512 + agents + tags + view.subject.as_deref().map_or(0, str::len)
}

/// Appends the values of a view's row, in the order of the columns.
fn into<'v>(
    link: i32,
    view: &'v Conversation,
    served_by: Option<&'v AgentJid>,
    to: &mut Vec<Value<'v>>,
) -> Result<(), StoreError> {
    let (mut reason, mut agent, mut asked, mut asked_until) = (None, None, None, None);
    let state = match &view.state {
        State::Waiting => "waiting",
        State::Offered { agents, until } => {
            asked = jids(agents)?;
            asked_until = Some(until.0);
            "offered"
        }
        State::Active { agent: holder } => {
            agent = Some(holder.as_str());
            "active"
        }
        State::Closed { reason: why } => {
            reason = Some(close_word(*why));
            "closed"
        }
    };
    let tags = (!view.tags.is_empty()).then(|| json(&view.tags)).transpose()?;
    let columns: [Value<'v>; 24] = [
        (&view.id.0).into(),
        link.into(),
        view.tenant.as_str().into(),
        (&view.customer.0).into(),
        view.queue.as_str().into(),
        view.subject.as_deref().into(),
        state.into(),
        view.is_open().into(),
        reason.into(),
        agent.into(),
        asked.into(),
        asked_until.into(),
        jids(&view.passed)?.into(),
        served_by.map(AgentJid::as_str).into(),
        view.opened_at.0.into(),
        view.waiting_since.0.into(),
        view.priority.into(),
        view.active_at.0.into(),
        int(view.head.0)?.into(),
        int(view.delivered.0)?.into(),
        int(view.read.0)?.into(),
        int(view.confirmed.0)?.into(),
        view.transfer.as_deref().map(transfer_into).transpose()?.into(),
        tags.into(),
    ];
    to.extend(columns);
    Ok(())
}

/// A pending transfer as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredTransfer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    agents: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tried: Vec<String>,
    until: i64,
}

fn transfer_into(transfer: &Transfer) -> Result<String, StoreError> {
    let words = |agents: &[AgentJid]| agents.iter().map(ToString::to_string).collect();
    json(&StoredTransfer {
        queue: transfer.queue.as_ref().map(|queue| queue.as_str().to_owned()),
        agents: words(&transfer.agents),
        tried: words(&transfer.tried),
        until: transfer.until.0,
    })
}

fn transfer_from(stored: &str) -> Result<Box<Transfer>, StoreError> {
    let StoredTransfer { queue, agents, tried, until } = parse(stored)?;
    let jids = |words: Vec<String>| words.iter().map(|jid| AgentJid::normalised(jid)).collect();
    Ok(Box::new(Transfer {
        queue: queue.as_deref().map(queue_key).transpose()?,
        agents: jids(agents),
        tried: jids(tried),
        until: Timestamp(until),
    }))
}

/// Tags from the JSON array of a column.
pub(super) fn parse_tags(text: Option<&str>) -> Result<Vec<Arc<str>>, StoreError> {
    text.map(parse).transpose().map(Option::unwrap_or_default)
}

/// A conversation from its row, completed with the last `seq` and the time of the last message from
/// the log.
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
                model
                    .agent
                    .as_deref()
                    .ok_or_else(|| lacks("no agent in the active conversation"))?,
            ),
        },
        "closed" => State::Closed {
            reason: parse_close(
                model
                    .reason
                    .as_deref()
                    .ok_or_else(|| lacks("no reason in the closed conversation"))?,
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
        tags: parse_tags(model.tags.as_deref())?,
        active_at: Timestamp(max(model.active_at, last_word.unwrap_or(model.active_at))),
        head: Seq(nat(max(model.head, last_seq.unwrap_or_default()))?),
        delivered: Seq(nat(model.delivered)?),
        read: Seq(nat(model.read_upto)?),
        confirmed: Seq(nat(model.confirmed)?),
        passed: parse_jids(model.passed.as_deref())?,
        transfer: model.transfer.as_deref().map(transfer_from).transpose()?,
    })
}
