//! Who had the last word in a conversation that an agent has, and whom it is time to remind.
//!
//! Invariants: all of it follows from rows, so a restored desk knows the same. Nobody is reminded
//! twice of the same word.

use super::ids::Timestamp;
use super::patience::Patience;
use super::row::{Author, Kind};

/// What a row means for the silence after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The customer said something.
    Customer,
    /// The agent said something.
    Agent,
    /// An agent has it from now on, and may take the time to read.
    Service,
    /// Somebody was reminded.
    Reminder,
}

impl Turn {
    pub fn of(kind: Kind, author: &Author) -> Option<Self> {
        match (kind, author) {
            (Kind::Joined | Kind::Transferred, _) => Some(Self::Service),
            (Kind::Reminded | Kind::Prompted, _) => Some(Self::Reminder),
            (Kind::Edit | Kind::Retract, _) => None,
            (kind, Author::Customer) if kind.is_said() => Some(Self::Customer),
            (kind, Author::Agent { .. }) if kind.is_said() => Some(Self::Agent),
            _ => None,
        }
    }
}

/// What is to be done about a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    RemindCustomer,
    RemindAgent,
    Requeue,
}

/// The silence in a conversation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence {
    /// Since when the customer has been waiting for an answer.
    unanswered: Option<Timestamp>,
    /// When the agent had the last word.
    answered: Option<Timestamp>,
    /// Whoever has to say something was reminded of it.
    is_reminded: bool,
    /// When it is looked at next.
    pub(super) armed: Option<Timestamp>,
}

impl Silence {
    pub(super) fn note(&mut self, at: Timestamp, turn: Turn) {
        match turn {
            Turn::Customer => {
                self.answered = None;
                if self.unanswered.is_none() {
                    self.is_reminded = false;
                    self.unanswered = Some(at);
                }
            }
            Turn::Agent => {
                (self.unanswered, self.answered, self.is_reminded) = (None, Some(at), false);
            }
            Turn::Service => {
                (self.unanswered, self.answered, self.is_reminded) = (None, None, false);
            }
            Turn::Reminder => self.is_reminded = true,
        }
    }

    /// How long the customer has been waiting for an answer, in milliseconds.
    pub(super) fn waited(&self, now: Timestamp) -> i64 {
        self.unanswered.map_or(0, |since| now.since(since))
    }

    /// What will be due, and when.
    fn all(self, patience: Patience) -> impl Iterator<Item = (Timestamp, Due)> {
        let Patience { remind_customer_ms, remind_agent_ms, requeue_ms } = patience;
        let after =
            |since: Option<Timestamp>, ms: i64| since.filter(|_| ms > 0).map(|at| at.plus(ms));
        let once = |at: Option<Timestamp>| at.filter(|_| !self.is_reminded);
        [
            after(self.unanswered, requeue_ms).map(|at| (at, Due::Requeue)),
            once(after(self.unanswered, remind_agent_ms)).map(|at| (at, Due::RemindAgent)),
            once(after(self.answered, remind_customer_ms)).map(|at| (at, Due::RemindCustomer)),
        ]
        .into_iter()
        .flatten()
    }

    /// When something is due next.
    pub(super) fn next_at(self, patience: Patience) -> Option<Timestamp> {
        self.all(patience).map(|(at, _)| at).min()
    }

    /// What is due now. Whoever loses the conversation is not reminded first.
    pub(super) fn due(self, now: Timestamp, patience: Patience) -> Option<Due> {
        self.all(patience).find(|(at, _)| *at <= now).map(|(_, due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Patience = Patience { remind_customer_ms: 100, remind_agent_ms: 20, requeue_ms: 50 };

    fn after(turns: &[(i64, Turn)]) -> Silence {
        let mut silence = Silence::default();
        turns.iter().for_each(|(at, turn)| silence.note(Timestamp(*at), *turn));
        silence
    }

    #[test]
    fn what_is_due_follows_from_the_last_words() {
        use Turn::{Agent, Customer, Reminder, Service};
        type Row = (&'static [(i64, Turn)], Option<i64>, Option<Due>);
        let table: [Row; 8] = [
            (&[], None, None),
            (&[(0, Customer), (5, Service)], None, None),
            (&[(0, Service), (10, Customer), (15, Customer)], Some(30), Some(Due::RemindAgent)),
            (&[(10, Customer), (30, Reminder), (40, Customer)], Some(60), Some(Due::Requeue)),
            (&[(10, Customer), (30, Agent)], Some(130), Some(Due::RemindCustomer)),
            (&[(30, Agent), (130, Reminder)], None, None),
            (&[(30, Agent), (130, Reminder), (140, Customer)], Some(160), Some(Due::RemindAgent)),
            (&[(30, Agent), (130, Reminder), (140, Agent)], Some(240), Some(Due::RemindCustomer)),
        ];
        for (turns, next, due) in table {
            let silence = after(turns);
            assert_eq!(silence.next_at(ALL).map(|at| at.0), next, "{turns:?}");
            let found = next.and_then(|next| silence.due(Timestamp(next), ALL));
            assert_eq!(found, due, "{turns:?}");
            assert_eq!(next.and_then(|next| silence.due(Timestamp(next - 1), ALL)), None);
            assert_eq!(silence.next_at(Patience::default()), None, "nothing is set");
        }
        let late = after(&[(10, Customer)]).due(Timestamp(500), ALL);
        assert_eq!(late, Some(Due::Requeue), "nobody is reminded of what they lose");
    }
}
