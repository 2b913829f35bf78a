//! Stanzas from agents that may be repeats.
//!
//! Invariants: a repeat is only confirmed again, whoever has the conversation now; what cannot be
//! decided yet waits a moment, and later stanzas of the same client wait behind it; then all of
//! them are handled in order, or recognized as repeats. What waits is not confirmed.

use super::agent::Standing;
use super::edits::TAKEN_BACK;
use super::timer::Timer;
use super::{Desk, Held};
use crate::chat::event::{About, AgentContent, AgentInput};
use crate::chat::ids::{CustomerId, Timestamp};
use crate::chat::resent::{Speaker, UNSURE_MS, Verdict};

/// How many stanzas of one client to one customer may wait; with the next one all count as new.
const WAITING: usize = 16;

impl Desk {
    /// A stanza from an agent's client to a customer.
    pub(super) fn agent_to_customer(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: AgentInput,
    ) {
        let client = input.resource.clone();
        let by = Speaker { agent: input.agent.clone(), client, customer };
        let plain = match &input.content {
            AgentContent::Text { about, .. } => about.is_none(),
            _ => false,
        };
        match self.verdict(now, &by, &input) {
            None => {
                if self.comes_after_words(now, customer, &input) {
                    self.say_held(now, &by);
                }
                self.take_in(now, customer, input);
            }
            Some(Verdict::New) => match self.held.get_mut(&by) {
                Some(held) if plain && held.inputs.len() < WAITING => held.inputs.push(input),
                _ => {
                    self.say_held(now, &by);
                    self.take_in(now, customer, input);
                }
            },
            Some(Verdict::GoesOn) => {
                let held = self.held.remove(&by).map(|held| held.inputs).unwrap_or_default();
                for (place, held) in held.into_iter().enumerate() {
                    match place {
                        0 => self.said_before(customer, &held),
                        _ => self.take_in(now, customer, held),
                    }
                }
                self.said_before(customer, &input);
            }
            Some(Verdict::Unsure) if plain => {
                self.say_held(now, &by);
                let until = now.plus(UNSURE_MS);
                self.held.insert(by.clone(), Held { until, inputs: vec![input] });
                self.timers.arm(until, Timer::Unsure(by));
            }
            // Two uploads never have the same link; and the row that a reply refers to was read for
            // it and is not kept.
            Some(Verdict::Repeat | Verdict::Unsure) => self.said_before(customer, &input),
        }
    }

    /// The time is over: what waits is new.
    pub(super) fn decide(&mut self, now: Timestamp, by: &Speaker) {
        if self.held.get(by).is_some_and(|held| held.until <= now) {
            self.say_held(now, by);
        }
    }

    /// Handles everything that waits.
    pub(super) fn say_all_held(&mut self, now: Timestamp) {
        let mut waiting: Vec<Speaker> = self.held.keys().cloned().collect();
        waiting.sort_unstable();
        waiting.iter().for_each(|by| self.say_held(now, by));
    }

    /// Takes out what waits, for the owner that stops this desk: the desk does not handle it any
    /// more.
    pub fn unsure(&mut self) -> Vec<AgentInput> {
        let mut waiting: Vec<(Speaker, Held)> = self.held.drain().collect();
        waiting.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        waiting.into_iter().flat_map(|(_, held)| held.inputs).collect()
    }

    fn say_held(&mut self, now: Timestamp, by: &Speaker) {
        let Some(held) = self.held.remove(by) else { return };
        for input in held.inputs {
            self.take_in(now, by.customer, input);
        }
    }

    /// Decides whether it is a repeat; none if it cannot be one.
    fn verdict(&mut self, now: Timestamp, by: &Speaker, input: &AgentInput) -> Option<Verdict> {
        let stanza = input.stanza.as_ref()?;
        let mut judge = |words: &str| self.spoken.judge(now, by, stanza, words);
        let verdict = match &input.content {
            AgentContent::Text { text, about, .. } => match about.as_deref() {
                // It is recorded with its quotation, or without.
                Some(About::Answers { quoting, .. }) => match judge(text) {
                    Verdict::New => judge(quoting),
                    verdict => verdict,
                },
                _ => judge(text),
            },
            AgentContent::Link { url } => judge(url),
            AgentContent::Retract { .. } => judge(TAKEN_BACK),
            AgentContent::React { emoji, .. } => judge(emoji),
            _ => return None,
        };
        // To an unrelated agent nobody is there, whatever they sent earlier.
        let is_new = verdict == Verdict::New;
        let knows = is_new || !matches!(self.standing(by.customer, &by.agent), Standing::Stranger);
        knows.then_some(verdict)
    }

    /// Whether the agent sent this before; the undecided counts as sent.
    pub(super) fn is_known(&self, customer: CustomerId, input: &AgentInput) -> bool {
        let Some(stanza) = &input.stanza else { return false };
        let knows = |words: &str| self.spoken.knows(&input.agent, customer, stanza, words);
        match &input.content {
            AgentContent::Text { text, about, .. } => match about.as_deref() {
                Some(About::Answers { quoting, .. }) => knows(text) || knows(quoting),
                _ => knows(text),
            },
            AgentContent::Link { url } => knows(url),
            AgentContent::Retract { .. } => knows(TAKEN_BACK),
            AgentContent::React { emoji, .. } => knows(emoji),
            _ => false,
        }
    }

    /// Whether waiting messages must be handled first: before a command that was not given before.
    fn comes_after_words(
        &mut self,
        now: Timestamp,
        customer: CustomerId,
        input: &AgentInput,
    ) -> bool {
        let AgentContent::Command { command, .. } = &input.content else { return false };
        command.stores() && !self.was_ordered(now, customer, input, command)
    }

    /// A repeat is only confirmed again, whoever has the conversation now.
    fn said_before(&mut self, customer: CustomerId, input: &AgentInput) {
        let held = match self.standing(customer, &input.agent) {
            Standing::Holds(case) => Some(case),
            _ => None,
        };
        if let (Some(case), Some(client)) =
            (held.and_then(|id| self.cases.get_mut(&id)), input.client())
        {
            case.resource = Some(client);
        }
        self.receipt(input, held);
    }
}
