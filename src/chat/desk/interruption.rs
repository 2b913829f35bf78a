//! Notifies agents when something they sent may have been lost.
//!
//! Invariants: only agents with an open conversation are notified, once, when a client of theirs is
//! online, and nobody after 15 minutes. All receipts of that period are resent first, so that a
//! missing receipt means that the message is not stored.

use std::sync::Arc;

use super::{Desk, Span};
use crate::chat::effect::{Effect, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, CustomerId, TenantKey, Timestamp};
use crate::chat::notice::Notice;

/// How long a stanza may have been on its way before the stream was last known to work, plus how
/// far the agent's clock may differ from ours, in milliseconds.
const UNDER_WAY_MS: i64 = 2_000;
/// Agents who come online later than this are not notified, in milliseconds.
const FORGOTTEN_MS: i64 = 15 * 60_000;

impl Desk {
    /// Stanzas that agents sent since then may be lost; from now on they arrive.
    pub(super) fn interrupted(&mut self, now: Timestamp, since: Timestamp) {
        let from = since.min(now).plus(-UNDER_WAY_MS);
        let untold = &mut self.interruptions.untold;
        untold.retain(|_, span| now.since(span.to) <= FORGOTTEN_MS);
        for case in self.cases.values() {
            // An agent who was only offered it may have replied, and believe that the customer is
            // theirs.
            for agent in case.audience() {
                let key = (case.view.tenant.clone(), agent.clone());
                let span = untold.entry(key).or_insert(Span { from, to: now });
                *span = Span { from: span.from.min(from), to: now };
            }
        }
    }

    /// The agent is online: sends the pending notices.
    pub(super) fn tell_interruption(&mut self, now: Timestamp, agent: &AgentJid) {
        if self.interruptions.untold.is_empty() {
            return;
        }
        let tenants: Vec<TenantKey> = self.tenants_of(agent).cloned().collect();
        for tenant in tenants {
            let key = (tenant.clone(), agent.clone());
            let Some(Span { from, to }) = self.interruptions.untold.remove(&key) else { continue };
            if now.since(to) > FORGOTTEN_MS {
                continue;
            }
            self.receipts_again(&tenant, agent, from);
            let line = ToAgentContent::Notice(Notice::Interrupted { from, to });
            self.tell_agent(agent, Peer::Desk(tenant), line);
        }
    }

    /// Resends the receipts for what is stored: the first ones may be lost too.
    fn receipts_again(&mut self, tenant: &TenantKey, agent: &AgentJid, from: Timestamp) {
        let said: Vec<(CustomerId, Arc<str>)> = self.spoken.since(agent, from).collect();
        for (customer, stanza) in said {
            let Some(visitor) = self.visitors.get(&customer) else { continue };
            if visitor.customer.tenant == *tenant {
                let from = Peer::Customer(visitor.customer.localpart.clone());
                self.tell_agent(agent, from, ToAgentContent::Received { stanza });
            }
        }
    }

    /// Sends to the bare JID: the agent's server chooses the client.
    fn tell_agent(&mut self, agent: &AgentJid, from: Peer, content: ToAgentContent) {
        let (agent, resource, conversation) = (agent.clone(), None, None);
        self.gate.emit(Effect::Send(ToAgent { agent, resource, from, conversation, content }));
    }
}
