//! What nodes tell one another over the bus, and its format.
//!
//! Invariants: every node listens on one topic, its own. Anything here may be lost, doubled or
//! late: commands are idempotent and said again by their client, an entry travels as the number of
//! its conversation's head and is read from the store. What cannot be read is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::edge::mailbox::Letter;
use super::switchboard::ToOwner;
use crate::chat::effect::{Answer, CommandError, CustomerNotice, CustomerState, Phase};
use crate::chat::event::{
    Chosen, CustomerAction, CustomerCommand, CustomerConnection, SignedIn, SocketAddress,
};
use crate::chat::ids::{
    BadName, CommandId, ConversationId, CustomerId, FileId, FileKey, LinkDomain, Localpart, NodeId,
    QueueKey, Seq, SessionId, TenantKey, Timestamp,
};
use crate::chat::model::{Acked, CloseReason, Customer, File};
use crate::ports::bus::Bus;

/// Things that may wait for the bus; more are dropped.
const WAITING: usize = 16_384;
/// Things put into one message.
const BATCH: usize = 256;

/// One thing on its way to another node.
#[derive(Debug)]
pub(super) enum Post {
    /// For the owner of a link.
    ToOwner(LinkDomain, ToOwner),
    /// For sockets of a customer: one, or all.
    ToEdge { customer: CustomerId, socket: Option<u64>, letter: Letter },
}

/// The end that posts are given to.
#[derive(Debug, Clone)]
pub(super) struct Postbox {
    sender: mpsc::Sender<(NodeId, Post)>,
    cut: Arc<watch::Sender<bool>>,
}

impl Postbox {
    /// Sends something to a node; says whether there is hope of its arriving.
    pub(super) fn put(&self, to: NodeId, post: Post) -> bool {
        !*self.cut.borrow() && self.sender.try_send((to, post)).is_ok()
    }

    /// Whether nothing gets through, now and whenever that changes.
    pub(super) fn cut(&self) -> watch::Receiver<bool> {
        self.cut.subscribe()
    }
}

/// The topic a node listens on.
pub(super) fn topic(node: NodeId) -> String {
    format!("node:{node}")
}

/// Starts the task that publishes what is put into the postbox.
pub(super) fn spawn(bus: Arc<dyn Bus>) -> Postbox {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let cut = Arc::new(watch::Sender::new(false));
    let is_cut = cut.clone();
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(BATCH);
        while receiver.recv_many(&mut batch, BATCH).await > 0 {
            let mut by_node: HashMap<NodeId, Vec<Envelope>> = HashMap::new();
            for (node, post) in batch.drain(..) {
                by_node.entry(node).or_default().extend(Envelope::seal(post));
            }
            for (node, envelopes) in by_node {
                let Ok(message) = serde_json::to_vec(&envelopes) else { continue };
                let sent = bus.publish(&topic(node), Bytes::from(message)).await;
                if let Err(error) = sent
                    && !is_cut.send_replace(true)
                {
                    tracing::warn!(%error, "customers of links owned elsewhere are told to wait");
                }
            }
            // While it is cut nothing new comes in, so nothing else would ever try it again.
            while *is_cut.borrow() {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                if bus.publish("probe", Bytes::new()).await.is_ok() {
                    is_cut.send_replace(false);
                    tracing::info!("the bus is back");
                }
            }
        }
    });
    Postbox { sender, cut }
}

/// Reads what came for this node.
pub(super) fn open(message: &[u8]) -> Vec<Post> {
    let envelopes: Vec<Envelope> = serde_json::from_slice(message).unwrap_or_default();
    envelopes.into_iter().filter_map(|envelope| envelope.open().ok()).collect()
}

// ---- the format ----

#[derive(Serialize, Deserialize)]
enum Envelope {
    Command {
        link: String,
        customer: Person,
        session: Uuid,
        node: Uuid,
        socket: u64,
        action: Deed,
    },
    Connected {
        link: String,
        customer: Person,
        node: Uuid,
        online: bool,
        opened: bool,
        page: Option<String>,
        #[serde(default)]
        signed_in: Option<Known>,
    },
    Letter {
        customer: Uuid,
        socket: Option<u64>,
        news: News,
    },
}

#[derive(Serialize, Deserialize)]
struct Known {
    known_as: Option<String>,
    conversations: u32,
    home: Option<Uuid>,
}

#[derive(Serialize, Deserialize)]
struct Person {
    id: Uuid,
    tenant: String,
    localpart: String,
    name: Option<String>,
    conversations: u32,
}

#[derive(Serialize, Deserialize)]
enum Deed {
    Start {
        id: String,
        fresh: Uuid,
        queue: Option<String>,
        subject: Option<String>,
        answers: Vec<(String, String)>,
    },
    Message {
        id: String,
        fresh: Uuid,
        text: String,
        reply_to: Option<u64>,
    },
    Share {
        id: String,
        fresh: Uuid,
        files: Vec<Sent>,
        /// Not told by the version before.
        #[serde(default)]
        taken: bool,
        text: String,
        reply_to: Option<u64>,
    },
    Edit {
        id: String,
        target: String,
        text: String,
    },
    Retract {
        id: String,
        target: String,
    },
    Choose {
        id: String,
        of: u64,
        one: Option<String>,
        fields: Vec<(String, String)>,
    },
    Rate {
        id: String,
        score: u8,
        comment: Option<String>,
    },
    End {
        id: String,
    },
    Typing {
        on: bool,
    },
    Read {
        seq: u64,
    },
}

/// A file.
#[derive(Serialize, Deserialize)]
struct Sent {
    id: Uuid,
    key: [u8; 16],
    name: String,
    media_type: String,
    size: u64,
}

impl From<&File> for Sent {
    fn from(file: &File) -> Self {
        Self {
            id: file.id.0,
            key: file.key.0,
            name: file.name.to_string(),
            media_type: file.media_type.to_string(),
            size: file.size,
        }
    }
}

impl From<Sent> for File {
    fn from(Sent { id, key, name, media_type, size }: Sent) -> Self {
        let (name, media_type) = (name.into(), media_type.into());
        Self { id: FileId(id), key: FileKey(key), name, media_type, size }
    }
}

#[derive(Serialize, Deserialize)]
enum News {
    Head {
        conversation: Uuid,
        seq: u64,
    },
    /// A `position` of 0 is none: nodes of the version before know no other way to say so.
    Waiting {
        conversation: Uuid,
        queue: String,
        position: u32,
        eta_s: Option<u32>,
    },
    Active {
        conversation: Uuid,
        queue: String,
        agent: String,
    },
    Closed {
        conversation: Uuid,
        queue: String,
        reason: u8,
    },
    Receipt {
        conversation: Uuid,
        delivered: u64,
        read: u64,
    },
    Typing {
        on: bool,
        name: String,
    },
    Elsewhere,
    Ack {
        id: String,
        conversation: Uuid,
        seq: Option<u64>,
        at: i64,
    },
    Refused {
        id: Option<String>,
        error: u8,
    },
}

const REASONS: [CloseReason; 5] = [
    CloseReason::Customer,
    CloseReason::Agent,
    CloseReason::Idle,
    CloseReason::Full,
    CloseReason::Operator,
];
const ERRORS: [CommandError; 12] = [
    CommandError::UnknownQueue,
    CommandError::NotOpen,
    CommandError::UnknownTenant,
    CommandError::Overloaded,
    CommandError::Moved,
    CommandError::NotStored,
    CommandError::NoSuchWords,
    CommandError::StillOpen,
    CommandError::NoSuchChoice,
    CommandError::NoSuchFile,
    CommandError::Unstorable,
    CommandError::RatedOften,
];

fn number<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn strings(answers: &[(Arc<str>, Arc<str>)]) -> Vec<(String, String)> {
    answers.iter().map(|(field, value)| (field.to_string(), value.to_string())).collect()
}

impl Envelope {
    /// None where it is nothing that travels.
    fn seal(post: Post) -> Option<Self> {
        Some(match post {
            Post::ToOwner(link, ToOwner::Command(command)) => Self::Command {
                link: link.to_string(),
                customer: Person::from(&command.customer),
                session: command.session.0,
                node: command.socket.node.0,
                socket: command.socket.socket,
                action: Deed::from(&command.action),
            },
            Post::ToOwner(link, ToOwner::Connected(connection)) => Self::Connected {
                link: link.to_string(),
                customer: Person::from(&connection.customer),
                node: connection.node.0,
                online: connection.online,
                opened: connection.opened,
                page: connection.page.as_deref().map(str::to_owned),
                signed_in: connection.signed_in.as_ref().map(|signed_in| Known {
                    known_as: signed_in.known_as.as_ref().map(ToString::to_string),
                    conversations: signed_in.conversations,
                    home: signed_in.home.map(|home| home.0),
                }),
            },
            Post::ToEdge { customer, socket, letter } => {
                Self::Letter { customer: customer.0, socket, news: News::from(&letter)? }
            }
        })
    }

    fn open(self) -> Result<Post, BadName> {
        Ok(match self {
            Self::Command { link, customer, session, node, socket, action } => {
                let command = CustomerCommand {
                    customer: customer.open()?,
                    session: SessionId(session),
                    socket: SocketAddress { node: NodeId(node), socket },
                    action: action.open()?,
                };
                Post::ToOwner(LinkDomain::new(&link)?, ToOwner::Command(Box::new(command)))
            }
            Self::Connected { link, customer, node, online, opened, page, signed_in } => {
                let connection = CustomerConnection {
                    customer: customer.open()?,
                    node: NodeId(node),
                    online,
                    opened,
                    page: page.map(Arc::from),
                    signed_in: signed_in.map(Known::open).transpose()?,
                };
                Post::ToOwner(LinkDomain::new(&link)?, ToOwner::Connected(connection))
            }
            Self::Letter { customer, socket, news } => {
                Post::ToEdge { customer: CustomerId(customer), socket, letter: news.open()? }
            }
        })
    }
}

impl Known {
    fn open(self) -> Result<SignedIn, BadName> {
        let known_as = self.known_as.as_deref().map(Localpart::new).transpose()?;
        let home = self.home.map(CustomerId);
        Ok(SignedIn { known_as, conversations: self.conversations, home })
    }
}

impl From<&Customer> for Person {
    fn from(customer: &Customer) -> Self {
        Self {
            id: customer.id.0,
            tenant: customer.tenant.to_string(),
            localpart: customer.localpart.to_string(),
            name: customer.name.as_deref().map(str::to_owned),
            conversations: customer.conversations,
        }
    }
}

impl Person {
    fn open(self) -> Result<Customer, BadName> {
        Ok(Customer {
            id: CustomerId(self.id),
            tenant: TenantKey::new(&self.tenant)?,
            localpart: Localpart::new(&self.localpart)?,
            name: self.name.map(Arc::from),
            conversations: self.conversations,
        })
    }
}

impl From<&CustomerAction> for Deed {
    fn from(action: &CustomerAction) -> Self {
        match action {
            CustomerAction::Start { id, fresh, queue, subject, answers } => Self::Start {
                id: id.to_string(),
                fresh: fresh.0,
                queue: queue.as_ref().map(ToString::to_string),
                subject: subject.as_deref().map(str::to_owned),
                answers: strings(answers),
            },
            CustomerAction::Message { id, fresh, text, reply_to } => Self::Message {
                id: id.to_string(),
                fresh: fresh.0,
                text: text.to_string(),
                reply_to: reply_to.map(|seq| seq.0),
            },
            CustomerAction::Share { id, fresh, files, taken, text, reply_to } => Self::Share {
                id: id.to_string(),
                fresh: fresh.0,
                files: files.iter().map(Sent::from).collect(),
                taken: *taken,
                text: text.to_string(),
                reply_to: reply_to.map(|seq| seq.0),
            },
            CustomerAction::Edit { id, target, text } => Self::Edit {
                id: id.to_string(),
                target: target.to_string(),
                text: text.to_string(),
            },
            CustomerAction::Retract { id, target } => {
                Self::Retract { id: id.to_string(), target: target.to_string() }
            }
            CustomerAction::Choose { id, of, answer } => {
                let (one, fields) = match answer {
                    Chosen::One(value) => (Some(value.to_string()), Vec::new()),
                    Chosen::Fields(fields) => (None, strings(fields)),
                };
                Self::Choose { id: id.to_string(), of: of.0, one, fields }
            }
            CustomerAction::Rate { id, score, comment } => Self::Rate {
                id: id.to_string(),
                score: *score,
                comment: comment.as_deref().map(str::to_owned),
            },
            CustomerAction::End { id } => Self::End { id: id.to_string() },
            CustomerAction::Typing { on } => Self::Typing { on: *on },
            CustomerAction::Read { seq } => Self::Read { seq: seq.0 },
        }
    }
}

impl Deed {
    fn open(self) -> Result<CustomerAction, BadName> {
        Ok(match self {
            Self::Start { id, fresh, queue, subject, answers } => CustomerAction::Start {
                id: CommandId::new(&id)?,
                fresh: ConversationId(fresh),
                queue: queue.as_deref().map(QueueKey::new).transpose()?,
                subject: subject.map(Arc::from),
                answers: answers.into_iter().map(|(f, v)| (f.into(), v.into())).collect(),
            },
            Self::Message { id, fresh, text, reply_to } => CustomerAction::Message {
                id: CommandId::new(&id)?,
                fresh: ConversationId(fresh),
                text: text.into(),
                reply_to: reply_to.map(Seq),
            },
            Self::Share { id, fresh, files, taken, text, reply_to } => CustomerAction::Share {
                id: CommandId::new(&id)?,
                fresh: ConversationId(fresh),
                files: files.into_iter().map(File::from).collect(),
                taken,
                text: text.into(),
                reply_to: reply_to.map(Seq),
            },
            Self::Edit { id, target, text } => CustomerAction::Edit {
                id: CommandId::new(&id)?,
                target: CommandId::new(&target)?,
                text: text.into(),
            },
            Self::Retract { id, target } => CustomerAction::Retract {
                id: CommandId::new(&id)?,
                target: CommandId::new(&target)?,
            },
            Self::Choose { id, of, one, fields } => CustomerAction::Choose {
                id: CommandId::new(&id)?,
                of: Seq(of),
                answer: match one {
                    Some(value) => Chosen::One(value.into()),
                    None => Chosen::Fields(
                        fields.into_iter().map(|(f, v)| (f.into(), v.into())).collect(),
                    ),
                },
            },
            Self::Rate { id, score, comment } => CustomerAction::Rate {
                id: CommandId::new(&id)?,
                score,
                comment: comment.map(Arc::from),
            },
            Self::End { id } => CustomerAction::End { id: CommandId::new(&id)? },
            Self::Typing { on } => CustomerAction::Typing { on },
            Self::Read { seq } => CustomerAction::Read { seq: Seq(seq) },
        })
    }
}

impl News {
    fn from(letter: &Letter) -> Option<Self> {
        Some(match letter {
            Letter::Notice(CustomerNotice::Entry(row)) => {
                Self::Head { conversation: row.conversation.0, seq: row.seq?.0 }
            }
            Letter::Head { conversation, seq } => {
                Self::Head { conversation: conversation.0, seq: seq.0 }
            }
            Letter::Notice(CustomerNotice::State(state)) => Self::from_state(state),
            Letter::Notice(CustomerNotice::Receipt { conversation, delivered, read }) => {
                Self::Receipt { conversation: conversation.0, delivered: delivered.0, read: read.0 }
            }
            Letter::Notice(CustomerNotice::Elsewhere) => Self::Elsewhere,
            Letter::Notice(CustomerNotice::Typing { on, name }) => {
                Self::Typing { on: *on, name: name.to_string() }
            }
            Letter::Answer(Answer::Ack { id, acked }) => Self::Ack {
                id: id.to_string(),
                conversation: acked.conversation.0,
                seq: acked.seq.map(|seq| seq.0),
                at: acked.at.0,
            },
            Letter::Answer(Answer::Refused { id, error }) => Self::Refused {
                id: id.as_ref().map(ToString::to_string),
                error: number(&ERRORS, error),
            },
            // A node says these to its own sockets.
            Letter::Bye { .. } | Letter::NewOwner => return None,
        })
    }

    fn from_state(state: &CustomerState) -> Self {
        let (conversation, queue) = (state.conversation.0, state.queue.to_string());
        match &state.phase {
            Phase::Waiting { position, eta_s } => {
                let position = position.unwrap_or(0);
                Self::Waiting { conversation, queue, position, eta_s: *eta_s }
            }
            Phase::Active { agent } => {
                Self::Active { conversation, queue, agent: agent.to_string() }
            }
            Phase::Closed { reason } => {
                Self::Closed { conversation, queue, reason: number(&REASONS, reason) }
            }
        }
    }

    fn open(self) -> Result<Letter, BadName> {
        let state = |conversation: Uuid, queue: &str, phase: Phase| {
            Ok(Letter::Notice(CustomerNotice::State(CustomerState {
                conversation: ConversationId(conversation),
                queue: QueueKey::new(queue)?,
                phase,
            })))
        };
        let unknown = BadName { what: "news", rule: "is of another version" };
        Ok(match self {
            Self::Head { conversation, seq } => {
                Letter::Head { conversation: ConversationId(conversation), seq: Seq(seq) }
            }
            Self::Waiting { conversation, queue, position, eta_s } => {
                let position = Some(position).filter(|position| *position > 0);
                return state(conversation, &queue, Phase::Waiting { position, eta_s });
            }
            Self::Active { conversation, queue, agent } => {
                return state(conversation, &queue, Phase::Active { agent: agent.into() });
            }
            Self::Closed { conversation, queue, reason } => {
                let reason = *REASONS.get(usize::from(reason)).ok_or(unknown)?;
                return state(conversation, &queue, Phase::Closed { reason });
            }
            Self::Receipt { conversation, delivered, read } => {
                Letter::Notice(CustomerNotice::Receipt {
                    conversation: ConversationId(conversation),
                    delivered: Seq(delivered),
                    read: Seq(read),
                })
            }
            Self::Elsewhere => Letter::Notice(CustomerNotice::Elsewhere),
            Self::Typing { on, name } => {
                Letter::Notice(CustomerNotice::Typing { on, name: name.into() })
            }
            Self::Ack { id, conversation, seq, at } => Letter::Answer(Answer::Ack {
                id: CommandId::new(&id)?,
                acked: Acked {
                    conversation: ConversationId(conversation),
                    seq: seq.map(Seq),
                    at: Timestamp(at),
                },
            }),
            Self::Refused { id, error } => Letter::Answer(Answer::Refused {
                id: id.as_deref().map(CommandId::new).transpose()?,
                error: *ERRORS.get(usize::from(error)).ok_or(unknown)?,
            }),
        })
    }
}

#[cfg(test)]
mod tests;
