//! One component stream, as the runtime sees it.

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::chat::effect::{Contact, ToAgent};
use crate::chat::event::Event;
use crate::chat::ids::{AgentJid, Epoch, LinkDomain, Pos, TenantKey, Timestamp};

/// The number of a link's stream, starting at 1; 0 means no stream.
pub type Stream = u64;

/// What the runtime sends to a link's supervisor.
#[derive(Debug, Clone)]
pub enum ToLink {
    /// Write a stanza. If it comes from a row, `pos` moves the cursor once the server has accepted
    /// it.
    Send(Box<ToAgent>),
    /// What follows is meant for this stream. Earlier messages that are not written yet were meant
    /// for another stream and are dropped.
    Begin {
        /// As named by [`FromLink::Up`].
        stream: Stream,
    },
    /// Add a customer (or the desk) to an agent's contact list, or update the entry.
    Contact {
        /// The owner of the list.
        agent: AgentJid,
        contact: Box<Contact>,
    },
    /// The current agents and their tenants; everybody else is a stranger. Their presences are
    /// requested.
    Agents(Vec<(TenantKey, AgentJid)>),
    /// Open the stream, under this term.
    Open {
        /// The owner's term; every barrier carries it.
        epoch: Epoch,
    },
    /// Write what is queued, wait for its barrier, close the stream.
    Close,
}

/// What a link's supervisor reports to the runtime.
#[derive(Debug)]
pub enum FromLink {
    /// An event for the desk: an agent's message, a presence, a bounce.
    Event(Event),
    /// A stream is connected. Nothing is written on it before [`ToLink::Begin`] names it.
    Up { stream: Stream },
    /// The stream is lost; the supervisor reopens it unless the runtime closed it.
    Down {
        /// The reason, for operators.
        reason: String,
        /// The server reports that another stream uses our domain: check the lease within the 5 s
        /// in which nothing is reopened.
        conflict: bool,
        /// When the stream last received something; none if there was no stream to lose.
        heard: Option<Timestamp>,
    },
    /// Another stream uses our domain beside ours, which ejabberd permits: check the lease. Part of
    /// the agents' stanzas goes to that stream.
    Contested,
    /// The stream is open, but the server has not responded for a while although it was pinged.
    Silent { since: Instant },
    /// The server responds again.
    Heard,
    /// The server has accepted everything up to this row (barrier).
    Accepted { pos: Pos },
    /// The stream is closed for good: on request, or since its time was over.
    Closed {
        /// The term under which it was last opened.
        epoch: Epoch,
    },
}

/// Both ends of the channels to a link's supervisor.
#[derive(Debug)]
pub struct LinkHandle {
    pub domain: LinkDomain,
    /// Bounded: a full channel is the back-pressure of a slow server. A sender that waits here must
    /// keep reading `from`, or both sides wait for each other.
    pub to: mpsc::Sender<ToLink>,
    /// Bounded: while the runtime does not read, the supervisor does not read its stream.
    pub from: mpsc::Receiver<FromLink>,
    /// The time until which a stream may be open. The supervisor checks it before anything else,
    /// whatever is queued in either channel: a process that wakes up after it bounces what it
    /// reads, and closes.
    pub until: watch::Sender<Instant>,
}
