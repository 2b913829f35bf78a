//! Which subject a session and its customer belong to, and which customers turned out to be the
//! same.
//!
//! Invariants: what belongs to one subject never changes to another. A session and its customer are
//! bound in one transaction, or not at all.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::codec::customer_from;
use super::entity::{conversation, customer, session};
use super::error::unavailable;
use crate::chat::ids::CustomerId;
use crate::chat::model::Customer;
use crate::ports::store::Session;
use crate::ports::store_error::StoreError;

/// How many customers that turned out to be the same are examined.
const KIN: u64 = 64;

/// Binds a session and its customer to a subject; `false` if one of them belongs to another
/// subject.
pub(super) async fn claim(
    transaction: &impl ConnectionTrait,
    session: &Session,
    subject: &[u8],
) -> Result<bool, DbErr> {
    let whose = &session.customer;
    let customer = customer::Entity::update_many()
        .col_expr(customer::Column::Subject, Expr::value(subject.to_vec()))
        .filter(customer::Column::Id.eq(whose.id.0))
        .filter(customer::Column::Tenant.eq(whose.tenant.as_str()))
        .filter(customer::Column::SameAs.is_null())
        .filter(free(customer::Column::Subject, subject))
        .exec(transaction)
        .await?;
    Ok(customer.rows_affected == 1 && bind(transaction, session, subject).await?)
}

/// Binds a session to the subject of another customer, the one its own customer turned out to be;
/// `false` if the session or its customer belongs to another subject.
pub(super) async fn adopt(
    transaction: &impl ConnectionTrait,
    session: &Session,
    home: CustomerId,
    subject: &[u8],
) -> Result<bool, DbErr> {
    let whose = &session.customer;
    let customer = customer::Entity::update_many()
        .col_expr(customer::Column::SameAs, Expr::value(home.0))
        .filter(customer::Column::Id.eq(whose.id.0))
        .filter(customer::Column::Id.ne(home.0))
        .filter(customer::Column::Tenant.eq(whose.tenant.as_str()))
        .filter(customer::Column::Subject.is_null())
        .filter(
            Condition::any()
                .add(customer::Column::SameAs.is_null())
                .add(customer::Column::SameAs.eq(home.0)),
        )
        .exec(transaction)
        .await?;
    Ok(customer.rows_affected == 1 && bind(transaction, session, subject).await?)
}

/// Binds a session to a subject; `false` if it belongs to another one.
async fn bind(
    transaction: &impl ConnectionTrait,
    session: &Session,
    subject: &[u8],
) -> Result<bool, DbErr> {
    let bound = session::Entity::update_many()
        .col_expr(session::Column::Subject, Expr::value(subject.to_vec()))
        .filter(session::Column::Id.eq(session.id.0))
        .filter(session::Column::Customer.eq(session.customer.id.0))
        .filter(free(session::Column::Subject, subject))
        .exec(transaction)
        .await?;
    Ok(bound.rows_affected == 1)
}

/// The column is null, or names this subject.
fn free(column: impl ColumnTrait, subject: &[u8]) -> Condition {
    Condition::any().add(column.is_null()).add(column.eq(subject.to_vec()))
}

pub(super) async fn customer(
    connection: &impl ConnectionTrait,
    id: CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let found = customer::Entity::find_by_id(id.0).one(connection).await;
    found.map_err(unavailable)?.map(customer_from).transpose()
}

/// A customer who turned out to be this one and has an open conversation.
pub(super) async fn open_kin(
    connection: &impl ConnectionTrait,
    home: CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let kin: Vec<Uuid> = customer::Entity::find()
        .select_only()
        .column(customer::Column::Id)
        .filter(customer::Column::SameAs.eq(home.0))
        .limit(KIN)
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    // The usual case.
    if kin.is_empty() {
        return Ok(None);
    }
    let busy: Option<Uuid> = conversation::Entity::find()
        .select_only()
        .column(conversation::Column::Customer)
        .filter(conversation::Column::Customer.is_in(kin))
        .filter(conversation::Column::Open.eq(true))
        .limit(1)
        .into_tuple()
        .one(connection)
        .await
        .map_err(unavailable)?;
    match busy {
        Some(id) => customer(connection, CustomerId(id)).await,
        None => Ok(None),
    }
}

/// Whether two customers turned out to be the same.
pub(super) async fn is_same(
    connection: &impl ConnectionTrait,
    one: CustomerId,
    other: CustomerId,
) -> Result<bool, StoreError> {
    let found: Vec<(Uuid, Option<Uuid>)> = customer::Entity::find()
        .select_only()
        .columns([customer::Column::Id, customer::Column::SameAs])
        .filter(customer::Column::Id.is_in([one.0, other.0]))
        .into_tuple()
        .all(connection)
        .await
        .map_err(unavailable)?;
    let mut homes = found.into_iter().map(|(id, same_as)| same_as.unwrap_or(id));
    Ok(match (homes.next(), homes.next()) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    })
}
