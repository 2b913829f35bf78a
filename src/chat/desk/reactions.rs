//! Reactions to messages.
//!
//! Invariants: people react to what the other side said; a reaction is stored, confirmed and resent
//! like a message. An agent who reacts to an offer with a refusing emoji declines it.

use std::sync::Arc;

use super::Desk;
use super::customer::Commander;
use super::order::DECLINE;
use crate::chat::event::AgentInput;
use crate::chat::ids::{ConversationId, CustomerId, Pos, Seq, Timestamp};
use crate::chat::refusal::{AgentRefusal, CommandError};
use crate::chat::row::{Author, CommandKey, RowKind, Target};

/// To an agent who reacts to something else than the customer's words.
const NOT_THEIRS: &str = "Not sent: only the customer's messages can have a reaction.";
/// To an agent who reacts to an offer.
const NOT_YOURS: &str = "Not sent: this customer isn't yours yet. Answer first; 👎 declines.";

/// Whether it declines an offer; its colour and its form do not matter.
fn declines(emoji: &str) -> bool {
    matches!(emoji.chars().next(), Some('👎' | '❌' | '✖'))
}

impl Desk {
    /// The customer reacts to an agent's message.
    pub(super) fn customer_reacts(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        key: CommandKey,
        target: Seq,
        emoji: Arc<str>,
    ) {
        let Some(case) = open else { return self.refuse(by, &key.id, CommandError::NotOpen) };
        let said = self.entry(case, target).filter(|row| {
            let is_agents = matches!(row.author, Author::Agent { .. });
            let is_message = match &row.kind {
                RowKind::Message { text, .. } => !text.is_empty(),
                RowKind::Files { files, text, .. } => !files.is_empty() || !text.is_empty(),
                kind => matches!(kind, RowKind::Asked { .. }),
            };
            is_agents && is_message
        });
        let Some(target) = said.map(|row| Target { seq: target, pos: row.pos }) else {
            return self.refuse(by, &key.id, CommandError::NoSuchMessage);
        };
        if self.is_overfull(case) {
            return self.refuse(by, &key.id, CommandError::NoSuchMessage);
        }
        self.customer_says(now, case, key, RowKind::Reaction { target, emoji });
    }

    /// The agent who has the conversation reacts to the customer's message.
    pub(super) fn agent_reacts(
        &mut self,
        now: Timestamp,
        case: ConversationId,
        input: &AgentInput,
        row: Option<Pos>,
        emoji: Arc<str>,
    ) {
        match row.and_then(|row| self.words_of_customer(case, row)) {
            Some(target) if !self.is_overfull(case) => {
                self.agent_message(now, case, input, RowKind::Reaction { target, emoji });
            }
            _ => self.refuse_agent(input, AgentRefusal::Impossible { text: NOT_THEIRS.into() }),
        }
    }

    /// An agent reacts to an offer.
    pub(super) fn reacts_to_offer(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        case: ConversationId,
        input: &AgentInput,
        emoji: &str,
    ) {
        let refusal = if declines(emoji) {
            let known = input.stanza.as_ref().is_some_and(|stanza| {
                self.orders.knows(now, &input.agent, customer, stanza, DECLINE)
            });
            match known {
                true => return self.receipt(input, None),
                false => self.decline(now, case, input, "".into()).err(),
            }
        } else {
            Some(AgentRefusal::Impossible { text: NOT_YOURS.into() })
        };
        match refusal {
            Some(refusal) => self.refuse_agent(input, refusal),
            None => self.receipt(input, None),
        }
    }
}
