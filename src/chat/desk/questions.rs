//! Questions with choices or a form, and their answers.
//!
//! Invariants: a question is a message of the agent who has the conversation, an answer a message
//! of the customer; both are stored, confirmed and resent like any message. An answer is one of the
//! choices offered, or fills in the fields; of several answers the last counts.

use std::sync::Arc;

use super::Desk;
use super::customer::Commander;
use super::order::ASK;
use crate::chat::event::{AgentInput, Chosen};
use crate::chat::ids::{ConversationId, Seq, Timestamp};
use crate::chat::notice::Notice;
use crate::chat::refusal::CommandError;
use crate::chat::row::{CommandKey, QuestionKind, RowKind};

impl Desk {
    /// Asks the customer.
    pub(super) fn ask(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        input: &AgentInput,
        text: Arc<str>,
        offers: QuestionKind,
    ) {
        let Some(customer) = self.cases.get(&id).map(|case| case.view.customer) else { return };
        self.agent_says(now, id, input, RowKind::Asked { text, offers });
        self.ordered(now, customer, input, ASK);
        self.reply(input, Notice::Asked);
    }

    pub(super) fn choose(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        key: CommandKey,
        of: Seq,
        answer: &Chosen,
    ) {
        let Some(case) = open else { return self.refuse(by, &key.id, CommandError::NotOpen) };
        if self.is_overfull(case) {
            return self.refuse(by, &key.id, CommandError::NoSuchChoice);
        }
        let question = self.entry(case, of).and_then(|row| match &row.kind {
            RowKind::Asked { offers, .. } => answered(offers, answer),
            _ => None,
        });
        let Some(text) = question else {
            return self.refuse(by, &key.id, CommandError::NoSuchChoice);
        };
        self.customer_says(now, case, key, RowKind::Choice { of, text });
    }
}

/// The answer as people read it; none if it does not fit the question.
fn answered(offers: &QuestionKind, answer: &Chosen) -> Option<Arc<str>> {
    let named = |offered: &[Arc<str>], number: &str| {
        // Only the canonical form of a number: 01 and +1 name nothing.
        let index = number.parse::<usize>().ok().filter(|parsed| parsed.to_string() == number)?;
        offered.get(index.checked_sub(1)?).cloned()
    };
    match (offers, answer) {
        (QuestionKind::Choices(offered), Chosen::One(number)) => named(offered, number),
        (QuestionKind::Fields(offered), Chosen::Fields(fields)) => {
            let lines = fields.iter().map(|(number, text)| {
                named(offered, number).map(|field| format!("{field}: {text}"))
            });
            let lines: Vec<String> = lines.collect::<Option<_>>()?;
            (!lines.is_empty()).then(|| lines.join("\n").into())
        }
        _ => None,
    }
}
