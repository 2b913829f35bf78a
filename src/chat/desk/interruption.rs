//! What agents are told once something they sent may have been lost.
//!
//! Invariants: only who had an open chat is told, once, when a client of his is here, and nobody
//! after a quarter of an hour. First comes every receipt of that time again, so that a missing one
//! says that the message is not stored.

use std::collections::HashMap;
use std::sync::Arc;

use super::Desk;
use crate::chat::effect::{Effect, Notice, ToAgent, ToAgentContent};
use crate::chat::event::Peer;
use crate::chat::ids::{AgentJid, CustomerId, TenantKey, Timestamp};

/// How long before the last sign of life a stanza may have been under way, and how far the
/// agent's clock may be from ours, in milliseconds.
const UNDER_WAY_MS: i64 = 2_000;
/// Who comes later than this is not told any more, in milliseconds.
const FORGOTTEN_MS: i64 = 15 * 60_000;

/// A time in which not everything has come.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// Whom to tell, of what.
#[derive(Debug, Default)]
pub(super) struct Interruptions {
    untold: HashMap<(TenantKey, AgentJid), Span>,
}

impl Desk {
    /// Not everything that agents sent since then has come; from now on it does.
    pub(super) fn interrupted(&mut self, now: Timestamp, since: Timestamp) {
        let from = since.min(now).plus(-UNDER_WAY_MS);
        let untold = &mut self.interruptions.untold;
        untold.retain(|_, span| now.since(span.to) <= FORGOTTEN_MS);
        for case in self.cases.values() {
            // Whoever is only asked may have answered, and believes that the customer is his.
            for agent in case.audience() {
                let key = (case.view.tenant.clone(), agent.clone());
                let span = untold.entry(key).or_insert(Span { from, to: now });
                *span = Span { from: span.from.min(from), to: now };
            }
        }
    }

    /// The agent is here: he is told what he was not told yet.
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

    /// What is stored is confirmed once more: the first receipt may have been lost with the rest.
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

    /// To whichever of his clients his server gives it.
    fn tell_agent(&mut self, agent: &AgentJid, from: Peer, content: ToAgentContent) {
        let (agent, resource, conversation) = (agent.clone(), None, None);
        self.gate.emit(Effect::Send(ToAgent { agent, resource, from, conversation, content }));
    }
}
