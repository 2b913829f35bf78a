//! Queues and agents, and the settings of a desk.
//!
//! Invariant: each change raises the revision of the tenant's link in its own transaction.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, TransactionTrait,
};

use super::codec::{agent_from, nat, queue_from, queue_key, role_word, strategy_word, tenant_key};
use super::entity::{agent, agent_queue, queue, tenant};
use super::error::{corrupt, unavailable};
use super::sql_store::{SqlStore, begin, commit};
use super::{canned, links, macros, tenants};
use crate::chat::hours::ByHand;
use crate::chat::ids::{AgentJid, LinkDomain, MacroKey, QueueKey, ReplyKey, TenantKey};
use crate::chat::patience::Patience;
use crate::chat::settings::{AgentSettings, CannedReply, Macro, QueueSettings, TenantSettings};
use crate::chat::tags::TenantTags;
use crate::ports::directory::{Directory, Tenant, TenantHours};
use crate::ports::routing::Routing;
use crate::ports::settings::{NewTimes, OpeningHours, Tags};
use crate::ports::store_error::StoreError;

#[async_trait]
impl Directory for SqlStore {
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.within(tenants::find(&self.read, None)).await
    }

    async fn tenant(&self, key: &TenantKey) -> Result<Option<Tenant>, StoreError> {
        let found = self.within(tenants::find(&self.read, Some(key))).await?;
        Ok(found.into_iter().next())
    }

    async fn add_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.within(self.insert_tenant(tenant)).await
    }

    async fn change_tags(
        &self,
        tenant: &TenantKey,
        change: &(dyn for<'t> Fn(&'t mut Tags) + Send + Sync),
    ) -> Result<(), StoreError> {
        self.within(self.rewrite_tags(tenant, change)).await
    }

    async fn remove_tenant(&self, key: &TenantKey) -> Result<(), StoreError> {
        self.delete_tenant(key).await
    }

    async fn queues(&self, tenant: &TenantKey) -> Result<Vec<QueueSettings>, StoreError> {
        self.within(async {
            let found = queues_of(&self.read, &[tenant.to_string()]).await?;
            Ok(found.into_values().next().unwrap_or_default())
        })
        .await
    }

    async fn put_queue(&self, tenant: &TenantKey, queue: &QueueSettings) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            let row = queue::ActiveModel {
                tenant: Set(tenant.to_string()),
                slug: Set(queue.key.to_string()),
                name: Set(queue.name.to_string()),
                strategy: Set(strategy_word(queue.strategy).to_owned()),
                offer_ms: Set(queue.offer_ms),
                hours: NotSet,
                by_hand: NotSet,
            };
            let anew = OnConflict::columns([queue::Column::Tenant, queue::Column::Slug])
                .update_columns([
                    queue::Column::Name,
                    queue::Column::Strategy,
                    queue::Column::OfferMs,
                ])
                .to_owned();
            queue::Entity::insert(row)
                .on_conflict(anew)
                .exec_without_returning(&transaction)
                .await
                .map_err(unavailable)?;
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn remove_queue(&self, tenant: &TenantKey, queue: &QueueKey) -> Result<(), StoreError> {
        if *queue == QueueKey::default_queue() {
            return Err(StoreError::Refused(format!("the queue {queue} cannot be removed")));
        }
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            let gone = queue::Entity::delete_by_id((tenant.to_string(), queue.to_string()))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
            if gone.rows_affected == 0 {
                return Err(StoreError::Missing(format!("the queue {queue}")));
            }
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn agents(&self, tenant: &TenantKey) -> Result<Vec<AgentSettings>, StoreError> {
        self.within(async {
            let moment = self.moment.begin().await.map_err(unavailable)?;
            let found = agents_of(&moment, &[tenant.to_string()]).await?;
            Ok(found.into_values().next().unwrap_or_default())
        })
        .await
    }

    async fn put_agent(&self, tenant: &TenantKey, agent: &AgentSettings) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            let known = queues_of(&transaction, &[tenant.to_string()]).await?;
            let known = known.into_values().next().unwrap_or_default();
            if let Some(unknown) =
                agent.queues.iter().find(|asked| known.iter().all(|queue| queue.key != **asked))
            {
                return Err(StoreError::Missing(format!("the queue {unknown}")));
            }
            let row = agent::ActiveModel {
                tenant: Set(tenant.to_string()),
                jid: Set(agent.jid.to_string()),
                name: Set(agent.name.to_string()),
                capacity: Set(i32::try_from(agent.capacity)
                    .map_err(|_| StoreError::Refused("a capacity is too large".to_owned()))?),
                role: Set(role_word(agent.role).to_owned()),
            };
            let anew = OnConflict::columns([agent::Column::Tenant, agent::Column::Jid])
                .update_columns([agent::Column::Name, agent::Column::Capacity, agent::Column::Role])
                .to_owned();
            agent::Entity::insert(row)
                .on_conflict(anew)
                .exec_without_returning(&transaction)
                .await
                .map_err(unavailable)?;
            agent_queue::Entity::delete_many()
                .filter(agent_queue::Column::Tenant.eq(tenant.as_str()))
                .filter(agent_queue::Column::Agent.eq(agent.jid.as_str()))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
            let mut served = agent.queues.clone();
            served.sort();
            served.dedup();
            let served = served.iter().map(|queue| agent_queue::ActiveModel {
                tenant: Set(tenant.to_string()),
                agent: Set(agent.jid.to_string()),
                queue: Set(queue.to_string()),
            });
            if served.len() > 0 {
                agent_queue::Entity::insert_many(served)
                    .exec_without_returning(&transaction)
                    .await
                    .map_err(unavailable)?;
            }
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn remove_agent(&self, tenant: &TenantKey, agent: &AgentJid) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            let gone = agent::Entity::delete_by_id((tenant.to_string(), agent.to_string()))
                .exec(&transaction)
                .await
                .map_err(unavailable)?;
            if gone.rows_affected == 0 {
                return Err(StoreError::Missing(format!("the agent {agent}")));
            }
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn canned(&self, tenant: &TenantKey) -> Result<Vec<CannedReply>, StoreError> {
        self.within(async {
            let found = canned::of(&self.read, &[tenant.to_string()]).await?;
            Ok(found.into_values().next().unwrap_or_default())
        })
        .await
    }

    async fn put_canned(&self, tenant: &TenantKey, reply: &CannedReply) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            canned::put(&transaction, tenant, reply).await?;
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn remove_canned(&self, tenant: &TenantKey, key: &ReplyKey) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            canned::remove(&transaction, tenant, key).await?;
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn put_routing(&self, tenant: &TenantKey, routing: &Routing) -> Result<(), StoreError> {
        self.within(self.write_routing(tenant, routing)).await
    }

    async fn hours(&self, link: &LinkDomain) -> Result<Vec<TenantHours>, StoreError> {
        self.within(self.read_hours(link)).await
    }

    async fn tenant_hours(&self, tenant: &TenantKey) -> Result<TenantHours, StoreError> {
        self.within(self.read_tenant_hours(tenant)).await
    }

    async fn put_hours(
        &self,
        tenant: &TenantKey,
        queue: Option<&QueueKey>,
        hours: &OpeningHours,
    ) -> Result<(), StoreError> {
        self.within(self.write_hours(tenant, queue, hours)).await
    }

    async fn put_times(&self, tenant: &TenantKey, times: NewTimes) -> Result<(), StoreError> {
        self.within(self.write_times(tenant, times)).await
    }

    async fn put_by_hand(
        &self,
        tenant: &TenantKey,
        queue: &QueueKey,
        hand: Option<ByHand>,
    ) -> Result<(), StoreError> {
        self.within(self.write_by_hand(tenant, queue, hand)).await
    }

    async fn macros(&self, tenant: &TenantKey) -> Result<Vec<Macro>, StoreError> {
        self.within(async {
            let found = macros::of(&self.read, &[tenant.to_string()]).await?;
            Ok(found.into_values().next().unwrap_or_default())
        })
        .await
    }

    async fn put_macro(&self, tenant: &TenantKey, one: &Macro) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            macros::put(&transaction, tenant, one).await?;
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn remove_macro(&self, tenant: &TenantKey, key: &MacroKey) -> Result<(), StoreError> {
        self.within(async {
            let transaction = begin(&self.write).await?;
            let link = tenants::link_of(&transaction, tenant).await?;
            macros::remove(&transaction, tenant, key).await?;
            tenants::touch(&transaction, link).await?;
            commit(transaction).await
        })
        .await
    }

    async fn settings(&self, link: &LinkDomain) -> Result<Vec<TenantSettings>, StoreError> {
        self.within(async {
            let moment = self.moment.begin().await.map_err(unavailable)?;
            match links::find(&moment, link).await? {
                Some(link) => settings(&moment, link.id).await,
                None => Ok(Vec::new()),
            }
        })
        .await
    }

    async fn revision(&self, link: &LinkDomain) -> Result<u64, StoreError> {
        self.within(async {
            let link = links::find(&self.desk, link).await?;
            link.map_or(Ok(0), |link| nat(link.revision))
        })
        .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.within(self.check_schema()).await
    }
}

/// The settings of the tenants of a link, by key.
pub(super) async fn settings(
    connection: &impl ConnectionTrait,
    link: i32,
) -> Result<Vec<TenantSettings>, StoreError> {
    let tenants = tenant::Entity::find()
        .filter(tenant::Column::Link.eq(link))
        .order_by_asc(tenant::Column::Slug)
        .all(connection)
        .await
        .map_err(unavailable)?;
    let slugs: Vec<String> = tenants.iter().map(|tenant| tenant.slug.clone()).collect();
    let mut queues = queues_of(connection, &slugs).await?;
    let mut agents = agents_of(connection, &slugs).await?;
    let mut canned = canned::of(connection, &slugs).await?;
    let mut macros = macros::of(connection, &slugs).await?;
    tenants
        .into_iter()
        .map(|tenant| {
            let settings = tenants::settings(&tenant)?;
            let routes = settings.routing.routes();
            Ok(TenantSettings {
                key: tenant_key(&tenant.slug)?,
                name: settings.name,
                idle_close_ms: settings.idle_close_ms,
                patience: Patience {
                    remind_customer_ms: settings.idle_remind_ms,
                    remind_agent_ms: settings.agent_remind_ms,
                    requeue_ms: settings.agent_requeue_ms,
                },
                queues: queues.remove(&tenant.slug).unwrap_or_default(),
                agents: agents.remove(&tenant.slug).unwrap_or_default(),
                canned: canned.remove(&tenant.slug).unwrap_or_default(),
                tags: TenantTags {
                    open: settings.tags.open,
                    known: settings.tags.known.iter().map(|tag| tag.as_str().into()).collect(),
                },
                // Whoever drives the desk adds the times.
                hours: BTreeMap::new(),
                routes,
                macros: macros.remove(&tenant.slug).unwrap_or_default(),
            })
        })
        .collect()
}

/// Tenants per query.
const TENANTS: usize = 500;

/// The queues of tenants, by key.
async fn queues_of(
    connection: &impl ConnectionTrait,
    tenants: &[String],
) -> Result<BTreeMap<String, Vec<QueueSettings>>, StoreError> {
    let mut found: BTreeMap<String, Vec<QueueSettings>> = BTreeMap::new();
    for chunk in tenants.chunks(TENANTS) {
        let rows = queue::Entity::find()
            .filter(queue::Column::Tenant.is_in(chunk))
            .order_by_asc(queue::Column::Slug)
            .all(connection)
            .await
            .map_err(unavailable)?;
        for row in rows {
            found.entry(row.tenant.clone()).or_default().push(queue_from(row)?);
        }
    }
    Ok(found)
}

/// The agents of tenants, by JID, each with their queues by key.
async fn agents_of(
    connection: &impl ConnectionTrait,
    tenants: &[String],
) -> Result<BTreeMap<String, Vec<AgentSettings>>, StoreError> {
    let mut found: BTreeMap<String, Vec<AgentSettings>> = BTreeMap::new();
    for chunk in tenants.chunks(TENANTS) {
        let mut served: BTreeMap<(String, String), Vec<QueueKey>> = BTreeMap::new();
        let rows = agent_queue::Entity::find()
            .filter(agent_queue::Column::Tenant.is_in(chunk))
            .order_by_asc(agent_queue::Column::Queue)
            .all(connection)
            .await
            .map_err(unavailable)?;
        for row in rows {
            served.entry((row.tenant, row.agent)).or_default().push(queue_key(&row.queue)?);
        }
        let rows = agent::Entity::find()
            .filter(agent::Column::Tenant.is_in(chunk))
            .order_by_asc(agent::Column::Jid)
            .all(connection)
            .await
            .map_err(unavailable)?;
        for row in rows {
            let queues = served.remove(&(row.tenant.clone(), row.jid.clone())).unwrap_or_default();
            found.entry(row.tenant.clone()).or_default().push(agent_from(row, queues)?);
        }
        if let Some((_, jid)) = served.into_keys().next() {
            return Err(corrupt("queues of the unknown agent", jid));
        }
    }
    Ok(found)
}
