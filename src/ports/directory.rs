//! Tenants with their queues and agents, and what operators change about them.

use async_trait::async_trait;
use secrecy::SecretString;

use super::routing::Routing;
use super::settings::{NewTimes, OpeningHours, Settings, Tags};
use super::store_error::StoreError;
use crate::chat::hours::ByHand;
use crate::chat::ids::{
    AgentJid, ConversationId, LinkDomain, MacroKey, QueueKey, ReplyKey, TenantKey,
};
use crate::chat::settings::{AgentSettings, CannedReply, Macro, QueueSettings, TenantSettings};

/// A tenant, with all its settings.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub key: TenantKey,
    /// The link it is served on.
    pub link: LinkDomain,
    /// The key that its customers' identity tokens are signed with (HS256).
    pub identity_secret: Option<SecretString>,
    pub settings: Settings,
}

impl Tenant {
    /// A tenant with the default settings.
    pub fn new(key: TenantKey, name: &str, link: LinkDomain) -> Self {
        let settings = Settings { name: name.into(), ..Settings::default() };
        Self { key, link, identity_secret: None, settings }
    }
}

/// When a tenant and its queues are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantHours {
    pub tenant: TenantKey,
    pub hours: OpeningHours,
    /// What each queue has of its own, by key.
    pub queues: Vec<(QueueKey, OpeningHours)>,
    /// The queues that somebody closed or opened, whatever their hours are, by key.
    pub by_hand: Vec<(QueueKey, ByHand)>,
}

impl TenantHours {
    /// What was done to a queue by hand.
    pub fn hand(&self, queue: &QueueKey) -> Option<ByHand> {
        self.by_hand.iter().find(|(key, _)| key == queue).map(|(_, hand)| *hand)
    }
}

/// Operators' requests to the owner of a link, which may be another node, or not running yet.
#[async_trait]
pub trait Requests: Send + Sync + 'static {
    /// Requests the end of a tenant's conversation. The link's owner polls every 2 s.
    async fn ask_to_close(
        &self,
        tenant: &TenantKey,
        conversation: ConversationId,
    ) -> Result<(), StoreError>;
}

/// Tenants, their queues and agents. Every change raises the revision of the tenant's link.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// All tenants, by key.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;
    async fn tenant(&self, key: &TenantKey) -> Result<Option<Tenant>, StoreError>;
    /// Adds a tenant and its queue `default`.
    async fn add_tenant(&self, tenant: &Tenant) -> Result<(), StoreError>;
    /// Changes the tags of a tenant; of concurrent changes, none is lost.
    async fn change_tags(
        &self,
        tenant: &TenantKey,
        change: &(dyn for<'t> Fn(&'t mut Tags) + Send + Sync),
    ) -> Result<(), StoreError>;
    /// Removes a tenant that has no open conversations, and everything that belongs to it.
    async fn remove_tenant(&self, key: &TenantKey) -> Result<(), StoreError>;
    /// A tenant's queues, by key.
    async fn queues(&self, tenant: &TenantKey) -> Result<Vec<QueueSettings>, StoreError>;
    /// Adds a queue, or replaces it.
    async fn put_queue(&self, tenant: &TenantKey, queue: &QueueSettings) -> Result<(), StoreError>;
    /// Removes a queue; refused for `default`.
    async fn remove_queue(&self, tenant: &TenantKey, queue: &QueueKey) -> Result<(), StoreError>;
    /// A tenant's agents, by JID.
    async fn agents(&self, tenant: &TenantKey) -> Result<Vec<AgentSettings>, StoreError>;
    /// Adds an agent, or replaces them.
    async fn put_agent(&self, tenant: &TenantKey, agent: &AgentSettings) -> Result<(), StoreError>;
    async fn remove_agent(&self, tenant: &TenantKey, agent: &AgentJid) -> Result<(), StoreError>;
    /// A tenant's canned replies, by key.
    async fn canned(&self, tenant: &TenantKey) -> Result<Vec<CannedReply>, StoreError>;
    /// Adds a canned reply, or replaces it; refused if the tenant would have more than
    /// [`REPLIES`](crate::chat::canned::REPLIES).
    async fn put_canned(&self, tenant: &TenantKey, reply: &CannedReply) -> Result<(), StoreError>;
    async fn remove_canned(&self, tenant: &TenantKey, key: &ReplyKey) -> Result<(), StoreError>;
    /// A tenant's macros, by key.
    async fn macros(&self, tenant: &TenantKey) -> Result<Vec<Macro>, StoreError>;
    /// Adds a macro, or replaces it; refused if the tenant would have more than
    /// [`MACROS`](crate::chat::macros::MACROS).
    async fn put_macro(&self, tenant: &TenantKey, one: &Macro) -> Result<(), StoreError>;
    async fn remove_macro(&self, tenant: &TenantKey, key: &MacroKey) -> Result<(), StoreError>;
    /// Replaces how a tenant's customers are routed.
    async fn put_routing(&self, tenant: &TenantKey, routing: &Routing) -> Result<(), StoreError>;
    /// When the tenants of a link and their queues are open.
    async fn hours(&self, link: &LinkDomain) -> Result<Vec<TenantHours>, StoreError>;
    async fn tenant_hours(&self, tenant: &TenantKey) -> Result<TenantHours, StoreError>;
    /// Replaces the hours of a tenant, or what one of its queues has of its own.
    async fn put_hours(
        &self,
        tenant: &TenantKey,
        queue: Option<&QueueKey>,
        hours: &OpeningHours,
    ) -> Result<(), StoreError>;
    /// Changes a tenant's times of silence.
    async fn put_times(&self, tenant: &TenantKey, times: NewTimes) -> Result<(), StoreError>;
    /// Closes or opens a queue, whatever its hours are; `None` takes that back.
    async fn put_by_hand(
        &self,
        tenant: &TenantKey,
        queue: &QueueKey,
        hand: Option<ByHand>,
    ) -> Result<(), StoreError>;
    /// The settings that the desk of a link works with, without hours.
    async fn settings(&self, link: &LinkDomain) -> Result<Vec<TenantSettings>, StoreError>;
    /// A number that rises with each change to a tenant of the link; cheap to read.
    async fn revision(&self, link: &LinkDomain) -> Result<u64, StoreError>;
    /// Whether the database responds and has this version's schema.
    async fn ready(&self) -> Result<(), StoreError>;
}
