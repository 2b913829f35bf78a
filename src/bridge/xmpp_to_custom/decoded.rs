//! What a stanza means to the link and to the desk.

use std::sync::Arc;

use xmpp_parsers::minidom::Element;

use crate::bridge::address::{Book, Target};
use crate::chat::event::{Availability, Event};
use crate::chat::ids::{AgentJid, ConversationId, LinkDomain, Localpart, Pos};

/// What is needed to read a stanza.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The component's domain.
    pub domain: &'a LinkDomain,
    /// Its agents.
    pub book: &'a Book,
    /// Makes the id of a conversation that the stanza may open.
    pub fresh: &'a dyn Fn() -> ConversationId,
}

/// The meaning of a stanza.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// Something for the desk.
    Event(Event),
    /// A presence; for the desk, if it can be trusted.
    Presence {
        agent: AgentJid,
        target: Target,
        /// Which of their clients; empty for all of them.
        resource: Arc<str>,
        availability: Availability,
    },
    /// A response to be sent at once.
    Reply(Element),
    /// An agent's query that needs a response.
    Query {
        agent: AgentJid,
        target: Target,
        iq: Element,
    },
    /// The response to a query of ours.
    Answered {
        agent: AgentJid,
        /// Which of their clients; empty if the server responds for the account.
        resource: Arc<str>,
        /// The id of the query.
        id: String,
        outcome: Outcome,
    },
    /// A barrier of ours has returned.
    Barrier {
        id: String,
    },
    /// A subscription stanza of an agent, or of their server for them.
    Subscription {
        agent: AgentJid,
        target: Target,
        kind: Subscription,
    },
    /// The server announces what we may do for its users (XEP-0356).
    Privilege {
        host: String,
        /// Whether rosters may be changed.
        roster: bool,
    },
    /// A message bounced with a temporary error: it may be resent later.
    Again {
        agent: AgentJid,
        customer: Localpart,
        /// The row that the message was made from.
        pos: Pos,
    },
    Nothing,
}

/// The outcome of a query of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// We lack the permission for such queries.
    Forbidden,
    /// This query failed.
    Failed,
}

/// What a presence stanza says about subscriptions (RFC 6121 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscription {
    /// `subscribe`: they want to see our presence.
    Wanted,
    /// `subscribed`: they let us see theirs.
    Given,
    /// `unsubscribed`: they do not, or no longer, let us see theirs.
    Refused,
    /// `unsubscribe`: they no longer want to see ours.
    Ended,
    /// `probe`: their server asks for our presence.
    Probe,
}
