//! What agents are told when they say nothing.

/// To an agent who lost a conversation.
pub(super) const LOST: &str =
    "You didn't answer – back in the queue. The customer won't see what you write here.";

/// How long the customer has been waiting.
pub(super) fn waits(waited: &str) -> String {
    format!("The customer has been waiting for your answer for {waited}")
}
