//! Agents' messages that are not stored yet.
//!
//! Invariant: however a term ends, messages that it has accepted and that are certainly not stored
//! are returned to the client that sent them, on the same stream. Messages that may be stored are
//! not: their author would send them twice. The notice about an interruption covers those.

use std::collections::VecDeque;

use super::backpressure::sender;
use super::term::Term;
use crate::chat::effect::ToAgent;
use crate::chat::event::{AgentInput, CustomerEvent, Event};
use crate::chat::ids::Pos;
use crate::ports::link::ToLink;

/// A message of an agent, with the rows made from it.
pub(super) type Returned = (Option<(Pos, Pos)>, Box<AgentInput>);

/// A message, and the rows made from it.
#[derive(Debug)]
struct Said {
    first: Pos,
    last: Pos,
    input: Box<AgentInput>,
}

#[derive(Debug, Default)]
pub(super) struct Spoken {
    waiting: VecDeque<Said>,
    /// The event that is being processed. It may need a read, which may be cancelled.
    taking: Option<Box<AgentInput>>,
}

impl Spoken {
    /// An event is about to be processed.
    pub(super) fn begin(&mut self, event: &Event) {
        self.taking = match event {
            Event::Agent(input) if input.content.is_spoken() => Some(input.clone()),
            _ => None,
        };
    }

    /// It was refused, and its author told.
    pub(super) fn turned_away(&mut self) {
        self.taking = None;
    }

    /// It was processed; the rows after `before` up to `head` were made from it.
    pub(super) fn taken(&mut self, before: Pos, head: Pos) {
        if let Some(input) = self.taking.take()
            && head > before
        {
            self.waiting.push_back(Said { first: before.next(), last: head, input });
        }
    }

    /// All rows up to here are stored.
    pub(super) fn stored(&mut self, upto: Pos) {
        while self.waiting.pop_front_if(|said| said.last <= upto).is_some() {}
    }

    /// The messages that are certainly not stored, if all rows up to `upto` may be.
    pub(super) fn unsaid(&mut self, upto: Pos) -> Vec<Returned> {
        let waiting = self.waiting.drain(..).filter(|said| said.first > upto);
        let waiting = waiting.map(|said| (Some((said.first, said.last)), said.input));
        waiting.chain(self.taking.take().map(|input| (None, input))).collect()
    }
}

impl Term<'_> {
    /// Passes an event to the desk, and records who waits for its result.
    pub(super) fn enter(&mut self, event: Event) {
        let waiter = match &event {
            Event::Customer(CustomerEvent::Input(input)) => sender(input),
            _ => None,
        };
        let before = self.desk.head();
        self.dispatch(event);
        self.spoken.taken(before, self.desk.head());
        self.wait_for(waiter, before);
    }

    /// Returns to agents what the link has received and nobody handled, and what was accepted and
    /// is certainly not stored. Nothing more is stored after this.
    pub(super) async fn return_unsaid(&mut self) {
        let upto = self.writer.stop().await;
        let mut unsaid = self.spoken.unsaid(upto);
        unsaid.extend(self.desk.unsure().into_iter().map(|input| (None, Box::new(input))));
        while let Some(said) = self.next_heard() {
            unsaid.extend(self.too_late(said).map(|input| (None, input)));
        }
        if !unsaid.is_empty() {
            let count = unsaid.len();
            tracing::warn!(count, "returned messages to agents that could not be stored");
        }
        for (rows, input) in unsaid {
            let refused = ToAgent::refused(&input, self.why_returned(rows));
            let _ = self.handle.to.send(ToLink::Send(Box::new(refused))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::event::{AgentContent, Peer};
    use crate::chat::ids::{AgentJid, ConversationId, Localpart};

    fn say(spoken: &mut Spoken, id: &str, rows: std::ops::RangeInclusive<u64>) {
        let input = AgentInput {
            agent: AgentJid::normalised("alice@example.org"),
            resource: "desk".into(),
            to: Peer::Customer(Localpart::new("k3f9").unwrap()),
            stanza: Some(id.into()),
            wants_receipt: true,
            fresh: ConversationId(Uuid::nil()),
            by_form: false,
            content: AgentContent::Text { text: id.into(), about: None },
        };
        spoken.begin(&Event::Agent(Box::new(input)));
        spoken.taken(Pos(rows.start() - 1), Pos(*rows.end()));
    }

    fn unsaid(spoken: &mut Spoken, upto: u64) -> Vec<String> {
        let unsaid = spoken.unsaid(Pos(upto));
        unsaid.iter().map(|(_, input)| input.stanza.as_deref().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_certainly_not_stored_is_returned_in_its_order() {
        let mut spoken = Spoken::default();
        say(&mut spoken, "stored", 1..=2);
        say(&mut spoken, "unknown", 3..=4);
        say(&mut spoken, "half", 5..=6);
        say(&mut spoken, "lost", 7..=7);
        say(&mut spoken, "lost too", 8..=9);
        spoken.stored(Pos(2));
        assert_eq!(unsaid(&mut spoken, 5), ["lost", "lost too"]);
        assert_eq!(unsaid(&mut spoken, 5), [""; 0], "once");
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges, reason = "no rows came of it")]
    fn what_made_no_row_waits_for_nothing() {
        let mut spoken = Spoken::default();
        say(&mut spoken, "refused", 3..=2);
        assert_eq!(unsaid(&mut spoken, 0), [""; 0]);
    }

    #[test]
    fn what_was_cut_short_while_something_was_read_is_returned() {
        let mut spoken = Spoken::default();
        say(&mut spoken, "before", 1..=1);
        let taking = spoken.waiting.back().unwrap().input.clone();
        spoken.begin(&Event::Agent(taking));
        assert_eq!(unsaid(&mut spoken, 0), ["before", "before"]);
        say(&mut spoken, "before", 1..=1);
        let taking = spoken.waiting.back().unwrap().input.clone();
        spoken.begin(&Event::Agent(taking));
        spoken.turned_away();
        assert_eq!(unsaid(&mut spoken, 1), [""; 0]);
    }
}
