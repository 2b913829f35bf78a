//! `couplet conversation`: requests of the command line to the owner of a link.

use std::time::Duration;

use couplet::chat::ids::{LinkDomain, NodeId, Pos};
use couplet::ports::store::{Lease, Leases as _, Log as _, Sessions as _};
use couplet::store::{Options, SqlStore};
use uuid::Uuid;

use super::Shell;
use super::transcript::conversation;

#[tokio::test]
async fn closing_is_requested_even_if_no_gateway_runs() {
    let shell = Shell::migrated().await;
    shell.done("tenant add acme --name Acme").await;
    shell.done("tenant add other --name Other").await;
    let url = format!("sqlite://{}", shell.folder().join("couplet.db").display());
    let store = SqlStore::connect(&url.into(), Options::default()).await.unwrap();
    let link = LinkDomain::new("chat.localhost").unwrap();
    let node = NodeId(Uuid::from_u128(9));
    let Lease::Granted { epoch, .. } =
        store.acquire(&link, node, Duration::from_secs(60)).await.unwrap()
    else {
        panic!("somebody else has the link")
    };
    let (session, appends) = conversation(1, Pos(1), 1);
    store.create_session(&session, session.expires_at).await.unwrap();
    store.append(&link, epoch, &appends).await.unwrap();
    store.release(&link, epoch).await.unwrap();

    let conversation = appends[0].row.conversation;
    let id = conversation.to_string();
    let close = format!("conversation close --tenant acme {id}");
    assert_eq!(
        shell.done(&close).await,
        format!(
            "conversation {id} of acme will be closed as soon as a gateway serves chat.localhost\n"
        )
    );
    assert_eq!(shell.json(&close).await["state"], "asked", "again, which does no harm");
    assert_eq!(store.closings(&link).await, Ok(vec![conversation]));
    let other = shell.failed(&format!("conversation close --tenant other {id}")).await;
    assert!(other.contains(&format!("other has no conversation {id}")));
    assert_eq!(shell.run("conversation close --tenant acme 12").await.code, Some(2));
    store.close().await;
}
