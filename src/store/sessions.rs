//! Sessions and customers.
//!
//! Invariants: a session and its customer are of one tenant, and nothing of another's is found.
//! Putting the same session twice is one session, for an answer may be lost.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::convert::customer_from;
use super::entity::{conversation, customer, session, tenant};
use super::error::{corrupt, unavailable, violated};
use super::newcomers::Told;
use super::tenants::missing;
use super::{SqlStore, begin, commit};
use crate::chat::ids::{AgentJid, LinkDomain, Localpart, SessionId, TenantKey, Timestamp};
use crate::chat::model::Customer;
use crate::ports::store::{Session, Sessions, StoreError};

#[async_trait]
impl Sessions for SqlStore {
    async fn session(
        &self,
        tenant: &TenantKey,
        token: &[u8; 32],
    ) -> Result<Option<Session>, StoreError> {
        // Two questions, each with its index; MySQL makes one of them into a walk.
        self.within(async {
            let found = self.by_token.ask((tenant.clone(), *token)).await??;
            if found.is_some() {
                return Ok(found);
            }
            let found = session::Entity::find()
                .filter(session::Column::Tenant.eq(tenant.as_str()))
                .filter(session::Column::Previous.eq(token.to_vec()))
                .find_also_related(customer::Entity)
                .one(&self.read)
                .await
                .map_err(unavailable)?;
            match found {
                Some((session, Some(whose))) => from(session, whose).map(Some),
                _ => Ok(None),
            }
        })
        .await
    }

    async fn create_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        self.within(async {
            match self.newcomers.ask((session.clone(), now)).await? {
                Told::Stored => return Ok(()),
                Told::Homeless => return Err(missing(&session.customer.tenant)),
                Told::Apart => {}
            }
            let transaction = begin(&self.write).await?;
            match create(&transaction, session, now).await {
                Ok(()) => commit(transaction).await,
                Err(cause) => match violated(&cause) {
                    Some(key) => {
                        drop(transaction);
                        // The answer to the first may have been lost.
                        let there = self.session(&session.customer.tenant, &session.token).await?;
                        if there.is_some_and(|there| there.id == session.id) {
                            return Ok(());
                        }
                        Err(StoreError::Exists(collision(&key).to_owned()))
                    }
                    None if matches!(cause, DbErr::RecordNotFound(_)) => {
                        Err(missing(&session.customer.tenant))
                    }
                    None => Err(unavailable(cause)),
                },
            }
        })
        .await
    }

    async fn update_session(&self, session: &Session) -> Result<(), StoreError> {
        use session::Column;
        let (previous, until) = previous(session);
        self.within(async {
            let updated = session::Entity::update_many()
                .col_expr(Column::Token, Expr::value(session.token.to_vec()))
                .col_expr(Column::Previous, Expr::value(previous))
                .col_expr(Column::PreviousUntil, Expr::value(until))
                .col_expr(Column::ExpiresAt, Expr::value(session.expires_at.0))
                .col_expr(Column::Subject, Expr::value(bytes(session.subject.as_deref())))
                .filter(Column::Id.eq(session.id.0))
                .filter(Column::Tenant.eq(session.customer.tenant.as_str()))
                .exec(&self.write)
                .await;
            match updated {
                Ok(updated) if updated.rows_affected == 0 => {
                    Err(StoreError::Missing(format!("the session {}", session.id)))
                }
                Ok(_) => Ok(()),
                Err(cause) => Err(exists(cause)),
            }
        })
        .await
    }

    async fn customer_of(
        &self,
        tenant: &TenantKey,
        subject: &str,
    ) -> Result<Option<Customer>, StoreError> {
        self.within(async {
            let found = customer::Entity::find()
                .filter(customer::Column::Tenant.eq(tenant.as_str()))
                .filter(customer::Column::Subject.eq(subject.as_bytes().to_vec()))
                .one(&self.read)
                .await
                .map_err(unavailable)?;
            found.map(customer_from).transpose()
        })
        .await
    }

    async fn update_customer(
        &self,
        customer: &Customer,
        subject: Option<&str>,
    ) -> Result<(), StoreError> {
        use customer::Column;
        self.within(async {
            let mut update = customer::Entity::update_many()
                .col_expr(Column::Name, Expr::value(customer.name.as_deref().map(str::to_owned)))
                .filter(Column::Id.eq(customer.id.0))
                .filter(Column::Tenant.eq(customer.tenant.as_str()));
            if subject.is_some() {
                let bound = Expr::col(Column::Subject).if_null(Expr::value(bytes(subject)));
                update = update.col_expr(Column::Subject, bound);
            }
            match update.exec(&self.write).await {
                Ok(updated) if updated.rows_affected == 0 => {
                    Err(StoreError::Missing(format!("the customer {}", customer.id)))
                }
                Ok(_) => Ok(()),
                Err(cause) => Err(exists(cause)),
            }
        })
        .await
    }

    async fn customer_at(
        &self,
        link: &LinkDomain,
        localpart: &Localpart,
    ) -> Result<Option<(Customer, Option<AgentJid>)>, StoreError> {
        self.within(async {
            let Some(link) = self.link_id(link).await? else { return Ok(None) };
            let found = customer::Entity::find()
                .filter(customer::Column::Link.eq(link))
                .filter(customer::Column::Localpart.eq(localpart.as_str()))
                .one(&self.desk)
                .await
                .map_err(unavailable)?;
            let Some(customer) = found else { return Ok(None) };
            let served: Option<Option<String>> = conversation::Entity::find()
                .select_only()
                .column(conversation::Column::ServedBy)
                .filter(conversation::Column::Customer.eq(customer.id))
                .filter(conversation::Column::ServedBy.is_not_null())
                .order_by_desc(conversation::Column::Open)
                .order_by_desc(conversation::Column::OpenedAt)
                .limit(1)
                .into_tuple()
                .one(&self.desk)
                .await
                .map_err(unavailable)?;
            let agent = served.flatten().map(|jid| AgentJid::normalised(&jid));
            Ok(Some((customer_from(customer)?, agent)))
        })
        .await
    }
}

/// Inserts one session, and its customer where he is new. `RecordNotFound` where there is no such tenant.
async fn create(
    transaction: &impl ConnectionTrait,
    session: &Session,
    now: Timestamp,
) -> Result<(), DbErr> {
    let whose = &session.customer;
    let known: Option<uuid::Uuid> = customer::Entity::find()
        .select_only()
        .column(customer::Column::Id)
        .filter(customer::Column::Id.eq(whose.id.0))
        .filter(customer::Column::Tenant.eq(whose.tenant.as_str()))
        .into_tuple()
        .one(transaction)
        .await?;
    if known.is_none() {
        let tenant = tenant::Entity::find_by_id(whose.tenant.as_str())
            .one(transaction)
            .await?
            .ok_or_else(|| DbErr::RecordNotFound(whose.tenant.to_string()))?;
        let customer = customer::ActiveModel {
            id: Set(whose.id.0),
            tenant: Set(whose.tenant.to_string()),
            link: Set(tenant.link),
            localpart: Set(whose.localpart.to_string()),
            name: Set(whose.name.as_deref().map(str::to_owned)),
            subject: Set(bytes(session.subject.as_deref())),
            // Only the log counts.
            conversations: Set(0),
        };
        customer::Entity::insert(customer).exec_without_returning(transaction).await?;
    }
    let (previous, previous_until) = previous(session);
    let session = session::ActiveModel {
        id: Set(session.id.0),
        tenant: Set(whose.tenant.to_string()),
        customer: Set(whose.id.0),
        token: Set(session.token.to_vec()),
        previous: Set(previous),
        previous_until: Set(previous_until),
        expires_at: Set(session.expires_at.0),
        subject: Set(bytes(session.subject.as_deref())),
        created_at: Set(now.0),
    };
    session::Entity::insert(session).exec_without_returning(transaction).await.map(drop)
}

/// What is there already, by the index that says so.
fn collision(key: &str) -> &'static str {
    if key.contains("subject") {
        "a customer with this subject"
    } else if key.contains("localpart") {
        "a customer at this address"
    } else if key.contains("token") {
        "a session with this token"
    } else {
        "this customer or session"
    }
}

fn exists(cause: DbErr) -> StoreError {
    match violated(&cause) {
        Some(key) => StoreError::Exists(collision(&key).to_owned()),
        None => unavailable(cause),
    }
}

fn bytes(subject: Option<&str>) -> Option<Vec<u8>> {
    subject.map(|subject| subject.as_bytes().to_vec())
}

fn previous(session: &Session) -> (Option<Vec<u8>>, Option<i64>) {
    match &session.previous {
        Some((token, until)) => (Some(token.to_vec()), until.map(|until| until.0)),
        None => (None, None),
    }
}

pub(super) fn from(model: session::Model, whose: customer::Model) -> Result<Session, StoreError> {
    let id = SessionId(model.id);
    let hash = |bytes: Vec<u8>| {
        <[u8; 32]>::try_from(bytes).map_err(|_| corrupt("a token of the session", id))
    };
    let until = model.previous_until.map(Timestamp);
    Ok(Session {
        id,
        customer: customer_from(whose)?,
        token: hash(model.token)?,
        previous: model.previous.map(hash).transpose()?.map(|token| (token, until)),
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
