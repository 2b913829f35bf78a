//! Rates of agents' messages, and of responses to agents' clients and to strangers.
//!
//! Invariants: anyone on the server, and on every server federated with it, can write to a
//! component. Each account has a rate, and each host one for all of its accounts; beyond that there
//! is no response. At most [`KNOWN`] are tracked: more accounts count as their host only.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use xmpp_parsers::minidom::Element;

use crate::chat::event::{AgentContent, AgentInput};
use crate::chat::ids::AgentJid;

/// Responses to one account per second, and the burst. A user who is about to be made an agent is a
/// stranger until then, and their client may query everything in its contact list.
const EACH: NonZeroU32 = NonZeroU32::new(20).unwrap();
const EACH_AT_ONCE: NonZeroU32 = NonZeroU32::new(2_000).unwrap();

/// Responses to all accounts of a host per second, and the burst.
const HOST: NonZeroU32 = NonZeroU32::new(200).unwrap();
const HOST_AT_ONCE: NonZeroU32 = NonZeroU32::new(10_000).unwrap();

/// Accounts, and hosts, that are tracked at most.
const KNOWN: usize = 10_000;

pub(super) struct Strangers {
    each: DefaultKeyedRateLimiter<String>,
    hosts: DefaultKeyedRateLimiter<String>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            each: RateLimiter::keyed(Quota::per_second(EACH).allow_burst(EACH_AT_ONCE)),
            hosts: RateLimiter::keyed(Quota::per_second(HOST).allow_burst(HOST_AT_ONCE)),
        }
    }
}

impl Strangers {
    /// Counts a response, by its recipient. An account over its own rate costs its host's other
    /// accounts nothing.
    pub(super) fn allows(&self, answer: &Element) -> bool {
        let Some(to) = answer.attr("to") else { return false };
        let bare = to.split('/').next().unwrap_or(to);
        let host = bare.rsplit('@').next().unwrap_or(bare);
        let each = has_room(&self.each).then(|| self.each.check_key(&bare.to_owned()));
        let hosts = if has_room(&self.hosts) { host } else { "" };
        each.is_none_or(|each| each.is_ok()) && self.hosts.check_key(&hosts.to_owned()).is_ok()
    }
}

/// Whether one more can be tracked, after those with a full allowance were dropped.
fn has_room(rates: &DefaultKeyedRateLimiter<String>) -> bool {
    if rates.len() >= KNOWN {
        rates.retain_recent();
    }
    rates.len() < KNOWN
}

/// The rate of responses to one agent's clients. They query every customer in their contact list.
pub(super) struct Askers(DefaultKeyedRateLimiter<AgentJid>);

/// Responses to one agent per second, and the burst: a few queries for each of hundreds of
/// contacts.
const ASKED: NonZeroU32 = NonZeroU32::new(100).unwrap();
const ASKED_AT_ONCE: NonZeroU32 = NonZeroU32::new(2_000).unwrap();

impl Default for Askers {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_second(ASKED).allow_burst(ASKED_AT_ONCE)))
    }
}

impl Askers {
    /// Counts a response to an agent.
    pub(super) fn allows(&self, agent: &AgentJid) -> bool {
        self.0.check_key(agent).is_ok()
    }

    /// Drops agents whose allowance is full again.
    pub(super) fn sweep(&self) {
        self.0.retain_recent();
    }
}

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
    pub(super) fn allows(&self, input: &AgentInput) -> bool {
        let counts =
            input.content.is_spoken() || matches!(input.content, AgentContent::Typing { .. });
        !counts || self.said.check_key(&input.agent).is_ok()
    }

    /// Counts a command that came through a form.
    pub(super) fn allows_one(&self, agent: &AgentJid) -> bool {
        self.said.check_key(agent).is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(to: &str) -> Element {
        format!("<message xmlns='jabber:component:accept' type='error' to='{to}'/>")
            .parse()
            .unwrap()
    }

    fn answered(strangers: &Strangers, tries: u32, to: impl Fn(u32) -> String) -> u32 {
        let told = (0..tries).filter(|number| strangers.allows(&answer(&to(*number))));
        u32::try_from(told.count()).unwrap()
    }

    #[test]
    fn each_stranger_and_each_host_has_an_allowance() {
        let strangers = Strangers::default();
        let begun = std::time::Instant::now();
        // What is refilled meanwhile, for the machine may be slow.
        let refilled = |rate: NonZeroU32| rate.get() * (begun.elapsed().as_secs() as u32 + 1);
        let told = answered(&strangers, 5_000, |n| format!("mallory@evil.example/{n}"));
        let most = 2_000 + refilled(EACH);
        assert!((2_000..=most).contains(&told), "one account, many clients: {told}");
        let told = answered(&strangers, 20_000, |n| format!("m{n}@evil.example"));
        let most = 8_000 + refilled(HOST);
        assert!((7_900..=most).contains(&told), "what is left of its host: {told}");
        assert_eq!(answered(&strangers, 20, |_| "ann@other.example/x".to_owned()), 20);
    }

    #[test]
    fn memory_is_bounded() {
        let strangers = Strangers::default();
        let told = answered(&strangers, 30_000, |n| format!("a@h{n}.example"));
        assert!(told >= 10_000, "{told}");
        assert!(strangers.each.len() <= KNOWN + 1 && strangers.hosts.len() <= KNOWN + 1);
    }
}
