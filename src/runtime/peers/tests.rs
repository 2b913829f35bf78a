//! Messages between nodes: a bus that fails, and the format.

use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

use super::*;
use crate::chat::effect::{Answer, CustomerState, Phase};
use crate::chat::event::{
    Chosen, CustomerAction, CustomerCommand, CustomerConnection, CustomerContent, CustomerInput,
    SignedIn, SocketAddress,
};
use crate::chat::ids::{
    CommandId, ConversationId, FileId, FileKey, Localpart, Pos, QueueKey, Seq, SessionId,
    TenantKey, Timestamp,
};
use crate::chat::model::{Acked, CloseReason, Customer, File};
use crate::chat::refusal::CommandError;
use crate::chat::row::{Author, Row, RowKind};
use crate::ports::bus::BusError;

/// A bus that fails this many times, and then records what is published.
struct Failing {
    fails: AtomicUsize,
    taken: mpsc::UnboundedSender<(String, Bytes)>,
}

#[async_trait::async_trait]
impl Bus for Failing {
    async fn publish(&self, topic: &str, message: Bytes) -> Result<(), BusError> {
        let fails = |left: usize| left.checked_sub(1);
        if self.fails.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fails).is_ok() {
            return Err(BusError("cut".into()));
        }
        let _ = self.taken.send((topic.to_owned(), message));
        Ok(())
    }

    async fn subscribe(&self, _: &str) -> Result<mpsc::Receiver<Bytes>, BusError> {
        Err(BusError("nobody listens here".into()))
    }
}

fn failing(times: usize) -> (PeerSender, mpsc::UnboundedReceiver<(String, Bytes)>) {
    let (taken, read) = mpsc::unbounded_channel();
    (spawn(Arc::new(Failing { fails: times.into(), taken })), read)
}

const CONVERSATION: ConversationId = ConversationId(Uuid::from_u128(3));

fn link() -> LinkDomain {
    LinkDomain::new("chat.example.org").unwrap()
}

fn id(text: &str) -> CommandId {
    CommandId::new(text).unwrap()
}

fn to_owner(event: CustomerEvent) -> PeerMessage {
    PeerMessage::ToOwner { link: link(), event }
}

fn to_sockets(event: SocketEvent) -> PeerMessage {
    PeerMessage::ToSockets { customer: customer().id, socket: Some(9), event }
}

fn customer() -> Customer {
    Customer {
        id: CustomerId(Uuid::from_u128(7)),
        tenant: TenantKey::new("acme").unwrap(),
        localpart: Localpart::new("abc").unwrap(),
        name: Some("Zoë".into()),
        conversations: 3,
    }
}

fn input(content: CustomerContent) -> CustomerEvent {
    CustomerEvent::Input(Box::new(CustomerInput {
        customer: customer(),
        session: SessionId(Uuid::from_u128(2)),
        socket: SocketAddress { node: NodeId(Uuid::from_u128(1)), socket: 9 },
        content,
    }))
}

fn command(action: CustomerAction) -> CustomerEvent {
    let command = CustomerCommand { id: id("m1"), fresh: CONVERSATION, action };
    input(CustomerContent::Command(command))
}

fn commands() -> Vec<CustomerAction> {
    let fields = vec![("1".into(), "77".into()), ("2".into(), "x\ny".into())];
    let file = File {
        id: FileId(Uuid::from_u128(0xf1)),
        key: FileKey([1; 16]),
        name: "a.png".into(),
        media_type: "image/png".into(),
        size: 5,
    };
    vec![
        CustomerAction::Start {
            queue: Some(QueueKey::default_queue()),
            subject: Some("Delivery".into()),
            answers: fields.clone(),
        },
        CustomerAction::Message { text: "🙂 \u{2060}".into(), reply_to: Some(Seq(4)) },
        CustomerAction::Share {
            ids: vec![file.id],
            files: Arc::new([file]),
            taken: true,
            text: "".into(),
            reply_to: None,
        },
        CustomerAction::Edit { target: id("m0"), text: "🙂".into() },
        CustomerAction::Retract { target: id("m0") },
        CustomerAction::React { target: Seq(2), emoji: "👍".into() },
        CustomerAction::Choose { of: Seq(3), answer: Chosen::One("2".into()) },
        CustomerAction::Choose { of: Seq(3), answer: Chosen::Fields(fields) },
        CustomerAction::Rate { score: 1, comment: Some("slow".into()) },
        CustomerAction::End,
    ]
}

fn notices() -> Vec<CustomerNotice> {
    let state = |phase| {
        let (conversation, queue) = (CONVERSATION, QueueKey::default_queue());
        CustomerNotice::State(CustomerState { conversation, queue, phase })
    };
    let closed = [
        CloseReason::Customer,
        CloseReason::Agent,
        CloseReason::Idle,
        CloseReason::Full,
        CloseReason::Operator,
    ];
    let mut notices: Vec<_> =
        closed.into_iter().map(|reason| state(Phase::Closed { reason })).collect();
    notices.extend([
        state(Phase::Waiting { position: Some(2), eta_s: None, open_at: Some(Timestamp(9)) }),
        state(Phase::Active { agent: "Alice".into() }),
        CustomerNotice::Receipt { conversation: CONVERSATION, delivered: Seq(2), read: Seq(1) },
        CustomerNotice::Typing { on: true, name: "Alice".into() },
        CustomerNotice::Elsewhere,
    ]);
    notices
}

fn answers() -> Vec<Answer> {
    let acked = Acked { conversation: CONVERSATION, seq: Some(Seq(4)), at: Timestamp(5) };
    let errors = [
        CommandError::UnknownQueue,
        CommandError::NotOpen,
        CommandError::NoSuchChoice,
        CommandError::StillOpen,
        CommandError::RatedOften,
        CommandError::NoSuchWords,
        CommandError::NoSuchFile,
        CommandError::UnknownTenant,
        CommandError::Overloaded,
        CommandError::Moved,
        CommandError::NotStored,
        CommandError::Unstorable,
    ];
    let refused = errors.map(|error| Answer::Refused { id: Some(id("m1")), error });
    [Answer::Ack { id: id("m1"), acked }].into_iter().chain(refused).collect()
}

/// One message of each kind.
fn everything() -> Vec<PeerMessage> {
    let signed_in = SignedIn {
        known_as: Some(Localpart::new("k3f9").unwrap()),
        conversations: 2,
        home: Some(customer().id),
    };
    let connection = CustomerConnection {
        customer: customer(),
        node: NodeId(Uuid::from_u128(1)),
        online: true,
        opened: false,
        page: Some("https://www.acme.example/a".into()),
        signed_in: Some(signed_in),
    };
    let mut all: Vec<_> = commands().into_iter().map(|action| to_owner(command(action))).collect();
    all.extend([
        to_owner(input(CustomerContent::Typing { on: true })),
        to_owner(input(CustomerContent::Read { seq: Seq(9) })),
        to_owner(CustomerEvent::Connected(connection)),
        to_sockets(SocketEvent::Head { conversation: CONVERSATION, seq: Seq(4) }),
    ]);
    all.extend(notices().into_iter().map(|notice| to_sockets(SocketEvent::Notice(notice))));
    all.extend(answers().into_iter().map(|answer| to_sockets(SocketEvent::Answer(answer))));
    all
}

/// The bytes that nodes of this version exchange. If this test fails, an upgraded node does not
/// understand one that is not upgraded: change `VERSION`, or keep the format.
#[test]
fn the_format_is_that_of_the_golden_file() {
    let golden = include_str!("../../../tests/tables/peer_messages.jsonl");
    let written = String::from_utf8(encode(everything()).to_vec()).unwrap() + "\n";
    for (line, expected) in written.lines().zip(golden.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(written, golden);
    let (read, unread) = decode(golden.trim_end().as_bytes());
    assert_eq!(unread, 0);
    assert_eq!(String::from_utf8(encode(read).to_vec()).unwrap() + "\n", golden);
}

#[test]
#[ignore = "writes tests/tables/peer_messages.jsonl"]
fn rewrite() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables/peer_messages.jsonl");
    std::fs::write(golden, [&encode(everything()), &b"\n"[..]].concat()).unwrap();
}

#[test]
fn a_message_that_is_not_known_is_lost_alone() {
    let known = serde_json::to_string(&to_sockets(SocketEvent::Answer(answers().remove(0))));
    let known = known.unwrap();
    for unknown in [
        known.replace("Answer", "Applause"),
        r#"{"ToNobody":{}}"#.to_owned(),
        "not json".to_owned(),
        String::new(),
    ] {
        let publication = format!("{VERSION}\n{known}\n{unknown}\n{known}");
        let (messages, unread) = decode(publication.as_bytes());
        assert_eq!((messages.len(), unread), (2, 1), "{unknown}");
    }
}

/// An unknown reason or error must not be taken for another one.
#[test]
fn an_unknown_reason_is_no_other_reason() {
    let closed = serde_json::to_string(&to_sockets(SocketEvent::Notice(notices().remove(0))));
    let refused = serde_json::to_string(&to_sockets(SocketEvent::Answer(answers().remove(1))));
    for (message, reason) in [(closed.unwrap(), "Customer"), (refused.unwrap(), "UnknownQueue")] {
        let other = message.replace(&format!("\"{reason}\""), "\"Earthquake\"");
        assert_ne!(other, message);
        let (messages, unread) = decode(format!("{VERSION}\n{other}").as_bytes());
        assert_eq!((messages.len(), unread), (0, 1));
    }
}

#[test]
fn what_another_version_or_a_stranger_publishes_is_dropped_and_counted() {
    for publication in ["", "not json", "[]", "couplet peers 2\n{}", "couplet peers 10\n{}\n{}"] {
        let (messages, unread) = decode(publication.as_bytes());
        assert!(messages.is_empty() && unread > 0, "{publication}");
    }
    let name = serde_json::to_string(&to_owner(command(CustomerAction::End))).unwrap();
    let bad = name.replace("chat.example.org", "no domain");
    assert_eq!(decode(format!("{VERSION}\n{bad}").as_bytes()).1, 1, "names are checked again");
}

#[test]
fn an_entry_travels_as_its_number_and_what_is_of_one_node_alone_not_at_all() {
    let row = Row {
        pos: Pos(1),
        tenant: customer().tenant,
        conversation: CONVERSATION,
        customer: customer().id,
        seq: Some(Seq(4)),
        at: Timestamp(0),
        author: Author::Customer,
        key: None,
        stanza: None,
        kind: RowKind::Message { text: "secret".into(), reply_to: None },
        recipients: Vec::new(),
    };
    let entry = SocketEvent::Notice(CustomerNotice::Entry(Arc::new(row)));
    let sent = encode(vec![to_sockets(entry), to_sockets(SocketEvent::NewOwner)]);
    let (messages, unread) = decode(&sent);
    assert_eq!(unread, 0);
    let head = SocketEvent::Head { conversation: CONVERSATION, seq: Seq(4) };
    assert_eq!(format!("{messages:?}"), format!("{:?}", [to_sockets(head)]));
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_was_cut_is_tried_until_it_is_back() {
    let (peers, mut read) = failing(3);
    let node = NodeId(Uuid::nil());
    let head = || to_sockets(SocketEvent::Head { conversation: CONVERSATION, seq: Seq(1) });
    assert!(peers.send(node, head()), "nobody knows yet");
    assert_eq!(read.recv().await.unwrap().0, "probe", "twice it failed");
    // Only the probe finds out.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(peers.send(node, head()));
    assert_eq!(read.recv().await.unwrap().0, topic(node));
}

#[tokio::test]
async fn a_command_that_comes_before_the_owner_does_is_refused() {
    let (peers, mut read) = failing(0);
    let router = crate::runtime::Router::new(peers);
    router.deliver_here(&link(), command(CustomerAction::End));
    let (to, message) = read.recv().await.unwrap();
    assert_eq!(to, topic(NodeId(Uuid::from_u128(1))));
    let (refused, _) = decode(&message);
    assert!(
        matches!(
            &*refused,
            [PeerMessage::ToSockets {
                socket: Some(9),
                event: SocketEvent::Answer(Answer::Refused {
                    id: Some(_),
                    error: CommandError::Moved
                }),
                ..
            }]
        ),
        "{refused:?}"
    );
}
