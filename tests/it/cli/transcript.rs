//! `couplet transcript export`, of conversations written as the gateway writes them.

use std::sync::Arc;
use std::time::Duration;

use couplet::chat::ids::{
    CommandId, ConversationId, CustomerId, LinkDomain, Localpart, NodeId, Pos, QueueKey, Seq,
    SessionId, TenantKey, Timestamp,
};
use couplet::chat::model::{Conversation, Customer, State};
use couplet::chat::row::{Append, Author, CommandKey, Row, RowKind};
use couplet::ports::store::{Lease, Leases as _, Log as _, Session, Sessions as _};
use couplet::store::{Options, SqlStore};
use uuid::Uuid;

use super::Shell;

/// A conversation of a customer of its own, with messages of that customer only.
pub(super) fn conversation(number: u64, first: Pos, messages: u64) -> (Session, Vec<Append>) {
    let tenant = TenantKey::new("acme").unwrap();
    let id = |kind: u64| Uuid::from_u64_pair(kind, number);
    let customer = Customer {
        id: CustomerId(id(1)),
        tenant: tenant.clone(),
        localpart: Localpart::new(&format!("c{number}")).unwrap(),
        name: Some(format!("Customer {number}").into()),
        conversations: 1,
    };
    let at = Timestamp(1_777_638_896_789).plus(i64::try_from(number).unwrap());
    let view = Arc::new(Conversation {
        id: ConversationId(id(2)),
        tenant: tenant.clone(),
        customer: customer.id,
        queue: QueueKey::default_queue(),
        subject: None,
        state: State::Waiting,
        opened_at: at,
        waiting_since: at,
        priority: 0,
        tags: Vec::new(),
        active_at: at,
        head: Seq(0),
        delivered: Seq(0),
        read: Seq(0),
        confirmed: Seq(0),
        passed: Vec::new(),
        transfer: None,
    });
    let session = SessionId(id(3));
    let row = |n: u64, kind| Row {
        pos: Pos(first.0 + n),
        tenant: tenant.clone(),
        conversation: view.id,
        customer: customer.id,
        seq: (n > 0).then_some(Seq(n)),
        at,
        author: Author::Customer,
        key: Some(CommandKey { session, id: CommandId::new(&format!("m{n}")).unwrap() }),
        stanza: None,
        kind,
        recipients: Vec::new(),
    };
    let opened = Append {
        row: Arc::new(row(0, RowKind::Opened { answers: Vec::new() })),
        view: Some(Arc::clone(&view)),
    };
    let words = (1..=messages).map(|n| {
        let text = format!("word {n} of {number}").into();
        Append { row: Arc::new(row(n, RowKind::Message { text, reply_to: None })), view: None }
    });
    let appends = std::iter::once(opened).chain(words).collect();
    let mut token = [0; 32];
    token[..8].copy_from_slice(&number.to_be_bytes());
    let expires_at = at.plus(1_000_000);
    let session = Session {
        id: session,
        customer,
        token,
        previous: None,
        salt: None,
        expires_at,
        subject: None,
        same_as: None,
    };
    (session, appends)
}

#[tokio::test]
async fn transcripts_are_exported_whole() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme").await;
    shell.done("tenant add other --name Other").await;
    let empty = shell.done("transcript export --tenant acme").await;
    assert_eq!(empty, "");

    let url = format!("sqlite://{}", shell.folder().join("couplet.db").display());
    let store = SqlStore::connect(&url.into(), Options::default()).await.unwrap();
    let link = LinkDomain::new("chat.localhost").unwrap();
    let node = NodeId(Uuid::from_u128(9));
    let Lease::Granted { epoch, .. } =
        store.acquire(&link, node, Duration::from_secs(60)).await.unwrap()
    else {
        panic!("somebody else has the link")
    };
    let mut next = Pos(1);
    for number in 1..=130 {
        let messages = if number == 3 { 1_200 } else { 1 };
        let (session, appends) = conversation(number, next, messages);
        store.create_session(&session, session.expires_at).await.unwrap();
        store.append(&link, epoch, &appends).await.unwrap();
        next = Pos(next.0 + messages + 1);
    }
    store.close().await;

    let all = shell.json("transcript export --tenant acme").await;
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 130);
    assert_eq!(all[2]["entries"].as_array().unwrap().len(), 1_200);
    assert_eq!(all[2]["entries"][1_199]["text"], "word 1200 of 3");
    assert_eq!(all[129]["customer"]["name"], "Customer 130");

    let id = all[120]["conversation"].as_str().unwrap();
    let one = shell.done(&format!("transcript export --tenant acme --conversation {id}")).await;
    assert!(one.starts_with(&format!("Conversation {id} with Customer 121\nqueue default, ")));
    assert!(one.ends_with("  Customer 121: word 1 of 121\n\n"), "{one}");
    let page = shell.done("transcript export --tenant acme --format html").await;
    assert_eq!(page.matches("<section ").count(), 130);
    assert!(
        shell
            .failed(&format!("transcript export --tenant other --conversation {id}"))
            .await
            .contains(&format!("other has no conversation {id}"))
    );
}
