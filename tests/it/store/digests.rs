//! What agents are told about a customer: notes, tags, earlier conversations, summaries.

use std::sync::Arc;

use couplet::chat::digest::Past;
use couplet::chat::ids::{Pos, Seq};
use couplet::chat::model::{CloseReason, State};
use couplet::chat::row::{Append, Author, Reference, RowKind};
use couplet::ports::directory::Directory;
use couplet::ports::store::{Log, Transcripts};

use super::fixture::*;
use crate::support::db::Db;

suite!(
    notes_are_hidden_changed_and_found,
    earlier_conversations_are_told_in_a_line,
    tags_of_a_tenant_are_changed,
);

/// A row of Alice's that no customer sees.
fn hidden(pos: u64, number: u128, stanza: &str, kind: RowKind) -> Append {
    let mut append = answered(pos, number, 1, Some(stanza));
    let row = Arc::make_mut(&mut append.row);
    row.seq = None;
    row.kind = kind;
    append
}

fn note(text: &str) -> RowKind {
    RowKind::Note { text: text.into() }
}

fn change(of: u64, text: &str) -> RowKind {
    RowKind::NoteEdit { of: Pos(of), text: text.into() }
}

async fn notes_are_hidden_changed_and_found(db: &Db) {
    let epoch = acme(&db.store).await;
    let batch = [
        opened(1, 1),
        said(2, 1, 1, "Where is it?"),
        hidden(3, 1, "n1", note("Wants a refnd")),
        answered(4, 1, 2, Some("a1")),
        hidden(5, 1, "n2", change(3, "Wants a refund")),
        hidden(6, 1, "n3", note("Secret")),
        hidden(7, 1, "n4", change(6, "Very secret")),
        hidden(8, 1, "n5", change(6, "")),
    ];
    for _ in 0..2 {
        db.store.append(&link(), epoch, &batch).await.expect("stored, and again");
    }
    let entries = db.store.entries_after(conversation_id(1), Seq(0), 10).await.expect("read");
    assert_eq!(entries.len(), 2, "no customer sees a note");
    let by =
        |stanza: &str| Reference::Agent { jid: jid("alice@example.org"), stanza: stanza.into() };
    let words = |stanza| {
        let reference = by(stanza);
        async move { db.store.words(conversation_id(1), &reference).await.expect("read") }
    };
    assert_eq!(words("n1").await.expect("there").kind, note("Wants a refund"));
    assert_eq!(words("n2").await.expect("there").kind, change(3, "Wants a refund"));
    let digest = db.store.digest(customer(1).id, Some(conversation_id(1))).await.expect("read");
    let digest = digest.expect("there");
    let texts: Vec<_> = digest.notes.iter().filter_map(|row| row.kind.words().cloned()).collect();
    assert_eq!(texts.iter().map(|text| &**text).collect::<Vec<_>>(), ["Wants a refund"]);
    assert_eq!(digest.past.first.as_deref(), Some("Where is it?"));
    let last: Vec<_> = digest.last.iter().map(|row| row.seq).collect();
    assert_eq!(last, [Some(Seq(1)), Some(Seq(2))]);
    assert_eq!(digest.answers.len(), 1);
    let latest = db.store.digest(customer(1).id, None).await.expect("read").expect("there");
    assert_eq!(latest, digest);
    assert_eq!(db.store.digest(customer(2).id, None).await.expect("read"), None);
    let secrets = "SELECT COUNT(*) FROM log WHERE text LIKE '%ecret%'";
    assert_eq!(db.count(secrets).await, 0, "a deleted note leaves no text");
    let all = db.store.rows(conversation_id(1), Pos(0), Pos(99), 99).await.expect("read");
    assert_eq!(all.len(), batch.len());
}

async fn earlier_conversations_are_told_in_a_line(db: &Db) {
    let epoch = acme(&db.store).await;
    let alice = jid("alice@example.org");
    let mut closed = said(5, 1, 3, "");
    let row = Arc::make_mut(&mut closed.row);
    row.author = Author::System;
    row.kind = RowKind::Closed { reason: CloseReason::Agent };
    let closed = with_view(closed, 1, |view| {
        view.state = State::Closed { reason: CloseReason::Agent };
        view.head = Seq(3);
        view.tags = vec!["refund".into(), "straße".into()];
    });
    let joined = with_view(answered(3, 1, 2, None), 1, |view| {
        view.state = State::Active { agent: alice.clone() };
        view.head = Seq(2);
    });
    let mut rated = said(6, 1, 4, "");
    let row = Arc::make_mut(&mut rated.row);
    row.seq = None;
    row.kind = RowKind::Rated { score: 2, comment: None };
    let priority = RowKind::Ranked { priority: 10 };
    let batch = [
        opened(1, 1),
        said(2, 1, 1, "Where is it?"),
        joined,
        hidden(4, 1, "p1", priority),
        closed,
        rated,
    ];
    assert_eq!(db.store.past(customer(1).id, 10).await.expect("read"), []);
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let past = db.store.past(customer(1).id, 10).await.expect("read");
    let line = Past {
        opened_at: T0,
        queue: queue("default"),
        agent: Some(alice),
        ended: Some(CloseReason::Agent),
        rating: Some(2),
        first: Some("Where is it?".into()),
        tags: vec!["refund".into(), "straße".into()],
    };
    assert_eq!(past, [line]);
    assert_eq!(db.store.past(customer(2).id, 10).await.expect("read"), [], "of others nothing");
}

async fn tags_of_a_tenant_are_changed(db: &Db) {
    acme(&db.store).await;
    let before = db.store.revision(&link()).await.expect("read");
    let add = |tag: &'static str| async move {
        let change = move |tags: &mut couplet::ports::settings::Tags| {
            tags.known.push(tag.to_owned());
        };
        db.store.change_tags(&key("acme"), &change).await
    };
    let (one, other) = tokio::join!(add("invoice"), add("refund"));
    one.and(other).expect("changed");
    assert!(db.store.revision(&link()).await.expect("read") > before);
    let settings = db.store.settings(&link()).await.expect("read").remove(0);
    let mut known: Vec<_> = settings.tags.known.iter().map(|tag| &**tag).collect();
    known.sort_unstable();
    assert_eq!(known, ["invoice", "refund"], "none is lost");
    let open = |tags: &mut couplet::ports::settings::Tags| tags.open = true;
    db.store.change_tags(&key("acme"), &open).await.expect("changed");
    let tenant = db.store.tenant(&key("acme")).await.expect("read").expect("there");
    assert!(tenant.settings.tags.open);
    assert_eq!(tenant.settings.origins, ["https://www.acme.example"], "the rest is as it was");
    assert!(db.store.change_tags(&key("nobody"), &open).await.is_err());
}
