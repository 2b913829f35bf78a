//! What is posted, over a bus that fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::ports::bus::BusError;

/// A bus that fails so often, and then keeps what it is given.
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

fn failing(times: usize) -> (Postbox, mpsc::UnboundedReceiver<(String, Bytes)>) {
    let (taken, read) = mpsc::unbounded_channel();
    (spawn(Arc::new(Failing { fails: times.into(), taken })), read)
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_was_cut_is_tried_until_it_is_back() {
    let (postbox, mut read) = failing(3);
    let (node, customer) = (NodeId(Uuid::nil()), CustomerId(Uuid::nil()));
    let head = || {
        let letter = Letter::Head { conversation: ConversationId(Uuid::nil()), seq: Seq(1) };
        Post::ToEdge { customer, socket: None, letter }
    };
    assert!(postbox.put(node, head()), "nobody knows yet");
    assert_eq!(read.recv().await.unwrap().0, "probe", "twice it failed");
    // Nothing but the probe would have found out.
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert!(postbox.put(node, head()));
    assert_eq!(read.recv().await.unwrap().0, topic(node));
}

#[tokio::test]
async fn a_command_that_comes_before_the_owner_does_is_given_back() {
    let (postbox, mut read) = failing(0);
    let switchboard = crate::runtime::Switchboard::new(postbox);
    let link = LinkDomain::new("chat.example.org").unwrap();
    switchboard.hand_here(&link, ToOwner::Command(Box::new(command())));
    let (to, message) = read.recv().await.unwrap();
    assert_eq!(to, topic(command().socket.node));
    let given_back = open(&message).pop();
    assert!(
        matches!(
            &given_back,
            Some(Post::ToEdge {
                socket: Some(9),
                letter: Letter::Answer(Answer::Refused { id: Some(_), error: CommandError::Moved }),
                ..
            })
        ),
        "{given_back:?}"
    );
}

fn command() -> CustomerCommand {
    let customer = Customer {
        id: CustomerId(Uuid::from_u128(7)),
        tenant: TenantKey::new("acme").unwrap(),
        localpart: Localpart::new("abc").unwrap(),
        name: Some("Zoë".into()),
        conversations: 3,
    };
    let node = NodeId(Uuid::from_u128(1));
    CustomerCommand {
        customer,
        session: SessionId(Uuid::from_u128(2)),
        socket: SocketAddress { node, socket: 9 },
        action: CustomerAction::Message {
            id: CommandId::new("m1").unwrap(),
            fresh: ConversationId(Uuid::from_u128(3)),
            text: "🙂 \u{2060}".into(),
            reply_to: Some(Seq(4)),
        },
    }
}

#[test]
fn what_is_posted_is_what_is_read() {
    let command = command();
    let link = LinkDomain::new("chat.example.org").unwrap();
    let post = Post::ToOwner(link.clone(), ToOwner::Command(Box::new(command.clone())));
    let bytes = serde_json::to_vec(&[Envelope::seal(post).unwrap()]).unwrap();
    match open(&bytes).pop() {
        Some(Post::ToOwner(to, ToOwner::Command(read))) => {
            assert_eq!((to, *read), (link, command));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_reason_and_error_travels() {
    for reason in REASONS {
        assert_eq!(REASONS[usize::from(number(&REASONS, &reason))], reason);
    }
    for error in ERRORS {
        assert_eq!(ERRORS[usize::from(number(&ERRORS, &error))], error);
    }
}

#[test]
fn what_another_version_or_a_stranger_posts_is_dropped() {
    assert!(open(b"not json").is_empty());
    assert!(open(br#"[{"Letter":{"customer":"x"}}]"#).is_empty());
    let bad = Envelope::Letter {
        customer: Uuid::nil(),
        socket: None,
        news: News::Refused { id: None, error: 99 },
    };
    assert!(open(&serde_json::to_vec(&[bad]).unwrap()).is_empty());
}

#[test]
fn every_deed_is_read_as_it_was_posted() {
    let id = || CommandId::new("c1").unwrap();
    let target = || CommandId::new("m1").unwrap();
    let fields = vec![("1".into(), "77".into()), ("2".into(), "x\ny".into())];
    for action in [
        CustomerAction::Share {
            id: id(),
            fresh: ConversationId(Uuid::from_u128(3)),
            files: Arc::new([]),
            taken: true,
            text: "".into(),
            reply_to: None,
        },
        CustomerAction::Edit { id: id(), target: target(), text: "🙂".into() },
        CustomerAction::Retract { id: id(), target: target() },
        CustomerAction::Choose { id: id(), of: Seq(3), answer: Chosen::One("2".into()) },
        CustomerAction::Choose { id: id(), of: Seq(3), answer: Chosen::Fields(fields) },
        CustomerAction::Rate { id: id(), score: 4, comment: None },
        CustomerAction::Rate { id: id(), score: 1, comment: Some("slow".into()) },
        CustomerAction::End { id: id() },
        CustomerAction::Typing { on: true },
        CustomerAction::Read { seq: Seq(9) },
    ] {
        let deed = serde_json::to_vec(&Deed::from(&action)).unwrap();
        let read: Deed = serde_json::from_slice(&deed).unwrap();
        assert_eq!(read.open(), Ok(action));
    }
}
