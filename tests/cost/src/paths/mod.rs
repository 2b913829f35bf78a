//! The work that is measured, round after round.
//!
//! Invariants: a round is one message, or whatever one step of a path handles in practice; each
//! round checks that it did what it is for, because one that does nothing costs nothing. What
//! rounds consume is created before the first of them.

mod desk;
mod frames;
mod stanzas;

use std::hint::black_box;
use std::sync::Arc;

use couplet_cost::chat::ids::{
    AgentJid, CommandId, ConversationId, CustomerId, LinkDomain, Localpart, Pos, Seq, SessionId,
    TenantKey, Timestamp,
};
use couplet_cost::chat::row::{Author, CommandKey, Row, RowKind};
use uuid::Uuid;

/// The number of rounds.
pub(crate) const ROUNDS: usize = 500;

/// The text of messages.
const WORDS: &str = "Do the notebooks lie flat when they are open? I write with my left.";

/// Runs one round per call; returns whether it did what it is for.
pub(crate) type Rounds = Box<dyn FnMut() -> bool>;

/// A path to be measured.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// Creates everything its rounds need.
    pub(crate) prepare: fn() -> anyhow::Result<Rounds>,
}

pub(crate) const PATHS: [Path; 15] = [
    // The frame codec, and the converter behind it: JSON to command, row to JSON.
    Path { name: "frame-in-message", prepare: frames::message_in },
    Path { name: "frame-in-read", prepare: frames::read_in },
    Path { name: "frame-out-ack", prepare: frames::ack_out },
    Path { name: "frame-out-entry", prepare: frames::entry_out },
    Path { name: "frame-out-receipt", prepare: frames::receipt_out },
    // The converter towards agents: effect to the bytes of a stanza, and back.
    Path { name: "stanza-out-message", prepare: stanzas::message_out },
    Path { name: "stanza-out-receipt", prepare: stanzas::receipt_out },
    Path { name: "stanza-in-message", prepare: stanzas::message_in },
    Path { name: "stanza-in-receipt", prepare: stanzas::receipt_in },
    // The desk: an event, its row stored, and the effects.
    Path { name: "desk-customer-message", prepare: desk::customer_message },
    Path { name: "desk-customer-message-crowd", prepare: desk::customer_message_in_a_crowd },
    Path { name: "desk-agent-message", prepare: desk::agent_message },
    Path { name: "desk-agent-receipt", prepare: desk::agent_receipt },
    Path { name: "desk-customer-comes", prepare: desk::customer_comes },
    Path { name: "desk-agent-closes-crowd", prepare: desk::agent_closes_in_a_crowd },
];

/// Rounds that consume one thing each.
fn each<T: 'static>(things: Vec<T>, mut round: impl FnMut(T) -> bool + 'static) -> Rounds {
    let mut things = things.into_iter();
    Box::new(move || things.next().is_some_and(|thing| round(black_box(thing))))
}

/// One thing per round.
fn numbered<T>(make: impl FnMut(u64) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    (1..=ROUNDS as u64).map(make).collect()
}

// ---- names like those in practice ----

fn domain() -> anyhow::Result<LinkDomain> {
    Ok(LinkDomain::new("chat.example.org")?)
}

fn tenant() -> anyhow::Result<TenantKey> {
    Ok(TenantKey::new("acme")?)
}

fn alice() -> AgentJid {
    AgentJid::normalised("alice@example.org")
}

/// An id as a client makes it.
fn client_id(number: u64) -> String {
    format!("{number:022}")
}

fn uuid(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128(0x0197_a1c3_0000_7000_8000_0000_0000_0000 + (kind << 32) + u128::from(number))
}

fn customer(number: u64) -> CustomerId {
    CustomerId(uuid(1, number))
}

fn session(number: u64) -> SessionId {
    SessionId(uuid(2, number))
}

fn conversation(number: u64) -> ConversationId {
    ConversationId(uuid(3, number))
}

fn localpart(number: u64) -> Localpart {
    Localpart::drawn(&format!("k3f9q2{number:06}"))
}

/// A message of a customer, or of an agent, as a row.
fn row(number: u64, author: Author) -> anyhow::Result<Arc<Row>> {
    let of_customer = author == Author::Customer;
    let key = CommandKey { session: session(number), id: CommandId::new(&client_id(number))? };
    Ok(Arc::new(Row {
        pos: Pos(1_000_000 + number),
        tenant: tenant()?,
        conversation: conversation(number),
        customer: customer(number),
        seq: Some(Seq(number)),
        at: Timestamp(1_770_000_000_000),
        author,
        key: of_customer.then_some(key),
        stanza: (!of_customer).then(|| client_id(number).into()),
        kind: RowKind::Message { text: WORDS.into(), reply_to: None },
        recipients: of_customer.then(alice).into_iter().collect(),
    }))
}

fn agent() -> Author {
    Author::Agent { jid: alice(), name: "Alice".into() }
}
