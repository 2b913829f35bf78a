//! Reads conversations, completed from the log.
//!
//! Invariant: each is as its last entry left it, although its view is not written with each entry.

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryResult,
    QueryTrait, Select,
};
use uuid::Uuid;

use super::codec::customer_from;
use super::conversations;
use super::entity::conversation::{Column, Entity, Model};
use super::entity::customer;
use super::entity::log::{Column as Entry, Entity as Log};
use super::error::unavailable;
use crate::chat::model::{Conversation, Customer};
use crate::chat::row::Kind;
use crate::ports::store_error::StoreError;

/// The open conversations of customers, each with its customer's id; in no order.
pub(super) async fn open_of(
    connection: &impl ConnectionTrait,
    customers: Vec<Uuid>,
) -> Result<impl Iterator<Item = (Uuid, Result<Conversation, StoreError>)>, StoreError> {
    let query = Entity::find()
        .filter(Column::Customer.is_in(customers))
        .filter(Column::Open.eq(true))
        .into_query();
    let rows = connection.query_all(&completed(query)).await.map_err(unavailable)?;
    let with_customer = |row: QueryResult| {
        row.try_get("", "customer").map(|customer| (customer, complete(&row, "")))
    };
    rows.into_iter()
        .map(with_customer)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unavailable)
        .map(Vec::into_iter)
}

/// The first conversation that a query finds.
pub(super) async fn one(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
) -> Result<Option<Conversation>, StoreError> {
    let query = completed(query.into_query());
    let row = connection.query_one(&query).await.map_err(unavailable)?;
    row.map(|row| complete(&row, "")).transpose()
}

/// Conversations with their customers; left out if the customer was removed.
pub(super) async fn with_customers(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
) -> Result<Vec<(Conversation, Customer)>, StoreError> {
    let query = completed(query.find_also_related(customer::Entity).into_query());
    let rows = connection.query_all(&query).await.map_err(unavailable)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let with = customer::Model::from_query_result_optional(row, "B_").map_err(unavailable)?;
        if let Some(with) = with {
            found.push((complete(row, "A_")?, customer_from(with)?));
        }
    }
    Ok(found)
}

/// Adds the columns that the view does not have: the last entry's `seq`, and the time of the last
/// message.
fn completed(mut query: SelectStatement) -> SelectStatement {
    // Not MAX(seq), for which MariaDB would read all entries of the conversation.
    let last = |column: Entry| {
        Query::select()
            .column((Log, column))
            .from(Log)
            .and_where(Expr::col((Log, Entry::Conversation)).equals((Entity, Column::Id)))
            .and_where(Expr::col((Log, Entry::Seq)).is_not_null())
            .order_by((Log, Entry::Seq), Order::Desc)
            .limit(1)
            .take()
    };
    let last_seq = last(Entry::Seq);
    let last_word = last(Entry::At)
        .and_where(Expr::col((Log, Entry::Kind)).is_in(Kind::words(Kind::is_said)))
        .take();
    query.expr_as(Expr::SubQuery(None, Box::new(last_seq.into())), "last_seq");
    query.expr_as(Expr::SubQuery(None, Box::new(last_word.into())), "last_word");
    query
}

fn complete(row: &QueryResult, prefix: &str) -> Result<Conversation, StoreError> {
    let model = Model::from_query_result(row, prefix).map_err(unavailable)?;
    let last_seq = row.try_get("", "last_seq").map_err(unavailable)?;
    let last_word = row.try_get("", "last_word").map_err(unavailable)?;
    conversations::from(model, last_seq, last_word)
}
