//! What agents read when a conversation is handed over.

use super::piece::{cut, piece};
use crate::bridge::clean;
use crate::chat::ids::AgentJid;
use crate::chat::row::{Author, RequeueReason};

/// The longest note that is shown, in characters.
const NOTE_CHARS: usize = 1_000;

/// An agent is asked to take a conversation over.
pub(super) fn asked(giver: &Author, customer: Option<&str>, note: &str) -> String {
    let customer = customer.map_or_else(|| "this customer".to_owned(), piece);
    let note = said(note);
    format!("{} asks you to take over {customer}{note}. Answer to take it, or !no", name(giver))
}

/// An agent took it over, as the agent who gave it (`gave`) or another who was asked reads it.
pub(super) fn taken(taker: &Author, gave: bool) -> String {
    let taker = name(taker);
    if gave {
        format!("{taker} took this conversation over. The customer won't see what you write here.")
    } else {
        format!("{taker} took this conversation")
    }
}

/// An agent did not take it, as that agent (`was_asked`) or the agent who keeps it reads it.
pub(super) fn back(agent: &AgentJid, reason: RequeueReason, why: &str, was_asked: bool) -> String {
    let jid = agent.as_str();
    let who = piece(jid.split_once('@').map_or(jid, |(localpart, _)| localpart));
    match (reason, was_asked) {
        (RequeueReason::Declined, true) => "You declined; your colleague keeps it",
        (RequeueReason::Silent, true) => "You didn't answer in time – no longer yours to take",
        (RequeueReason::Gone | RequeueReason::Bounced, true) => {
            "You went offline – no longer yours to take"
        }
        (_, true) => "No longer yours to take",
        (RequeueReason::Declined, false) => {
            return format!("{who} declined{}. The conversation is still yours", said(why));
        }
        (RequeueReason::Gone | RequeueReason::Bounced | RequeueReason::Removed, false) => {
            return format!("{who} went offline. The conversation is still yours");
        }
        (_, false) => return format!("{who} didn't answer. The conversation is still yours"),
    }
    .to_owned()
}

fn name(author: &Author) -> String {
    match author {
        Author::Agent { name, .. } => piece(name),
        Author::Customer | Author::System => "A colleague".to_owned(),
    }
}

fn said(words: &str) -> String {
    let words = cut(&clean::line(words), NOTE_CHARS);
    if words.is_empty() { words } else { format!(": “{words}”") }
}
