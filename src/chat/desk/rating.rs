//! How customers rate conversations that have ended.
//!
//! Invariants: a customer can rate only their last conversation, and only once it has ended; of
//! several ratings the last one counts, and at most [`CHANGES`] are stored and sent to agents. A
//! rating that changes nothing is acknowledged but not stored. A rating is not an entry, since the
//! customer knows what they rated.

use super::Desk;
use super::customer::Commander;
use super::row::NewRow;
use crate::chat::effect::{Answer, Effect, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, ConversationId, Timestamp};
use crate::chat::refusal::CommandError;
use crate::chat::row::{Author, CommandKey, RowKind};

/// How often a customer may rate one conversation.
const CHANGES: u8 = 5;

impl Desk {
    pub(super) fn rate(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        key: CommandKey,
        rating: RowKind,
    ) {
        if open.is_some() {
            return self.refuse(by, &key.id, CommandError::StillOpen);
        }
        let Some(visitor) = self.visitors.get_mut(&by.customer) else { return };
        let Some((conversation, ..)) = visitor.ended else {
            return self.refuse(by, &key.id, CommandError::NotOpen);
        };
        if visitor.rating.last.as_ref() == Some(&rating) {
            let acked = self.commanded(key.clone(), conversation, None, now);
            return self.answer(by, Answer::Ack { id: key.id, acked });
        }
        if visitor.rating.times >= CHANGES {
            return self.refuse(by, &key.id, CommandError::RatedOften);
        }
        visitor.rating.times += 1;
        visitor.rating.last = Some(rating.clone());
        let ended_by = visitor.ended_by.clone();
        let from = Peer::Customer(visitor.customer.localpart.clone());
        let serves = |agent: &&AgentJid| self.agent_of(&by.tenant, agent).is_some();
        let told: Vec<AgentJid> = ended_by.into_iter().filter(|agent| serves(&agent)).collect();
        let row = NewRow {
            key: Some(key.clone()),
            recipients: told.clone(),
            ..NewRow::new(Author::Customer, rating)
        };
        let row = self.append_to(now, (&by.tenant, by.customer, conversation), row);
        let acked = self.commanded(key.clone(), conversation, None, now);
        self.answer(by, Answer::Ack { id: key.id, acked });
        for agent in told.into_iter().filter(|agent| self.is_here(agent)).collect::<Vec<_>>() {
            self.gate.emit(Effect::Send(ToAgent {
                agent,
                resource: None,
                from: from.clone(),
                conversation: Some(conversation),
                content: ToAgentContent::Row { row: row.clone(), name: None, quoted: None },
            }));
        }
    }
}
