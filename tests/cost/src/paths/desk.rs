//! The desk at work: an event, the store's confirmation of its row, and the effects.
//!
//! The clock advances a little with every event, so that nobody is idle and nothing is late.

use std::sync::Arc;

use couplet_cost::bridge::agent_command;
use couplet_cost::chat::commands::AgentCommand;
use couplet_cost::chat::desk::{Desk, DeskLimits};
use couplet_cost::chat::effect::{CustomerNotice, Effect, ToAgentContent};
use couplet_cost::chat::event::{
    AgentContent, AgentInput, Availability, CustomerAction, CustomerCommand, CustomerConnection,
    CustomerContent, CustomerEvent, CustomerInput, Event, Loaded, Peer, SocketAddress,
};
use couplet_cost::chat::ids::{CommandId, NodeId, Pos, QueueKey, Timestamp};
use couplet_cost::chat::model::Customer;
use couplet_cost::chat::row::{Author, RowKind};
use couplet_cost::chat::settings::{AgentSettings, QueueSettings, Role, Strategy, TenantSettings};
use couplet_cost::chat::snapshot::Snapshot;
use couplet_cost::chat::tags::TenantTags;

use super::{
    ROUNDS, Rounds, WORDS, alice, client_id, conversation, customer, each, localpart, numbered,
    session, tenant, uuid,
};

/// Open conversations, in which rounds take turns.
const OPEN: u64 = 50;
/// Open conversations in a crowd.
const CROWD: u64 = 5_000;

/// A desk, a clock, and a store that confirms everything at once.
struct Play {
    desk: Desk,
    now: Timestamp,
    effects: Vec<Effect>,
}

/// The effects of an event.
#[derive(Default)]
struct Followed {
    rows: u32,
    /// Messages among the rows: once a second the receipts are another row.
    words: u32,
    closed: u32,
    entries: u32,
    ticks: u32,
    stanzas: u32,
    /// The positions of the customer's messages among the rows.
    said: Vec<Pos>,
}

impl Play {
    /// A desk with one agent who holds `conversations` conversations.
    fn new(conversations: u64) -> anyhow::Result<Self> {
        let queue = QueueKey::default_queue();
        let agent = AgentSettings {
            jid: alice(),
            name: "Alice".into(),
            capacity: u32::MAX,
            role: Role::Agent,
            queues: vec![queue.clone()],
        };
        let (name, strategy) = ("Acme".into(), Strategy::LeastLoaded);
        let queue = QueueSettings { key: queue, name, strategy, offer_ms: 30_000 };
        let settings = TenantSettings {
            key: tenant()?,
            name: "Acme".into(),
            idle_close_ms: i64::from(u32::MAX),
            patience: Default::default(),
            queues: vec![queue],
            agents: vec![agent],
            canned: Vec::new(),
            tags: TenantTags::default(),
            hours: Default::default(),
            routes: Default::default(),
            macros: Vec::new(),
        };
        let snapshot = Snapshot { tenants: vec![settings], ..Snapshot::default() };
        let now = Timestamp(1_770_000_000_000);
        let desk = Desk::restore(
            DeskLimits { waiting: usize::MAX, rows: u64::MAX, reads: agent_command::step },
            now,
            snapshot,
        );
        let mut play = Self { desk, now, effects: Vec::new() };
        play.take(Event::LinkUp);
        let (resource, availability) = (client(), Availability::Free);
        play.take(Event::Presence { agent: alice(), resource, availability });
        for number in 1..=conversations {
            play.take(comes(number)?);
            let session = session(number);
            play.take(Event::Loaded(Loaded::Session {
                session,
                commands: Vec::new(),
                more: false,
            }));
            let said = play.take(says(number, 0)?).said;
            play.take(answers(number, 0));
            for pos in said {
                play.take(received(number, pos));
            }
        }
        Ok(play)
    }

    /// Passes an event to the desk, and its rows to the store, until there are no more effects.
    fn take(&mut self, event: Event) -> Followed {
        let mut followed = Followed::default();
        self.now = self.now.plus(20);
        self.desk.handle(self.now, event, &mut self.effects);
        while followed.count(self.effects.drain(..)) {
            let upto = self.desk.head();
            self.desk.handle(self.now, Event::Stored { upto }, &mut self.effects);
        }
        followed
    }
}

impl Followed {
    /// Counts effects; returns whether there are rows to be stored.
    fn count(&mut self, effects: impl Iterator<Item = Effect>) -> bool {
        let before = self.rows;
        for effect in effects {
            match effect {
                Effect::Append(append) => {
                    self.rows += 1;
                    let row = &append.row;
                    if let RowKind::Closed { .. } = row.kind {
                        self.closed += 1;
                    }
                    if let RowKind::Message { .. } = row.kind {
                        self.words += 1;
                        if row.author == Author::Customer {
                            self.said.push(row.pos);
                        }
                    }
                }
                Effect::Notify { notice: CustomerNotice::Entry(_), .. } => self.entries += 1,
                Effect::Notify { notice: CustomerNotice::Receipt { .. }, .. } => self.ticks += 1,
                Effect::Send(stanza) => {
                    self.stanzas += match stanza.content {
                        ToAgentContent::Row { .. } | ToAgentContent::Received { .. } => 1,
                        _ => 0,
                    };
                }
                _ => {}
            }
        }
        self.rows > before
    }
}

fn client() -> Arc<str> {
    "gajim.X3K9QZ7P".into()
}

fn node() -> NodeId {
    NodeId(uuid(4, 1))
}

fn person(number: u64) -> anyhow::Result<Customer> {
    Ok(Customer {
        id: customer(number),
        tenant: tenant()?,
        localpart: localpart(number),
        name: Some("Ann Lee".into()),
        conversations: 0,
    })
}

fn comes(number: u64) -> anyhow::Result<Event> {
    Ok(Event::Customer(CustomerEvent::Connected(CustomerConnection {
        customer: person(number)?,
        node: node(),
        online: true,
        opened: true,
        page: Some("https://www.acme.example/notebooks".into()),
        signed_in: None,
    })))
}

/// The customer sends message `number`.
fn says(number: u64, time: u64) -> anyhow::Result<Event> {
    let command = CustomerCommand {
        id: CommandId::new(&client_id(time))?,
        fresh: conversation(number),
        action: CustomerAction::Message { text: WORDS.into(), reply_to: None },
    };
    Ok(Event::Customer(CustomerEvent::Input(Box::new(CustomerInput {
        customer: person(number)?,
        session: session(number),
        socket: SocketAddress { node: node(), socket: number },
        content: CustomerContent::Command(command),
    }))))
}

/// The agent sends a message to the customer.
fn answers(number: u64, time: u64) -> Event {
    from_agent(number, time, true, AgentContent::Text { text: WORDS.into(), about: None })
}

/// The agent's client confirms a customer's message.
fn received(number: u64, pos: Pos) -> Event {
    from_agent(number, pos.0, false, AgentContent::Received { pos })
}

fn from_agent(number: u64, time: u64, wants_receipt: bool, content: AgentContent) -> Event {
    Event::Agent(Box::new(AgentInput {
        agent: alice(),
        resource: client(),
        to: Peer::Customer(localpart(number)),
        stanza: Some(client_id(time).into()),
        wants_receipt,
        fresh: conversation(0),
        by_form: false,
        content,
    }))
}

/// The conversation whose turn it is.
fn turn(round: u64) -> u64 {
    1 + round % OPEN
}

/// A customer's message: a row, the ack, the stanza.
pub(super) fn customer_message() -> anyhow::Result<Rounds> {
    customer_message_among(OPEN)
}

/// The same with many open conversations: it costs as much.
pub(super) fn customer_message_in_a_crowd() -> anyhow::Result<Rounds> {
    customer_message_among(CROWD)
}

fn customer_message_among(conversations: u64) -> anyhow::Result<Rounds> {
    let mut play = Play::new(conversations)?;
    let events = numbered(|round| says(turn(round), round))?;
    Ok(each(events, move |event| {
        let followed = play.take(event);
        (followed.words, followed.entries, followed.stanzas) == (1, 1, 1)
    }))
}

/// An agent's message: a row, the entry, the receipt.
pub(super) fn agent_message() -> anyhow::Result<Rounds> {
    let mut play = Play::new(OPEN)?;
    let events = numbered(|round| Ok(answers(turn(round), round)))?;
    Ok(each(events, move |event| {
        let followed = play.take(event);
        (followed.words, followed.entries, followed.stanzas) == (1, 1, 1)
    }))
}

/// An agent closes one of many conversations: customers who wait elsewhere cost nothing.
pub(super) fn agent_closes_in_a_crowd() -> anyhow::Result<Rounds> {
    let mut play = Play::new(CROWD)?;
    let close = || AgentContent::Command {
        command: AgentCommand::Close,
        said: "!close".into(),
        corrects: None,
    };
    let events = numbered(|round| Ok(from_agent(round, 1, true, close())))?;
    Ok(each(events, move |event| play.take(event).closed == 1))
}

/// An agent's client confirms a customer's message: the receipt.
pub(super) fn agent_receipt() -> anyhow::Result<Rounds> {
    let mut play = Play::new(OPEN)?;
    let mut events = Vec::with_capacity(ROUNDS);
    for round in 1..=ROUNDS as u64 {
        let said = play.take(says(turn(round), round)?).said;
        events.extend(said.into_iter().map(|pos| received(turn(round), pos)));
    }
    Ok(each(events, move |event| play.take(event).ticks == 1))
}

/// A customer opens a socket.
pub(super) fn customer_comes() -> anyhow::Result<Rounds> {
    let mut play = Play::new(OPEN)?;
    let events = numbered(|round| comes(OPEN + round))?;
    Ok(each(events, move |event| play.take(event).words == 0))
}
