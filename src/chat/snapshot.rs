//! What a desk is restored from after a start or a takeover.

use std::sync::Arc;

use super::ids::{AgentJid, ConversationId, Pos, Seq, Timestamp};
use super::model::{Conversation, Customer};
use super::row::{Answers, Row};
use super::settings::TenantSettings;
use super::silence::Turn;

/// A closed conversation whose end its agents' clients have not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    pub view: Conversation,
    pub customer: Customer,
    /// The row that closed it; its recipients must still confirm it.
    pub close: Arc<Row>,
    /// What the customer said after [`Conversation::known_after`], and the close, in `pos` order.
    pub messages: Vec<(Pos, Seq)>,
}

/// How long an agent's stanza is remembered for recognizing repeats, in milliseconds.
pub const REPEATS_MS: i64 = 15 * 60_000;

/// How long to wait for a confirmation of the end of a conversation that was sent, in milliseconds:
/// some clients never confirm anything.
pub const OWED_MS: i64 = 15 * 60_000;

/// What a desk is restored from: everything open on its link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The last `pos` assigned on this link.
    pub head: Pos,
    /// The XMPP server has accepted everything up to here.
    pub cursor: Pos,
    pub tenants: Vec<TenantSettings>,
    /// Each with its customer.
    pub conversations: Vec<(Conversation, Customer)>,
    /// What customers said in each open conversation after its [`Conversation::known_after`], in
    /// `pos` order.
    pub messages: Vec<(ConversationId, Pos, Seq)>,
    /// The number of rows of each open conversation.
    pub rows: Vec<(ConversationId, u64)>,
    /// The last offer of each offered conversation, and when it was made.
    pub offers: Vec<(ConversationId, Pos, Timestamp)>,
    /// Closed conversations whose end is not confirmed: closed within the last 15 minutes, or above
    /// the cursor.
    pub owed: Vec<Owed>,
    /// Messages and commands of agents with a stanza id in the last 15 minutes, for recognizing
    /// repeats.
    pub agent_messages: Vec<Arc<Row>>,
    /// What else the previous desk knew.
    pub recall: Recall,
}

/// What a desk knows besides the open conversations and their views.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// What customers filled in, for each open conversation, in order.
    pub answers: Vec<(ConversationId, Answers)>,
    /// The agent who had an open conversation last.
    pub served: Vec<(ConversationId, AgentJid)>,
    /// The rows by which supervisors began and ended to watch open conversations, in `pos` order.
    pub watched: Vec<Arc<Row>>,
    /// The latest [`Overrides`](super::row::RowKind::Overrides) of each tenant.
    pub overrides: Vec<Arc<Row>>,
    /// Links sent by agents in open conversations, without an outcome yet, in `pos` order.
    pub links: Vec<Arc<Row>>,
    /// The latest rows by which any conversation changed hands (offered, joined, requeued, closed),
    /// in `pos` order.
    pub moves: Vec<Arc<Row>>,
    /// What was said last in the conversations that an agent has, as far as their tenants set times
    /// for silences, in order.
    pub turns: Vec<(ConversationId, Timestamp, Turn)>,
    /// Customers who may still be in agents' rosters although their conversation is closed.
    pub departing: Vec<Departing>,
}

/// How long a customer stays in agents' rosters after the close, in milliseconds.
pub const CONTACT_STAYS_MS: i64 = 24 * 60 * 60_000;

/// A customer whose conversation was closed recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departing {
    pub customer: Customer,
    /// The close; its recipients have the customer in their rosters.
    pub closed: Arc<Row>,
    /// The agent who had the conversation last.
    pub served_by: Option<AgentJid>,
}
