//! Edits and retractions, on an embedded database.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::chat::ids::{AgentJid, CommandId, CustomerId, NodeId, QueueKey, Seq, TenantKey};
use crate::chat::model::{Conversation, State};
use crate::chat::row::{Author, RowKind, Target};
use crate::ports::store::{Lease, Leases, Transcripts};
use crate::store::Options;

const CONVERSATION: ConversationId = ConversationId(Uuid::from_u128(3));

fn link() -> LinkDomain {
    LinkDomain::new("chat.example.org").unwrap()
}

fn key(id: &str) -> CommandKey {
    CommandKey { session: SessionId(Uuid::from_u128(4)), id: CommandId::new(id).unwrap() }
}

fn append(pos: u64, kind: RowKind) -> Append {
    let is_said = kind.is_said();
    let row = Row {
        pos: Pos(pos),
        tenant: TenantKey::new("acme").unwrap(),
        conversation: CONVERSATION,
        customer: CustomerId(Uuid::from_u128(2)),
        seq: is_said.then(|| Seq(pos - 1)),
        at: Timestamp(1),
        author: Author::Customer,
        key: is_said.then(|| key(&format!("m{pos}"))),
        stanza: None,
        kind,
        recipients: Vec::new(),
    };
    Append { row: Arc::new(row), view: None }
}

fn opened() -> Append {
    let first = append(1, RowKind::Opened { answers: Vec::new() });
    let view = Conversation {
        id: CONVERSATION,
        tenant: first.row.tenant.clone(),
        customer: first.row.customer,
        queue: QueueKey::default_queue(),
        subject: None,
        state: State::Waiting,
        opened_at: Timestamp(1),
        waiting_since: Timestamp(1),
        priority: 0,
        tags: Vec::new(),
        active_at: Timestamp(1),
        head: Seq(0),
        delivered: Seq(0),
        read: Seq(0),
        confirmed: Seq(0),
        passed: Vec::new(),
        transfer: None,
    };
    Append { view: Some(Arc::new(view)), ..first }
}

fn said(pos: u64, text: &str) -> Append {
    append(pos, RowKind::Message { text: text.into(), reply_to: None })
}

fn edited(pos: u64, text: &str) -> Append {
    append(pos, RowKind::Edit { target: TARGET, text: text.into() })
}

const TARGET: Target = Target { seq: Seq(1), pos: Pos(2) };

async fn store() -> (SqlStore, tempfile::TempDir, Epoch) {
    let folder = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("couplet.db").display());
    let store = SqlStore::connect(&url.into(), Options::default()).await.unwrap();
    store.migrate().await.unwrap();
    let node = NodeId(Uuid::from_u128(1));
    match store.acquire(&link(), node, Duration::from_secs(60)).await.unwrap() {
        Lease::Granted { epoch, .. } => (store, folder, epoch),
        Lease::Held { .. } => panic!("nobody else is there"),
    }
}

async fn words(store: &SqlStore) -> Vec<String> {
    let rows = store.entries_after(CONVERSATION, Seq(0), 100).await.unwrap();
    rows.iter().filter_map(|row| row.kind.words()).map(ToString::to_string).collect()
}

#[tokio::test]
async fn reading_returns_the_latest_text() {
    let (store, _folder, epoch) = store().await;
    let other = said(3, "other");
    store.append(&link(), epoch, &[opened(), said(2, "one"), other]).await.unwrap();
    let change = [edited(4, "two")];
    store.append(&link(), epoch, &change).await.unwrap();
    assert_eq!(words(&store).await, ["two", "other", "two"]);
    store.append(&link(), epoch, &change).await.expect("the same again");
    let found = store.words(CONVERSATION, &Reference::Customer(key("m2"))).await.unwrap();
    assert_eq!(found.map(|row| row.kind.clone()), Some(said(2, "two").row.kind.clone()));
    let agent = AgentJid::normalised("ann");
    let foreign = Reference::Agent { jid: agent, stanza: "m2".into() };
    assert_eq!(store.words(CONVERSATION, &foreign).await.unwrap(), None);
    let elsewhere = ConversationId(Uuid::nil());
    let own = Reference::Customer(key("m2"));
    assert_eq!(store.words(elsewhere, &own).await.unwrap(), None);
    let retraction = append(5, RowKind::Retract { target: TARGET });
    store.append(&link(), epoch, &[retraction]).await.unwrap();
    assert_eq!(words(&store).await, ["", "other", ""], "nothing of it is left");
}

#[tokio::test]
async fn a_repeated_append_succeeds_although_its_text_was_changed() {
    let (store, _folder, epoch) = store().await;
    let retraction = append(4, RowKind::Retract { target: TARGET });
    let batch = [opened(), said(2, "one"), edited(3, "two"), retraction];
    store.append(&link(), epoch, &batch).await.unwrap();
    store.append(&link(), epoch, &batch).await.expect("the same again");
    assert_eq!(words(&store).await, ["", ""]);
    let other = [opened(), said(2, "else")];
    let refused = store.append(&link(), epoch, &other).await;
    assert_eq!(refused, Err(StoreError::Foreign(Pos(2))), "words that nobody changed differ");
    // A part of the batch is already stored, as after a commit with unknown outcome.
    let more = [batch[3].clone(), said(5, "three")];
    store.append(&link(), epoch, &more).await.unwrap();
    assert_eq!(words(&store).await, ["", "", "three"]);
}

#[tokio::test]
async fn a_tenant_keeps_its_form() {
    use crate::ports::directory::{Directory, Tenant};
    use crate::ports::settings::FormField;
    let (store, _folder, _) = store().await;
    let form = |name: &str| FormField {
        name: name.to_owned(),
        label: Some("Größe".to_owned()).filter(|_| name == "size"),
        required: name == "size",
    };
    for (key, fields) in [("acme", vec![form("email"), form("size")]), ("other", Vec::new())] {
        let mut tenant = Tenant::new(TenantKey::new(key).unwrap(), "Acme", link());
        tenant.settings.form = fields.clone();
        store.add_tenant(&tenant).await.unwrap();
        let read = store.tenant(&tenant.key).await.unwrap().unwrap();
        assert_eq!(read.settings, tenant.settings);
    }
    store.migrate().await.expect("nothing to do");
}
