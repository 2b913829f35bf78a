//! Tenants, customers and rows for the tests.

use std::sync::Arc;
use std::time::Duration;

use couplet::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, Epoch, LinkDomain, Localpart, NodeId, Pos,
    QueueKey, Seq, SessionId, TenantKey, Timestamp,
};
use couplet::chat::model::{Conversation, Customer, State};
use couplet::chat::row::{Append, Author, CommandKey, Row, RowKind};
use couplet::ports::directory::{Directory, Tenant};
use couplet::ports::settings::{FormField, Settings};
use couplet::ports::store::{Lease, Leases, Session, Sessions};
use couplet::store::SqlStore;
use uuid::Uuid;

/// The time at which everything begins; the milliseconds are not 0.
pub(crate) const T0: Timestamp = Timestamp(1_767_225_600_123);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn link() -> LinkDomain {
    LinkDomain::new("chat.example.org").expect("a domain")
}

pub(crate) fn key(text: &str) -> TenantKey {
    TenantKey::new(text).expect("a key")
}

pub(crate) fn queue(text: &str) -> QueueKey {
    QueueKey::new(text).expect("a key")
}

pub(crate) fn jid(text: &str) -> AgentJid {
    AgentJid::normalised(text)
}

pub(crate) fn node(number: u128) -> NodeId {
    NodeId(Uuid::from_u128(number))
}

pub(crate) fn tenant(name: &str) -> Tenant {
    let mut tenant = Tenant::new(key(name), &format!("{name} 🏢"), link());
    tenant.identity_secret = Some("hush".into());
    tenant.settings = Settings {
        origins: vec!["https://www.acme.example".to_owned()],
        origin_required: true,
        color: Some("#aabbcc".to_owned()),
        idle_close_ms: 86_400_000,
        form: vec![FormField {
            name: "email".to_owned(),
            label: Some("Ihre E-Mail 📧".to_owned()),
            required: true,
        }],
        ..tenant.settings
    };
    tenant
}

/// A customer of `acme`.
pub(crate) fn customer(number: u128) -> Customer {
    Customer {
        id: CustomerId(Uuid::from_u128(1000 + number)),
        tenant: key("acme"),
        localpart: Localpart::new(&format!("c{number}")).expect("a localpart"),
        name: Some("Zoë 👩‍💻".into()),
        conversations: 0,
    }
}

pub(crate) fn session(number: u8, customer: &Customer) -> Session {
    Session {
        id: SessionId(Uuid::from_u128(2000 + u128::from(number))),
        customer: customer.clone(),
        token: [number; 32],
        previous: None,
        salt: None,
        expires_at: T0.plus(1000),
        subject: None,
        same_as: None,
    }
}

/// `acme` with customers 1 to 3; we hold the lease of its link.
pub(crate) async fn acme(store: &SqlStore) -> Epoch {
    store.add_tenant(&tenant("acme")).await.expect("a new tenant");
    for number in 1..=3_u8 {
        let session = session(number, &customer(number.into()));
        store.create_session(&session, T0).await.expect("a new session");
    }
    take(store, 1).await
}

/// Takes the lease of the link for a minute.
pub(crate) async fn take(store: &SqlStore, by: u128) -> Epoch {
    match store.acquire(&link(), node(by), MINUTE).await.expect("an answer") {
        Lease::Granted { epoch, .. } => epoch,
        held => panic!("the link is free, but {held:?}"),
    }
}

pub(crate) fn conversation_id(number: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(3000 + number))
}

/// A conversation of the customer with the same number.
pub(crate) fn conversation(number: u128) -> Conversation {
    Conversation {
        id: conversation_id(number),
        tenant: key("acme"),
        customer: customer(number).id,
        queue: QueueKey::default_queue(),
        subject: Some("Straße  ".into()),
        state: State::Waiting,
        opened_at: T0,
        waiting_since: T0,
        priority: -3,
        tags: vec!["refund".into()],
        active_at: T0,
        head: Seq(0),
        delivered: Seq(0),
        read: Seq(0),
        confirmed: Seq(0),
        passed: Vec::new(),
        transfer: None,
    }
}

/// The row that opens a conversation, with the conversation's view.
pub(crate) fn opened(pos: u64, number: u128) -> Append {
    let row = Row {
        pos: Pos(pos),
        tenant: key("acme"),
        conversation: conversation_id(number),
        customer: customer(number).id,
        seq: None,
        at: T0,
        author: Author::Customer,
        key: None,
        stanza: None,
        kind: RowKind::Opened { answers: vec![("b".into(), "2".into()), ("a".into(), "1".into())] },
        recipients: Vec::new(),
    };
    Append { row: Arc::new(row), view: Some(Arc::new(conversation(number))) }
}

/// A customer's message.
pub(crate) fn said(pos: u64, number: u128, seq: u64, text: &str) -> Append {
    let mut append = opened(pos, number);
    append.view = None;
    let row = Arc::make_mut(&mut append.row);
    row.seq = Some(Seq(seq));
    row.at = T0.plus(i64::try_from(pos).expect("small"));
    row.kind = RowKind::Message { text: text.into(), reply_to: None };
    append
}

/// An agent's message.
pub(crate) fn answered(pos: u64, number: u128, seq: u64, stanza: Option<&str>) -> Append {
    let mut append = said(pos, number, seq, "Good day!");
    let row = Arc::make_mut(&mut append.row);
    row.author = Author::Agent { jid: jid("alice@example.org"), name: "Alice".into() };
    row.stanza = stanza.map(Into::into);
    append
}

/// The same row, created by a command.
pub(crate) fn with_command(mut append: Append, session: u8, id: &str) -> Append {
    Arc::make_mut(&mut append.row).key = Some(CommandKey {
        session: SessionId(Uuid::from_u128(2000 + u128::from(session))),
        id: CommandId::new(id).expect("an id"),
    });
    append
}

/// The same row, with a changed view.
pub(crate) fn with_view(
    mut append: Append,
    number: u128,
    change: impl FnOnce(&mut Conversation),
) -> Append {
    let mut view = conversation(number);
    change(&mut view);
    append.view = Some(Arc::new(view));
    append
}

pub(crate) fn rows(appends: &[Append]) -> Vec<Arc<Row>> {
    appends.iter().map(|append| append.row.clone()).collect()
}
