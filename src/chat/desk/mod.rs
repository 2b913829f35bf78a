//! The desk: the state machine of all tenants on a link.
//!
//! Invariants, checked over random histories by `tests/random.rs`: a conversation has one owner at
//! a time; no agent is offered more than their capacity (they may exceed it themselves: by a late
//! reply, by `!reopen`, as a supervisor); conversations are offered in the order (priority, waiting
//! since), and the agent who failed a customer last is passed over; a command is carried out once;
//! nothing is delivered after the close; a desk restored from the store continues as if nothing had
//! happened.

mod acquaintances;
mod agent;
mod agent_files;
mod board;
mod canned;
mod comings;
mod command;
mod customer;
mod delivery;
mod doors;
mod edits;
mod full;
mod hours;
mod interruption;
mod lifecycle;
mod look;
mod macros;
mod menu;
mod notes;
mod offer;
mod order;
mod overrides;
mod place;
mod questions;
mod rating;
mod reactions;
mod recall;
mod receipts;
mod report;
mod requeue;
mod resent;
mod restore;
mod roster;
mod row;
mod shared;
mod silence;
mod staying;
mod storage;
mod supervise;
mod tags;
mod targets;
mod tenants;
#[cfg(test)]
mod tests;
mod timer;
mod to_desk;
mod transfer;
mod visitor;
mod watch;
mod watches;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use self::acquaintances::Acquaintances;
use self::doors::Doors;
use self::staying::Staying;
use self::watches::Watches;
use super::canned::Canned;
use super::commands::AgentCommand;
use super::conversation::OpenConversation;
use super::dedup::{Commands, Stanzas};
use super::effect::{CustomerNotice, Effect, ToAgent, ToAgentContent};
use super::event::{AgentInput, CustomerEvent, Event, Loaded, Need, Peer};
use super::gate::Gate;
use super::ids::{
    AgentJid, ConversationId, CustomerId, Localpart, NodeId, Pos, QueueKey, Seq, SessionId,
    TenantKey, Timestamp,
};
use super::model::Customer;
use super::namesake::Namesakes;
use super::notice::Notice;
use super::past_assignments::PastAssignments;
use super::presence::Clients;
use super::queue::Queue;
use super::resent::{Speaker, Spoken};
use super::row::{Row, RowKind};
use super::settings::{AgentOverride, TenantSettings};
use shared::SharedFiles;
use timer::Timers;

/// How long the head of a closed conversation is still announced, in milliseconds: longer than it
/// takes another node to own the link and to hear of its customers.
const SAID_AGAIN_MS: i64 = 60_000;

/// How long the notice of a new row may be on its way, in milliseconds, before it is resent.
const UNDER_WAY_MS: i64 = 1_000;

/// Limits of a desk, and what it cannot know by itself.
#[derive(Debug, Clone, Copy)]
pub struct DeskLimits {
    /// Waiting customers of one tenant; further ones are told to try again later.
    pub waiting: usize,
    /// Rows of one conversation; after that it continues in another.
    pub rows: u64,
    /// Understands a step of a macro: how commands are written is not the desk's matter.
    pub reads: fn(&str) -> AgentCommand,
}

#[derive(Debug)]
struct TenantDesk {
    /// As they apply, with what supervisors set.
    settings: Arc<TenantSettings>,
    /// Without that.
    base: Arc<TenantSettings>,
    overrides: Vec<AgentOverride>,
    queues: BTreeMap<QueueKey, Queue>,
    /// Names that a customer may not appear under.
    namesakes: Namesakes,
    canned: Canned,
}

/// An agent's work for a tenant.
#[derive(Debug, Default)]
struct Work {
    /// Conversations they have or are offered.
    held: BTreeSet<ConversationId>,
    /// When they were last offered a conversation.
    asked_at: Timestamp,
}

/// A known customer: with an open conversation, an open socket, or in an agent's roster.
#[derive(Debug)]
struct Visitor {
    customer: Customer,
    /// The name shown to agents, and the name it was derived from.
    shown_name: Option<(Arc<str>, Arc<str>)>,
    /// The nodes on which they have a socket open.
    nodes: BTreeSet<NodeId>,
    page: Option<Arc<str>>,
    open: Option<ConversationId>,
    /// The agents whose rosters they are in.
    contacts: BTreeSet<AgentJid>,
    /// The agent who served them last.
    last_agent: Option<AgentJid>,
    sessions: BTreeSet<SessionId>,
    /// The last closed conversation, its last entry, and when it was closed.
    ended: Option<(ConversationId, Seq, Timestamp)>,
    /// The agent who served it.
    ended_by: Option<AgentJid>,
    rating: Rating,
    /// Their closed conversations whose last messages are not confirmed.
    owed: BTreeSet<ConversationId>,
    /// When they are forgotten, if they are away and no conversation is open.
    leaves_at: Option<Timestamp>,
    /// The customer they signed in as.
    home: Option<CustomerId>,
}

impl Visitor {
    /// A conversation of theirs was closed in this row; the latest is remembered.
    fn has_ended(&mut self, close: &Row, served_by: Option<AgentJid>) {
        if self.ended.is_none_or(|(.., at)| at <= close.at) {
            self.ended = close.seq.map(|seq| (close.conversation, seq, close.at));
            self.ended_by = served_by;
            self.rating = Rating::default();
        }
    }
}

/// A customer's rating of their last conversation, since this desk began.
#[derive(Debug, Default)]
struct Rating {
    last: Option<RowKind>,
    times: u8,
}

/// A closed conversation whose last messages are not confirmed.
#[derive(Debug)]
struct Owed {
    /// Its state at the close.
    case: OpenConversation,
    /// The agents whose clients must confirm it.
    agents: Vec<AgentJid>,
    close: Arc<Row>,
    /// Whether all of it was sent to an agent who was online.
    sent: bool,
}

/// Stanzas that wait, and until when.
#[derive(Debug)]
struct Held {
    until: Timestamp,
    inputs: Vec<AgentInput>,
}

/// A period in which stanzas may have been lost.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// Agents to be notified, and the period of each.
#[derive(Debug, Default)]
struct Interruptions {
    untold: HashMap<(TenantKey, AgentJid), Span>,
}

/// The conversations on the board that each agent was shown last, in order.
type Boards = HashMap<(TenantKey, AgentJid), Vec<ConversationId>>;

#[derive(Debug)]
pub struct Desk {
    limits: DeskLimits,
    gate: Gate,
    timers: Timers,
    tenants: BTreeMap<TenantKey, TenantDesk>,
    clients: HashMap<AgentJid, Clients>,
    work: HashMap<(TenantKey, AgentJid), Work>,
    visitors: HashMap<CustomerId, Visitor>,
    addresses: HashMap<Localpart, CustomerId>,
    cases: HashMap<ConversationId, OpenConversation>,
    acquaintances: Acquaintances,
    watches: Watches,
    boards: Boards,
    staying: Staying,
    owed: HashMap<ConversationId, Owed>,
    commands: Commands,
    /// Stanzas from agents, for recognizing repeats.
    spoken: Spoken,
    /// Stanzas that may be repeats, until that is clear.
    held: HashMap<Speaker, Held>,
    /// Commands from agents, for recognizing repeats.
    orders: Stanzas,
    shared: SharedFiles,
    past: PastAssignments,
    interruptions: Interruptions,
    doors: Doors,
    /// The row that was read for the next event.
    read: Option<Arc<Row>>,
    /// Queues in which there may be something to offer.
    stirred: BTreeSet<(TenantKey, QueueKey)>,
}

impl Desk {
    /// What must be [`Loaded`] before this event can be handled. To be called once for each event:
    /// after that it is handled, whatever was found.
    pub fn needs(&self, event: &Event) -> Option<Need> {
        match event {
            Event::Customer(CustomerEvent::Input(input)) if !self.commands.knows(input.session) => {
                input.command().map(|_| Need::Session(input.session))
            }
            Event::Customer(CustomerEvent::Input(input)) => {
                let partly_known = self.commands.knows_in_part(input.session);
                match partly_known.then(|| input.key()).flatten() {
                    Some(key) if self.commands.is_in_doubt(&key) => Some(Need::Command(key)),
                    _ => self.customers_reference(input),
                }
            }
            Event::Agent(input) => match &input.to {
                Peer::Customer(localpart)
                    if !self.addresses.contains_key(localpart)
                        && self.tenants_of(&input.agent).next().is_some() =>
                {
                    Some(Need::Customer(localpart.clone()))
                }
                _ => self.agents_reference(input),
            },
            _ => None,
        }
    }

    /// Handles one event and adds what is to be done to `effects`.
    pub fn handle(&mut self, now: Timestamp, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Customer(CustomerEvent::Input(input)) => {
                self.customer_input(now, *input);
                self.read = None;
            }
            Event::Customer(CustomerEvent::Connected(connection)) => {
                self.connection(now, connection);
            }
            Event::Agent(input) => {
                self.agent_input(now, *input);
                self.read = None;
            }
            Event::Presence { agent, resource, availability } => {
                self.presence(now, &agent, &resource, availability);
            }
            Event::Unanswering { agent, resource, since } => {
                self.lost(now, &agent, &resource, since);
            }
            Event::Bounced { agent, customer, pos } => {
                self.bounced(now, &agent, &customer, pos);
            }
            Event::Fetched { conversation, pos, outcome } => {
                self.fetched(now, conversation, pos, outcome);
            }
            Event::Interrupted { since } => self.interrupted(now, since),
            Event::LinkUp => self.link_up(now),
            Event::LinkDown => {
                self.clients.values_mut().for_each(Clients::forget);
            }
            Event::Stored { upto } => self.gate.stored(upto),
            Event::Loaded(Loaded::Session { session, commands, more }) => {
                self.commands.load(session, commands, more);
            }
            Event::Loaded(Loaded::Command { key, acked }) => self.commands.looked_up(key, acked),
            Event::Loaded(Loaded::Customer { customer, last_agent, .. }) => {
                if let Some(customer) = customer {
                    let id = customer.id;
                    let visitor = self.visitor(customer);
                    visitor.last_agent = visitor.last_agent.take().or(last_agent);
                    self.customer_left(now, id);
                }
            }
            Event::Loaded(Loaded::Ended { customer, ended }) => {
                let id = customer.id;
                let visitor = self.visitor(*customer);
                visitor.ended = visitor.ended.or(ended);
                self.customer_left(now, id);
            }
            Event::Loaded(Loaded::Entry { row, .. }) => self.read = row,
            Event::Loaded(Loaded::Row { conversation, pos, row }) => {
                self.read = row;
                self.remember_missing(Need::Row(conversation, pos));
            }
            Event::Loaded(Loaded::Words { conversation, reference, row }) => {
                self.read = row;
                self.remember_missing(Need::Words(conversation, reference));
            }
            Event::CloseAsked(id) => self.close_asked(now, id),
            Event::Settings(tenants) => {
                self.dismiss_former_agents(now, &tenants);
                self.put_settings(tenants);
                self.follow_hours(now);
                self.dismiss_watchers(now);
                self.line_up(now);
                self.greet_agents();
            }
            Event::Storage { works } => self.tell_of_storage(works),
            Event::Stopping => {
                self.say_all_held(now);
                self.write_all_marks(now);
            }
            Event::Tick => {}
        }
        self.run_timers(now);
        self.offer_stirred(now);
        self.gate.drain_into(effects);
    }

    /// When the desk needs an [`Event::Tick`], if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    pub fn head(&self) -> Pos {
        self.gate.head()
    }

    /// For each customer who is online: the open conversation, or one closed a moment ago, with its
    /// head, so that edges can detect a lost notice. Leaves out conversations with a message so
    /// recent that the notice may still be on its way.
    pub fn heads(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (CustomerId, ConversationId, Seq)> + '_ {
        let here = self.visitors.values().filter(|visitor| !visitor.nodes.is_empty());
        here.filter_map(move |visitor| {
            let open = visitor.open.and_then(|id| self.cases.get(&id));
            let ended = || visitor.ended.filter(|(_, _, at)| now.since(*at) <= SAID_AGAIN_MS);
            let (id, head) = match open {
                Some(case) if now.since(case.view.active_at) < UNDER_WAY_MS => return None,
                Some(case) => (case.view.id, case.view.head),
                None => ended().map(|(id, head, _)| (id, head))?,
            };
            Some((visitor.customer.id, id, head))
        })
    }

    /// The customers believed to have a socket open on this node.
    pub fn customers_at(&self, node: NodeId) -> impl Iterator<Item = &Customer> {
        let there = self.visitors.values().filter(move |visitor| visitor.nodes.contains(&node));
        there.map(|visitor| &visitor.customer)
    }

    fn online(&self, customer: CustomerId) -> bool {
        self.visitors.get(&customer).is_some_and(|visitor| !visitor.nodes.is_empty())
    }

    /// The known customer, added if new.
    fn visitor(&mut self, customer: Customer) -> &mut Visitor {
        let id = customer.id;
        let visitor = match self.visitors.entry(id) {
            Entry::Occupied(known) => {
                let visitor = known.into_mut();
                if let Some(former) = visitor.learn(customer) {
                    self.addresses.remove(&former);
                    self.addresses.insert(visitor.customer.localpart.clone(), id);
                }
                visitor
            }
            Entry::Vacant(place) => {
                self.addresses.insert(customer.localpart.clone(), id);
                place.insert(Visitor::new(customer))
            }
        };
        visitor.name_for_agents(&self.tenants);
        visitor
    }

    // ---- sending ----

    fn notify(&mut self, tenant: &TenantKey, customer: CustomerId, notice: CustomerNotice) {
        self.gate.emit(Effect::Notify { tenant: tenant.clone(), customer, notice });
    }

    /// Sends a stanza from the customer's address.
    fn send(&mut self, case: ConversationId, agent: &AgentJid, content: ToAgentContent) {
        self.send_to_client(case, agent, None, content);
    }

    fn send_to_client(
        &mut self,
        case: ConversationId,
        agent: &AgentJid,
        resource: Option<Arc<str>>,
        content: ToAgentContent,
    ) {
        let Some(visitor) =
            self.any_case(case).and_then(|case| self.visitors.get(&case.view.customer))
        else {
            return;
        };
        self.gate.emit(Effect::Send(ToAgent {
            agent: agent.clone(),
            resource,
            from: Peer::Customer(visitor.customer.localpart.clone()),
            conversation: Some(case),
            content,
        }));
    }

    fn say(&mut self, case: ConversationId, agent: &AgentJid, line: Notice) {
        self.send(case, agent, ToAgentContent::Notice(line));
    }
}
