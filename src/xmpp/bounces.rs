//! Agents' messages that are not accepted: too fast, too late, or while the stream is being closed.
//!
//! Invariant: a message is never dropped silently while a stream is connected; it is returned to
//! its author as an error, so that they can resend it. Anything else (typing) may be dropped.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::outbox::{Kind, Out, Text};
use super::state::State;
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::event::{AgentContent, AgentInput, Event};
use crate::chat::ids::AgentJid;
use crate::chat::refusal::AgentRefusal;
use crate::ports::link::{FromLink, ToLink};

/// The rate of messages of one agent per second, and the burst. No person types that fast.
const SAID: NonZeroU32 = NonZeroU32::new(50).unwrap();
const SAID_AT_ONCE: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// Refusals of which an agent is told in a message of their own, per minute, and the burst. Others
/// come as errors alone: a bot that replies to each message would go on at full speed.
const LINES: NonZeroU32 = NonZeroU32::new(20).unwrap();
const LINES_AT_ONCE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The rates of agents' messages and of the refusals they are told of.
pub(super) struct Pace {
    said: DefaultKeyedRateLimiter<AgentJid>,
    lines: DefaultKeyedRateLimiter<AgentJid>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            said: RateLimiter::keyed(Quota::per_second(SAID).allow_burst(SAID_AT_ONCE)),
            lines: RateLimiter::keyed(Quota::per_minute(LINES).allow_burst(LINES_AT_ONCE)),
        }
    }
}

impl Pace {
    /// Counts a stanza. Receipts are not limited: a client sends many at once after a backlog, and
    /// they are useful.
    fn allows(&self, input: &AgentInput) -> bool {
        let counts = is_spoken(input) || matches!(input.content, AgentContent::Typing { .. });
        !counts || self.said.check_key(&input.agent).is_ok()
    }

    /// Counts a message that tells an agent of a refusal.
    pub(super) fn allows_line(&self, agent: &AgentJid) -> bool {
        self.lines.check_key(agent).is_ok()
    }

    /// Drops agents whose allowance is full again.
    pub(super) fn sweep(&self) {
        self.said.retain_recent();
        self.lines.retain_recent();
    }
}

impl State {
    /// Accepts an agent's message, unless it comes too fast or while the stream is being closed:
    /// then it is returned.
    pub(super) fn said(&mut self, input: Box<AgentInput>) {
        if !self.pace.allows(&input) || (is_spoken(&input) && self.closing.is_some()) {
            if let Some(refusal) = self.refusal(&input) {
                self.outbox.push(refusal, Kind::Passing, None);
            }
        } else {
            self.unread.push_back(FromLink::Event(Event::Agent(input)));
        }
    }

    /// The error that returns a message to an agent: `resource-constraint`, that is, resend it.
    fn refusal(&self, input: &AgentInput) -> Option<Text> {
        if !is_spoken(input) {
            return None;
        }
        self.written(&ToAgent::refused(input, AgentRefusal::Overloaded))
    }

    fn written(&self, to_agent: &ToAgent) -> Option<Text> {
        self.rendered(to_agent, self.world.now()).map(Text::from)
    }

    /// Returns to agents what the runtime has not accepted, and drops the other events.
    pub(super) fn give_back(&mut self, out: &mut Out) {
        for said in std::mem::take(&mut self.unread) {
            if let FromLink::Event(Event::Agent(input)) = said {
                out.extend(self.refusal(&input));
            }
        }
    }

    /// Of what the runtime sends when the stream has no time left, only messages returned to agents
    /// count.
    pub(super) fn told_too_late(&self, told: &ToLink, out: &mut Out) {
        if let ToLink::Send(to_agent) = told
            && matches!(to_agent.content, ToAgentContent::Refused { .. })
        {
            out.extend(self.written(to_agent));
        }
    }
}

/// Whether it is a message, which somebody waits for.
fn is_spoken(input: &AgentInput) -> bool {
    input.content.is_spoken()
}
