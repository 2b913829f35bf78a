//! The owner of a link in situations that a real server cannot be brought into: the link is a test
//! double here.

use std::sync::Arc;
use std::time::Duration;

use couplet::bridge::agent_command;
use couplet::bridge::custom_to_xmpp::action::Greeting;
use couplet::chat::desk::DeskLimits;
use couplet::chat::effect::{Answer, Contact, ContactPresence, CustomerNotice, Phase};
use couplet::chat::event::{Availability, CustomerAction, CustomerCommand, CustomerContent, Event};
use couplet::chat::ids::{
    AgentJid, CommandId, Epoch, LinkDomain, QueueKey, Seq, TenantKey, Timestamp,
};
use couplet::chat::model::CloseReason;
use couplet::chat::settings::{AgentSettings, Role};
use couplet::ports::directory::{Directory as _, Requests as _, Tenant};
use couplet::ports::link::{FromLink, LinkHandle, ToLink};
use couplet::ports::world::World;
use couplet::runtime::admission::{Admission, Limits};
use couplet::runtime::edge::{CustomerSocket, Outbound};
use couplet::runtime::{Node, Parts};
use couplet::world::SystemWorld;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::support::customer::PATIENCE;
use crate::support::db::{Backend, Db};
use crate::support::file_storage::files;

/// The supervisor's ends of the channels.
pub(crate) struct Double {
    told: mpsc::Receiver<ToLink>,
    pub(crate) say: mpsc::Sender<FromLink>,
    until: watch::Receiver<Instant>,
    epoch: Epoch,
}

impl Double {
    pub(crate) fn new() -> (Self, LinkHandle) {
        let ((to, told), (say, from)) = (mpsc::channel(256), mpsc::channel(256));
        let (until, holds) = watch::channel(Instant::now());
        let domain = LinkDomain::new("chat.example.com").unwrap();
        let handle = LinkHandle { domain, to, from, until };
        (Self { told, say, until: holds, epoch: Epoch(0) }, handle)
    }

    /// Closes streams as asked, until a stream is to be opened.
    async fn opened(&mut self) -> Epoch {
        timeout(PATIENCE, self.opened_patiently()).await.expect("a stream is wanted")
    }

    /// The same, without a time limit.
    pub(crate) async fn opened_patiently(&mut self) -> Epoch {
        loop {
            let told = self.told.recv().await;
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

    /// Waits until a customer is shown to an agent as online, or no longer; returns `false` if that
    /// does not happen in time.
    async fn shows(&mut self, online: bool) -> bool {
        let shown = async {
            while let Some(told) = self.told.recv().await {
                if let ToLink::Contact { contact, .. } = told
                    && let Contact::Shown { presence, .. } = *contact
                    && matches!(presence, ContactPresence::Online(_)) == online
                {
                    return true;
                }
            }
            false
        };
        timeout(Duration::from_secs(20), shown).await.unwrap_or(false)
    }

    async fn closed(&self) {
        self.say.send(FromLink::Closed { epoch: self.epoch }).await.unwrap();
    }
}

/// A node on a database and a test double.
pub(crate) fn node(db: &Db, handle: LinkHandle, world: Arc<dyn World>) -> Node {
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
            messages_per_second_per_address: many,
            kilobytes_per_second: many,
            kilobytes_per_second_per_address: many,
            reads_per_minute: many,
            reads_per_minute_per_address: many,
            sockets_per_address: many,
            sessions_per_minute_per_address: many,
            conversations_per_hour_per_address: many,
            files_per_minute_per_address: many,
        }),
        files: files(&db.store, world.clone()),
        desk: DeskLimits { waiting: 10, rows: 10_000, reads: agent_command::step },
        outbound_frames: 64,
        links: vec![handle],
    })
}

#[tokio::test]
async fn a_stream_that_expired_before_the_lease_is_reopened() {
    let db = Db::new(Backend::Sqlite).await;
    let (mut link, handle) = Double::new();
    let node = node(&db, handle, Arc::new(SystemWorld));
    let first = link.opened().await;
    link.say.send(FromLink::Up { stream: 1 }).await.unwrap();
    assert!(*link.until.borrow_and_update() > Instant::now());
    // The supervisor saw its time end; a moment later the lease was renewed after all.
    link.closed().await;
    let second = link.opened().await;
    assert!(second > first);
    assert!(*link.until.borrow() > Instant::now() + Duration::from_secs(1), "it may stand again");
    drop(link);
    node.stop().await;
}

/// A clock that does not move.
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

fn words(socket: &CustomerSocket, id: &str) -> CustomerCommand {
    let (id, fresh) = (CommandId::new(id).unwrap(), socket.fresh());
    CustomerCommand {
        id,
        fresh,
        action: CustomerAction::Message { text: "!".into(), reply_to: None },
    }
}

async fn submit(socket: &mut CustomerSocket, command: CustomerCommand) {
    socket.submit(CustomerContent::Command(command)).await.unwrap();
}

/// The commands and entries that the socket is sent, up to this one.
async fn told(socket: &mut CustomerSocket, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    let telling = async {
        while told.last().is_none_or(|told| told != last) {
            match socket.next().await {
                Outbound::Answer(Answer::Ack { id, .. }) => {
                    told.push(format!("ack {}", id.as_str()))
                }
                Outbound::Notice(CustomerNotice::Entry(row)) => {
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
async fn of_two_conversations_begun_in_the_same_millisecond_the_later_stays_open() {
    let db = Db::new(Backend::Sqlite).await;
    let acme = TenantKey::new("acme").unwrap();
    let (mut link, handle) = Double::new();
    db.store.add_tenant(&tenant(&acme, &handle.domain)).await.unwrap();
    let node = node(&db, handle, Arc::new(Still));
    link.opened().await;
    link.say.send(FromLink::Up { stream: 1 }).await.unwrap();
    let view =
        node.edge().tenant(&acme, [127, 0, 0, 1].into()).await.unwrap().expect("it was added");

    let (welcome, mut one) = node.edge().open(&view, Greeting::default(), None).await.unwrap();
    let before = words(&one, "before");
    submit(&mut one, before.clone()).await;
    let end = CustomerCommand { action: CustomerAction::End, ..words(&one, "end") };
    submit(&mut one, end).await;
    let after = words(&one, "after");
    submit(&mut one, after).await;
    told(&mut one, "ack after").await;

    // Another socket of the customer gets both in its welcome, and resends what began the first
    // one.
    let greeting = Greeting {
        token: Some(welcome.token),
        resume: Some((before.fresh, Seq(0))),
        ..Greeting::default()
    };
    let (welcome, mut other) = node.edge().open(&view, greeting, None).await.unwrap();
    assert_eq!(welcome.entries.len(), 3, "two words, and the end between them");
    submit(&mut other, before).await;
    told(&mut other, "ack before").await;
    // The open conversation continues.
    let more = words(&one, "more");
    submit(&mut one, more).await;
    told(&mut one, "ack more").await;
    assert_eq!(told(&mut other, "entry more").await, ["entry more"]);
    drop((one, other, link));
    node.stop().await;
}

#[tokio::test]
async fn a_close_from_the_command_line_is_executed_by_the_owner() {
    let db = Db::new(Backend::Sqlite).await;
    let acme = TenantKey::new("acme").unwrap();
    let (mut link, handle) = Double::new();
    db.store.add_tenant(&tenant(&acme, &handle.domain)).await.unwrap();
    let node = node(&db, handle, Arc::new(SystemWorld));
    link.opened().await;
    let view =
        node.edge().tenant(&acme, [127, 0, 0, 1].into()).await.unwrap().expect("it was added");
    let (_, mut socket) = node.edge().open(&view, Greeting::default(), None).await.unwrap();
    let first = words(&socket, "hello");
    let conversation = first.fresh;
    submit(&mut socket, first).await;
    told(&mut socket, "ack hello").await;
    db.store.ask_to_close(&acme, conversation).await.unwrap();
    let closed = async {
        loop {
            if let Outbound::Notice(CustomerNotice::State(state)) = socket.next().await
                && let Phase::Closed { reason } = state.phase
            {
                return reason;
            }
        }
    };
    let reason = timeout(PATIENCE, closed).await.expect("the owner looks");
    assert_eq!(reason, CloseReason::Operator);
    drop((socket, link));
    node.stop().await;
}

/// How many commands, and events of customers who come and go, may wait for a desk.
const INBOX: usize = 4_096;

/// All leave at once, before the desk has processed any of it: more than its inbox holds.
#[tokio::test]
async fn thousands_who_leave_at_once_are_all_removed() {
    let db = Db::new(Backend::Sqlite).await;
    let acme = TenantKey::new("acme").unwrap();
    let (mut link, handle) = Double::new();
    db.store.add_tenant(&tenant(&acme, &handle.domain)).await.unwrap();
    let alice = AgentJid::normalised("alice@example.com");
    let agent = AgentSettings {
        jid: alice.clone(),
        name: "Alice".into(),
        capacity: 1,
        role: Role::Agent,
        queues: vec![QueueKey::default_queue()],
    };
    db.store.put_agent(&acme, &agent).await.unwrap();
    let node = node(&db, handle, Arc::new(SystemWorld));
    link.opened().await;
    link.say.send(FromLink::Up { stream: 1 }).await.unwrap();
    let (resource, availability) = ("desk".into(), Availability::Free);
    let presence = Event::Presence { agent: alice, resource, availability };
    link.say.send(FromLink::Event(presence)).await.unwrap();
    let view =
        node.edge().tenant(&acme, [127, 0, 0, 1].into()).await.unwrap().expect("it was added");

    // Another customer would be offered to Alice as soon as this one is closed.
    let (_, mut last) = node.edge().open(&view, Greeting::default(), None).await.unwrap();
    let hello = words(&last, "hello");
    submit(&mut last, hello).await;
    told(&mut last, "ack hello").await;
    assert!(link.shows(true).await);
    let mut sockets = Vec::new();
    while sockets.len() < INBOX {
        let some = (0..64).map(|_| node.edge().open(&view, Greeting::default(), None));
        let some = futures_util::future::join_all(some).await;
        sockets.extend(some.into_iter().map(|opened| opened.expect("opened").1));
    }
    drop(sockets);
    drop(last);
    assert!(link.shows(false).await, "the desk believes that the last one is still there");
    drop(link);
    node.stop().await;
}

pub(crate) fn tenant(key: &TenantKey, link: &LinkDomain) -> Tenant {
    Tenant::new(key.clone(), "Acme", link.clone())
}
