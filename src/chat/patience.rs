//! How long silences may last.

/// How long a silence lasts before something is done, in milliseconds; 0 for never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience {
    /// Before the customer is reminded, from the agent's last word on.
    pub remind_customer_ms: i64,
    /// Before the agent is reminded, from the customer's first unanswered word on.
    pub remind_agent_ms: i64,
    /// Before the agent loses the conversation, from there on.
    pub requeue_ms: i64,
}
