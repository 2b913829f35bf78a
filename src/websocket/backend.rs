//! What a socket needs of the customers' side of the node.
//!
//! Invariant: these are exactly methods of [`Edge`] and [`CustomerSocket`]; they are traits so that
//! a test can script the other side.

use std::net::IpAddr;
use std::sync::Arc;

use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::event::CustomerContent;
use crate::chat::ids::{ConversationId, Seq, TenantKey, Timestamp};
use crate::ports::store_error::StoreError;
use crate::runtime::edge::{
    CustomerSocket, Edge, HistoryPage, OpenError, Outbound, SubmitError, TenantError, TenantView,
    Welcome,
};

/// Where sockets are opened: see [`Edge`].
pub trait Backend: Clone + Send + Sync + 'static {
    /// The open socket of a customer.
    type End: CustomerHandle;

    fn tenant(
        &self,
        key: &TenantKey,
        address: IpAddr,
    ) -> impl Future<Output = Result<Option<Arc<TenantView>>, TenantError>> + Send;

    fn open(
        &self,
        tenant: &Arc<TenantView>,
        greeting: Greeting,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<(Welcome, Self::End), OpenError>> + Send;
}

/// An open socket of a customer: see [`CustomerSocket`].
pub trait CustomerHandle: Send + 'static {
    /// See [`CustomerSocket::next`]. Cancel safe.
    fn next(&mut self) -> impl Future<Output = Outbound> + Send;

    fn fresh(&self) -> ConversationId;

    fn now(&self) -> Timestamp;

    fn submit(
        &mut self,
        content: CustomerContent,
    ) -> impl Future<Output = Result<(), SubmitError>> + Send;

    fn page(&mut self, page: Option<Arc<str>>);

    fn history(
        &mut self,
        conversation: Option<ConversationId>,
        before: Option<Seq>,
        limit: u32,
    ) -> impl Future<Output = Result<Option<HistoryPage>, StoreError>> + Send;
}

impl Backend for Edge {
    type End = CustomerSocket;

    async fn tenant(
        &self,
        key: &TenantKey,
        address: IpAddr,
    ) -> Result<Option<Arc<TenantView>>, TenantError> {
        Self::tenant(self, key, address).await
    }

    async fn open(
        &self,
        tenant: &Arc<TenantView>,
        greeting: Greeting,
        address: Option<IpAddr>,
    ) -> Result<(Welcome, CustomerSocket), OpenError> {
        Self::open(self, tenant, greeting, address).await
    }
}

impl CustomerHandle for CustomerSocket {
    async fn next(&mut self) -> Outbound {
        Self::next(self).await
    }

    fn fresh(&self) -> ConversationId {
        Self::fresh(self)
    }

    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    async fn submit(&mut self, content: CustomerContent) -> Result<(), SubmitError> {
        Self::submit(self, content).await
    }

    fn page(&mut self, page: Option<Arc<str>>) {
        Self::page(self, page);
    }

    async fn history(
        &mut self,
        conversation: Option<ConversationId>,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Option<HistoryPage>, StoreError> {
        Self::history(self, conversation, before, limit).await
    }
}
