//! What the desk does while nothing can be stored.
//!
//! Invariant: the notices about it do not wait for a row to be stored.

use std::collections::BTreeSet;

use super::Desk;
use crate::chat::effect::{Effect, ToAgent, ToAgentContent};
use crate::chat::event::{AgentContent, CustomerEvent, Event, Peer};
use crate::chat::ids::{AgentJid, TenantKey};
use crate::chat::notice::Notice;

impl Desk {
    /// Notifies every agent who is online and serves a customer, once for each of their tenants.
    pub(super) fn tell_of_storage(&mut self, works: bool) {
        let serving = self.cases.values().filter_map(|case| {
            let agent = case.view.agent()?;
            Some((case.view.tenant.clone(), agent.clone()))
        });
        let serving: BTreeSet<(TenantKey, AgentJid)> = serving.collect();
        for (tenant, agent) in serving {
            if self.clients.get(&agent).is_some_and(|clients| clients.is_here()) {
                self.gate.emit_at_once(Effect::Send(ToAgent {
                    agent,
                    resource: None,
                    from: Peer::Desk(tenant),
                    conversation: None,
                    content: ToAgentContent::Notice(Notice::Storage { works }),
                }));
            }
        }
    }

    /// Whether this event would add a row to the store that is not there or on its way. While
    /// nothing can be stored, such an event should be turned away.
    pub fn adds(&self, event: &Event) -> bool {
        match event {
            Event::Customer(CustomerEvent::Input(input)) => {
                input.key().is_some_and(|key| self.commands.find(&key).is_none())
            }
            Event::Agent(input) => match (&input.content, &input.to) {
                (
                    AgentContent::Text { .. }
                    | AgentContent::Retract { .. }
                    | AgentContent::React { .. },
                    Peer::Customer(localpart),
                ) => {
                    let customer = self.addresses.get(localpart).copied();
                    !customer.is_some_and(|customer| self.is_known(customer, input))
                }
                (AgentContent::Command { command, .. }, _) => command.stores(),
                _ => false,
            },
            _ => false,
        }
    }
}
