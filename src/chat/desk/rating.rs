//! What customers think of conversations that have ended.
//!
//! Invariants: only a conversation that has ended is rated, and only the customer's last one; of
//! several ratings the last counts. Nothing of it is an entry: the customer knows what he said.

use super::Desk;
use super::customer::Commander;
use super::row::NewRow;
use crate::chat::effect::{Answer, CommandError, Effect, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, CommandId, ConversationId, Timestamp};
use crate::chat::model::{Author, CommandKey, RowKind};

impl Desk {
    pub(super) fn rate(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        id: CommandId,
        rating: RowKind,
    ) {
        if open.is_some() {
            return self.refuse(by, &id, CommandError::StillOpen);
        }
        let Some(visitor) = self.visitors.get(&by.customer) else { return };
        let Some((conversation, ..)) = visitor.ended else {
            return self.refuse(by, &id, CommandError::NotOpen);
        };
        let from = Peer::Customer(visitor.customer.localpart.clone());
        let serves = |agent: &&AgentJid| self.agent_of(&by.tenant, agent).is_some();
        let told: Vec<AgentJid> = visitor.ended_by.iter().filter(serves).cloned().collect();
        let key = CommandKey { session: by.session, id: id.clone() };
        let row = NewRow {
            key: Some(key.clone()),
            recipients: told.clone(),
            ..NewRow::hidden(Author::Customer, rating)
        };
        let row = self.append_to(now, (&by.tenant, by.customer, conversation), row);
        let acked = self.commanded(key, conversation, None, now);
        self.answer(by, Answer::Ack { id, acked });
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
