//! A scripted backend for tests of sockets.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::backend::{Backend, CustomerHandle};
use crate::bridge::custom_to_xmpp::action::Greeting;
use crate::chat::event::CustomerContent;
use crate::chat::ids::{
    ConversationId, CustomerId, LinkDomain, QueueKey, Seq, SessionId, TenantKey, Timestamp,
};
use crate::ports::directory::Tenant;
use crate::ports::settings::{FormField, Settings};
use crate::ports::store_error::StoreError;
use crate::runtime::edge::{
    Door, HistoryPage, OpenError, Outbound, SubmitError, TenantError, TenantView, Welcome,
};
use crate::runtime::files::FileRules;

/// What the backend was asked for.
#[derive(Debug)]
pub(crate) enum Heard {
    Opened(Greeting, Option<IpAddr>),
    Submitted(CustomerContent),
    Page(Option<Arc<str>>),
    History(Option<ConversationId>, Option<Seq>, u32),
    /// Somebody who waited for history has gone.
    GivenUp,
    Dropped,
}

/// How the backend responds.
pub(crate) struct Part {
    pub(crate) tenant: Result<Option<Tenant>, StoreError>,
    pub(crate) open: Option<Result<Welcome, OpenError>>,
    pub(crate) submit: Result<(), SubmitError>,
    pub(crate) history: Option<Result<Option<HistoryPage>, StoreError>>,
    /// The store does not respond to history.
    pub(crate) hangs: bool,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            tenant: Ok(Some(tenant())),
            open: Some(Ok(welcome())),
            submit: Ok(()),
            history: None,
            hangs: false,
        }
    }
}

/// A backend with one customer behind it.
#[derive(Clone)]
pub(crate) struct TestBackend(Arc<Mutex<Inner>>);

struct Inner {
    part: Part,
    says: Option<mpsc::UnboundedReceiver<Outbound>>,
    hears: mpsc::UnboundedSender<Heard>,
}

/// The test's end.
pub(crate) struct Hand {
    pub(crate) say: mpsc::UnboundedSender<Outbound>,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
}

pub(crate) struct End {
    backend: TestBackend,
    says: mpsc::UnboundedReceiver<Outbound>,
    hears: mpsc::UnboundedSender<Heard>,
}

impl TestBackend {
    pub(crate) fn new(part: Part) -> (Self, Hand) {
        let (say, says) = mpsc::unbounded_channel();
        let (hears, heard) = mpsc::unbounded_channel();
        let inner = Inner { part, says: Some(says), hears };
        (Self(Arc::new(Mutex::new(inner))), Hand { say, heard })
    }
}

impl Backend for TestBackend {
    type End = End;

    async fn tenant(
        &self,
        key: &TenantKey,
        _address: IpAddr,
    ) -> Result<Option<Arc<TenantView>>, TenantError> {
        let inner = self.0.lock().unwrap();
        let found = inner.part.tenant.clone()?.filter(|tenant| tenant.key == *key);
        Ok(found.map(view))
    }

    async fn open(
        &self,
        _tenant: &Arc<TenantView>,
        greeting: Greeting,
        address: Option<IpAddr>,
    ) -> Result<(Welcome, End), OpenError> {
        let mut inner = self.0.lock().unwrap();
        inner.hears.send(Heard::Opened(greeting, address)).unwrap();
        let hears = inner.hears.clone();
        let opened = inner.part.open.take().unwrap_or_else(|| Ok(welcome()))?;
        let says = inner.says.take().unwrap();
        Ok((opened, End { backend: self.clone(), says, hears }))
    }
}

impl CustomerHandle for End {
    async fn next(&mut self) -> Outbound {
        match self.says.recv().await {
            Some(outbound) => outbound,
            None => std::future::pending().await,
        }
    }

    fn fresh(&self) -> ConversationId {
        ConversationId(Uuid::nil())
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_000)
    }

    async fn submit(&mut self, content: CustomerContent) -> Result<(), SubmitError> {
        self.hears.send(Heard::Submitted(content)).unwrap();
        self.backend.0.lock().unwrap().part.submit
    }

    fn page(&mut self, page: Option<Arc<str>>) {
        self.hears.send(Heard::Page(page)).unwrap();
    }

    async fn history(
        &mut self,
        conversation: Option<ConversationId>,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<Option<HistoryPage>, StoreError> {
        self.hears.send(Heard::History(conversation, before, limit)).unwrap();
        if self.backend.0.lock().unwrap().part.hangs {
            let _waiting = Waiting(self.hears.clone());
            std::future::pending::<()>().await;
        }
        self.backend.0.lock().unwrap().part.history.take().unwrap_or(Ok(None))
    }
}

struct Waiting(mpsc::UnboundedSender<Heard>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.send(Heard::GivenUp);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.hears.send(Heard::Dropped);
    }
}

/// A tenant with one page.
pub(crate) fn tenant() -> Tenant {
    let link = LinkDomain::new("chat.example.org").unwrap();
    let mut tenant = Tenant::new(TenantKey::new("acme").unwrap(), "Acme", link);
    tenant.settings = Settings {
        origins: vec!["https://www.acme.example".to_owned()],
        color: Some("#112233".to_owned()),
        welcome: Some("Hello!".to_owned()),
        idle_close_ms: 600_000,
        form: vec![
            FormField { name: "name".to_owned(), label: None, required: false },
            FormField {
                name: "order".to_owned(),
                label: Some("Order number".to_owned()),
                required: true,
            },
        ],
        ..tenant.settings
    };
    tenant
}

/// The tenant as the edge caches it.
pub(crate) fn view(tenant: Tenant) -> Arc<TenantView> {
    let sales = QueueKey::new("sales").unwrap();
    let next = Some(Timestamp(1_767_603_600_000));
    let closed = Door { open: false, until: None, next };
    let doors = BTreeMap::from([(sales.clone(), closed)]);
    let queues =
        vec![(QueueKey::default_queue(), "Everyone".into()), (sales, "Sales & more".into())];
    Arc::new(TenantView {
        tenant,
        queues,
        agents: HashMap::new(),
        online: true,
        doors,
        files: FileRules::usual(1_000),
    })
}

/// The welcome of a new customer.
pub(crate) fn welcome() -> Welcome {
    Welcome {
        token: "s3cret".to_owned(),
        session: SessionId(Uuid::from_u128(0x55)),
        customer: CustomerId(Uuid::from_u128(0xcc)),
        expires_at: Timestamp(2_000),
        token_refused: false,
        identity_expired: false,
        conversation: None,
        entries: Vec::new(),
        more: false,
        now: Timestamp(1_000),
    }
}
