//! Agents' messages that are not accepted: too fast, too late, or while the stream is being closed.
//!
//! Invariant: a message is never dropped silently while a stream is connected; it is returned to
//! its author as an error, so that they can resend it. Anything else (typing) may be dropped.

use super::State;
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::event::{AgentInput, Event};
use crate::chat::refusal::AgentRefusal;
use crate::ports::link::{FromLink, ToLink};
use crate::xmpp::outbox::{Kind, Out, Text};

impl State {
    /// Accepts an agent's message, unless it comes too fast or while the stream is being closed:
    /// then it is returned.
    pub(super) fn said(&mut self, input: Box<AgentInput>) {
        if !self.pace.allows(&input) || (input.content.is_spoken() && self.closing.is_some()) {
            if let Some(refusal) = self.refusal(&input) {
                self.outbox.push(refusal, Kind::Passing, None);
            }
        } else {
            self.unread.push_back(FromLink::Event(Event::Agent(input)));
        }
    }

    /// The error that returns a message to an agent: `resource-constraint`, that is, resend it.
    fn refusal(&self, input: &AgentInput) -> Option<Text> {
        if !input.content.is_spoken() {
            return None;
        }
        self.written(&ToAgent::refused(input, AgentRefusal::Overloaded))
    }

    fn written(&self, to_agent: &ToAgent) -> Option<Text> {
        self.rendered(to_agent, self.world.now()).map(Text::from)
    }

    /// Returns to agents what the runtime has not accepted, and drops the other events.
    pub(in crate::xmpp) fn give_back(&mut self, out: &mut Out) {
        for said in std::mem::take(&mut self.unread) {
            if let FromLink::Event(Event::Agent(input)) = said {
                out.extend(self.refusal(&input));
            }
        }
    }

    /// Of what the runtime sends when the stream has no time left, only messages returned to agents
    /// count.
    pub(in crate::xmpp) fn told_too_late(&self, told: &ToLink, out: &mut Out) {
        if let ToLink::Send(to_agent) = told
            && matches!(to_agent.content, ToAgentContent::Refused { .. })
        {
            out.extend(self.written(to_agent));
        }
    }
}
