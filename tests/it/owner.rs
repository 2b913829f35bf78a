//! What the owner of a link does in moments that no server can be made to bring about: the link is a
//! double here.

use std::sync::Arc;
use std::time::Duration;

use couplet::chat::desk::DeskLimits;
use couplet::chat::event::CustomerAction;
use couplet::chat::ids::{CommandId, Epoch, LinkDomain, Seq, TenantKey, Timestamp};
use couplet::ports::link::{FromLink, LinkHandle, ToLink};
use couplet::ports::store::{Directory as _, Tenant};
use couplet::ports::world::World;
use couplet::runtime::admission::{Admission, Limits};
use couplet::runtime::edge::{CustomerSocket, Opening, Outbound};
use couplet::runtime::{Node, Parts};
use couplet::world::SystemWorld;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::support::customer::PATIENCE;
use crate::support::db::{Backend, Db};
use crate::support::depot::files;

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

/// A node on a database and a double.
fn node(db: &Db, handle: LinkHandle, world: Arc<dyn World>) -> Node {
    let (cache, bus) = couplet::cache::connect(&"memory://".into()).unwrap();
    let many = u32::MAX;
    Node::start(Parts {
        store: Arc::new(db.store.clone()),
        cache,
        bus,
        world: world.clone(),
        admission: Admission::new(Limits {
            messages_per_second: many,
            message_burst: many,
            sockets_per_address: many,
            sessions_per_minute_per_address: many,
            conversations_per_hour_per_address: many,
            files_per_minute_per_address: many,
        }),
        files: files(&db.store, world.clone()),
        desk: DeskLimits { waiting: 10 },
        outbound_frames: 64,
        links: vec![handle],
    })
}

#[tokio::test]
async fn a_stream_that_ran_out_of_time_while_the_lease_did_not_is_opened_again() {
    let db = Db::new(Backend::Sqlite).await;
    let (mut link, handle) = Double::new();
    let node = node(&db, handle, Arc::new(SystemWorld));
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

/// A clock that stands.
struct Still;

impl World for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }

    fn uuid(&self) -> Uuid {
        SystemWorld.uuid()
    }

    fn secret(&self, buffer: &mut [u8]) {
        SystemWorld.secret(buffer);
    }
}

fn words(socket: &CustomerSocket, id: &str) -> CustomerAction {
    let (id, fresh) = (CommandId::new(id).unwrap(), socket.fresh());
    CustomerAction::Message { id, fresh, text: "!".into(), reply_to: None }
}

/// What the socket is told of commands and entries, until it is told of this command or entry.
async fn told(socket: &mut CustomerSocket, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    let telling = async {
        while told.last().is_none_or(|told| told != last) {
            match socket.next().await {
                Outbound::Ack { id, .. } => told.push(format!("ack {}", id.as_str())),
                Outbound::Entry(row) => {
                    let key = row.key.as_ref().expect("a customer's");
                    told.push(format!("entry {}", key.id.as_str()));
                }
                _ => {}
            }
        }
    };
    let in_time = timeout(PATIENCE, telling).await.is_ok();
    assert!(in_time, "no {last}: {told:?}");
    told
}

/// In one step of the desk a conversation begins, ends, and the next one begins.
#[tokio::test]
async fn of_two_conversations_that_begin_in_the_same_millisecond_the_later_one_stays_in_hand() {
    let db = Db::new(Backend::Sqlite).await;
    let acme = TenantKey::new("acme").unwrap();
    let (mut link, handle) = Double::new();
    db.store.add_tenant(&tenant(&acme, &handle.domain)).await.unwrap();
    let node = node(&db, handle, Arc::new(Still));
    link.opened().await;
    link.say.send(FromLink::Up { stream: 1 }).await.unwrap();
    let view = node.edge().tenant(&acme).await.unwrap().expect("it was added");

    let (welcome, mut one) = node.edge().open(&view, Opening::default()).await.unwrap();
    let before = words(&one, "before");
    let CustomerAction::Message { fresh: earlier, .. } = before else { unreachable!() };
    one.submit(before.clone()).await.unwrap();
    one.submit(CustomerAction::End { id: CommandId::new("end").unwrap() }).await.unwrap();
    one.submit(words(&one, "after")).await.unwrap();
    told(&mut one, "ack after").await;

    // Another socket of his gets both with its welcome, and says again what began the first one.
    let opening = Opening {
        token: Some(welcome.token),
        resume: Some((earlier, Seq(0))),
        ..Opening::default()
    };
    let (welcome, mut other) = node.edge().open(&view, opening).await.unwrap();
    assert_eq!(welcome.entries.len(), 3, "two words, and the end between them");
    other.submit(before).await.unwrap();
    told(&mut other, "ack before").await;
    // The one in hand goes on.
    one.submit(words(&one, "more")).await.unwrap();
    told(&mut one, "ack more").await;
    assert_eq!(told(&mut other, "entry more").await, ["entry more"]);
    drop((one, other, link));
    node.stop().await;
}

fn tenant(key: &TenantKey, link: &LinkDomain) -> Tenant {
    Tenant {
        key: key.clone(),
        name: "Acme".into(),
        link: link.clone(),
        origins: Vec::new(),
        origin_required: false,
        color: None,
        locale: None,
        identity_secret: None,
        idle_close_ms: 86_400_000,
        files: couplet::ports::store::FileWishes::default(),
        form: Vec::new(),
    }
}
