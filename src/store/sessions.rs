//! Sessions and customers.
//!
//! Invariants: a session and its customer belong to the same tenant, and a query never finds
//! another tenant's. Inserting the same session twice is not an error, since the first response may
//! have been lost.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::codec::customer_from;
use super::entity::{conversation, customer, session, tenant};
use super::error::{unavailable, violated};
use super::identities;
use super::session_insert::Told;
use super::session_lookup::session_from;
use super::sql_store::{SqlStore, begin, commit};
use super::tenants::missing;
use crate::chat::ids::{AgentJid, CustomerId, LinkDomain, Localpart, TenantKey, Timestamp};
use crate::chat::model::Customer;
use crate::ports::store::{Claim, Naming, Session, Sessions};
use crate::ports::store_error::StoreError;

#[async_trait]
impl Sessions for SqlStore {
    async fn session(
        &self,
        tenant: &TenantKey,
        token: &[u8; 32],
    ) -> Result<Option<Session>, StoreError> {
        // Two queries, each with its index; MySQL would scan the table for a combined one.
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
                Some((session, Some(whose))) => session_from(session, whose).map(Some),
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
                        // The response to a first attempt may have been lost.
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

    async fn update_session(&self, session: &Session, was: &[u8; 32]) -> Result<bool, StoreError> {
        use session::Column;
        let (previous, until) = previous(session);
        self.within(async {
            let updated = session::Entity::update_many()
                .col_expr(Column::Token, Expr::value(session.token.to_vec()))
                .col_expr(Column::Previous, Expr::value(previous))
                .col_expr(Column::PreviousUntil, Expr::value(until))
                .col_expr(Column::Salt, Expr::value(session.salt.map(|salt| salt.to_vec())))
                .col_expr(Column::ExpiresAt, Expr::value(session.expires_at.0))
                .filter(Column::Id.eq(session.id.0))
                .filter(Column::Tenant.eq(session.customer.tenant.as_str()))
                .filter(Column::Token.eq(was.to_vec()))
                .exec(&self.write)
                .await;
            updated.map(|updated| updated.rows_affected > 0).map_err(exists)
        })
        .await
    }

    async fn claim(&self, session: &Session, subject: &str) -> Result<Claim, StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            // Both or neither: if the customer belonged to one subject and the session to another,
            // one person would get the other's conversations.
            match identities::claim(&transaction, session, subject.as_bytes()).await {
                Ok(true) => commit(transaction).await.map(|()| Claim::Made),
                Ok(false) => Ok(Claim::Refused),
                Err(cause) => match violated(&cause) {
                    Some(_) => Ok(Claim::Known),
                    None => Err(unavailable(cause)),
                },
            }
        })
        .await
    }

    async fn adopt(
        &self,
        session: &Session,
        home: CustomerId,
        subject: &str,
    ) -> Result<bool, StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            match identities::adopt(&transaction, session, home, subject.as_bytes()).await {
                Ok(true) => commit(transaction).await.map(|()| true),
                Ok(false) => Ok(false),
                Err(cause) => Err(unavailable(cause)),
            }
        })
        .await
    }

    async fn open_kin(&self, home: CustomerId) -> Result<Option<Customer>, StoreError> {
        self.within(identities::open_kin(&self.read, home)).await
    }

    async fn is_same(&self, one: CustomerId, other: CustomerId) -> Result<bool, StoreError> {
        self.within(identities::is_same(&self.read, one, other)).await
    }

    async fn move_session(&self, session: &Session, to: CustomerId) -> Result<(), StoreError> {
        self.within(async {
            session::Entity::update_many()
                .col_expr(session::Column::Customer, Expr::value(to.0))
                .filter(session::Column::Id.eq(session.id.0))
                // Another tab may have been faster.
                .filter(session::Column::Customer.eq(session.customer.id.0))
                .exec(&self.write)
                .await
                .map(drop)
                .map_err(unavailable)
        })
        .await
    }

    async fn customer(&self, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        self.within(identities::customer(&self.read, id)).await
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

    async fn name_customer(
        &self,
        customer: &Customer,
        naming: &Naming,
    ) -> Result<Customer, StoreError> {
        use customer::Column;
        let this = || {
            Condition::all()
                .add(Column::Id.eq(customer.id.0))
                .add(Column::Tenant.eq(customer.tenant.as_str()))
        };
        let update = || {
            customer::Entity::update_many()
                .col_expr(Column::Name, Expr::value(naming.name.as_ref()))
                .filter(this())
        };
        self.within(async {
            let mut named = 0;
            if let Some(address) = &naming.address {
                // A customer whom no agent has seen can still get another address.
                let first = update()
                    .col_expr(Column::Localpart, Expr::value(address.as_str()))
                    .filter(Column::Name.is_null())
                    .filter(Column::Conversations.eq(0))
                    .exec(&self.write)
                    .await;
                named = first.map_err(exists)?.rows_affected;
            }
            if named == 0 {
                let again = match naming.replaces {
                    true => update(),
                    false => update().filter(Column::Name.is_null()),
                };
                again.exec(&self.write).await.map_err(unavailable)?;
            }
            let found = customer::Entity::find().filter(this()).one(&self.write).await;
            match found.map_err(unavailable)? {
                Some(found) => customer_from(found),
                None => Err(StoreError::Missing(format!("the customer {}", customer.id))),
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

/// Inserts one session, and its customer if they are new. `RecordNotFound` if the tenant does not
/// exist.
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
            // Only an append raises it.
            conversations: Set(0),
            same_as: Set(None),
        };
        customer::Entity::insert(customer).exec_without_returning(transaction).await?;
    }
    let (previous, previous_until) = previous(session);
    let salt = session.salt;
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
        salt: Set(salt.map(|salt| salt.to_vec())),
    };
    session::Entity::insert(session).exec_without_returning(transaction).await.map(drop)
}

/// What already exists, according to the violated index.
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
