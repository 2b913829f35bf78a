//! One component stream, as the runtime sees it.

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::chat::effect::{Contact, ToAgent};
use crate::chat::event::Event;
use crate::chat::ids::{AgentJid, Epoch, LinkDomain, Pos, TenantKey, Timestamp};

/// The number of a link's stream, from 1; 0 is none.
pub type Stream = u64;

/// What the runtime tells a link.
#[derive(Debug, Clone)]
pub enum ToLink {
    /// Write a stanza. Where it is made of a row, `pos` moves the cursor once the server has accepted it.
    Send(Box<ToAgent>),
    /// What follows is meant for this stream; what came before and is not written yet was meant for
    /// another one, and is dropped.
    Begin {
        /// The stream, as [`FromLink::Up`] named it.
        stream: Stream,
    },
    /// Put a customer (or the desk) into an agent's contact list, or bring it up to date.
    Contact {
        /// Whose list.
        agent: AgentJid,
        /// What.
        contact: Box<Contact>,
    },
    /// Who are the agents now, of which tenants: all others are strangers. Their presences are asked for.
    Agents(Vec<(TenantKey, AgentJid)>),
    /// The stream may be opened, under this term.
    Open {
        /// The owner's term; every barrier carries it.
        epoch: Epoch,
    },
    /// Write what waits, wait for its barrier, close the stream.
    Close,
}

/// What a link tells the runtime.
#[derive(Debug)]
pub enum FromLink {
    /// Something for the desk: an agent's words, a presence, a bounce.
    Event(Event),
    /// A stream stands. Nothing is written on it before [`ToLink::Begin`] names it.
    Up {
        /// Which.
        stream: Stream,
    },
    /// The stream is gone; it is being opened again unless the runtime closed it.
    Down {
        /// Why, for the operator.
        reason: String,
        /// The server says another stream has our domain: the lease is to be checked, within the
        /// 5 s that nothing is opened.
        conflict: bool,
        /// When the stream last brought something; none where there was no stream to lose.
        heard: Option<Timestamp>,
    },
    /// Another stream speaks for our domain beside ours, as ejabberd lets it: the lease is to be
    /// checked. Part of what agents say goes there.
    Contested,
    /// The stream stands, but the server has answered nothing for a while although it was asked.
    Silent {
        /// Since when.
        since: Instant,
    },
    /// It answers again.
    Heard,
    /// The server has taken everything up to this row (barrier).
    Accepted {
        /// The row.
        pos: Pos,
    },
    /// The stream is closed for good: since it was asked to, or since its time was over.
    Closed {
        /// The term it was last opened in.
        epoch: Epoch,
    },
}

/// Both ends of a link's supervisor.
#[derive(Debug)]
pub struct LinkHandle {
    /// Which link.
    pub domain: LinkDomain,
    /// To it. Bounded: waiting here is the back-pressure of a slow server. Whoever waits here must
    /// go on taking from `from`, or the two wait for each other.
    pub to: mpsc::Sender<ToLink>,
    /// From it. Bounded: a stream whose reader waits here is not read on.
    pub from: mpsc::Receiver<FromLink>,
    /// Until when a stream may stand. The supervisor looks at it before anything else, whatever
    /// waits in either channel: a process that wakes after it hands back what it reads, and leaves.
    pub until: watch::Sender<Instant>,
}
