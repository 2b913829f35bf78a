//! What the owner of a link does in moments that no server can be made to bring about: the link is a
//! double here.

use std::sync::Arc;
use std::time::Duration;

use couplet::chat::desk::DeskLimits;
use couplet::chat::ids::{Epoch, LinkDomain};
use couplet::ports::link::{FromLink, LinkHandle, ToLink};
use couplet::runtime::admission::{Admission, Limits};
use couplet::runtime::{Node, Parts};
use couplet::world::SystemWorld;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::support::customer::PATIENCE;
use crate::support::db::{Backend, Db};

/// The supervisor's ends.
struct Double {
    told: mpsc::Receiver<ToLink>,
    say: mpsc::Sender<FromLink>,
    until: watch::Receiver<Instant>,
    epoch: Epoch,
}

impl Double {
    fn new() -> (Self, LinkHandle) {
        let ((to, told), (say, from)) = (mpsc::channel(256), mpsc::channel(256));
        let (until, holds) = watch::channel(Instant::now());
        let domain = LinkDomain::new("chat.example.com").unwrap();
        let handle = LinkHandle { domain, to, from, until };
        (Self { told, say, until: holds, epoch: Epoch(0) }, handle)
    }

    /// Closes what is to be closed, until a stream is to be opened.
    async fn opened(&mut self) -> Epoch {
        loop {
            let told = timeout(PATIENCE, self.told.recv()).await.expect("a stream is wanted");
            match told.expect("the owner lives") {
                ToLink::Open { epoch } => {
                    self.epoch = epoch;
                    return epoch;
                }
                ToLink::Close => self.closed().await,
                _ => {}
            }
        }
    }

    async fn closed(&self) {
        self.say.send(FromLink::Closed { epoch: self.epoch }).await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_ran_out_of_time_while_the_lease_did_not_is_opened_again() {
    let db = Db::new(Backend::Sqlite).await;
    let (cache, bus) = couplet::cache::connect(&"memory://".into()).unwrap();
    let (mut link, handle) = Double::new();
    let many = u32::MAX;
    let node = Node::start(Parts {
        store: Arc::new(db.store.clone()),
        cache,
        bus,
        world: Arc::new(SystemWorld),
        admission: Admission::new(Limits {
            messages_per_second: many,
            message_burst: many,
            sockets_per_address: many,
            sessions_per_minute_per_address: many,
            conversations_per_hour_per_address: many,
        }),
        desk: DeskLimits { waiting: 10 },
        outbound_frames: 64,
        links: vec![handle],
    });
    let first = link.opened().await;
    link.say.send(FromLink::Up { stream: 1 }).await.unwrap();
    assert!(*link.until.borrow_and_update() > Instant::now());
    // The supervisor saw the end of its time; a moment later the lease was renewed after all.
    link.closed().await;
    let second = link.opened().await;
    assert!(second > first);
    assert!(*link.until.borrow() > Instant::now() + Duration::from_secs(1), "it may stand again");
    drop(link);
    node.stop().await;
}
