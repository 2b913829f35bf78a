//! Tenants: adding one, and removing one with everything that belongs to it.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::codec::{int, json, nat, parse, strategy_word, tenant_key};
use super::entity::{conversation, customer, file, link, log, queue, session, tenant};
use super::error::{corrupt, unavailable, violated};
use super::sql_store::{SqlStore, begin, commit};
use super::{links, ranges};
use crate::chat::ids::{LinkDomain, Pos, QueueKey, TenantKey};
use crate::chat::settings::Strategy;
use crate::ports::directory::Tenant;
use crate::ports::settings::{FileWishes, Settings, Tags};
use crate::ports::store_error::StoreError;

/// Conversations, customers or sessions removed in one transaction.
const TOGETHER: u64 = 200;

/// How long an offer of a new tenant's default queue is open, in milliseconds.
const OFFER_MS: i64 = 30_000;

/// The settings of a stored tenant.
pub(super) fn settings(model: &tenant::Model) -> Result<Settings, StoreError> {
    if let Some(document) = &model.settings {
        return parse(document);
    }
    Ok(Settings {
        name: model.name.as_str().into(),
        origins: parse(&model.origins)?,
        origin_required: model.origin_required,
        color: model.color.clone(),
        locale: model.locale.clone(),
        idle_close_ms: model.idle_close_ms,
        form: model.form.as_deref().map(parse).transpose()?.unwrap_or_default(),
        files: FileWishes {
            bytes: model.file_bytes.map(nat).transpose()?,
            types: model.file_types.as_deref().map(parse).transpose()?,
        },
        ..Settings::default()
    })
}

pub(super) fn missing(key: &TenantKey) -> StoreError {
    StoreError::Missing(format!("the tenant {key}"))
}

/// Tenants, all or one, by key.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    key: Option<&TenantKey>,
) -> Result<Vec<Tenant>, StoreError> {
    let mut query = tenant::Entity::find().order_by_asc(tenant::Column::Slug);
    if let Some(key) = key {
        query = query.filter(tenant::Column::Slug.eq(key.as_str()));
    }
    let found = query.all(connection).await.map_err(unavailable)?;
    let links = link::Entity::find().all(connection).await.map_err(unavailable)?;
    found
        .into_iter()
        .map(|model| {
            let on = links.iter().find(|link| link.id == model.link);
            let domain = on.map(|link| link.domain.as_str()).unwrap_or_default();
            Ok(Tenant {
                key: tenant_key(&model.slug)?,
                link: LinkDomain::new(domain).map_err(|_| corrupt("the link", domain))?,
                settings: settings(&model)?,
                identity_secret: model.identity_secret.map(SecretString::from),
            })
        })
        .collect()
}

pub(super) async fn touch(transaction: &impl ConnectionTrait, link: i32) -> Result<(), StoreError> {
    link::Entity::update_many()
        .col_expr(link::Column::Revision, Expr::col(link::Column::Revision).add(1))
        .filter(link::Column::Id.eq(link))
        .exec(transaction)
        .await
        .map_err(unavailable)
        .map(drop)
}

/// The link of a tenant. Locks the tenant's row, so that concurrent changes to a tenant are made
/// one after the other.
pub(super) async fn link_of(
    transaction: &impl ConnectionTrait,
    key: &TenantKey,
) -> Result<i32, StoreError> {
    let found = tenant::Entity::find_by_id(key.as_str())
        .lock_exclusive()
        .one(transaction)
        .await
        .map_err(unavailable)?;
    found.map(|tenant| tenant.link).ok_or_else(|| missing(key))
}

impl SqlStore {
    /// See [`Directory::add_tenant`](crate::ports::directory::Directory::add_tenant).
    pub(super) async fn insert_tenant(&self, fresh: &Tenant) -> Result<(), StoreError> {
        let link = links::ensure(&self.write, &fresh.link).await?.id;
        let transaction = begin(&self.write).await?;
        let settings = &fresh.settings;
        let form = (!settings.form.is_empty()).then_some(&settings.form);
        let row = tenant::ActiveModel {
            slug: Set(fresh.key.to_string()),
            name: Set(settings.name.to_string()),
            link: Set(link),
            origins: Set(json(&settings.origins)?),
            origin_required: Set(settings.origin_required),
            color: Set(settings.color.clone()),
            locale: Set(settings.locale.clone()),
            identity_secret: Set(fresh
                .identity_secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())),
            idle_close_ms: Set(settings.idle_close_ms),
            form: Set(form.map(json).transpose()?),
            file_bytes: Set(settings.files.bytes.map(int).transpose()?),
            file_types: Set(settings.files.types.as_ref().map(json).transpose()?),
            settings: Set(Some(json(settings)?)),
        };
        match tenant::Entity::insert(row).exec_without_returning(&transaction).await {
            Err(cause) if violated(&cause).is_some() => {
                return Err(StoreError::Exists(format!("the tenant {}", fresh.key)));
            }
            other => other.map_err(unavailable)?,
        };
        if leftovers(&transaction, &fresh.key).await? {
            return Err(StoreError::Refused(format!(
                "a tenant {} was removed, but not all of it yet: remove it once more",
                fresh.key
            )));
        }
        let first = queue::ActiveModel {
            tenant: Set(fresh.key.to_string()),
            slug: Set(QueueKey::default_queue().to_string()),
            name: Set(settings.name.to_string()),
            strategy: Set(strategy_word(Strategy::LeastLoaded).to_owned()),
            offer_ms: Set(OFFER_MS),
            hours: Set(None),
            by_hand: Set(None),
        };
        queue::Entity::insert(first)
            .exec_without_returning(&transaction)
            .await
            .map_err(unavailable)?;
        touch(&transaction, link).await?;
        commit(transaction).await
    }

    /// See [`Directory::change_tags`](crate::ports::directory::Directory::change_tags).
    pub(super) async fn rewrite_tags(
        &self,
        key: &TenantKey,
        change: &(dyn for<'t> Fn(&'t mut Tags) + Send + Sync),
    ) -> Result<(), StoreError> {
        let transaction = begin(&self.write).await?;
        // Locks the tenant's row.
        let link = link_of(&transaction, key).await?;
        let found = tenant::Entity::find_by_id(key.as_str())
            .one(&transaction)
            .await
            .map_err(unavailable)?;
        let mut settings = settings(&found.ok_or_else(|| missing(key))?)?;
        change(&mut settings.tags);
        tenant::Entity::update_many()
            .col_expr(tenant::Column::Settings, Expr::value(json(&settings)?))
            .filter(tenant::Column::Slug.eq(key.as_str()))
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        touch(&transaction, link).await?;
        commit(transaction).await
    }

    /// Removes the tenant itself first, in one transaction, so that it stops acting. Then its data
    /// is removed in small transactions, so that the link's owner is not held up. The next removal
    /// continues an interrupted one.
    pub(super) async fn delete_tenant(&self, key: &TenantKey) -> Result<(), StoreError> {
        let known = self.within(self.close_tenant(key)).await?;
        let mut left = false;
        while self.within(self.sweep(key)).await? {
            left = true;
        }
        if known || left { Ok(()) } else { Err(missing(key)) }
    }

    /// Returns whether the tenant existed.
    async fn close_tenant(&self, key: &TenantKey) -> Result<bool, StoreError> {
        let Some(found) = find(&self.write, Some(key)).await?.pop() else { return Ok(false) };
        let transaction = begin(&self.write).await?;
        // The same lock that the owner's writes take: no conversation is opened during the check.
        let link = links::lock(&transaction, &found.link).await?.ok_or_else(|| missing(key))?;
        if conversation::Entity::find()
            .select_only()
            .column(conversation::Column::Id)
            .filter(conversation::Column::Link.eq(link.id))
            .filter(conversation::Column::Open.eq(true))
            .filter(conversation::Column::Tenant.eq(key.as_str()))
            .limit(1)
            .into_tuple::<Uuid>()
            .one(&transaction)
            .await
            .map_err(unavailable)?
            .is_some()
        {
            return Err(StoreError::Refused(format!(
                "the tenant {key} has open conversations: end them first"
            )));
        }
        // Its rows will be removed, but their positions must not be reused.
        let Pos(head) = ranges::head(&transaction, &link).await?;
        link::Entity::update_many()
            .col_expr(link::Column::FloorPos, Expr::value(int(head)?))
            .filter(link::Column::Id.eq(link.id))
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        // Queues and agents are removed by the foreign keys.
        tenant::Entity::delete_by_id(key.as_str()).exec(&transaction).await.map_err(unavailable)?;
        touch(&transaction, link.id).await?;
        commit(transaction).await?;
        Ok(true)
    }

    /// Removes a part of a removed tenant's data; `false` if nothing was left.
    async fn sweep(&self, key: &TenantKey) -> Result<bool, StoreError> {
        let transaction = begin(&self.write).await?;
        let conversations: Vec<Uuid> = conversation::Entity::find()
            .select_only()
            .column(conversation::Column::Id)
            .filter(conversation::Column::Tenant.eq(key.as_str()))
            .limit(TOGETHER)
            .into_tuple()
            .all(&transaction)
            .await
            .map_err(unavailable)?;
        let mut some = !conversations.is_empty();
        if some {
            log::Entity::delete_many()
                .filter(log::Column::Conversation.is_in(conversations.iter().copied()))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
            conversation::Entity::delete_many()
                .filter(conversation::Column::Id.is_in(conversations))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
        } else {
            let customers: Vec<Uuid> = customer::Entity::find()
                .select_only()
                .column(customer::Column::Id)
                .filter(customer::Column::Tenant.eq(key.as_str()))
                .limit(TOGETHER)
                .into_tuple()
                .all(&transaction)
                .await
                .map_err(unavailable)?;
            some = !customers.is_empty();
            if some {
                // Marks the files as expired: the periodic sweep removes their contents and
                // records.
                file::Entity::update_many()
                    .col_expr(file::Column::ExpiresAt, Expr::value(0_i64))
                    .filter(file::Column::Customer.is_in(customers.iter().copied()))
                    .exec(&transaction)
                    .await
                    .map_err(unavailable)?;
                session::Entity::delete_many()
                    .filter(session::Column::Customer.is_in(customers.iter().copied()))
                    .exec(&transaction)
                    .await
                    .map_err(unavailable)?;
                customer::Entity::delete_many()
                    .filter(customer::Column::Id.is_in(customers))
                    .exec(&transaction)
                    .await
                    .map_err(unavailable)?;
            }
        }
        commit(transaction).await?;
        Ok(some)
    }
}

/// Whether data of a removed tenant is left.
async fn leftovers(connection: &impl ConnectionTrait, key: &TenantKey) -> Result<bool, StoreError> {
    for (table, column) in [("conversations", "tenant"), ("customers", "tenant")] {
        let query = Query::select()
            .expr_as(Expr::value(1), "one")
            .from(table)
            .and_where(Expr::col(column).eq(key.as_str()))
            .limit(1)
            .take();
        if connection.query_one(&query).await.map_err(unavailable)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
