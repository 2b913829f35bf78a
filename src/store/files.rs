//! The records of files.
//!
//! Invariant: a file's tenant and customer never change.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::codec::{int, nat, tenant_key};
use super::entity::file::{ActiveModel, Column, Entity, Model};
use super::error::{corrupt, unavailable};
use super::sql;
use super::sql_store::SqlStore;
use crate::chat::ids::{CustomerId, FileId, FileKey, TenantKey, Timestamp};
use crate::chat::model::File;
use crate::ports::store::{CameIn, Files, StoredFile};
use crate::ports::store_error::StoreError;

#[async_trait]
impl Files for SqlStore {
    async fn add_file(&self, kept: &StoredFile, now: Timestamp) -> Result<(), StoreError> {
        let StoredFile { file, tenant, customer, expires_at, is_taken: _ } = kept;
        let row = ActiveModel {
            id: Set(file.id.0),
            tenant: Set(tenant.to_string()),
            customer: Set(customer.0),
            mark: Set(file.key.0.to_vec()),
            name: Set(file.name.to_string()),
            media_type: Set(file.media_type.to_string()),
            size: Set(int(file.size)?),
            created_at: Set(now.0),
            expires_at: Set(expires_at.map(|at| at.0)),
            link: Set(None),
            pos: Set(None),
        };
        self.within(async {
            let done = Entity::insert(row).exec_without_returning(&self.write).await;
            done.map(drop).map_err(unavailable)
        })
        .await
    }

    async fn file_written(&self, file: &File, expires_at: Timestamp) -> Result<(), StoreError> {
        let size = int(file.size)?;
        self.within(async {
            let done = Entity::update_many()
                .col_expr(Column::Name, Expr::value(&*file.name))
                .col_expr(Column::MediaType, Expr::value(&*file.media_type))
                .col_expr(Column::Size, Expr::value(size))
                .col_expr(Column::ExpiresAt, Expr::value(expires_at.0))
                .filter(Column::Id.eq(file.id.0))
                .exec(&self.write)
                .await
                .map_err(unavailable)?;
            match done.rows_affected {
                0 => Err(StoreError::Missing(format!("the file {}", file.id))),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn file(&self, tenant: &TenantKey, id: FileId) -> Result<Option<StoredFile>, StoreError> {
        self.within(async {
            let found = Entity::find()
                .filter(Column::Id.eq(id.0))
                .filter(Column::Tenant.eq(tenant.as_str()))
                .one(&self.read)
                .await
                .map_err(unavailable)?;
            found.map(kept_from).transpose()
        })
        .await
    }

    async fn files_of(
        &self,
        customer: CustomerId,
        ids: &[FileId],
    ) -> Result<Vec<StoredFile>, StoreError> {
        self.within(async {
            let ids = sql::padded(ids.iter().map(|id| id.0).collect());
            let found = Entity::find()
                .filter(Column::Id.is_in(ids))
                .filter(Column::Customer.eq(customer.0))
                .filter(Column::Size.gt(0))
                .all(&self.read)
                .await
                .map_err(unavailable)?;
            found.into_iter().map(kept_from).collect()
        })
        .await
    }

    async fn waiting_files(&self, customer: CustomerId) -> Result<u64, StoreError> {
        self.within(async {
            Entity::find()
                .filter(Column::Customer.eq(customer.0))
                .filter(Column::ExpiresAt.is_not_null())
                .count(&self.read)
                .await
                .map_err(unavailable)
        })
        .await
    }

    async fn files_since(
        &self,
        tenant: &TenantKey,
        customer: CustomerId,
        since: Timestamp,
    ) -> Result<CameIn, StoreError> {
        let came = async |of: SimpleExpr| {
            // MySQL returns the sum as a decimal.
            let sum = Expr::col(Column::Size).sum().cast_as("SIGNED");
            let sum = Entity::find()
                .select_only()
                .expr(sum)
                .filter(of)
                .filter(Column::CreatedAt.gt(since.0))
                .into_tuple::<Option<i64>>()
                .one(&self.read)
                .await
                .map_err(unavailable)?;
            nat(sum.flatten().unwrap_or_default())
        };
        self.within(async {
            Ok(CameIn {
                of_customer: came(Column::Customer.eq(customer.0)).await?,
                of_tenant: came(Column::Tenant.eq(tenant.as_str())).await?,
            })
        })
        .await
    }

    async fn expired_files(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredFile>, StoreError> {
        self.within(async {
            let found = Entity::find()
                .filter(Column::ExpiresAt.lte(now.0))
                .order_by_asc(Column::ExpiresAt)
                .limit(u64::from(limit))
                .all(&self.read)
                .await
                .map_err(unavailable)?;
            found.into_iter().map(kept_from).collect()
        })
        .await
    }

    async fn forget_files(&self, ids: &[FileId]) -> Result<(), StoreError> {
        self.within(async {
            let ids = ids.iter().map(|id| id.0);
            let done = Entity::delete_many().filter(Column::Id.is_in(ids)).exec(&self.write).await;
            done.map(drop).map_err(unavailable)
        })
        .await
    }
}

fn kept_from(model: Model) -> Result<StoredFile, StoreError> {
    let key = model.mark.try_into().map_err(|_| corrupt("the key of the file", model.id))?;
    Ok(StoredFile {
        file: File {
            id: FileId(model.id),
            key: FileKey(key),
            name: model.name.into(),
            media_type: model.media_type.into(),
            size: nat(model.size)?,
        },
        tenant: tenant_key(&model.tenant)?,
        customer: CustomerId(model.customer),
        expires_at: model.expires_at.map(Timestamp),
        is_taken: model.pos.is_some(),
    })
}
