//! What a socket needs of the customers' side of the node.
//!
//! Invariant: these are the methods of [`Edge`] and [`CustomerSocket`] and nothing more; they are
//! traits so that a test can play the other side word by word.

use std::net::IpAddr;
use std::sync::Arc;

use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::event::CustomerContent;
use crate::chat::ids::{ConversationId, Seq, TenantKey, Timestamp};
use crate::ports::store::StoreError;
use crate::runtime::edge::{
    CustomerSocket, Edge, HistoryPage, OpenError, Outbound, SubmitError, TenantError, TenantView,
    Welcome,
};

/// Where customers come in: see [`Edge`].
pub trait Backend: Clone + Send + Sync + 'static {
    /// One customer's end.
    type End: CustomerHandle;

    /// See [`Edge::tenant`].
    fn tenant(
        &self,
        key: &TenantKey,
        address: IpAddr,
    ) -> impl Future<Output = Result<Option<Arc<TenantView>>, TenantError>> + Send;

    /// See [`Edge::open`].
    fn open(
        &self,
        tenant: &Arc<TenantView>,
        greeting: Greeting,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<(Welcome, Self::End), OpenError>> + Send;
}

/// One customer who came in: see [`CustomerSocket`].
pub trait CustomerHandle: Send + 'static {
    /// See [`CustomerSocket::next`]. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = Outbound> + Send;

    /// See [`CustomerSocket::fresh`].
    fn fresh(&self) -> ConversationId;

    /// See [`CustomerSocket::now`].
    fn now(&self) -> Timestamp;

    /// See [`CustomerSocket::submit`].
    fn submit(
        &mut self,
        content: CustomerContent,
    ) -> impl Future<Output = Result<(), SubmitError>> + Send;

    /// See [`CustomerSocket::page`].
    fn page(&mut self, page: Option<Arc<str>>);

    /// See [`CustomerSocket::history`].
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
