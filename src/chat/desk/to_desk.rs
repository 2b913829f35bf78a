//! What agents write to the desk's own chat.
//!
//! Invariants: a command is carried out once, or refused with what to do; only supervisors change
//! anything here, and only at the tenant whose desk they write to.

use std::sync::Arc;

use uuid::Uuid;

use super::Desk;
use crate::chat::commands::{AgentCommand, Supervise};
use crate::chat::event::{AgentContent, AgentInput};
use crate::chat::ids::{CustomerId, TenantKey, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::AgentRefusal;
use crate::chat::supervision::Supervision;

/// Stands for the customer where the desk is written to.
pub(super) const NOBODY: CustomerId = CustomerId(Uuid::nil());
/// A command to the desk that was carried out.
const DONE: &str = "done";

impl Desk {
    pub(super) fn agent_to_desk(&mut self, now: Timestamp, tenant: &TenantKey, input: &AgentInput) {
        if self.agent_of(tenant, &input.agent).is_none() {
            return self.no_such_address(input);
        }
        match &input.content {
            AgentContent::Command { command, corrects, .. } => {
                let done = self.is_repeated_order(now, NOBODY, input, command);
                let corrected = corrects.as_ref().is_some_and(|stanza| {
                    self.orders.knows(now, &input.agent, NOBODY, stanza, DONE)
                });
                let refusal = match command {
                    _ if done => None,
                    AgentCommand::Invalid(refusal) => Some(refusal.clone()),
                    _ if corrected => Some(AgentRefusal::Carried),
                    command => self
                        .forbids(tenant, &input.agent, command)
                        .or_else(|| self.do_at_desk(now, tenant, input, command)),
                };
                match refusal {
                    Some(refusal) => self.refuse_agent(input, refusal),
                    None => {
                        if command.stores() {
                            self.ordered(now, NOBODY, input, DONE);
                        }
                        self.receipt(input, None);
                    }
                }
            }
            AgentContent::Text { .. } => {
                let supervisor = self.is_supervisor(tenant, &input.agent);
                self.reply(input, Notice::Help { in_chat: false, supervisor });
            }
            AgentContent::Silent => self.receipt(input, None),
            AgentContent::Refused { refusal, .. } => self.refuse_agent(input, refusal.clone()),
            AgentContent::Menu { everywhere } => self.menu_of_desk(tenant, input, *everywhere),
            AgentContent::Retract { .. }
            | AgentContent::Link { .. }
            | AgentContent::React { .. }
            | AgentContent::Typing { .. }
            | AgentContent::Received { .. }
            | AgentContent::Displayed { .. } => {}
        }
    }

    /// Carries out a command to the desk; returns the refusal if that is not possible.
    fn do_at_desk(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        command: &AgentCommand,
    ) -> Option<AgentRefusal> {
        let line = match command {
            AgentCommand::Status => self.status(now, tenant),
            AgentCommand::Agents => match self.status(now, tenant) {
                Notice::Status { agents, .. } => Notice::Status { queues: Vec::new(), agents },
                other => other,
            },
            AgentCommand::Board => {
                let board = self.board(now, tenant, &input.agent);
                Notice::Supervision(Box::new(Supervision::Board(board)))
            }
            AgentCommand::Supervise { what, text } => {
                return self.supervise_by_name(now, tenant, input, *what, text);
            }
            _ => {
                let supervisor = self.is_supervisor(tenant, &input.agent);
                Notice::Help { in_chat: false, supervisor }
            }
        };
        self.reply(input, line);
        None
    }

    fn supervise_by_name(
        &mut self,
        now: Timestamp,
        tenant: &TenantKey,
        input: &AgentInput,
        what: Supervise,
        text: &Arc<str>,
    ) -> Option<AgentRefusal> {
        let done = match what {
            Supervise::Watch => self.watch_named(now, tenant, input, text),
            Supervise::Move => self.move_named(now, tenant, input, text),
            Supervise::Close => self.close_named(now, tenant, input, text),
            Supervise::Agent => self.change_agent(now, tenant, input, text),
            Supervise::Queue => self.change_queue(now, tenant, input, text),
        };
        done.err()
    }
}
