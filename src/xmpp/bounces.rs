//! What agents say that is not taken: too fast, too late, or while the stream is being closed.
//!
//! Invariant: words are never dropped in silence as long as a stream stands; their speaker gets them
//! back as an error, and says them again. What is not words (typing) may fall.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::outbox::{Kind, Out, Text};
use super::state::State;
use crate::chat::effect::{ToAgent, ToAgentContent};
use crate::chat::event::{AgentContent, AgentInput, Event};
use crate::chat::ids::AgentJid;
use crate::chat::refusal::AgentRefusal;
use crate::ports::link::{FromLink, ToLink};

/// What one agent may say a second, over time and at once. Nobody types so fast, no bot needs to.
const SAID: NonZeroU32 = NonZeroU32::new(50).unwrap();
const SAID_AT_ONCE: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// How many refusals an agent is told in lines of their own a minute, over time and at once. The
/// others come as errors alone: whatever answers a line with words would else go on at full speed.
const LINES: NonZeroU32 = NonZeroU32::new(20).unwrap();
const LINES_AT_ONCE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// How fast agents may speak, and are told what was refused.
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
    /// Counts a stanza. Receipts are free: they come in floods by themselves, after a backlog, and
    /// are worth having.
    fn allows(&self, input: &AgentInput) -> bool {
        let counts = is_spoken(input) || matches!(input.content, AgentContent::Typing { .. });
        !counts || self.said.check_key(&input.agent).is_ok()
    }

    /// Counts a line that tells an agent of a refusal.
    pub(super) fn allows_line(&self, agent: &AgentJid) -> bool {
        self.lines.check_key(agent).is_ok()
    }

    /// Forgets who has his whole allowance back.
    pub(super) fn sweep(&self) {
        self.said.retain_recent();
        self.lines.retain_recent();
    }
}

impl State {
    /// An agent's words, unless they come too fast or while the stream is being closed: then they
    /// are given back.
    pub(super) fn said(&mut self, input: Box<AgentInput>) {
        if !self.pace.allows(&input) || (is_spoken(&input) && self.closing.is_some()) {
            if let Some(refusal) = self.refusal(&input) {
                self.outbox.push(refusal, Kind::Passing, None);
            }
        } else {
            self.unread.push_back(FromLink::Event(Event::Agent(input)));
        }
    }

    /// The error that gives an agent his words back: `resource-constraint`, to be said again.
    fn refusal(&self, input: &AgentInput) -> Option<Text> {
        if !is_spoken(input) {
            return None;
        }
        self.written(&ToAgent::refused(input, AgentRefusal::Overloaded))
    }

    fn written(&self, to_agent: &ToAgent) -> Option<Text> {
        self.rendered(to_agent, self.world.now()).map(Text::from)
    }

    /// Gives agents back what the runtime has not taken; the rest of it is worth nothing any more.
    pub(super) fn give_back(&mut self, out: &mut Out) {
        for said in std::mem::take(&mut self.unread) {
            if let FromLink::Event(Event::Agent(input)) = said {
                out.extend(self.refusal(&input));
            }
        }
    }

    /// What the runtime said when no time was left: only what gives agents their words back counts.
    pub(super) fn told_too_late(&self, told: &ToLink, out: &mut Out) {
        if let ToLink::Send(to_agent) = told
            && matches!(to_agent.content, ToAgentContent::Refused { .. })
        {
            out.extend(self.written(to_agent));
        }
    }
}

/// Whether it is words, which somebody waits for.
fn is_spoken(input: &AgentInput) -> bool {
    input.content.is_spoken()
}
