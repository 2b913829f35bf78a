//! Tenants, queues, agents; the revision shows each change.

use couplet::chat::canned::REPLIES;
use couplet::chat::ids::{LinkDomain, MacroKey, Pos, ReplyKey, Seq};
use couplet::chat::macros::MACROS;
use couplet::chat::model::{CloseReason, State};
use couplet::chat::settings::{AgentSettings, CannedReply, Macro, QueueSettings, Role, Strategy};
use couplet::ports::directory::Directory;
use couplet::ports::settings::{HoursMode, OpeningHours};
use couplet::ports::store::{Log, Sessions, Transcripts};
use couplet::ports::store_error::StoreError;
use secrecy::ExposeSecret;

use super::fixture::*;
use crate::support::db::Db;

suite!(
    tenants,
    revision_rises_with_every_change,
    removing_a_tenant_removes_all,
    settings_of_a_link,
    canned_replies,
    hours_of_tenants_and_queues,
    macros
);

fn agent(who: &str, queues: &[&str]) -> AgentSettings {
    AgentSettings {
        jid: jid(who),
        name: "Ålice 🎧".into(),
        capacity: 3,
        role: Role::Agent,
        queues: queues.iter().map(|name| queue(name)).collect(),
    }
}

fn settings(name: &str) -> QueueSettings {
    QueueSettings {
        key: queue(name),
        name: "Vertrieb & Co".into(),
        strategy: Strategy::RoundRobin,
        offer_ms: 12_345,
    }
}

async fn tenants(db: &Db) {
    assert_eq!(db.store.tenants().await.expect("read").len(), 0);
    for name in ["beta", "acme"] {
        db.store.add_tenant(&tenant(name)).await.expect("added");
    }
    let refused = db.store.add_tenant(&tenant("acme")).await;
    assert_eq!(refused, Err(StoreError::Exists("the tenant acme".to_owned())));
    let found = db.store.tenants().await.expect("read");
    assert_eq!(
        found.iter().map(|tenant| tenant.key.as_str()).collect::<Vec<_>>(),
        ["acme", "beta"]
    );
    let found = db.store.tenant(&key("acme")).await.expect("read").expect("there");
    let expected = tenant("acme");
    assert_eq!((found.settings, found.link), (expected.settings, expected.link));
    assert_eq!(found.identity_secret.expect("a secret").expose_secret(), "hush");
    assert!(db.store.tenant(&key("gamma")).await.expect("read").is_none());
    let queues = db.store.queues(&key("acme")).await.expect("read");
    assert_eq!(queues.iter().map(|queue| queue.key.as_str()).collect::<Vec<_>>(), ["default"]);
    assert_eq!(db.store.queues(&key("gamma")).await, Ok(Vec::new()));
}

async fn revision_rises_with_every_change(db: &Db) {
    let acme = key("acme");
    let mut last = db.store.revision(&link()).await.expect("read");
    assert_eq!(last, 0);
    let mut risen = async |what: &str| {
        let now = db.store.revision(&link()).await.expect("read");
        assert!(now > last, "{what}");
        last = now;
    };
    db.store.add_tenant(&tenant("acme")).await.expect("added");
    risen("a tenant").await;
    db.store.put_queue(&acme, &settings("sales")).await.expect("added");
    risen("a queue").await;
    db.store.put_queue(&acme, &settings("sales")).await.expect("the same");
    risen("the queue anew").await;
    db.store.put_agent(&acme, &agent("a@x", &["sales", "default"])).await.expect("added");
    risen("an agent").await;
    let mut changed = agent("a@x", &["sales"]);
    changed.capacity = 9;
    changed.role = Role::Supervisor;
    db.store.put_agent(&acme, &changed).await.expect("written anew");
    risen("the agent anew").await;
    assert_eq!(db.store.agents(&acme).await.expect("read"), [changed]);
    db.store.remove_queue(&acme, &queue("sales")).await.expect("removed");
    risen("a queue less").await;
    assert_eq!(db.store.agents(&acme).await.expect("read")[0].queues, []);
    db.store.remove_agent(&acme, &jid("a@x")).await.expect("removed");
    risen("an agent less").await;
    db.store.remove_tenant(&acme).await.expect("removed");
    risen("a tenant less").await;
    for (refused, missing) in [
        (db.store.put_queue(&acme, &settings("sales")).await, "the tenant acme"),
        (db.store.remove_tenant(&acme).await, "the tenant acme"),
    ] {
        assert_eq!(refused, Err(StoreError::Missing(missing.to_owned())));
    }
}

async fn settings_of_a_link(db: &Db) {
    let acme = key("acme");
    for name in ["acme", "beta"] {
        db.store.add_tenant(&tenant(name)).await.expect("added");
    }
    let mut far = tenant("far");
    far.link = LinkDomain::new("other.example.org").expect("a domain");
    db.store.add_tenant(&far).await.expect("added");
    db.store.put_queue(&acme, &settings("sales")).await.expect("added");
    // The same agent serves two tenants; another's address differs by the case of one letter.
    let both = agent("élan@example.org", &["default", "sales"]);
    db.store.put_agent(&acme, &both).await.expect("added");
    db.store.put_agent(&acme, &agent("Élan@example.org", &[])).await.expect("added");
    db.store
        .put_agent(&key("beta"), &agent("élan@example.org", &["default"]))
        .await
        .expect("added");
    let refused = db.store.put_agent(&key("beta"), &agent("b@x", &["sales"])).await;
    assert_eq!(refused, Err(StoreError::Missing("the queue sales".to_owned())));
    let refused = db.store.remove_queue(&acme, &queue("default")).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    let refused = db.store.remove_agent(&key("beta"), &jid("b@x")).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    let found = db.store.settings(&link()).await.expect("read");
    let [first, second] = &found[..] else { panic!("{found:?}") };
    assert_eq!((first.key.as_str(), second.key.as_str()), ("acme", "beta"));
    assert_eq!(first.queues, db.store.queues(&acme).await.expect("read"));
    assert_eq!(first.queues[1], settings("sales"));
    assert_eq!(first.agents.len(), 2);
    assert!(first.agents.contains(&both));
    assert_eq!(second.agents, [agent("élan@example.org", &["default"])]);
    let far = db.store.settings(&far.link).await.expect("read");
    assert_eq!(far.len(), 1);
}

async fn hours_of_tenants_and_queues(db: &Db) {
    let acme = key("acme");
    for name in ["acme", "beta"] {
        db.store.add_tenant(&tenant(name)).await.expect("added");
    }
    db.store.put_queue(&acme, &settings("sales")).await.expect("added");
    let of = |text: &str| OpeningHours {
        hours: Some(text.to_owned()),
        hours_mode: Some(HoursMode::Advisory),
        ..OpeningHours::default()
    };
    let sales = queue("sales");
    let last = db.store.revision(&link()).await.expect("read");
    db.store.put_hours(&acme, None, &of("24/7")).await.expect("set");
    db.store.put_hours(&acme, Some(&sales), &of("Mo 09:00-17:00 \"für Ä\"")).await.expect("set");
    assert_eq!(db.store.revision(&link()).await, Ok(last + 2));
    // A queue that is written anew keeps its hours, and the tenant its other settings.
    db.store.put_queue(&acme, &settings("sales")).await.expect("added");
    let expected = [
        (queue("default"), OpeningHours::default()),
        (sales.clone(), of("Mo 09:00-17:00 \"für Ä\"")),
    ];
    let found = db.store.tenant_hours(&acme).await.expect("read");
    assert_eq!((&found.hours, &found.queues[..]), (&of("24/7"), &expected[..]));
    let all = db.store.hours(&link()).await.expect("read");
    assert_eq!((all.len(), &all[0]), (2, &found));
    assert_eq!(all[1].hours, OpeningHours::default());
    let mut settings = tenant("acme").settings;
    settings.opening = of("24/7");
    assert_eq!(db.store.tenant(&acme).await.expect("read").expect("there").settings, settings);
    // The same again changes no row, and is no error; nothing of its own is no document.
    for _ in 0..2 {
        db.store.put_hours(&acme, Some(&sales), &OpeningHours::default()).await.expect("set");
    }
    let found = db.store.tenant_hours(&acme).await.expect("read");
    assert_eq!(found.queues[1].1, OpeningHours::default());
    for (refused, missing) in [
        (db.store.put_hours(&acme, Some(&queue("help")), &of("24/7")).await, "the queue help"),
        (db.store.put_hours(&key("gamma"), None, &of("24/7")).await, "the tenant gamma"),
        (db.store.tenant_hours(&key("gamma")).await.map(drop), "the tenant gamma"),
    ] {
        assert_eq!(refused, Err(StoreError::Missing(missing.to_owned())));
    }
}

async fn removing_a_tenant_removes_all(db: &Db) {
    let epoch = acme(&db.store).await;
    let acme = key("acme");
    db.store.put_agent(&acme, &agent("a@x", &["default"])).await.expect("added");
    let batch = [opened(1, 1), said(2, 1, 1, "a"), opened(3, 2)];
    db.store.append(&link(), epoch, &batch).await.expect("stored");
    let refused = db.store.remove_tenant(&acme).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    let closed = |pos, number, seq| {
        with_view(said(pos, number, seq, "bye"), number, |view| {
            view.state = State::Closed { reason: CloseReason::Customer };
        })
    };
    let ends = [closed(4, 1, 2), closed(5, 2, 1)];
    db.store.append(&link(), epoch, &ends).await.expect("stored");
    db.store.remove_tenant(&acme).await.expect("removed");

    assert_eq!(db.store.conversation(conversation_id(1)).await, Ok(None));
    assert_eq!(db.store.entries_after(conversation_id(1), Seq(0), 9).await, Ok(Vec::new()));
    assert_eq!(db.store.session(&acme, &[1; 32]).await, Ok(None));
    assert_eq!(db.store.customer_at(&link(), &customer(1).localpart).await, Ok(None));
    assert_eq!(db.store.agents(&acme).await, Ok(Vec::new()));
    assert_eq!(db.store.queues(&acme).await, Ok(Vec::new()));
    let snapshot = db.store.snapshot(&link(), T0).await.expect("read");
    assert_eq!(snapshot.head, Pos(5), "a position is never given twice");
    assert_eq!(snapshot.tenants, []);
    db.store.add_tenant(&tenant("acme")).await.expect("its name is free again");
}

async fn canned_replies(db: &Db) {
    let (acme, beta) = (key("acme"), key("beta"));
    for name in ["acme", "beta"] {
        db.store.add_tenant(&tenant(name)).await.expect("added");
    }
    let reply = |name: &str, text: &str| CannedReply {
        key: ReplyKey::new(name).expect("a key"),
        title: "Grüße 🎧".into(),
        text: text.into(),
    };
    let long = reply("long", &"🦀".repeat(4_000));
    let revision = db.store.revision(&link()).await.expect("read");
    db.store.put_canned(&acme, &reply("hello", "Hi")).await.expect("added");
    db.store.put_canned(&acme, &long).await.expect("added");
    db.store.put_canned(&acme, &reply("hello", "Hello {1}")).await.expect("replaced");
    assert!(db.store.revision(&link()).await.expect("read") >= revision + 3);
    let all = [reply("hello", "Hello {1}"), long];
    assert_eq!(db.store.canned(&acme).await.expect("read"), all);
    let settings = db.store.settings(&link()).await.expect("read");
    assert_eq!((&settings[0].canned[..], &settings[1].canned[..]), (&all[..], &[][..]));
    for number in 2..REPLIES {
        db.store.put_canned(&acme, &reply(&format!("r{number}"), "x")).await.expect("added");
    }
    let refused = db.store.put_canned(&acme, &reply("more", "x")).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    db.store.put_canned(&acme, &reply("hello", "Hi")).await.expect("replaced when full");
    db.store.remove_canned(&acme, &reply("hello", "").key).await.expect("removed");
    db.store.put_canned(&acme, &reply("more", "x")).await.expect("there is room");
    for (refused, missing) in [
        (db.store.remove_canned(&beta, &reply("more", "").key).await, "the canned reply more"),
        (db.store.put_canned(&key("gamma"), &reply("x", "x")).await, "the tenant gamma"),
    ] {
        assert_eq!(refused, Err(StoreError::Missing(missing.to_owned())));
    }
    db.store.remove_tenant(&acme).await.expect("removed");
    assert_eq!(db.store.canned(&acme).await, Ok(Vec::new()));
}

async fn macros(db: &Db) {
    let (acme, beta) = (key("acme"), key("beta"));
    for name in ["acme", "beta"] {
        db.store.add_tenant(&tenant(name)).await.expect("added");
    }
    let one = |name: &str, steps: &[&str]| Macro {
        key: MacroKey::new(name).expect("a key"),
        title: "Grüße 🎧".into(),
        steps: steps.iter().map(|step| (*step).into()).collect(),
    };
    let steps = vec!["🦀".repeat(1_000); 10];
    let long = one("long", &steps.iter().map(String::as_str).collect::<Vec<_>>());
    let revision = db.store.revision(&link()).await.expect("read");
    db.store.put_macro(&acme, &one("bye", &["!close"])).await.expect("added");
    db.store.put_macro(&acme, &long).await.expect("added");
    db.store.put_macro(&acme, &one("bye", &["!r bye", "!close"])).await.expect("replaced");
    assert!(db.store.revision(&link()).await.expect("read") >= revision + 3);
    let all = [one("bye", &["!r bye", "!close"]), long];
    assert_eq!(db.store.macros(&acme).await.expect("read"), all);
    let settings = db.store.settings(&link()).await.expect("read");
    assert_eq!((&settings[0].macros[..], &settings[1].macros[..]), (&all[..], &[][..]));
    for number in 2..MACROS {
        db.store.put_macro(&acme, &one(&format!("m{number}"), &["!who"])).await.expect("added");
    }
    let refused = db.store.put_macro(&acme, &one("more", &["!who"])).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    db.store.put_macro(&acme, &one("bye", &["!close"])).await.expect("replaced when full");
    db.store.remove_macro(&acme, &one("bye", &[]).key).await.expect("removed");
    let missing = db.store.remove_macro(&beta, &one("m2", &[]).key).await;
    assert_eq!(missing, Err(StoreError::Missing("the macro m2".to_owned())));
    db.store.remove_tenant(&acme).await.expect("removed");
    assert_eq!(db.store.macros(&acme).await, Ok(Vec::new()));
}
