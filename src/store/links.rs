//! The rows of links, and their ids.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use super::entity::link::{ActiveModel, Column, Entity, Model};
use super::error::unavailable;
use crate::chat::ids::LinkDomain;
use crate::ports::store_error::StoreError;

/// The row of a link; none if no node ever asked for the link.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    domain: &LinkDomain,
) -> Result<Option<Model>, StoreError> {
    Entity::find()
        .filter(Column::Domain.eq(domain.as_str()))
        .one(connection)
        .await
        .map_err(unavailable)
}

/// The row of a link, locked until the end of the transaction.
pub(super) async fn lock(
    transaction: &impl ConnectionTrait,
    domain: &LinkDomain,
) -> Result<Option<Model>, StoreError> {
    Entity::find()
        .filter(Column::Domain.eq(domain.as_str()))
        .lock(LockType::Update)
        .one(transaction)
        .await
        .map_err(unavailable)
}

/// The row of a link, created if it is missing.
pub(super) async fn ensure(
    connection: &impl ConnectionTrait,
    domain: &LinkDomain,
) -> Result<Model, StoreError> {
    if let Some(link) = find(connection, domain).await? {
        return Ok(link);
    }
    let fresh = ActiveModel {
        domain: Set(domain.to_string()),
        node: Set(None),
        epoch: Set(0),
        lease_until: Set(0),
        stands: Set(false),
        cursor_pos: Set(0),
        floor_pos: Set(0),
        revision: Set(0),
        ..ActiveModel::default()
    };
    // Another node may insert it at the same moment; then that row stays.
    Entity::insert(fresh)
        .on_conflict(OnConflict::column(Column::Domain).update_column(Column::Domain).to_owned())
        .exec_without_returning(connection)
        .await
        .map_err(unavailable)?;
    find(connection, domain).await?.ok_or_else(|| StoreError::Missing(format!("the link {domain}")))
}

/// The ids of links in the tables. They never change; if the database was created anew, acquiring a
/// link records its new id.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<HashMap<LinkDomain, i32>>);

impl Links {
    pub(super) fn put(&self, link: &LinkDomain, id: i32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(link.clone(), id);
    }

    pub(super) fn get(&self, link: &LinkDomain) -> Option<i32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(link).copied()
    }
}
